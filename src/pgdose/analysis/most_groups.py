"""Whether more than half of the groups do something: partial conjunction tests.

H0: fewer than u of G groups do. If it holds, some G - u + 1 groups all don't, and no weighted mean
of these is over 0: p is the largest over all such sets (Benjamini & Heller 2008).
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from pgdose.analysis.contrasts import Contrasts, Means, together, weighted_means
from pgdose.analysis.verdicts import PValue, not_tested

MOST_SETS = 20_000  # of more groups than these sets allow, single groups are counted instead


def majority(groups: int) -> int:
    """The smallest number that is more than half of the groups."""
    return groups // 2 + 1


def sets_of(contrasts: Sequence[Contrasts], size: int) -> Means | None:
    """The means of all sets of `size` groups, each group by any of the statistics.

    Every statistic is over 0 where the group does it. None for no such set, or too many of them.
    """
    number, groups = len(contrasts), len(contrasts[0])
    if not 1 <= size <= groups:
        return None
    chosen = list(itertools.islice(itertools.combinations(range(groups), size), MOST_SETS + 1))
    ways = list(itertools.product(range(number), repeat=size))
    if len(chosen) * len(ways) > MOST_SETS:
        return None
    effective = contrasts[0].effective
    weights = np.zeros((len(chosen) * len(ways), number * groups))
    for row, (members, way) in enumerate(itertools.product(chosen, ways)):
        places = [groups * kind + group for group, kind in zip(members, way, strict=True)]
        weights[row, places] = effective[list(members)] / effective[list(members)].sum()
    return weighted_means(together(contrasts), weights)


def test(contrasts: Sequence[Contrasts], all_but: int) -> PValue:
    """The test of H0: some `all_but` groups all fail in one statistic or another.

    `contrasts` are over 0 where a group does it, one for each statistic that it needs. Nothing can
    be tested with fewer than `all_but` groups.
    """
    if not 1 <= all_but <= len(contrasts[0]):
        return not_tested
    means = sets_of(contrasts, all_but)
    if means is None:
        return functools.partial(_by_single_groups, contrasts, all_but)
    return largest(means)


def of_mean(contrasts: Contrasts) -> PValue:
    """The test of the plain mean over the groups being 0 or less."""
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
