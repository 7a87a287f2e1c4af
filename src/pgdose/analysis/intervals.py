"""The method of the confidence intervals: how wide they are is decided here.

By patients, from the draws of `bootstrap`: `rate_interval` for rates, `contrast_interval` for
differences and slopes, `percentiles` for anything else; NaN under four patients. By images
or reports: `wilson`, `clopper_pearson_low` where a bound must hold exactly, and
`plain_percentiles` of bootstrap draws. Those of several groups together are in `contrasts`, those
over groups and trainings in `network_conclusions`.
docs/explanation/conclusions.md has the formulas and their sources.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special  # not scipy.stats, whose import takes longer than most jobs' intervals

from pgdose.analysis.bootstrap import Clusters, share

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
_ALPHA = round(1 - LEVEL, 12)  # without the rounding error of the difference, as tables print it
_Z = -special.ndtri(_ALPHA / 2)


def wilson(
    hits: pd.Series | np.ndarray | int, n: pd.Series | np.ndarray | int
) -> tuple[np.ndarray, ...]:
    """Both ends of the 95 % Wilson score interval of hits / n; NaN where n is 0."""
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    some = n > 0
    low[some], high[some] = _score_ends(hits[some] / n[some], n[some], _Z)
    return low, high


def _score_ends(rate: Any, n: Any, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the score interval of a rate of n (Wilson 1927)."""
    squared = quantile**2
    middle = (rate + squared / (2 * n)) / (1 + squared / n)
    half = quantile * np.sqrt(rate * (1 - rate) / n + squared / (4 * n**2))
    half /= 1 + squared / n
    # Rounding must not put an end on the wrong side of the rate.
    low = np.where(np.equal(rate, 0), 0.0, np.clip(middle - half, 0, 1))
    return low, np.where(np.equal(rate, 1), 1.0, np.clip(middle + half, 0, 1))


def clopper_pearson_low(
    hits: pd.Series | np.ndarray | float, n: pd.Series | np.ndarray | float, alpha: float
) -> np.ndarray:
    """The exact lower bound of a rate, wrong with a probability of at most `alpha`.

    Clopper & Pearson 1934: the rate at which so many hits or more have the probability alpha; 0
    without hits.

    Args:
        hits, n: numbers, or arrays of one shape, with 0 <= hits <= n and n > 0.
        alpha: over 0 and under 1.

    Returns:
        float64, of that shape, 0 to 1.
    """
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    bound = special.betaincinv(np.where(hits > 0, hits, 1.0), n - hits + 1, alpha)
    return np.where(hits > 0, bound, 0.0)


def plain_percentiles(draws: np.ndarray) -> tuple[float, float]:
    """Both ends of the percentile interval of one number from its draws, (draws,)."""
    low, high = np.quantile(draws, [_ALPHA / 2, 1 - _ALPHA / 2])
    return low, high


def rate_interval(
    draws: np.ndarray,
    clusters: Clusters,
    extra_variance: float = 0.0,
    freedom: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a rate's interval at each point, from its draws, (1 + draws) x points.

    The score interval with Student's t and the effective sample size of `effective_size`. NaN for
    too few patients. `extra_variance` is what the draws don't have, `freedom` the degrees of
    freedom if not those of the patients.
    """
    low, high = np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
    if not clusters.enough or len(draws) < 3:
        return low, high
    rate, size = draws[0], effective_size(draws, clusters, extra_variance)
    defined = ~np.isnan(rate) & ~np.isnan(size)
    if defined.any():
        t = special.stdtrit(freedom or clusters.freedom, (1 + LEVEL) / 2)
        low[defined], high[defined] = _score_ends(rate[defined], size[defined], t)
    # Where every draw is the same, Student's t has nothing to correct.
    for sure in (0.0, 1.0):
        ends = _score_ends(sure, clusters.effective, _Z)
        low, high = (
            np.where(rate == sure, end, x) for end, x in zip(ends, (low, high), strict=True)
        )
    return low, high


def effective_size(
    draws: np.ndarray, clusters: Clusters, extra_variance: float | np.ndarray = 0.0
) -> np.ndarray:
    """The number of independent images that would give a rate as precisely, (points,).

    From the variance over the draws (Korn & Graubard 1998), a quarter of the way to the number of
    patients on a logarithmic scale, if they are fewer: of few flips the variance is soon too small.
    Never more than the images.
    """
    rate = draws[0]
    variance = standard_error(draws) ** 2 + extra_variance
    with np.errstate(divide="ignore", invalid="ignore"):
        size = rate * (1 - rate) / variance
    size = np.where((rate == 0) | (rate == 1), clusters.effective, size)
    size = np.where(variance > 0, size, clusters.images)
    size = np.minimum(size, clusters.images)
    return np.minimum(size, size**0.75 * clusters.effective**0.25)


def percentiles(draws: np.ndarray, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
    """The expanded percentile interval of each point (Hesterberg 2015); draws of NaN don't count.

    The ends are order statistics, never a value between two, so that draws may be infinite.
    """
    nothing = np.full(draws.shape[1:], np.nan)
    if not clusters.enough or len(draws) < 2:
        return nothing, nothing.copy()
    quantile = special.stdtrit(clusters.freedom, (1 + LEVEL) / 2)
    tail = special.ndtr(-np.sqrt(1 + 1 / clusters.freedom) * quantile)
    defined = ~np.isnan(draws[1:]).all(axis=0) & ~np.isnan(draws[0])
    ends = nothing, nothing.copy()
    if defined.any():
        values = np.nanquantile(
            draws[1:][:, defined], [tail, 1 - tail], axis=0, method="inverted_cdf"
        )
        for end, value in zip(ends, values, strict=True):
            end[defined] = value
    return ends


def contrast_interval(
    draws: np.ndarray, clusters: Clusters, tail: float = _TAIL
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a contrast's interval, `tail` the probability outside at each end.

    Student's t, further out on the side to which the draws are skewed (Johnson 1978), since a rare
    change is soon missed. Never nearer than the exact bound of a share that none of the patients
    showed. `contrasts` makes those of several groups together.
    """
    if not clusters.enough or len(draws) < 3:
        return np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
    spread, t = standard_error(draws), special.stdtrit(clusters.freedom, 1 - tail)
    shift = spread * skewness(draws) * (2 * t**2 + 1) / 6
    least = largest_unseen_share(clusters.effective, tail)
    low = draws[0] - np.maximum(t * spread - np.minimum(shift, 0), least)
    return low, draws[0] + np.maximum(t * spread + np.maximum(shift, 0), least)


def joint_freedom(
    by_patient: Any, patient_freedom: Any, by_network: Any, network_freedom: int
) -> np.ndarray:
    """Degrees of freedom of the sum of two variances, by patients and by networks (Satterthwaite).

    The variance of few networks is often estimated as far too small, and Satterthwaite's number is
    then far too large (coverage 87 % with one degree of freedom): it is never more than
    f (f + 1) / 2.
    """
    if not network_freedom:
        return np.asarray(patient_freedom, float)
    parts = by_patient**2 / patient_freedom + by_network**2 / network_freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = np.where(parts > 0, (by_patient + by_network) ** 2 / parts, patient_freedom)
    return np.minimum(joint, network_freedom * (network_freedom + 1) / 2)


def skewness(draws: np.ndarray) -> np.ndarray:
    """The skewness over the draws; 0 where they don't vary."""
    spread = standard_error(draws)
    defined = ~np.isnan(draws[1:])
    count = defined.sum(axis=0)
    deviation = np.where(defined, draws[1:] - share(np.nansum(draws[1:], axis=0), count), 0.0)
    third_moment = share((deviation**3).sum(axis=0), count)
    return np.where(spread > 0, share(third_moment, spread**3), 0.0)


def standard_error(draws: np.ndarray) -> np.ndarray:
    """The standard deviation over the draws; NaN where fewer than two of them are numbers."""
    defined = (~np.isnan(draws[1:])).sum(axis=0)
    filled = np.where(defined > 1, draws[1:], 0.0)
    return np.where(defined > 1, np.nanstd(filled, axis=0, ddof=1), np.nan)


def largest_unseen_share(patients: float, tail: float = _TAIL) -> float:
    """The largest share of a population that n drawn patients all miss with probability `tail`.

    Args:
        patients: n, over 0; need not be whole.
        tail: over 0 and under 1.
    """
    return float(1 - tail ** (1 / patients))
