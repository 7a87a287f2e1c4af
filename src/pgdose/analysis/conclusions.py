"""The five conclusions of Kovalev & Voynov (2019), each tested under one attack.

One function a conclusion, in their order. docs/conclusions.md derives the tests; `verdicts` holds
what they share, `conclusion_tables` makes the tables conclusions and trends of them.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from pgdose.analysis.conclusion_draws import (
    ConclusionDraws,
    largest_rise_of_a_patient,
    rate_at_lowest,
    rise,
    shared_levels,
)
from pgdose.analysis.intervals import largest_unseen_share, percentiles, standard_error
from pgdose.analysis.verdicts import (
    AT_CEILING,
    CANNOT_TELL,
    CEILING,
    DOES_NOT,
    ERROR,
    MATTERS,
    NOT_MEASURED,
    SHOWS,
    Finding,
    Trend,
    contrast_ends,
    of_most_groups,
    undecided,
    verdict,
)

SHARP = 0.5  # the ratio of conclusion 4 up to which a drop is sharp
FEWEST = 10  # patients on each side of conclusion 4
EQUAL = 0.10  # ASR per tenfold training size, conclusion 5

Groups = Mapping[str, ConclusionDraws]


def grows_with_epsilon(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(1) ASR grows with epsilon for most image types."""
    trends = []
    tail = ERROR / 2 / max(len(groups), 1)
    for group, draws in groups.items():
        rises, patients = rise(draws), draws.patients[0]
        low, high = contrast_ends(rises, patients, tail, largest_rise_of_a_patient(draws))
        state = SHOWS if low > 0 else DOES_NOT if high < MATTERS else CANNOT_TELL
        if np.isnan(rises[0]):
            state = NOT_MEASURED
        elif rate_at_lowest(draws) >= CEILING:
            state = AT_CEILING
        trends.append(Trend(group, "rise", rises[0], low, high, patients, state))
    return of_most_groups({t.group: t.state for t in trends}, "grow"), trends


def histology_less_sensitive(groups: Groups, modality: Mapping[str, str]) -> Finding:
    """(2) Histology rises less over epsilon than X-ray: Welch over groups."""
    kinds: dict[str, list[ConclusionDraws]] = {"histology": [], "xray": []}
    at_ceiling = 0
    for group, draws in groups.items():
        if modality[group] in kinds and np.isfinite(rise(draws)[0]):
            if rate_at_lowest(draws) >= CEILING:
                at_ceiling += 1
            else:
                kinds[modality[group]].append(draws)
    counts = f"{len(kinds['histology'])} histology and {len(kinds['xray'])} X-ray groups"
    counts += f", {at_ceiling} more at the ceiling" if at_ceiling else ""
    if min(len(kind) for kind in kinds.values()) < 2:
        return undecided(f"{counts}; two of each kind are needed")
    levels = shared_levels([draws for kind in kinds.values() for draws in kind])
    if len(levels) < 2:
        return undecided(f"{counts}; they share no two epsilons")
    rises = [np.stack([rise(draws, levels) for draws in kind]) for kind in kinds.values()]
    estimate = rises[0][:, 0].mean() - rises[1][:, 0].mean()
    half = _half_width(rises)
    low, high = estimate - half, estimate + half
    means = [_number(kind[:, 0].mean()) for kind in rises]
    return Finding(
        *(estimate, low, high, verdict(supported=high < 0, contradicted=low > -MATTERS)),
        f"{counts}; mean rises {means[0]} and {means[1]}",
    )


def _half_width(rises: list[np.ndarray]) -> float:
    """Half the interval of the difference of two kinds' mean rises, each groups x (1 + draws).

    Welch's over groups, but with a standard error that is never under that of the patients.
    """
    sizes = [len(kind) for kind in rises]
    parts = [kind[:, 0].var(ddof=1) / len(kind) for kind in rises]
    welch = np.sqrt(sum(parts))
    of_patients = standard_error((rises[0].mean(axis=0) - rises[1].mean(axis=0))[:, None])[0]
    freedom = min(sizes) - 1.0
    if welch > 0:
        freedom = welch**4 / sum(p**2 / (n - 1) for p, n in zip(parts, sizes, strict=True))
    return stats.t.ppf(1 - ERROR / 2, freedom) * max(welch, of_patients)


def levels_off(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(3) ASR grows with iterations and levels off."""
    trends, states = [], {}
    tail = ERROR / 2 / max(2 * len(groups), 1)
    for group, draws in groups.items():
        first, late, last = draws.by_iteration.T
        growth, quarter = last - first, last - late
        patients = draws.patients[0]
        grown, end = (contrast_ends(values, patients, tail) for values in (growth, quarter))
        shows = grown[0] > 0 and end[1] < MATTERS
        does_not = grown[1] < MATTERS or end[0] > MATTERS
        state = SHOWS if shows else DOES_NOT if does_not else CANNOT_TELL
        if np.isnan(first[0]):
            state = NOT_MEASURED
        elif first[0] >= CEILING:
            state = AT_CEILING
        states[group] = state
        for name, values, ends in (("growth", growth, grown), ("last_quarter", quarter, end)):
            trends.append(Trend(group, name, values[0], *ends, patients, state))
    return of_most_groups(states, "grow and level off"), trends


def drops_above_confidence(groups: Groups) -> Finding:
    """(4) ASR over a clean confidence of 0.95 over ASR under it (Mantel-Haenszel)."""
    measured = [draws for draws in groups.values() if np.isfinite(draws.by_confidence[0]).all()]
    if not measured:
        return undecided("not measured at the operating point")
    strata = [d for d in measured if d.by_confidence[0, 0] and d.by_confidence[0, 2]]
    if not strata:
        return undecided("no group has images on both sides of 0.95")
    # Of the group that has most: the same patients may be in several.
    patients = max((draws.patients[1:] for draws in strata), key=min)
    n = np.stack([draws.by_confidence for draws in strata])  # groups x draws x 4
    total = np.maximum(n[:, :, 0] + n[:, :, 2], 1)
    over = (n[:, :, 1] * n[:, :, 2] / total).sum(axis=0)
    under = (n[:, :, 3] * n[:, :, 0] / total).sum(axis=0)
    flips, images = n[:, 0, [1, 3]].sum(axis=0), n[:, 0, [0, 2]].sum(axis=0)
    counts = (
        f"{flips[0]:.0f} of {images[0]:.0f} flip over 0.95, {flips[1]:.0f} of {images[1]:.0f} under"
    )
    if min(patients) < FEWEST or not under[0]:
        need = f"{FEWEST} patients of a group on each side and a flip under 0.95 are needed"
        return undecided(f"{counts}; {need}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (over / under)[:, None]  # infinite in draws where none flips under 0.95
    low, high = (ends[0] for ends in percentiles(ratio, min(patients)))
    if not over[0]:
        weights = (n[:, 0, 0] * n[:, 0, 2] / total[:, 0]).sum()
        low, high = 0.0, largest_unseen_share(patients[0]) * weights / under[0]
    answer = verdict(supported=high < SHARP, contradicted=low > SHARP)
    return Finding(ratio[0, 0], low, high, answer, counts)


def training_size(
    runs: Mapping[str, ConclusionDraws], sizes: Mapping[str, int], epsilon: float
) -> Finding:
    """(5) ASR does not depend on the training-set size: slope over log10(size), all trainings.

    At the operating epsilon, the nearest one that the attack has.
    """
    rates = {run: d.by_epsilon[:, d.doses.nearest_level(epsilon)] for run, d in runs.items()}
    rates = {run: values for run, values in rates.items() if np.isfinite(values[0])}
    draws = np.stack(list(rates.values()), axis=1) if rates else np.empty((1, 0))
    x = np.log10([sizes[run] for run in rates])
    different = len(set(x.tolist()))
    counts = f"{len(x)} training{'s' * (len(x) != 1)} of {different} size{'s' * (different != 1)}"
    if len(x) < 3 or different < 2:
        return undecided(f"{counts}; three of two sizes are needed")
    fit = stats.linregress(x, draws[0])
    centred = x - x.mean()
    of_patients = standard_error((draws @ (centred / (centred @ centred)))[:, None])[0]
    half = stats.t.ppf(1 - ERROR / 2, len(x) - 2) * np.hypot(fit.stderr, of_patients)
    low, high = fit.slope - half, fit.slope + half
    counts += f", ASR {draws[0].min():.2f} to {draws[0].max():.2f}"
    if draws[0].max() < MATTERS or draws[0].min() > CEILING:
        reason = f"{counts}; a dependence could not show there"
        return Finding(fit.slope, low, high, "undecided", reason)
    answer = verdict(
        supported=low > -EQUAL and high < EQUAL, contradicted=low > EQUAL or high < -EQUAL
    )
    return Finding(fit.slope, low, high, answer, counts)


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
