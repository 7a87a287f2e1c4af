"""Contrasts of several groups (rises, growths), and p-values of their weighted means.

The patients are drawn jointly over the groups, so a mean over groups has draws like a group's.
docs/explanation/conclusions.md has the formulas and their sources.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from pgdose.analysis.group_draws import GroupDraws, overlap
from pgdose.analysis.intervals import joint_freedom

_AT_ONCE = 2000  # weighted means, to bound the memory


@dataclass(frozen=True)
class Contrasts:
    """One statistic of g groups, or several of them behind one another.

    draws:           (g, 1 + draws), the mean over the networks of each group
    overlap:         (g, g), see `group_draws.overlap`
    network:         (g,) variance of each group's mean that is due to its networks; 0 for one
    network_freedom: its degrees of freedom; 0 where no group has several networks
    reach:           (g,) the most that a patient can add to the contrast
    """

    draws: np.ndarray
    overlap: np.ndarray
    network: np.ndarray
    network_freedom: int
    reach: np.ndarray

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def estimates(self) -> np.ndarray:
        """(g,) of the sample."""
        return self.draws[:, 0]

    @property
    def effective(self) -> np.ndarray:
        """(g,) the effective number of patients of each group."""
        with np.errstate(divide="ignore"):
            return 1 / np.diag(self.overlap)

    def less_than(self, margin: float) -> "Contrasts":
        """margin - contrast: over 0 where the contrast is under the margin."""
        return replace(self, draws=margin - self.draws)

    def over(self, margin: float) -> "Contrasts":
        """Contrast - margin. Its reach downwards is 1, as that of a share."""
        return replace(self, draws=self.draws - margin, reach=np.ones(len(self)))

    def subset(self, groups: Sequence[int]) -> "Contrasts":
        """Those of some groups."""
        chosen = list(groups)
        return Contrasts(
            self.draws[chosen],
            self.overlap[np.ix_(chosen, chosen)],
            self.network[chosen],
            self.network_freedom,
            self.reach[chosen],
        )


def contrasts(
    groups: Sequence[GroupDraws],
    statistic: Callable[[int, int], np.ndarray],
    reach: Sequence[float] | None = None,
) -> Contrasts:
    """`statistic` gives the draws, (1 + draws,), of a group and one of its networks by position."""
    by_network = [
        np.stack([statistic(g, n) for n in range(len(group.networks))])
        for g, group in enumerate(groups)
    ]
    variance, freedom = network_variance([values[:, 0] for values in by_network])
    numbers = np.array([len(values) for values in by_network])
    return Contrasts(
        draws=np.stack([_filled(values.mean(axis=0)) for values in by_network]),
        overlap=overlap(groups),
        network=np.where(freedom > 0, variance / numbers, 0.0),
        network_freedom=freedom,
        reach=np.ones(len(groups)) if reach is None else np.asarray(reach, float),
    )


def _filled(draws: np.ndarray) -> np.ndarray:
    """A draw without any patient of the group says nothing; it gets the sample's value."""
    return np.where(np.isnan(draws), draws[0], draws)


def network_variance(by_group: Sequence[np.ndarray]) -> tuple[float, int]:
    """The variance between the networks of a group, pooled over the groups; degrees of freedom."""
    several = [v[~np.isnan(v)] for v in by_group]
    several = [v for v in several if len(v) > 1]
    freedom = sum(len(v) - 1 for v in several)
    squares = sum(((v - v.mean()) ** 2).sum() for v in several)
    return (float(squares / freedom) if freedom else 0.0), freedom


def together(several: Sequence[Contrasts]) -> Contrasts:
    """Statistics of the same groups behind one another."""
    first = several[0]
    return Contrasts(
        draws=np.concatenate([one.draws for one in several]),
        overlap=np.tile(first.overlap, (len(several), len(several))),
        network=np.concatenate([one.network for one in several]),
        network_freedom=first.network_freedom,
        reach=np.concatenate([one.reach for one in several]),
    )


@dataclass(frozen=True)
class Means:
    """Weighted means of contrasts, each array one number a mean.

    `more` patients multiply what these rest on, for the statement of what an undecided cell lacks.
    """

    estimate: np.ndarray
    spread: np.ndarray  # standard error by patients
    skewness: np.ndarray
    patients: np.ndarray  # effective
    network: np.ndarray  # variance
    network_freedom: int
    reach: np.ndarray
    seen: np.ndarray  # effective patients of the side of a difference that has fewer

    def over(self, margin: float, side: int) -> "Means":
        """How far the means are over a margin; with `side` -1, under it."""
        return replace(
            self, estimate=side * (self.estimate - margin), skewness=side * self.skewness
        )

    def p_values(self, more: float = 1.0, power: float = 0.5) -> np.ndarray:
        """One-sided p-values of the mean being 0 or less.

        With `power`, those that are undercut with this probability if the mean is the estimate.
        """
        spread, patients = self.spread / np.sqrt(more), self.patients * more
        total = np.sqrt(spread**2 + self.network)
        freedom = self._freedom(spread, patients)
        lost = special.ndtri(power) * total
        estimate = self.estimate - lost
        skewness = np.minimum(self.skewness / np.sqrt(more), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = -skewness * (spread / total) ** 3
            z = np.where(total > 0, estimate / total, np.where(estimate > 0, np.inf, -np.inf))
            t = _corrected(z, np.nan_to_num(skewness))
        by_spread = special.stdtr(freedom, -t)
        unseen = np.clip(estimate / np.maximum(self.reach, 1e-9), 0, 1)
        by_number = (1 - unseen) ** (self.seen * more)
        p = np.where(estimate > 0, np.maximum(by_spread, by_number), 1.0)
        return np.where(np.isfinite(z) | (total == 0), p, np.where(z > 0, p, 1.0))

    def half_widths(self, tail: float) -> tuple[np.ndarray, np.ndarray]:
        """How far the interval reaches down and up, `tail` the probability outside at each end."""
        total = np.sqrt(self.spread**2 + self.network)
        t = special.stdtrit(self._freedom(self.spread, self.patients), 1 - tail)
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = np.nan_to_num(self.skewness * (self.spread / total) ** 3)
        shift = total * skewness * (2 * t**2 + 1) / 6
        least = 1 - tail ** (1 / self.seen)
        down = np.maximum(t * total - np.minimum(shift, 0), least)
        return down, np.maximum(t * total + np.maximum(shift, 0), self.reach * least)

    def _freedom(self, spread: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """Degrees of freedom of both variances together."""
        by_patient = np.maximum(patients - 1, 0.1)
        return joint_freedom(spread**2, by_patient, self.network, self.network_freedom)


def _corrected(z: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """The t at which t + skewness (2 t^2 + 1) / 6 is z; skewness is 0 or more."""
    a = skewness / 3
    root = np.sqrt(np.maximum(1 - 4 * a * (skewness / 6 - z), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a > 1e-9, (root - 1) / (2 * np.maximum(a, 1e-9)), z - skewness / 6)


def weighted_means(of: Contrasts, weights: np.ndarray) -> Means:
    """The means for each row of `weights`, (means, g); in a difference sums are 1 and -1."""
    weights = np.atleast_2d(weights)
    with np.errstate(divide="ignore"):
        patients = 1 / np.einsum("ij,jk,ik->i", weights, of.overlap, weights)
    sides = np.maximum(weights, 0), np.maximum(-weights, 0)
    spread, skew = np.empty(len(weights)), np.empty(len(weights))
    for start in range(0, len(weights), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        spread[part], skew[part] = _moments(weights[part] @ of.draws[:, 1:])
    return Means(
        estimate=weights @ of.estimates,
        spread=spread,
        skewness=skew,
        patients=patients,
        network=weights**2 @ of.network,
        network_freedom=of.network_freedom,
        # In a difference of means, what is unseen on one side cancels nothing on the other.
        reach=np.maximum(sides[0] @ of.reach, sides[1] @ of.reach),
        seen=1 / np.maximum(*(np.einsum("ij,jk,ik->i", w, of.overlap, w) for w in sides)),
    )


def _moments(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation and skewness of each row."""
    deviation = draws - draws.mean(axis=1, keepdims=True)
    count = draws.shape[1]
    squares = deviation * deviation  # a power of an array takes ten times as long
    spread = np.sqrt(squares.sum(axis=1) / (count - 1))
    third = np.einsum("ij,ij->i", squares, deviation) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        return spread, np.where(spread > 1e-12, third / spread**3, 0.0)
