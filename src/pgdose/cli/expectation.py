"""Hours and bytes that a study will take: counts of the study, times measured rates.

Rates of reading are those of docs/explanation/scale.md, those of networks are timed on this
machine. A study that says `all` or `at_most` is counted at what it may take at most; sources by
their files.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdose.cli.network_work import KINDS, Work, runs_of, step_cost, step_key
from pgdose.cli.step_seconds import Seconds
from pgdose.errors import Rejected
from pgdose.images.picture_header import read_header
from pgdose.study.image_size import sides
from pgdose.study.networks import ExistingNetwork
from pgdose.study.sources import MicroscopeFields, Slides
from pgdose.study.study import Study
from pgdose.study.training import Training

# Seconds of CPU for a thing, from docs/explanation/scale.md (2531 x 2800 films, two threads).
HEADER, SCREEN, RENDER, FIELD_TILE, SLIDE_TILE = 0.0009, 0.036, 0.014, 0.00016, 0.0016
JOB = 3.0  # seconds of any job: the start of Python, and imports
NETWORK_JOB = 8.0  # of one that imports torch
MOST_FILES = 2_000_000  # of a source that are counted
NETWORK_RULES = (
    *("train", "import_network", "defend", "certify"),
    *("attack", "examples", "export", "diagnose", "transfer", "corrupt", "universal"),
)


@dataclass(frozen=True)
class Part:
    """A part of the work: its least and most seconds, None if they cannot be told; bytes."""

    what: str
    seconds: tuple[float, float] | None
    size: int = 0


def parts(study: Study, jobs: Mapping[str, int], steps: Seconds) -> list[Part]:
    """The parts of the work that are left, by what makes them."""
    network_jobs = sum(n for rule, n in jobs.items() if _of_network(rule) in NETWORK_RULES)
    starting = JOB * (sum(jobs.values()) - network_jobs) + NETWORK_JOB * network_jobs
    found = [Part("starting jobs", (starting, starting))]
    if "fetch" in jobs:  # as fast as a PACS gives them
        found.append(Part("fetching films", None))
    if {"screen", "render", "tile", "headers"} & set(jobs):
        found.append(_reading(study))
    rules = {_of_network(rule) for rule in jobs}
    found += [_of_runs(study, kind, steps) for kind, (rule, _) in KINDS.items() if rule in rules]
    return found


def _of_network(rule: str) -> str:
    """The rule without what follows its kind of job: `attack_resnet18` is an attack."""
    return "attack" if rule.startswith("attack_") else rule


def networks_to_time(study: Study) -> dict[str, dict[str, Any]]:
    """What `step_seconds` needs of each kind of network, by `step_key`."""
    networks = {}
    for run in runs_of(study):
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
    """A part of the work with networks, one of `KINDS`."""
    _, amount = KINDS[kind]
    least, most, size, known = 0.0, 0.0, 0, 0
    for run in runs_of(study):
        cost, images = step_cost(study, run, steps), images_of(study, run.group)
        if cost is not None and images is not None:
            low, high, written = amount(Work(study, run, images, cost, steps))
            least, most, size, known = least + low, most + high, size + written, known + 1
    return Part(kind, (least, most) if known else None, size)


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
