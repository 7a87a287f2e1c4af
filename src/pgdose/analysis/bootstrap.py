"""Confidence intervals that rest on patients: a Poisson bootstrap and what is read off its draws.

Tiles of one slide and films of one patient are not independent, so patients are drawn, not images.
Draws come as arrays of (1 + draws) x points: row 0 is the sample itself. docs/conclusions.md has
the formulas and their sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse, stats
from statsmodels.stats.proportion import proportion_confint

from pgdose.tables.keyed import generator

LEVEL = 0.95
_AT_ONCE = 256  # draws in one matrix product, for memory


@dataclass(frozen=True)
class Patients:
    """Whose images a table has, and how often each patient was drawn.

    `of_image` is a patient's number for each image; `weights` is draws x patients, uint8.
    """

    of_image: np.ndarray
    weights: np.ndarray

    def of(self, images: np.ndarray) -> "Patients":
        """The same draws for some of the images, by number or as a mask."""
        return Patients(self.of_image[images], self.weights)

    @property
    def number(self) -> int:
        """How many patients the images are of."""
        return len(np.unique(self.of_image))


def draw_patients(patients: Iterable[str], draws: int, seed: int) -> Patients:
    """Poisson(1) weights for the patient of each image, keyed by seed and patient.

    So a patient has the same weights in every group, attack and training.
    """
    of_image, names = pd.factorize(pd.Series(list(patients), dtype=object), sort=True)
    weights = np.zeros((len(names), draws), np.uint8)
    for own, name in zip(weights, names, strict=True):
        own[:] = generator(seed, "bootstrap", str(name)).poisson(1.0, draws)
    return Patients(of_image, np.ascontiguousarray(weights.T))


def totals(values: np.ndarray, patients: Patients) -> np.ndarray:
    """Sums over images, images x points to (1 + draws) x points, float64.

    Counts are exact, whatever the order of summing, as long as they stay under 2^24.
    """
    exact = np.float32 if values.dtype.kind in "bui" else np.float64
    images = np.arange(len(values))
    whose = sparse.csr_array(
        (np.ones(len(values), exact), (patients.of_image, images)),
        shape=(patients.weights.shape[1], len(values)),
    )
    of_patient = whose @ values.astype(exact)
    found = np.empty((len(patients.weights) + 1, values.shape[1]))
    found[0] = of_patient.sum(axis=0)
    for start in range(0, len(patients.weights), _AT_ONCE):
        some = patients.weights[start : start + _AT_ONCE].astype(exact)
        found[1 + start : 1 + start + len(some)] = some @ of_patient
    return found


def share(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """hits / n, NaN where n is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, hits / n, np.nan)


def rates(flipped: np.ndarray, counted: np.ndarray, patients: Patients) -> np.ndarray:
    """Draws of a rate: flipped images over counted ones, both images x points.

    `counted` may have one column for all points.
    """
    return share(totals(flipped, patients), totals(counted, patients))


def rate_interval(drawn: np.ndarray, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a rate's interval at each point, from its draws.

    Where all or none are hit Wilson's, with patients for images; NaN for fewer than two patients.
    """
    low, high = percentiles(drawn, patients)
    if patients > 1:
        for told in (0.0, 1.0):
            ends = proportion_confint(told * patients, patients, alpha=1 - LEVEL, method="wilson")
            low, high = (
                np.where(drawn[0] == told, e, x) for e, x in zip(ends, (low, high), strict=True)
            )
        low, high = np.where(drawn[0] == 0, 0, low), np.where(drawn[0] == 1, 1, high)  # rounding
    return low, high


def percentiles(drawn: np.ndarray, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """The expanded percentile interval of each point (Hesterberg 2015); draws of NaN don't count.

    An order statistic is taken and nothing between two, so that infinite values may stand there.
    """
    unknown = np.full(drawn.shape[1:], np.nan)
    if patients < 2 or len(drawn) < 2:
        return unknown, unknown.copy()
    quantile = stats.t.ppf((1 + LEVEL) / 2, patients - 1)
    tail = stats.norm.cdf(-np.sqrt(patients / (patients - 1)) * quantile)
    known = ~np.isnan(drawn[1:]).all(axis=0) & ~np.isnan(drawn[0])
    ends = unknown, unknown.copy()
    if known.any():
        wanted = [tail, 1 - tail]
        found = np.nanquantile(drawn[1:][:, known], wanted, axis=0, method="inverted_cdf")
        for end, values in zip(ends, found, strict=True):
            end[known] = values
    return ends


def contrast_interval(
    drawn: np.ndarray, patients: int, tail: float = (1 - LEVEL) / 2, reach: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a contrast's interval, `tail` the probability outside at each end.

    Student's t, further out on the side to which the draws are skewed (Johnson 1978), since a rare
    change is soon missed. Never nearer than the exact bound of a share that none of the patients
    showed; at the high end times `reach`, the most that a patient can add to the contrast.
    """
    if patients < 2 or len(drawn) < 3:
        return np.full(drawn.shape[1:], np.nan), np.full(drawn.shape[1:], np.nan)
    spread, t = standard_error(drawn), stats.t.ppf(1 - tail, patients - 1)
    known = ~np.isnan(drawn[1:])
    count = known.sum(axis=0)
    off = np.where(known, drawn[1:] - share(np.nansum(drawn[1:], axis=0), count), 0.0)
    third = share((off**3).sum(axis=0), count)
    aside = share(third, spread**2) * (2 * t**2 + 1) / 6
    aside = np.where(spread > 0, aside, 0.0)
    least = unseen(patients, tail)
    low = drawn[0] - np.maximum(t * spread - np.minimum(aside, 0), least)
    return low, drawn[0] + np.maximum(t * spread + np.maximum(aside, 0), reach * least)


def standard_error(drawn: np.ndarray) -> np.ndarray:
    """The standard deviation over the draws; NaN where fewer than two of them are known."""
    known = (~np.isnan(drawn[1:])).sum(axis=0)
    filled = np.where(known > 1, drawn[1:], 0.0)
    return np.where(known > 1, np.nanstd(filled, axis=0, ddof=1), np.nan)


def unseen(patients: int, tail: float = (1 - LEVEL) / 2) -> float:
    """The largest share that none of so many patients shows with a probability of `tail`."""
    return float(1 - tail ** (1 / patients))
