"""The doses of an attack: its amplitudes (epsilon) and its number of iterations."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pgdose.errors import UserError

TOLERANCE = 1e-9  # two epsilons closer than this are the same
REACHED = 0.99  # of epsilon, that the largest change must have


def same_epsilon(epsilon: float, other: float) -> bool:
    """Whether two epsilons are the same but for rounding."""
    return abs(epsilon - other) <= TOLERANCE


def is_reached(change: float, epsilon: float) -> bool:
    """Whether the largest change over all attacked images reaches epsilon; both in one unit."""
    return change >= REACHED * epsilon


@dataclass(frozen=True)
class Doses:
    """The amplitudes of an attack, rising, and the largest number of iterations.

    epsilons: in units of the full intensity range [0, 1] (L-infinity), or the length of the
              change (L2); all finite and over 0, each larger than the one before
    max_iter: at least 1

    UserError for anything else. The position of an epsilon in `epsilons` is its *level*; code
    compares levels and never floats.
    """

    epsilons: tuple[float, ...]
    max_iter: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilons", tuple(float(epsilon) for epsilon in self.epsilons))
        pairs = zip(self.epsilons, self.epsilons[1:], strict=False)
        rising = all(high - low > TOLERANCE for low, high in pairs)
        finite = all(math.isfinite(epsilon) and epsilon > 0 for epsilon in self.epsilons)
        if not self.epsilons or not rising or not finite:
            raise UserError(
                f"epsilon: {list(self.epsilons)}; give amplitudes above 0 in rising order, "
                "without repeats"
            )
        if self.max_iter < 1:
            raise UserError(f"max_iter: {self.max_iter}; give at least 1")

    def __len__(self) -> int:
        return len(self.epsilons)

    def level_of(self, epsilon: float) -> int | None:
        """The level of an epsilon; None if the attack does not have it."""
        nearest = self.nearest_level(epsilon)
        return nearest if same_epsilon(self.epsilons[nearest], epsilon) else None

    def nearest_level(self, epsilon: float, measured: Iterable[int] | None = None) -> int:
        """The level whose epsilon is nearest; of two equally near ones the smaller.

        `measured` restricts the choice to some levels; it must not be empty.
        """
        levels = range(len(self.epsilons)) if measured is None else measured
        return min(levels, key=lambda level: (abs(self.epsilons[level] - epsilon), level))
