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
    wilson_high n_wrong n_resisted n_unknown n_flipped_any asr_any any_low any_high. `n_images` of
    the drawn ones `n_correct` were right before; those whose logits are no numbers (n_unknown) are
    not counted as attacked.
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
    counted = np.ones((n, len(places)), bool)
    rated = {
        definition: _rates(found.flipped(definition)[:, found.known], counted, patients)
        for definition in ("final", "any")
    }
    table = table.join(rated["final"])
    table["n_wrong"] = n_images - n_correct
    table["n_resisted"] = table["n_attacked"] - table["n_flipped"]
    table["n_unknown"] = found.unknown
    return table.join(_as_any(rated["any"]))


def by_confidence(found: Outcomes, patients: Patients, *, iteration: int) -> pd.DataFrame:
    """ASR at one iteration by the largest clean probability, in the protocol's bins.

    Ten equal bins of [0.5, 1] and one below, which only groups of three and more classes fill.
    A bin holds its lower end; the last one holds 1 as well. Rows: epsilon, bin.
    """
    place = bin_of(found.confidence)
    bins = len(BINS) - 1
    here = place[:, None] == np.arange(bins)
    tables = []
    for i, epsilon in enumerate(found.epsilons):
        if not found.known[i, iteration]:
            continue
        rated = {
            definition: _rates(
                here & found.flipped(definition)[:, i, iteration, None], here, patients, place
            )
            for definition in ("final", "any")
        }
        table = pd.DataFrame(
            {"epsilon": epsilon, "iteration": iteration, "bin_low": BINS[:-1], "bin_high": BINS[1:]}
        )
        tables.append(table.join(rated["final"]).join(_as_any(rated["any"])))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """The number of the bin in BINS for each confidence.

    Nudged by float32's precision, so that a confidence of 0.80 falls into [0.80, 0.85).
    """
    return np.clip(np.digitize(confidence + 1e-6, BINS) - 1, 0, len(BINS) - 2)


def _rates(
    flipped: np.ndarray, counted: np.ndarray, patients: Patients, part: np.ndarray | None = None
) -> pd.DataFrame:
    """n_attacked n_flipped asr ci_low ci_high wilson_low wilson_high of each point.

    `flipped` and `counted` are images x points; with `part`, an image's point, each point rests on
    the patients of its own images.
    """
    n_attacked, n_flipped = counted.sum(axis=0), flipped.sum(axis=0)
    drawn = bootstrap.rates(flipped, counted, patients)
    if part is None:
        low, high = bootstrap.rate_interval(drawn, patients.number)
    else:
        ends = [
            bootstrap.rate_interval(drawn[:, [p]], patients.of(part == p).number)
            for p in range(counted.shape[1])
        ]
        low, high = (np.array([end[side][0] for end in ends]) for side in (0, 1))
    names = ["n_attacked", "n_flipped", "asr", "ci_low", "ci_high", "wilson_low", "wilson_high"]
    columns = [n_attacked, n_flipped, drawn[0], low, high, *wilson(n_flipped, n_attacked)]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


_ANY = {"n_flipped": "n_flipped_any", "asr": "asr_any", "ci_low": "any_low", "ci_high": "any_high"}


def _as_any(rated: pd.DataFrame) -> pd.DataFrame:
    return rated[list(_ANY)].rename(columns=_ANY)


def as_counted(table: pd.DataFrame, success: str) -> pd.DataFrame:
    """The table with the n_flipped, asr, ci_low and ci_high of "final" or "any", and no others."""
    if success == "any":
        table = table.drop(columns=list(_ANY)).rename(columns={v: k for k, v in _ANY.items()})
    return table.drop(columns=list(_ANY.values()), errors="ignore")


def stored(found: Outcomes, surface: pd.DataFrame, patients: Patients) -> pd.DataFrame:
    """Flips of the last iterate that are left when its image is rounded to 8 bits, by epsilon.

    epsilon n_attacked n_flipped n_survived n_stored, then n_survived / n_flipped as survival with
    ci_low ci_high; n_stored counts all flips of stored images, also those that rounding brings.
    `surface` is the table that `found` is of.
    """
    kept = surface[surface["member"].isin(found.members)].sort_values(["member", "epsilon"])
    true = pd.Series(found.true, found.members)
    rows = []
    for i, epsilon in enumerate(found.epsilons):
        here = kept[kept["epsilon"] == epsilon]
        after = np.zeros(len(found.members), bool)
        if len(here):
            classes = np.stack(here["stored"].to_list()).argmax(axis=1)
            after = classes != true.loc[here["member"]].to_numpy()
        last = found.flipped()[:, i, -1]
        survived = (last & after)[:, None]
        drawn = bootstrap.rates(survived, last[:, None], patients)
        low, high = bootstrap.rate_interval(drawn, patients.of(last).number)
        counts = (len(here), int(last.sum()), int(survived.sum()), int(after.sum()))
        rows.append((epsilon, *counts, drawn[0, 0], low[0], high[0]))
    names = ["epsilon", "n_attacked", "n_flipped", "n_survived", "n_stored"]
    return pd.DataFrame(rows, columns=[*names, "survival", "ci_low", "ci_high"])


def operating_iteration(known: Iterable[int], asked: int) -> int:
    """The last known iteration that is not beyond the one asked for; if all are, the first.

    Iteration 0, the clean image, does not count unless there is no other.
    """
    later = sorted({int(iteration) for iteration in known} - {0}) or [0]
    return max((iteration for iteration in later if iteration <= asked), default=later[0])


def at(asr: pd.DataFrame, *, iterations: int, epsilon: float | None = None) -> pd.DataFrame:
    """The rows at an operating point, each attack at its `operating_iteration`."""
    of = {a: operating_iteration(own, iterations) for a, own in asr.groupby("attack")["iteration"]}
    here = asr["iteration"] == asr["attack"].map(of)
    if epsilon is not None:
        here &= np.isclose(asr["epsilon"], epsilon)
    return asr[here]


def place_of(epsilons: Sequence[float], wanted: float) -> int | None:
    """Where an amplitude stands among an attack's; None if it has no such dose."""
    near = np.flatnonzero(np.isclose(epsilons, wanted))
    return int(near[0]) if len(near) else None
