"""Attack success rates (ASR) over dose, iterations and clean confidence, with intervals.

ASR = flipped / attacked: images that were right before and are wrong after, over images that
were right before. Images that the network misclassifies without an attack count on neither side.
Each table counts both definitions of success: "final" looks at an iterate alone, "any" at all
iterates up to it.
"""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap, confidence_bins
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.outcomes import Outcomes


def success_rates(
    outcomes: Outcomes, patients: Patients, *, n_images: int, n_correct: int
) -> pd.DataFrame:
    """ASR for every epsilon and iteration that was measured: the table asr.

    Of the `n_images` images of the sample the network classified `n_correct` correctly before the
    attack. Those whose logits are missing or not finite (n_unknown) are not counted as attacked.
    """
    places = np.argwhere(outcomes.measured)
    table = pd.DataFrame(
        {
            "epsilon": outcomes.epsilons[places[:, 0]],
            "iteration": places[:, 1],
            "n_images": n_images,
            "n_correct": n_correct,
        }
    )
    n = len(outcomes.members)
    counted = np.ones((n, 1), bool)
    final, any_ = (
        rate_columns(outcomes.flipped(definition)[:, outcomes.measured], counted, patients)
        for definition in ("final", "any")
    )
    table = table.join(final)
    table["n_wrong"] = n_images - n_correct
    table["n_resisted"] = table["n_attacked"] - table["n_flipped"]
    table["n_unknown"] = n_correct - n
    return table.join(_as_any(any_))


def success_by_confidence(
    outcomes: Outcomes, patients: Patients, *, iteration: int
) -> pd.DataFrame:
    """ASR at one iteration by clean confidence: the table confidence, epsilon by bin."""
    return _by_bins(outcomes, patients, iteration, confidence_bins.EDGES)


def success_by_fine_confidence(
    outcomes: Outcomes, patients: Patients, *, iteration: int
) -> pd.DataFrame:
    """The same in finer bins near 1: the table confidence_fine."""
    return _by_bins(outcomes, patients, iteration, confidence_bins.FINE_EDGES)


def _by_bins(
    outcomes: Outcomes, patients: Patients, iteration: int, edges: list[float]
) -> pd.DataFrame:
    bin_of = confidence_bins.bin_of(outcomes.confidence, edges)
    bins = len(edges) - 1
    levels = np.flatnonzero(outcomes.measured[:, iteration])
    counted = np.tile(bin_of[:, None] == np.arange(bins), len(levels))  # a column per level and bin
    table = pd.DataFrame(
        {
            "epsilon": np.repeat(outcomes.epsilons[levels], bins),
            "iteration": iteration,
            "bin_low": np.tile(edges[:-1], len(levels)),
            "bin_high": np.tile(edges[1:], len(levels)),
        }
    )
    rates = {}
    for definition in ("final", "any"):
        flips = outcomes.flipped(definition)[:, levels, iteration]
        hits = np.repeat(flips, bins, axis=1) & counted
        rates[definition] = rate_columns(hits, counted, patients, bin_of, bins)
    return table.join(rates["final"]).join(_as_any(rates["any"]))


def rate_columns(
    hits: np.ndarray,
    counted: np.ndarray,
    patients: Patients,
    bin_of: np.ndarray | None = None,
    bins: int = 1,
) -> pd.DataFrame:
    """n_attacked n_flipped asr ci_low ci_high wilson_low wilson_high of each point.

    `hits` is images x points, and so is `counted`, or it has one column for all points. With
    `bin_of`, each image's bin, the points are bin after bin, again and again, and the interval of
    each rests on the patients of the bin's images.
    """
    n_flipped = hits.sum(axis=0)
    n_attacked = np.broadcast_to(counted.sum(axis=0), n_flipped.shape)
    draws = bootstrap.rates(hits, counted, patients)
    if bin_of is None:
        low, high = rate_interval(draws, patients.clusters)
    else:
        low, high = np.empty(n_flipped.shape), np.empty(n_flipped.shape)
        for b in range(bins):
            points = slice(b, None, bins)
            clusters = patients.subset(bin_of == b).clusters
            low[points], high[points] = rate_interval(draws[:, points], clusters)
    wilson_low, wilson_high = wilson(n_flipped, n_attacked)
    no_interval = np.where(np.isnan(low) & (n_attacked > 0), patients.no_interval, "")
    return pd.DataFrame(
        {
            **{"n_attacked": n_attacked, "n_flipped": n_flipped, "asr": draws[0]},
            **{"ci_low": low, "ci_high": high},
            **{"wilson_low": wilson_low, "wilson_high": wilson_high, "no_interval": no_interval},
        }
    )


_ANY = {"n_flipped": "n_flipped_any", "asr": "asr_any", "ci_low": "any_low", "ci_high": "any_high"}


def _as_any(rates: pd.DataFrame) -> pd.DataFrame:
    return rates[list(_ANY)].rename(columns=_ANY)


def as_counted(table: pd.DataFrame, definition: str) -> pd.DataFrame:
    """The table with the n_flipped, asr and intervals of "final" or "any", and no others."""
    if definition == "any":
        table = table.drop(columns=list(_ANY)).rename(columns={v: k for k, v in _ANY.items()})
        table["wilson_low"], table["wilson_high"] = wilson(table["n_flipped"], table["n_attacked"])
        if "n_resisted" in table:
            table["n_resisted"] = table["n_attacked"] - table["n_flipped"]
    return table.drop(columns=list(_ANY.values()), errors="ignore")
