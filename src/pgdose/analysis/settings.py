"""How attacks are measured: the operating point, the definition of success, the bootstrap."""

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
