"""Conclusions 2 and 5: they compare networks, of two kinds of image or of several training sizes.

Training luck is therefore part of the spread that they measure. docs/explanation/conclusions.md
has the tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from scipy import special, stats

from pgdose.analysis import most_groups
from pgdose.analysis.conclusion_draws import rate_at_lowest, rise, shared_levels
from pgdose.analysis.contrasts import Means, contrasts, weighted_means
from pgdose.analysis.group_draws import GroupDraws, distinct_patients
from pgdose.analysis.intervals import standard_error
from pgdose.analysis.size_slopes import Line, MeanSlope, SizedDraws
from pgdose.analysis.verdicts import (
    ERROR,
    MATTERS,
    Finding,
    Scope,
    Second,
    no_room_to_rise,
    number,
    undecided,
)

EQUAL = 0.10  # ASR per tenfold training size, conclusion 5

Groups = Mapping[str, GroupDraws]


def histology_less_sensitive(groups: Groups, modality: Mapping[str, str]) -> Finding:
    """(2) Histology rises less over epsilon than X-ray: Welch over groups."""
    kinds: dict[str, list[GroupDraws]] = {"histology": [], "xray": []}
    at_ceiling = unknown = 0
    for group, draws in groups.items():
        if modality[group] not in kinds or len(shared_levels(draws.networks)) < 2:
            continue
        if not draws.patients_known:
            unknown += 1
            continue
        if no_room_to_rise([rate_at_lowest(network) for network in draws.networks]):
            at_ceiling += 1
        else:
            kinds[modality[group]].append(draws)
    counts = f"{len(kinds['histology'])} histology and {len(kinds['xray'])} X-ray groups"
    counts += f", {at_ceiling} more at the ceiling" if at_ceiling else ""
    counts += f", {unknown} more of unknown patients" if unknown else ""
    if min(len(kind) for kind in kinds.values()) < 2:
        need = "two groups of each kind that were measured off the ceiling"
        kinds_of_study = {modality[group] for group in groups}
        absent = [
            name
            for kind, name in (("histology", "histology"), ("xray", "X-ray"))
            if kind not in kinds_of_study
        ]
        unfit = f"it compares two kinds of image, and the study has no {' and no '.join(absent)}"
        reason = f"{counts}; two of each kind are needed"
        return undecided(reason, lacks=need, unfit=unfit if absent else "")
    networks = [network for kind in kinds.values() for draws in kind for network in draws.networks]
    levels = shared_levels(networks)
    if len(levels) < 2:
        reason = f"{counts}; they share no two epsilons that were reached"
        return undecided(reason, lacks="two doses that all groups reach")
    rises = [np.stack([_mean_rise(draws, levels) for draws in kind]) for kind in kinds.values()]
    estimate = float(rises[0][:, 0].mean() - rises[1][:, 0].mean())
    test = _Welch(rises)
    half = test.half_width(ERROR / 2)
    means = [number(kind[:, 0].mean()) for kind in rises]
    fixed, of = _fixed(kinds, levels), sum(kind in kinds for kind in modality.values())
    down, up = (float(end[0]) for end in fixed.half_widths(ERROR / 2))
    return Finding(
        "difference of the mean rises, histology less X-ray",
        *(estimate, estimate - half, estimate + half),
        f"{counts}; mean rises {means[0]} and {means[1]} over {len(levels)} epsilons; the interval "
        f"is for the kinds of image, for these groups alone it is {number(estimate - down)} to "
        f"{number(estimate + up)}",
        scopes=_scopes([*kinds["histology"], *kinds["xray"]], of, fixed, test, estimate),
        second=_medians(kinds),
        networks=max(len(draws.networks) for kind in kinds.values() for draws in kind),
    )


def _fixed(kinds: Mapping[str, Sequence[GroupDraws]], levels: Sequence[int]) -> Means:
    """The difference of the kinds with the groups of the study as fixed."""
    groups = [draws for kind in kinds.values() for draws in kind]
    rises = contrasts(groups, lambda g, n: rise(groups[g].networks[n], levels))
    parts = [
        np.full(len(kind), side / len(kind))
        for kind, side in zip(kinds.values(), (1, -1), strict=True)
    ]
    return weighted_means(rises, np.concatenate(parts))


def _scopes(
    groups: Sequence[GroupDraws], of: int, fixed: Means, test: "_Welch", estimate: float
) -> list[Scope]:
    """The kinds of image, whose groups are drawn from them; and the groups of this study."""
    return [
        Scope(
            "for these kinds of image",
            partial(test.p_value, -estimate),
            partial(test.p_value, estimate + MATTERS),
            len(groups),
            "groups",
        ),
        Scope(
            f"for {'the' if len(groups) == of else f'{len(groups)} of {of}'} groups of this study",
            most_groups.largest(fixed.over(0, -1)),
            most_groups.largest(fixed.over(-MATTERS, 1)),
            distinct_patients(groups),
        ),
    ]


def _mean_rise(draws: GroupDraws, levels: Sequence[int]) -> np.ndarray:
    return np.mean([rise(network, levels) for network in draws.networks], axis=0)


class _Welch:
    """Welch's t over groups that may share patients.

    Its standard error is never under that of the patients.
    `kinds` are groups x (1 + draws) each.
    """

    def __init__(self, kinds: Sequence[np.ndarray]) -> None:
        self.parts = [kind[:, 0].var(ddof=1) / len(kind) for kind in kinds]
        self.sizes = [len(kind) for kind in kinds]
        means = [kind.mean(axis=0) for kind in kinds]
        by_patients = _variance(means[0] - means[1])
        # Groups that share patients err together, which the spread between them does not show.
        of_both = by_patients - sum(_variance(mean) for mean in means)
        shared = of_both + sum(_covariance(kind) for kind in kinds)
        self.spread = np.sqrt(max(sum(self.parts) + max(shared, 0.0), by_patients))

    def _freedom(self, more: float) -> float:
        sizes = [more * size for size in self.sizes]
        if not sum(self.parts):
            return min(sizes) - 1
        squares = sum(p**2 / (n - 1) for p, n in zip(self.parts, sizes, strict=True))
        return float(sum(self.parts) ** 2 / squares)

    def half_width(self, tail: float) -> float:
        return float(special.stdtrit(self._freedom(1), 1 - tail) * self.spread)

    def p_value(self, excess: float, more: float = 1.0, power: float = 0.5) -> float:
        """Of a difference that exceeds its margin by so much, with `more` times the groups."""
        spread = self.spread / np.sqrt(more)
        if not spread:
            return float(excess <= 0)
        return float(special.stdtr(self._freedom(more), special.ndtri(power) - excess / spread))


def _variance(draws: np.ndarray) -> float:
    return float(standard_error(draws[:, None])[0] ** 2)


def _covariance(kind: np.ndarray) -> float:
    """The mean covariance over the draws between two groups of a kind."""
    groups = len(kind)
    alone = sum(_variance(of_group) for of_group in kind) / groups**2
    return (_variance(kind.mean(axis=0)) - alone) * groups / (groups - 1)


def _medians(kinds: Mapping[str, Sequence[GroupDraws]]) -> Second:
    """The ratio of the kinds' median epsilon, geometric means over their groups."""
    name = "median epsilon, histology over X-ray"
    logs = []
    for kind in kinds.values():
        medians = [_median(draws) for draws in kind]
        if not all(medians):
            says = "a median lies under the smallest or over the largest dose"
            return Second(name, np.nan, np.nan, np.nan, says)
        logs.append(np.log(medians))
    test = stats.ttest_ind(logs[0], logs[1], equal_var=False)
    ends = test.confidence_interval(1 - ERROR)
    ratio = float(np.exp(logs[0].mean() - logs[1].mean()))
    low, high = (float(np.exp(end)) for end in (ends.low, ends.high))
    says = "histology needs more" if low > 1 else "histology needs less" if high < 1 else "open"
    return Second(name, ratio, low, high, says)


def _median(draws: GroupDraws) -> float:
    """The median of the smallest epsilon of the group's images; 0 where it is no dose between."""
    medians = []
    for network, images in zip(draws.networks, draws.images, strict=True):
        levels = sorted(images["smallest_level"])
        level = levels[(len(levels) - 1) // 2] if levels else len(network.doses)
        if not min(network.measured_levels, default=level) < level < len(network.doses):
            return 0.0
        medians.append(network.doses.epsilons[level])
    return float(np.exp(np.log(medians).mean()))


def training_size(groups: Mapping[str, SizedDraws], epsilon: float) -> Finding:
    """(5) ASR does not depend on the training-set size: the mean of the groups' slopes over log10.

    A group's slope is over all of its trainings, at the operating epsilon, the nearest one that the
    attack has.
    """
    lines = {group: draws.line(epsilon) for group, draws in groups.items()}
    defined = {group: line for group, line in lines.items() if line.is_defined}
    if not defined:
        several = any(len(draws.runs) > 1 for draws in groups.values())
        unfit = "" if several else "no other training size was attacked in this way"
        reason = f"{_counts_by_group(lines)}; three of two sizes are needed"
        reason += " in one group" if len(lines) > 1 else ""
        return undecided(reason, lacks="three trainings of two sizes", unfit=unfit)
    used = {group: line for group, line in defined.items() if line.could_show}
    mean = MeanSlope(list((used or defined).values()))
    about = (
        f"{'mean ' * (mean.groups > 1)}slope of ASR per tenfold training size",
        *(mean.estimate, mean.estimate - mean.half_width(ERROR / 2)),
        mean.estimate + mean.half_width(ERROR / 2),
    )
    reason = _slopes(used or defined, of=len(lines))
    reason += "" if used else "; a dependence could not show there"
    reason += _left_out(lines, used or defined)
    if not used:
        return Finding(*about, reason, lacks="an epsilon off the ceiling and the floor")
    size = abs(mean.estimate)
    tests = partial(mean.p_value, EQUAL - size), partial(mean.p_value, size - EQUAL)
    networks = max(line.trainings for line in used.values())
    scope = Scope("", *tests, mean.trainings, "trainings")
    return Finding(*about, reason, scopes=[scope], networks=networks)


def _counts(lines: Iterable[Line]) -> str:
    """How many trainings of how many sizes there are."""
    x = np.concatenate([line.x for line in lines] or [np.empty(0)])
    sizes = len(set(x.tolist()))
    return f"{len(x)} training{'s' * (len(x) != 1)} of {sizes} size{'s' * (sizes != 1)}"


def _counts_by_group(lines: Mapping[str, Line]) -> str:
    if len(lines) < 2:
        return _counts(lines.values())
    return ", ".join(f"{_counts([line])} in {group}" for group, line in lines.items())


def _slopes(lines: Mapping[str, Line], of: int) -> str:
    """The trainings that a slope rests on, and their rates; of several groups each one's slope.

    `of` is the number of groups whose training size varies.
    """
    rates = np.concatenate([line.rates for line in lines.values()])
    where = f" in {len(lines)} groups" if len(lines) > 1 else f" in {next(iter(lines))}" * (of > 1)
    text = f"{_counts(lines.values())}{where}, ASR {rates.min():.2f} to {rates.max():.2f}"
    if len(lines) == 1:
        return text
    slopes = [
        f"{group} {number(line.slope)} ({line.trainings} trainings)"
        for group, line in lines.items()
    ]
    return f"{text}; slopes {', '.join(slopes)}"


def _left_out(lines: Mapping[str, Line], used: Mapping[str, Line]) -> str:
    """The groups that the slope does not rest on, each with the reason."""
    causes = [
        f"{group} (ASR {line.rates.min():.2f} to {line.rates.max():.2f}, where a dependence could "
        "not show)"
        if line.is_defined
        else f"{group} ({_counts([line])})"
        for group, line in lines.items()
        if group not in used
    ]
    return f"; left out: {', '.join(causes)}" if causes else ""
