"""Hours and bytes that a study will take: counts of the study, times measured rates.

Rates of reading are those of docs/scale.md, those of networks are timed on this machine. A study
that says `all` or `at_most` is counted at what it may take at most; sources by their files.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdose.cli.step_seconds import Seconds
from pgdose.errors import Rejected
from pgdose.images.picture_header import read_header
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.image_size import sides
from pgdose.study.networks import ExistingNetwork
from pgdose.study.runs import Run
from pgdose.study.sources import MicroscopeFields, Slides
from pgdose.study.study import Study
from pgdose.study.training import Training

# Seconds of CPU for a thing, from docs/scale.md (2531 x 2800 films, two threads).
HEADER, SCREEN, RENDER, FIELD_TILE, SLIDE_TILE = 0.0009, 0.036, 0.014, 0.00016, 0.0016
JOB = 3.0  # seconds of any job: the start of Python, and imports
NETWORK_JOB = 8.0  # of one that imports torch
TRAINING = 2.4  # a step of training costs so much more than a step of an attack (docs/scale.md)
MOST_FILES = 2_000_000  # of a source that are counted
NETWORK_RULES = (
    *("train", "import_network", "defend", "certify"),
    *("attack", "examples", "export", "diagnose", "transfer"),
)
WEIGHTS = 100_000_000  # bytes of a network of full width


@dataclass(frozen=True)
class Part:
    """A part of the work: its least and most seconds, None if they cannot be told; bytes."""

    what: str
    seconds: tuple[float, float] | None
    size: int = 0


def parts(study: Study, jobs: Mapping[str, int], steps: Seconds) -> list[Part]:
    """The parts of the work that are left, by what makes them."""
    network_jobs = sum(n for rule, n in jobs.items() if rule.split("_")[0] in NETWORK_RULES)
    starting = JOB * (sum(jobs.values()) - network_jobs) + NETWORK_JOB * network_jobs
    found = [Part("starting jobs", (starting, starting))]
    if {"screen", "render", "tile", "headers"} & set(jobs):
        found.append(_reading(study))
    for kind, rules in (("training", ("train",)), ("attacks", ("attack",))):
        if any(rule.startswith(rules) for rule in jobs):
            found.append(_of_runs(study, kind, steps))
    if any(rule.startswith("attack") for rule in jobs) and "diagnose" in jobs:
        found.append(_of_runs(study, "checks of attacks", steps))
    return found


def networks_to_time(study: Study) -> dict[str, dict[str, Any]]:
    """What `step_seconds` needs of each kind of network, by `step_key`."""
    networks = {}
    for run in _runs(study):
        image, network = study.groups[run.group].image, run.network
        about: dict[str, Any] = {"size": image.size, "channels": study.channels(run.group)}
        about |= {"classes": len(study.groups[run.group].classes)}
        if isinstance(network, Training):
            about |= {"architecture": network.architecture, "width": network.width}
            about["threads"] = network.threads
        elif not isinstance(network, ExistingNetwork):  # made of others, whose steps are timed
            continue
        else:
            about |= {"threads": study.training.threads}
            if network.format == "torchscript":  # a program: not run for an estimate
                continue
            if network.architecture:
                about |= {"architecture": network.architecture, "width": 1.0}
            else:
                about |= {"file": network.file, "format": network.format}
                about["channels"] = network.input.channels if network.input else 3
        networks[step_key(study, run)] = about
    return networks


def step_key(study: Study, run: Run) -> str:
    """Equal for runs whose networks cost the same."""
    size = study.groups[run.group].image.size
    network = run.network
    if isinstance(network, Training):
        return f"{network.architecture} {network.width:g} {size} px"
    if isinstance(network, ExistingNetwork):
        return f"{network.file} {size} px"
    return f"{run.path} {size} px"  # made of others: not timed


def images_of(study: Study, group: str) -> int | None:
    """How many images a group has at most; None if that depends on the source."""
    counts = [
        entry.augment_to or entry.count or entry.at_most
        for entry in study.groups[group].classes.values()
    ]
    numbers = [count for count in counts if isinstance(count, int)]
    if len(numbers) < len(counts):
        sources = study.sources_of(group)
        if any(study.sources[name].kind == "slides" for name in sources):
            return None
        return sum(_count_files(Path(study.sources[name].root)) for name in sources)
    return sum(numbers)


def _runs(study: Study) -> Iterator[Run]:
    for group in study.groups:
        yield from study.runs(group).values()


def _reading(study: Study) -> Part:
    seconds, size = 0.0, 0
    absent = []
    for source_name, source in study.sources.items():
        files = _count_files(Path(source.root))
        if not files:  # of the synthetic hospital
            absent.append(source_name)
        if isinstance(source, Slides):
            tiles = source.tiles_per_class * len(source.tile_classes)
            seconds += tiles * 3 * SLIDE_TILE  # candidates are read, too
            size += tiles * source.tile**2 * 3
        elif isinstance(source, MicroscopeFields):
            tiles = files * _tiles_of_a_field(Path(source.root), source.tile)
            seconds += tiles * FIELD_TILE
            size += tiles * source.tile**2 * 3
        else:
            seconds += files * (HEADER + SCREEN)
    for name, group in study.groups.items():
        if not study.tiled(name):
            count = images_of(study, name) or 0
            seconds += count * RENDER
            size += count * _pixels(group.image.size) * study.channels(name)
    without = f" (without {', '.join(absent)}, whose files are not there yet)" if absent else ""
    return Part(f"reading and resizing images{without}", (seconds, seconds), size)


def _tiles_of_a_field(root: Path, tile: int) -> int:
    """How many tiles the first picture of a folder has; one if it cannot be read."""
    for folder, _, names in os.walk(root):
        for name in sorted(names)[:1]:
            with contextlib.suppress(Rejected):
                header = read_header(Path(folder, name))
                return max((header.width // tile) * (header.height // tile), 1)
    return 1


def _of_runs(study: Study, kind: str, steps: Seconds) -> Part:
    """A part of the work with networks: training, attacks or checks of attacks."""
    of_kind = {"training": _training, "attacks": _attacks, "checks of attacks": _checks}[kind]
    least, most, size, known = 0.0, 0.0, 0, 0
    for run in _runs(study):
        cost, images = _step_cost(study, run, steps), images_of(study, run.group)
        if cost is not None and images is not None:
            low, high, written = of_kind(study, run, images, cost)
            least, most, size, known = least + low, most + high, size + written, known + 1
    return Part(kind, (least, most) if known else None, size)


Cost = tuple[float, float]  # seconds of an image: forward, and forward and backward


def _step_cost(study: Study, run: Run, steps: Seconds) -> Cost | None:
    """Of a run's network; of one that is made of others, what these cost together."""
    if not run.made_of:
        one, both = steps.get(step_key(study, run), [None, None])
        return None if one is None or both is None else (one, both)
    runs = study.runs(run.group)
    copies = run.network.defence.copies if isinstance(run.network, DefendedNetwork) else 1
    forward, backward = 0.0, 0.0
    for name in run.made_of:
        part = _step_cost(study, runs[name], steps)
        if part is None:
            return None
        forward, backward = forward + copies * part[0], backward + copies * part[1]
    return forward, backward


def _training(study: Study, run: Run, images: int, cost: Cost) -> tuple[float, float, int]:
    if not isinstance(run.network, Training):
        return 0.0, 0.0, 0
    trained = run.size or images * study.training_share(run.group)
    seconds = trained * run.network.epochs * cost[1] * TRAINING
    return seconds, seconds, int(WEIGHTS * run.network.width**2)


def _attacks(study: Study, run: Run, images: int, cost: Cost) -> tuple[float, float, int]:
    classes = len(study.groups[run.group].classes)
    least, most, size = 0.0, 0.0, 0
    for name in run.attacks:
        attack = study.attacks[name]
        attacked = _attacked(study, run, images, attack.images)
        steps = len(attack.epsilon) * attack.max_iter
        each = cost[0] if attack.kind == "noise" else cost[1]
        most += attacked * steps * each
        # Amplitudes share the steps that none of them cuts, see attack/shortcuts.py.
        least += attacked * (attack.max_iter if attack.kind == "gradient" else steps) * each
        size += int(attacked * len(attack.epsilon) * (attack.max_iter + 2) * classes * 4)
    return least, most, size


def _checks(study: Study, run: Run, images: int, cost: Cost) -> tuple[float, float, int]:
    most = 0.0
    for name in run.attacks:
        attack = study.attacks[name]
        if attack.kind == "gradient":
            few = min(study.checks.images, _attacked(study, run, images, attack.images))
            most += few * (study.checks.queries * cost[0] + 4 * attack.max_iter * cost[1])
    return most / 4, most, 0  # checks that one attack has passed are not made for the next


def _attacked(study: Study, run: Run, images: int, wanted: int | str) -> float:
    validation = images * (1 - study.training_share(run.group))
    return validation if isinstance(wanted, str) else min(wanted, validation)


def _pixels(size: int | Sequence[int]) -> int:
    rows, columns = sides(size)
    return rows * columns


def _count_files(root: Path) -> int:
    count = 0
    for _, _, names in os.walk(root):
        count += len(names)
        if count > MOST_FILES:
            break
    return count
