"""Part `paper`: the hours of resources/studies/paper.yaml, by what the other parts measured.

STUDY repeats the counts of that file, since a GPU machine may have nothing that reads it; a test
holds the two together.

    training  networks' training images x epochs / images per second
    attacks   validation images x steps x seconds of a step; a step without a gradient counts half

An attack whose epsilons share their way makes from max_iter steps to epsilons x max_iter; between
the two it is counted at what the surface of part `attack` made, in parts of epsilons x max_iter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_report import Part, entries


@dataclass(frozen=True)
class Network:
    """Networks of one group: how many, their size, images that train each and are attacked."""

    group: str
    size: int
    trained: int
    validation: int
    attacks: tuple[str, ...]
    networks: int = 1


@dataclass(frozen=True)
class Attack:
    epsilons: int
    max_iter: int
    shares: bool  # whether epsilons share their way
    gradient: bool = True


ALL = ("paper", "paper-literal", "sign", "margin", "noise")
EPOCHS = 20
ATTACKS = {
    "paper": Attack(10, 20, True),
    "paper-literal": Attack(10, 20, True),
    "sign": Attack(5, 20, False),
    "margin": Attack(10, 20, True),
    "noise": Attack(10, 20, False, gradient=False),
}
STUDY = (
    Network("X-NR2", 256, 160_000, 40_000, ALL),
    Network("X-NR3", 128, 440_064, 110_016, ALL),
    Network("X-AO", 256, 21_600, 5_400, ALL),
    Network("X-TB", 256, 22_400, 5_600, ALL),
    Network("H-OV", 256, 76_800, 19_200, ALL),
    Network("H-TH", 256, 76_800, 19_200, ALL),
    Network("H-OV-TH", 256, 153_600, 38_400, ALL),
    Network("H-BR", 256, 100_000, 25_000, ALL),
    *(Network("H-BR", 256, size, 25_000, ("paper",), 3) for size in (6250, 12500, 25000, 50000)),
)


def run(part: Part) -> None:
    for precision in ("fp32", "tf32", "bf16"):
        for graphs in (False, True):
            name = f"{precision}{', attacks with CUDA graphs' if graphs else ''}"
            part.measure(
                "hours on one GPU, without reading images and starting jobs",
                name,
                lambda precision=precision, graphs=graphs: hours(part.earlier, precision, graphs),
                least=0.0,
            )


def hours(parts: Mapping[str, Any], precision: str, graphs: bool) -> dict[str, Any]:
    """Hours of training and of attacks; LookupError if neither can be told."""
    guessed: list[str] = []
    found: dict[str, Any] = {}
    faults: list[str] = []
    for compute in (training_hours, attack_hours):
        try:
            found |= compute(parts, precision, graphs, guessed)
        except LookupError as error:
            faults.append(str(error))
    if not found:
        raise LookupError("; ".join(faults))
    if not faults:
        found["together"] = found["training"] + found["attacks"]
    return found | {"guessed": "; ".join([*dict.fromkeys(guessed), *faults]) or "nothing"}


def training_hours(
    parts: Mapping[str, Any], precision: str, graphs: bool, guessed: list[str]
) -> dict[str, Any]:
    seconds = sum(
        entry.networks
        * entry.trained
        * EPOCHS
        / training_rate(parts, entry.size, precision, guessed)
        for entry in STUDY
    )
    return {
        "training": seconds / 3600,
        "networks": sum(entry.networks for entry in STUDY),
        "million training steps of an image": work_of_training() / 1e6,
    }


def attack_hours(
    parts: Mapping[str, Any], precision: str, graphs: bool, guessed: list[str]
) -> dict[str, Any]:
    share = shared_steps(parts, guessed)
    least = likely = most = 0.0
    for entry in STUDY:
        step = step_seconds(parts, entry.size, precision, graphs, guessed)
        for attack in map(ATTACKS.__getitem__, entry.attacks):
            all_steps = attack.epsilons * attack.max_iter
            each = entry.networks * entry.validation * step * (1 if attack.gradient else 0.5)
            most += each * all_steps
            likely += each * all_steps * (share if attack.shares else 1)
            least += each * (attack.max_iter if attack.shares else all_steps)
    return {
        "attacks": likely / 3600,
        "attacks, least and most": [least / 3600, most / 3600],
        "million attack steps of an image at most": most_attack_steps() / 1e6,
        "shared steps, part of all": share,
    }


def work_of_training() -> int:
    return EPOCHS * sum(entry.networks * entry.trained for entry in STUDY)


def most_attack_steps() -> int:
    steps = {name: attack.epsilons * attack.max_iter for name, attack in ATTACKS.items()}
    return sum(
        entry.networks * entry.validation * sum(steps[name] for name in entry.attacks)
        for entry in STUDY
    )


def shared_steps(parts: Mapping[str, Any], guessed: list[str]) -> float:
    """What part of epsilons x iterations an attack makes whose epsilons share their way."""
    for entry in parts.get("attack", {}).get("entries", []):
        if "steps per image" in entry:
            return entry["steps per image"] / 200
    guessed.append("half of all steps are shared")
    return 0.5


def step_seconds(
    parts: Mapping[str, Any], size: int, precision: str, graphs: bool, guessed: list[str]
) -> float:
    """Of one image, at the largest batch measured with the largest of the sizes there."""
    key = "pgdose with graphs, ms" if graphs else "pgdose, ms"
    return _measured(parts, ("attack", "step", key), size, precision, guessed) / 1e3


def training_rate(parts: Mapping[str, Any], size: int, precision: str, guessed: list[str]) -> float:
    return 1 / _measured(
        parts, ("training", "images per second", "pinned"), size, precision, guessed, inverse=True
    )


def _measured(
    parts: Mapping[str, Any],
    where: tuple[str, str, str],
    size: int,
    precision: str,
    guessed: list[str],
    inverse: bool = False,
) -> float:
    """The least cost of one image at this size; from another size by the number of pixels."""
    part, table, key = where
    costs: dict[int, list[float]] = {}
    for entry in entries(parts, part, table):
        if key in entry and entry["name"].endswith(f", {precision}"):
            value = entry[key]
            costs.setdefault(int(entry["name"].split(" px")[0]), []).append(
                1 / value if inverse else value
            )
    if not costs:
        raise LookupError(f"part {part} has no figure of {precision}")
    nearest = size if size in costs else max(costs)
    if nearest != size:
        guessed.append(f"{part} at {size} px from {nearest} px")
    return min(costs[nearest]) * (size / nearest) ** 2
