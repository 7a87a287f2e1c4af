"""Whether more than half of the groups do something: partial conjunction tests.

H0: fewer than u of G groups do. If it holds, some G - u + 1 groups all don't, and neither one of
these nor a weighted mean of them is over 0: p is the largest over all such sets (Benjamini & Heller
2008).
"""

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

from pgdose.analysis.contrasts import Contrasts, Means, together, weighted_means
from pgdose.analysis.verdicts import PValue, not_tested

MOST_SETS = 20_000  # of more groups than these sets allow, single groups are counted instead


def majority(groups: int) -> int:
    """The smallest number that is more than half of the groups."""
    return groups // 2 + 1


class Sets:
    """All sets of `size` groups, and all ways in which their groups may fail.

    Every statistic in `contrasts` is over 0 where a group does it; in a set each group has one of
    them. `chosen` is sets x (statistics x groups).
    """

    def __init__(self, contrasts: Sequence[Contrasts], size: int) -> None:
        self.size, self.of = size, together(contrasts)
        number, groups = len(contrasts), len(contrasts[0])
        sets = np.array(list(itertools.combinations(range(groups), size)))
        ways = np.array(list(itertools.product(range(number), repeat=size)))
        places = (sets[:, None, :] + groups * ways).reshape(-1, size)
        self.chosen = np.zeros((len(places), number * groups), bool)
        np.put_along_axis(self.chosen, places, True, axis=1)
        weights = self.chosen * self.of.effective
        self.means = weighted_means(self.of, weights / weights.sum(axis=1, keepdims=True))
        self.alone = weighted_means(self.of, np.eye(len(self.of)))

    def p_value(self, more: float = 1.0, power: float = 0.5) -> float:
        """The largest p-value of a set: the smaller one of its mean and of its surest group.

        The mean is surer where groups are alike, the surest group where they are not; Bonferroni's
        correction for both, and over the groups of the set.
        """
        alone = self.alone.p_values(more, power)
        surest = self.size * np.where(self.chosen, alone, np.inf).min(axis=1)
        p = 2 * np.minimum(self.means.p_values(more, power), surest)
        return float(np.minimum(p.max(), 1))


def test(contrasts: Sequence[Contrasts], all_but: int) -> PValue:
    """The test of H0: some `all_but` groups all fail in one statistic or another.

    `contrasts` are over 0 where a group does it, one for each statistic that it needs. Nothing can
    be tested with fewer than `all_but` groups.
    """
    groups = len(contrasts[0])
    if not 1 <= all_but <= groups:
        return not_tested
    if math.comb(groups, all_but) * len(contrasts) ** all_but > MOST_SETS:
        return functools.partial(_by_single_groups, contrasts, all_but)
    return Sets(contrasts, all_but).p_value


def of_mean(contrasts: Contrasts) -> PValue:
    """The test of the plain mean over the groups being 0 or less."""
    if not len(contrasts):
        return not_tested
    means = weighted_means(contrasts, np.full((1, len(contrasts)), 1 / len(contrasts)))
    return largest(means)


def largest(means: Means) -> PValue:
    """The test that is passed where all of the means are over 0."""

    def p_value(more: float = 1.0, power: float = 0.5) -> float:
        return float(means.p_values(more, power).max())

    return p_value


def all_of(tests: Sequence[PValue]) -> PValue:
    """The test that is passed where all of these are: an intersection-union test."""

    def p_value(more: float = 1.0, power: float = 0.5) -> float:
        return max(test(more, power) for test in tests)

    return p_value


def either(tests: Sequence[PValue]) -> PValue:
    """The test that is passed where any of these is: Bonferroni's correction."""

    def p_value(more: float = 1.0, power: float = 0.5) -> float:
        return float(np.minimum(1.0, len(tests) * np.min([t(more, power) for t in tests])))

    return p_value


def _by_single_groups(
    contrasts: Sequence[Contrasts], all_but: int, more: float = 1.0, power: float = 0.5
) -> float:
    """For many groups: Bonferroni's over the sets, valid but less powerful."""
    p = np.max([group_p_values(one, more, power) for one in contrasts], axis=0)
    return float(min(1.0, all_but * np.sort(p)[len(p) - all_but]))


def group_p_values(contrasts: Contrasts, more: float = 1.0, power: float = 0.5) -> np.ndarray:
    """(g,) p-values of each group alone."""
    return weighted_means(contrasts, np.eye(len(contrasts))).p_values(more, power)


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """p-values after Holm's correction; those of NaN don't count."""
    p = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = p.copy()
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted
