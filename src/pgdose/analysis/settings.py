"""How attacks are measured: the operating point, success, the bootstrap, and what errors weigh."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureSettings:
    """What the measures of every run and the conclusions share.

    epsilon, iterations: the operating point of the study
    success:             "final" or "any", the definition of the summaries and the conclusions
    draws, seed:         of the bootstrap
    """

    epsilon: float
    iterations: int
    success: str
    draws: int
    seed: int


@dataclass(frozen=True)
class HarmSettings:
    """Which errors of a group miss a disease, and how much worse one is than another.

    norm:      the classes without disease; none if nobody knows them
    norm_from: study or where: who told them; empty without any
    weights:   (true class, predicted class, weight >= 0); the confusions left out weigh 1
    """

    norm: Sequence[str] = ()
    norm_from: str = ""
    weights: Sequence[tuple[str, str, float]] = ()
