"""Slopes of ASR over log10 of the training-set size, a line for each group: see conclusion 5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from pgdose.analysis.conclusion_draws import ConclusionDraws
from pgdose.analysis.intervals import standard_error
from pgdose.analysis.verdicts import CEILING, FLOOR


@dataclass(frozen=True)
class SizedDraws:
    """One attack on the trainings of a group, by run: its draws, and its training images."""

    runs: Mapping[str, ConclusionDraws]
    sizes: Mapping[str, int]

    def line(self, epsilon: float) -> "Line":
        """At the nearest epsilon that the attack has; without trainings that have no rate there."""
        rates = {
            run: draws.by_epsilon[:, draws.doses.nearest_level(epsilon)]
            for run, draws in self.runs.items()
        }
        rates = {run: values for run, values in rates.items() if np.isfinite(values[0])}
        draws = np.stack(list(rates.values()), axis=1) if rates else np.empty((1, 0))
        return Line(np.log10([self.sizes[run] for run in rates]), draws)


@dataclass(frozen=True)
class Line:
    """The least-squares line of a group's trainings.

    x:     (trainings,) log10 of their sizes
    draws: (1 + draws, trainings) their ASR, row 0 the sample itself
    """

    x: np.ndarray
    draws: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """ASR of each training."""
        return np.asarray(self.draws[0])

    @property
    def trainings(self) -> int:
        return len(self.x)

    @property
    def is_defined(self) -> bool:
        """Whether there are enough trainings for a slope with an error."""
        return self.trainings >= 3 and len(set(self.x.tolist())) >= 2

    @property
    def could_show(self) -> bool:
        """Whether the rates leave room for a dependence."""
        return bool(self.rates.max() >= FLOOR and self.rates.min() <= CEILING)

    @cached_property
    def centred(self) -> np.ndarray:
        """x less its mean."""
        return np.asarray(self.x - self.x.mean())

    @property
    def squares_of_x(self) -> float:
        return float(self.centred @ self.centred)

    @property
    def slopes(self) -> np.ndarray:
        """(1 + draws,) of each draw of patients, row 0 that of the sample."""
        return np.asarray(self.draws @ (self.centred / self.squares_of_x))

    @property
    def slope(self) -> float:
        return float(self.slopes[0])

    @property
    def squares_of_residuals(self) -> float:
        residuals = self.rates - self.rates.mean() - self.slope * self.centred
        return float(residuals @ residuals)


class MeanSlope:
    """The mean of the slopes of some groups' lines, and its error: trainings and patients.

    How trainings scatter about their line is pooled over the groups, whose trainings are too few to
    know it alone.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.groups = len(lines)
        self.trainings = sum(line.trainings for line in lines)
        self.estimate = float(np.mean([line.slope for line in lines]))
        residual = sum(line.squares_of_residuals for line in lines) / self._freedom(1.0)
        inverse = sum(1 / line.squares_of_x for line in lines) / self.groups**2
        # Patients who are in several groups are drawn jointly, so their part is that of the mean.
        drawn = np.mean([line.slopes for line in lines], axis=0)
        self.spread = float(
            np.hypot(np.sqrt(residual * inverse), standard_error(drawn[:, None])[0])
        )

    def _freedom(self, more: float) -> float:
        return more * self.trainings - 2 * self.groups

    def half_width(self, tail: float) -> float:
        """Of the interval that leaves out so much at each end."""
        return float(special.stdtrit(self._freedom(1.0), 1 - tail) * self.spread)

    def p_value(self, excess: float, more: float = 1.0, power: float = 0.5) -> float:
        """Of a slope that exceeds its margin by so much, with `more` times the trainings."""
        if not self.spread:
            return float(excess <= 0)
        t = excess * np.sqrt(more) / self.spread - special.ndtri(power)
        return float(special.stdtr(self._freedom(more), -t))
