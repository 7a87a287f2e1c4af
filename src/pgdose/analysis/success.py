"""Attack success rates (ASR) over dose, iterations and clean confidence, with intervals.

ASR = flipped / attacked: images that were right before and are wrong after, over images that
were right before. Native errors count on neither side.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.outcomes import Outcomes

BINS = [0.0, *(round(0.5 + 0.05 * i, 2) for i in range(11))]  # of the largest clean probability


def wilson(hits: pd.Series | np.ndarray, n: pd.Series | np.ndarray) -> tuple[np.ndarray, ...]:
    """Both ends of the 95 % Wilson score interval of hits / n; NaN where n is 0."""
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    some = n > 0
    if some.any():
        low[some], high[some] = proportion_confint(hits[some], n[some], method="wilson")
    return low, high


def success(found: Outcomes, patients: Patients, *, n_images: int, n_correct: int) -> pd.DataFrame:
    """ASR for every epsilon and iteration that was measured.

    epsilon iteration n_images n_correct n_attacked n_flipped asr ci_low ci_high wilson_low
    wilson_high n_wrong n_resisted n_unknown n_flipped_any asr_any any_low any_high. Of the
    `n_images` drawn ones `n_correct` were right before; those whose logits are missing or no
    numbers (n_unknown) are not counted as attacked.
    """
    places = np.argwhere(found.known)
    table = pd.DataFrame(
        {
            "epsilon": np.array(found.epsilons)[places[:, 0]],
            "iteration": places[:, 1],
            "n_images": n_images,
            "n_correct": n_correct,
        }
    )
    n = len(found.members)
    counted = np.ones((n, 1), bool)
    rated = {
        definition: _rates(found.flipped(definition)[:, found.known], counted, patients)
        for definition in ("final", "any")
    }
    table = table.join(rated["final"])
    table["n_wrong"] = n_images - n_correct
    table["n_resisted"] = table["n_attacked"] - table["n_flipped"]
    table["n_unknown"] = n_correct - n
    return table.join(_as_any(rated["any"]))


def by_confidence(found: Outcomes, patients: Patients, *, iteration: int) -> pd.DataFrame:
    """ASR at one iteration by the largest clean probability, in the protocol's bins.

    Ten equal bins of [0.5, 1] and one below, which only groups of three and more classes fill.
    A bin holds its lower end; the last one holds 1 as well. Rows: epsilon, bin.
    """
    place = bin_of(found.confidence)
    bins = len(BINS) - 1
    doses = np.flatnonzero(found.known[:, iteration])
    here = np.tile(place[:, None] == np.arange(bins), len(doses))  # a column for each dose and bin
    table = pd.DataFrame(
        {
            "epsilon": np.repeat(np.array(found.epsilons)[doses], bins),
            "iteration": iteration,
            "bin_low": np.tile(BINS[:-1], len(doses)),
            "bin_high": np.tile(BINS[1:], len(doses)),
        }
    )
    rated = {}
    for definition in ("final", "any"):
        flips = found.flipped(definition)[:, doses, iteration]
        rated[definition] = _rates(np.repeat(flips, bins, axis=1) & here, here, patients, place)
    return table.join(rated["final"]).join(_as_any(rated["any"]))


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """The number of the bin in BINS for each confidence.

    Nudged by float32's precision, so that a confidence of 0.80 falls into [0.80, 0.85).
    """
    return np.clip(np.digitize(confidence + 1e-6, BINS) - 1, 0, len(BINS) - 2)


def _rates(
    flipped: np.ndarray, counted: np.ndarray, patients: Patients, part: np.ndarray | None = None
) -> pd.DataFrame:
    """n_attacked n_flipped asr ci_low ci_high wilson_low wilson_high of each point.

    `flipped` is images x points, and so is `counted`, or it has one column for all points. With
    `part`, an image's bin, points are those of bin after bin, again and again, and each rests on
    the patients of its own images.
    """
    n_flipped = flipped.sum(axis=0)
    n_attacked = np.broadcast_to(counted.sum(axis=0), n_flipped.shape)
    drawn = bootstrap.rates(flipped, counted, patients)
    if part is None:
        low, high = bootstrap.rate_interval(drawn, patients.number)
    else:
        low, high = np.empty(n_flipped.shape), np.empty(n_flipped.shape)
        for b in range(len(BINS) - 1):
            own = slice(b, None, len(BINS) - 1)
            number = patients.of(part == b).number
            low[own], high[own] = bootstrap.rate_interval(drawn[:, own], number)
    names = ["n_attacked", "n_flipped", "asr", "ci_low", "ci_high", "wilson_low", "wilson_high"]
    columns = [n_attacked, n_flipped, drawn[0], low, high, *wilson(n_flipped, n_attacked)]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


_ANY = {"n_flipped": "n_flipped_any", "asr": "asr_any", "ci_low": "any_low", "ci_high": "any_high"}


def _as_any(rated: pd.DataFrame) -> pd.DataFrame:
    return rated[list(_ANY)].rename(columns=_ANY)


def as_counted(table: pd.DataFrame, success: str) -> pd.DataFrame:
    """The table with the n_flipped, asr and intervals of "final" or "any", and no others."""
    if success == "any":
        table = table.drop(columns=list(_ANY)).rename(columns={v: k for k, v in _ANY.items()})
        table["wilson_low"], table["wilson_high"] = wilson(table["n_flipped"], table["n_attacked"])
        if "n_resisted" in table:
            table["n_resisted"] = table["n_attacked"] - table["n_flipped"]
    return table.drop(columns=list(_ANY.values()), errors="ignore")


def stored(found: Outcomes, surface: pd.DataFrame, patients: Patients) -> pd.DataFrame:
    """Flips of the last iterate that are left when its image is rounded to 8 bits, by epsilon.

    epsilon n_attacked n_flipped n_survived n_stored, then n_survived / n_flipped as survival with
    ci_low ci_high; n_stored counts all flips of stored images, also those that rounding brings.
    `surface` is the table that `found` is of; amplitudes without a last iterate are left out.
    """
    kept = surface[surface["member"].isin(found.members)].sort_values(["member", "epsilon"])
    true = pd.Series(found.true, found.members)
    last = found.flipped()[:, :, -1]
    after = np.zeros(last.shape, bool)
    there = []
    for i, epsilon in enumerate(found.epsilons):
        here = kept[kept["epsilon"] == epsilon]
        there.append(len(here))
        if len(here):
            classes = np.stack(here["stored"].to_list()).argmax(axis=1)
            after[:, i] = classes != true.loc[here["member"]].to_numpy()
    survived = last & after
    drawn = bootstrap.rates(survived, last, patients)
    rows = []
    for i, epsilon in enumerate(found.epsilons):
        if not found.known[i, -1]:
            continue
        low, high = bootstrap.rate_interval(drawn[:, [i]], patients.of(last[:, i]).number)
        counts = (there[i], *(int(those[:, i].sum()) for those in (last, survived, after)))
        rows.append((epsilon, *counts, drawn[0, i], low[0], high[0]))
    names = ["epsilon", "n_attacked", "n_flipped", "n_survived", "n_stored"]
    return pd.DataFrame(rows, columns=[*names, "survival", "ci_low", "ci_high"])


def operating_iteration(known: Iterable[int], asked: int) -> int:
    """The last known iteration that is not beyond the one asked for; if all are, the first.

    Iteration 0, the clean image, does not count unless there is no other.
    """
    later = sorted({int(iteration) for iteration in known} - {0}) or [0]
    return max((iteration for iteration in later if iteration <= asked), default=later[0])


def operating_iterations(asr: pd.DataFrame, asked: int) -> dict[str, int]:
    """The operating iteration of each attack in a table of rates.

    A group with no image to attack has a row for every iteration, and no say.
    """
    found = {}
    for attack, own in asr.groupby("attack"):
        measured = own[own["n_attacked"] > 0]
        known = (own if measured.empty else measured)["iteration"]
        found[str(attack)] = operating_iteration(known, asked)
    return found


def at(asr: pd.DataFrame, *, iterations: int, epsilon: float | None = None) -> pd.DataFrame:
    """The rows at an operating point, each attack at its `operating_iteration`."""
    here = asr["iteration"] == asr["attack"].map(operating_iterations(asr, iterations))
    if epsilon is not None:
        here &= np.isclose(asr["epsilon"], epsilon)
    return asr[here]


def place_of(epsilons: Sequence[float], wanted: float) -> int | None:
    """Where an amplitude stands among an attack's; None if it has no such dose."""
    near = np.flatnonzero(np.isclose(epsilons, wanted))
    return int(near[0]) if len(near) else None
