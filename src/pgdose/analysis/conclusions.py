"""Conclusions 1 and 3 of Kovalev & Voynov (2019): what ASR does for most groups, under one attack.

2 and 5 are in `network_conclusions`, 4 in `confidence_drop`. docs/explanation/conclusions.md
derives the tests; `verdicts` holds what they share, `conclusion_tables` makes tables of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pgdose.analysis import most_groups
from pgdose.analysis.conclusion_draws import (
    ConclusionDraws,
    largest_rise_of_a_patient,
    rate_at_lowest,
    rise,
    shared_levels,
)
from pgdose.analysis.contrasts import Contrasts, contrasts, weighted_means
from pgdose.analysis.group_draws import GroupDraws, distinct_patients
from pgdose.analysis.verdicts import (
    AT_CEILING,
    ERROR,
    FEW_PATIENTS,
    MATTERS,
    NOT_MEASURED,
    OF_UNKNOWN_PATIENTS,
    Finding,
    Scope,
    Trend,
    count_states,
    networks_text,
    no_room_to_rise,
    number,
    state_of,
    undecided,
)

Groups = Mapping[str, GroupDraws]


@dataclass(frozen=True)
class _Claim:
    """A claim about most groups, and its tests.

    action:    as in "3 of 4 groups surely grow"
    needs:     what a group must have to be tested
    estimated: the statistic whose mean over the groups is the estimate
    values:    each statistic by its name
    shows:     over 0 where a group does it: all of them must be
    does_not:  over 0 where a group doesn't: any of them may be
    """

    action: str
    needs: str
    estimated: str
    values: Mapping[str, Contrasts]
    shows: Sequence[Contrasts]
    does_not: Sequence[Contrasts]

    def subset(self, groups: Sequence[int]) -> "_Claim":
        """The tests for some of the groups."""
        return replace(
            self,
            shows=[one.subset(groups) for one in self.shows],
            does_not=[one.subset(groups) for one in self.does_not],
        )


def mean_over_groups(statistic: str) -> str:
    """What the estimate of such a claim is, in words."""
    return f"mean {statistic.replace('_', ' ')} over the groups"


def grows_with_epsilon(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(1) ASR grows with epsilon for most image types."""
    others = {}
    for group, draws in groups.items():
        if len(shared_levels(draws.networks)) < 2:
            others[group] = NOT_MEASURED
        elif no_room_to_rise([rate_at_lowest(network) for network in draws.networks]):
            others[group] = AT_CEILING
    tested = [draws for group, draws in groups.items() if group not in others]
    if not tested:
        return _nothing("two doses that were reached, off the ceiling", others, "rise")
    levels = [shared_levels(draws.networks) for draws in tested]
    rises = contrasts(
        tested,
        lambda g, n: rise(tested[g].networks[n], levels[g]),
        [largest_rise_of_a_patient(len(of_group)) for of_group in levels],
    )
    claim = _Claim(
        *("grow", "doses", "rise", {"rise": rises}, [rises.over(0)]), [rises.less_than(MATTERS)]
    )
    return _of_most_groups(groups, others, claim)


def levels_off(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(3) ASR grows with iterations and levels off."""
    others = {}
    for group, draws in groups.items():
        first = [network.by_iteration[0, 0] for network in draws.networks]
        if np.isnan(first).any():
            others[group] = NOT_MEASURED
        elif no_room_to_rise(first):
            others[group] = AT_CEILING
    tested = [draws for group, draws in groups.items() if group not in others]
    if not tested:
        need = "iterations that were measured, off the ceiling"
        return _nothing(need, others, "growth", "last_quarter")

    def later(start: int) -> Contrasts:
        """ASR at the last iteration less that at another."""
        return contrasts(tested, lambda g, n: _last_less(tested[g].networks[n], start))

    growth, quarter = later(0), later(1)
    claim = _Claim(
        *("grow and level off", "iterations", "growth"),
        {"growth": growth, "last_quarter": quarter},
        [growth.over(0), quarter.less_than(MATTERS)],
        [growth.less_than(MATTERS), quarter.over(MATTERS)],
    )
    finding, trends = _of_most_groups(groups, others, claim)
    return replace(finding, reason=finding.reason + _off_the_point(tested)), trends


def _off_the_point(tested: Sequence[GroupDraws]) -> str:
    """What holds at the nearest reached epsilon, where the operating one is no dose."""
    networks = [draws.networks[0] for draws in tested]
    apart = [n for n in networks if not n.is_dose[n.doses.nearest_level(n.epsilon)]]
    near = np.array([network.reached for network in apart])
    if not len(near):
        return ""
    text = (
        f"; epsilon {apart[0].epsilon:g} was not reached in {len(apart)} of {len(networks)} groups"
    )
    near = near[~np.isnan(near).any(axis=1)]
    if not len(near):
        return text
    growth, quarter = (near[:, 3] - near[:, 1]).mean(), (near[:, 3] - near[:, 2]).mean()
    return (
        f"{text}, where at the largest one that was the mean growth is {number(growth)}, "
        f"{number(quarter)} of it in the last quarter"
    )


def _last_less(draws: ConclusionDraws, start: int) -> np.ndarray:
    return np.asarray(draws.by_iteration[:, 2] - draws.by_iteration[:, start])


def _nothing(
    needs: str, others: Mapping[str, str], *statistics: str
) -> tuple[Finding, list[Trend]]:
    reason = f"no group has {needs}" if others else "no group has this attack"
    trends = [
        Trend(group, statistic, np.nan, np.nan, np.nan, 0, state)
        for group, state in others.items()
        for statistic in statistics
    ]
    return undecided(reason, lacks=f"groups with {needs}"), trends


def _of_most_groups(
    groups: Groups, others: Mapping[str, str], claim: _Claim
) -> tuple[Finding, list[Trend]]:
    """The finding about all groups; `others` have no room to show it, or were not measured."""
    measured = [group for group in groups if group not in others]
    states = _states([groups[g] for g in measured], measured, claim) | dict(others)
    # Two or three patients often agree by luck: without an interval a group is part of no test.
    enough = [place for place, group in enumerate(measured) if groups[group].clusters.enough]
    tested = [measured[place] for place in enough]
    mean = claim.values[claim.estimated].subset(enough)
    low, estimate, high = mean_interval(mean) if enough else (np.nan,) * 3
    patients = distinct_patients([groups[g] for g in tested])
    networks = max(len(draws.networks) for draws in groups.values())
    second, counts = count_states([states[group] for group in groups], claim.action)
    finding = Finding(
        mean_over_groups(claim.estimated),
        *(estimate, low, high),
        f"mean {claim.estimated} {number(estimate)} in {len(tested)} of {len(groups)} groups with "
        f"{patients:,} patients; {counts}; {networks_text(networks)}",
        scopes=_scopes(claim.subset(enough), len(groups), len(tested), patients),
        unfit="" if len(groups) > 1 else "it is about most groups, and the study has one",
        second=second,
        networks=networks,
    )
    return finding, _trends(groups, measured, states, claim)


def _scopes(claim: _Claim, groups: int, tested: int, patients: int) -> list[Scope]:
    """Most groups, and the mean over the groups that were tested, if these are most."""
    majority = most_groups.majority(groups)
    without = majority - (groups - tested)  # of those tested that show it, if all others do
    lacks = f"{majority - tested} more groups of four patients, {claim.needs} off the ceiling"
    most = Scope(
        "for most groups",
        most_groups.test(claim.shows, tested - majority + 1),
        most_groups.either([most_groups.test([one], without) for one in claim.does_not]),
        patients,
        lacks="" if tested >= majority or without >= 1 else lacks,
    )
    average = Scope(
        # A group at the ceiling has no part in the mean, and the verdict must not claim it.
        f"on average over {'the' if tested == groups else f'{tested} of {groups}'} groups",
        most_groups.all_of([most_groups.of_mean(one) for one in claim.shows]),
        most_groups.either([most_groups.of_mean(one) for one in claim.does_not]),
        patients,
        lacks="" if tested >= majority else lacks,
    )
    return [most, average]


def mean_interval(of: Contrasts) -> tuple[float, float, float]:
    """Lower end, estimate and upper end of the plain mean over the groups."""
    means = weighted_means(of, np.full((1, len(of)), 1 / len(of)))
    down, up = means.half_widths(ERROR / 2)
    estimate = float(means.estimate[0])
    return estimate - float(down[0]), estimate, estimate + float(up[0])


def _states(tested: Sequence[GroupDraws], names: Sequence[str], claim: _Claim) -> dict[str, str]:
    """What each group shows by itself, with Holm's correction over the groups."""
    shows = np.max([most_groups.group_p_values(one) for one in claim.shows], axis=0)
    does_not = np.min([most_groups.group_p_values(one) for one in claim.does_not], axis=0)
    enough = [draws.clusters.enough for draws in tested]
    shows, does_not = (
        most_groups.holm(np.where(enough, p, np.nan))
        for p in (shows, np.minimum(len(claim.does_not) * does_not, 1))
    )
    return {
        name: state_of(*p) if has else FEW_PATIENTS if draws.patients_known else OF_UNKNOWN_PATIENTS
        for name, draws, has, *p in zip(names, tested, enough, shows, does_not, strict=True)
    }


def _trends(
    groups: Groups, tested: Sequence[str], states: Mapping[str, str], claim: _Claim
) -> list[Trend]:
    ends = {
        name: weighted_means(values, np.eye(len(values))) for name, values in claim.values.items()
    }
    trends = []
    for group, draws in groups.items():
        clusters = draws.clusters
        for name, means in ends.items():
            if group not in tested:
                values = (np.nan,) * 3
            else:
                place = tested.index(group)
                down, up = (half[place] for half in means.half_widths(ERROR / 2))
                estimate = means.estimate[place]
                values = (estimate, estimate - down, estimate + up)
                if not clusters.enough:
                    values = (estimate, np.nan, np.nan)
            trends.append(Trend(group, name, *values, clusters.count, states[group]))
    return trends
