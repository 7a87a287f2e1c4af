"""The five conclusions of Kovalev & Voynov (2019), each tested under one attack.

Tests, margins and tolerances are those of docs/conclusions.md; change them there first.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pgdose.analysis.bootstrap import contrast_interval, percentiles, standard_error, unseen
from pgdose.analysis.evidence import Evidence, lowest, rise, rise_reach, shared_epsilons
from pgdose.analysis.success import place_of

ERROR = 0.05  # of a verdict
MATTERS = 0.05  # the least rise of ASR that matters
CEILING = 0.95
SHARP = 0.5  # the ratio of conclusion 4 up to which a drop is sharp
EQUAL = 0.10  # ASR per tenfold training size, conclusion 5
FEWEST = 10  # patients on each side of conclusion 4

SHOWS, DOES_NOT = "shows it", "does not"
UNTOLD, AT_CEILING = "can't be told", "at the ceiling"
NOT_MEASURED = "not measured"  # too few doses or iterations


@dataclass(frozen=True)
class Finding:
    """A conclusion's answer; `reason` is a sentence with the numbers it rests on."""

    estimate: float
    low: float
    high: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class Trend:
    """What a group contributes to a conclusion about most groups."""

    group: str
    statistic: str
    estimate: float
    low: float
    high: float
    patients: int
    state: str


Groups = Mapping[str, Evidence]


def grows_with_epsilon(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(1) ASR grows with epsilon for most image types."""
    trends = []
    for group, one in groups.items():
        drawn = rise(one)
        low, high = _ends(drawn, one.patients[0], ERROR / 2 / len(groups), rise_reach(one))
        state = SHOWS if low > 0 else DOES_NOT if high < MATTERS else UNTOLD
        if np.isnan(drawn[0]):
            state = NOT_MEASURED
        elif lowest(one) >= CEILING:
            state = AT_CEILING
        trends.append(Trend(group, "rise", drawn[0], low, high, one.patients[0], state))
    return _most({t.group: t.state for t in trends}, "grow"), trends


def histology_less_sensitive(groups: Groups, modality: Mapping[str, str]) -> Finding:
    """(2) Histology rises less over epsilon than X-ray: Welch over groups."""
    kinds: dict[str, list[Evidence]] = {"histology": [], "xray": []}
    high_up = 0
    for group, one in groups.items():
        if modality[group] in kinds and np.isfinite(rise(one)[0]):
            if lowest(one) >= CEILING:
                high_up += 1
            else:
                kinds[modality[group]].append(one)
    tissue, chest = kinds["histology"], kinds["xray"]
    counted = f"{len(tissue)} histology and {len(chest)} X-ray groups"
    counted += f", {high_up} more at the ceiling" if high_up else ""
    if min(len(tissue), len(chest)) < 2:
        return _undecided(f"{counted}; two of each kind are needed")
    common = shared_epsilons([*tissue, *chest])
    if len(common) < 2:
        return _undecided(f"{counted}; they share no two epsilons")
    drawn = [np.stack([rise(one, common) for one in kind]) for kind in (tissue, chest)]
    estimate = drawn[0][:, 0].mean() - drawn[1][:, 0].mean()
    parts = [kind[:, 0].var(ddof=1) / len(kind) for kind in drawn]
    welch = np.sqrt(sum(parts))
    of_patients = standard_error((drawn[0].mean(axis=0) - drawn[1].mean(axis=0))[:, None])[0]
    freedom = min(len(tissue), len(chest)) - 1.0
    if welch > 0:
        freedom = welch**4 / sum(p**2 / (len(k) - 1) for p, k in zip(parts, drawn, strict=True))
    half = stats.t.ppf(1 - ERROR / 2, freedom) * max(welch, of_patients)
    low, high = estimate - half, estimate + half
    verdict = _verdict(supported=high < 0, contradicted=low > -MATTERS)
    means = [kind[:, 0].mean() for kind in drawn]
    return Finding(
        *(estimate, low, high, verdict),
        f"{counted}; mean rises {_number(means[0])} and {_number(means[1])}",
    )


def levels_off(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(3) ASR grows with iterations and levels off."""
    trends, states = [], {}
    tail = ERROR / 2 / (2 * len(groups)) if groups else ERROR
    for group, one in groups.items():
        first, late, last = one.steps.T
        growth, quarter = last - first, last - late
        grown, end = (_ends(drawn, one.patients[0], tail) for drawn in (growth, quarter))
        shows = grown[0] > 0 and end[1] < MATTERS
        does_not = grown[1] < MATTERS or end[0] > MATTERS
        state = SHOWS if shows else DOES_NOT if does_not else UNTOLD
        if np.isnan(first[0]):
            state = NOT_MEASURED
        states[group] = AT_CEILING if first[0] >= CEILING else state
        for name, drawn, ends in (("growth", growth, grown), ("last_quarter", quarter, end)):
            trends.append(Trend(group, name, drawn[0], *ends, one.patients[0], states[group]))
    return _most(states, "grow and level off"), trends


def drops_above_confidence(groups: Groups) -> Finding:
    """(4) ASR over a clean confidence of 0.95 over ASR under it (Mantel-Haenszel)."""
    measured = [one for one in groups.values() if np.isfinite(one.counts[0]).all()]
    if not measured:
        return _undecided("not measured at the operating point")
    several = [one for one in measured if one.counts[0, 0] and one.counts[0, 2]]
    if not several:
        return _undecided("no group has images on both sides of 0.95")
    # Of the group that has most: the same patients may be in several.
    numbers = max((one.patients[1:] for one in several), key=min)
    n = np.stack([one.counts for one in several])  # groups x draws x 4
    whole = np.maximum(n[:, :, 0] + n[:, :, 2], 1)
    over = (n[:, :, 1] * n[:, :, 2] / whole).sum(axis=0)
    under = (n[:, :, 3] * n[:, :, 0] / whole).sum(axis=0)
    flips, images = n[:, 0, [1, 3]].sum(axis=0), n[:, 0, [0, 2]].sum(axis=0)
    told = (
        f"{flips[0]:.0f} of {images[0]:.0f} flip over 0.95, {flips[1]:.0f} of {images[1]:.0f} under"
    )
    if min(numbers) < FEWEST or not under[0]:
        lack = f"{FEWEST} patients of a group on each side and a flip under 0.95 are needed"
        return _undecided(f"{told}; {lack}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (over / under)[:, None]  # infinite where by chance none flips under 0.95
    low, high = (ends[0] for ends in percentiles(ratio, min(numbers)))
    if not over[0]:
        weights = (n[:, 0, 0] * n[:, 0, 2] / whole[:, 0]).sum()
        low, high = 0.0, unseen(numbers[0]) * weights / under[0]
    verdict = _verdict(supported=high < SHARP, contradicted=low > SHARP)
    return Finding(ratio[0, 0], low, high, verdict, told)


def training_size(
    runs: Mapping[str, Evidence], sizes: Mapping[str, int], epsilon: float
) -> Finding:
    """(5) ASR does not depend on the training-set size: slope over log10(size), all trainings."""
    places = {run: place_of(one.epsilons, epsilon) for run, one in runs.items()}
    known = {
        run: place
        for run, place in places.items()
        if place is not None and np.isfinite(runs[run].doses[0, place])
    }
    rates = [runs[run].doses[:, place] for run, place in known.items()]
    drawn = np.stack(rates, axis=1) if rates else np.empty((1, 0))
    x = np.log10([sizes[run] for run in known])
    different = len(set(x.tolist()))
    told = f"{len(x)} training{'s' * (len(x) != 1)} of {different} size{'s' * (different != 1)}"
    if len(x) < 3 or different < 2:
        return _undecided(f"{told}; three of two sizes are needed")
    fit = stats.linregress(x, drawn[0])
    centred = x - x.mean()
    of_patients = standard_error((drawn @ (centred / (centred @ centred)))[:, None])[0]
    half = stats.t.ppf(1 - ERROR / 2, len(x) - 2) * np.hypot(fit.stderr, of_patients)
    low, high = fit.slope - half, fit.slope + half
    told += f", ASR {drawn[0].min():.2f} to {drawn[0].max():.2f}"
    if drawn[0].max() < MATTERS or drawn[0].min() > CEILING:
        reason = f"{told}; a dependence could not show there"
        return Finding(fit.slope, low, high, "undecided", reason)
    verdict = _verdict(
        supported=low > -EQUAL and high < EQUAL, contradicted=low > EQUAL or high < -EQUAL
    )
    return Finding(fit.slope, low, high, verdict, told)


# --- what they share --------------------------------------------------------------------------


def _ends(drawn: np.ndarray, patients: int, tail: float, reach: float = 1.0) -> tuple[float, float]:
    low, high = contrast_interval(drawn[:, None], patients, tail, reach)
    return float(low[0]), float(high[0])


def _most(states: Mapping[str, str], what: str) -> Finding:
    """The verdict about most groups: the share that surely does, up to the share that may."""
    total = len(states)
    counts = Counter(states.values())
    if not total:
        return _undecided("no group has this attack")
    untold = total - counts[SHOWS] - counts[DOES_NOT]
    verdict = _verdict(
        supported=counts[SHOWS] > total / 2, contradicted=counts[DOES_NOT] >= total / 2
    )
    reason = f"{counts[SHOWS]} of {total} groups surely {what}, {counts[DOES_NOT]} surely don't"
    if untold:
        reason += f", {untold} can't be told"
    why = [f"{counts[s]} of them {s}" for s in (AT_CEILING, NOT_MEASURED) if counts[s]]
    if why:
        reason += f" ({', '.join(why)})"
    at_least = counts[SHOWS] / total
    return Finding(at_least, at_least, (counts[SHOWS] + untold) / total, verdict, reason)


def _verdict(*, supported: bool, contradicted: bool) -> str:
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _undecided(reason: str) -> Finding:
    return Finding(np.nan, np.nan, np.nan, "undecided", reason)


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


# --- tables -----------------------------------------------------------------------------------

#: The test, in a sentence, and what the paper found.
TESTS = {
    "grows_with_epsilon": (
        "Rise of ASR over the ranks of eps in each group, intervals by patients that hold "
        "together; more than half of the groups must surely rise.",
        "7 of 8 groups grow",
    ),
    "histology_less_sensitive": (
        "Mean rise of the histology groups less that of the X-ray groups, Welch over groups.",
        "histology rises less than X-ray",
    ),
    "levels_off": (
        "Growth over the iterations, and less than 0.05 of it in their last quarter, in each "
        "group; more than half of the groups must surely do both.",
        "6 of 8 groups reach their limit",
    ),
    "drops_above_confidence": (
        "ASR over a clean confidence of 0.95 over ASR under it, Mantel-Haenszel over groups, "
        "bootstrap over patients; sharp is at most half.",
        "drops sharply above 0.95",
    ),
    "training_size": (
        "Slope of ASR over log10 of the training-set size, over all trainings; no dependence "
        "that matters is an interval within 0.10 of 0.",
        "no dependence confirmed",
    ),
}


def conclude(
    attack: str,
    full: Groups,
    modality: Mapping[str, str],
    sized: Mapping[str, Evidence],
    sizes: Mapping[str, int],
    epsilon: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of conclusions.csv and trends.csv for one attack.

    `full` has the groups' main networks, `sized` the runs of the group of training sizes, `sizes`
    how many training images a run had.
    """
    grows, rises = grows_with_epsilon(full)
    levels, steps = levels_off(full)
    found = {
        "grows_with_epsilon": grows,
        "histology_less_sensitive": histology_less_sensitive(full, modality),
        "levels_off": levels,
        "drops_above_confidence": drops_above_confidence(full),
        "training_size": training_size(sized, sizes, epsilon),
    }
    rows = []
    for name, f in found.items():
        test, paper = TESTS[name]
        rows.append((name, attack, f.estimate, f.low, f.high, f.verdict, paper, test, f.reason))
    columns = ["conclusion", "attack", "estimate", "ci_low", "ci_high", "verdict", "paper", "test"]
    trends = [
        (t.group, attack, name, t.statistic, t.estimate, t.low, t.high, t.patients, t.state)
        for name, several in (("grows_with_epsilon", rises), ("levels_off", steps))
        for t in several
    ]
    names = ["group", "attack", "conclusion", "statistic", "estimate", "ci_low", "ci_high"]
    return (
        pd.DataFrame(rows, columns=[*columns, "reason"]),
        pd.DataFrame(trends, columns=[*names, "n_patients", "state"]),
    )
