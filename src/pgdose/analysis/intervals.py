"""The method of the confidence intervals: how wide they are is decided here.

By patients, from the draws of `bootstrap`: `rate_interval` for rates, `contrast_interval` for
differences and slopes, `percentiles` for anything else. By images or reports: `wilson`, and
`plain_percentiles` of bootstrap draws. Two of the conclusions are about groups and trainings, not
patients alone: `conclusions` makes their t intervals, with the `standard_error` from here.
docs/conclusions.md has the formulas and their sources.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special  # not scipy.stats, whose import takes longer than most jobs' intervals

from pgdose.analysis.bootstrap import share

LEVEL = 0.95
_ALPHA = round(1 - LEVEL, 12)  # without the rounding error of the difference, as tables print it


def wilson(
    hits: pd.Series | np.ndarray | int, n: pd.Series | np.ndarray | int
) -> tuple[np.ndarray, ...]:
    """Both ends of the 95 % Wilson score interval of hits / n; NaN where n is 0."""
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    some = n > 0
    low[some], high[some] = _wilson_ends(hits[some] / n[some], n[some], _ALPHA)
    return low, high


def _wilson_ends(rate: Any, n: Any, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the score interval of a rate of n (Wilson 1927), alpha outside."""
    squared = special.ndtri(alpha / 2) ** 2
    middle = (rate + squared / (2 * n)) / (1 + squared / n)
    half = -special.ndtri(alpha / 2) * np.sqrt(rate * (1 - rate) / n + squared / (4 * n**2))
    half /= 1 + squared / n
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def plain_percentiles(draws: np.ndarray) -> tuple[float, float]:
    """Both ends of the percentile interval of one number from its draws, (draws,)."""
    low, high = np.quantile(draws, [_ALPHA / 2, 1 - _ALPHA / 2])
    return low, high


def rate_interval(draws: np.ndarray, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a rate's interval at each point, from its draws, (1 + draws) x points.

    Where none or all images are hit it is Wilson's, with patients in place of images. NaN for
    fewer than two patients.
    """
    low, high = percentiles(draws, patients)
    if patients > 1:
        for rate in (0.0, 1.0):  # `1 - LEVEL` and not _ALPHA: printed ends keep their last digit
            ends = _wilson_ends(rate, patients, alpha=1 - LEVEL)
            low, high = (
                np.where(draws[0] == rate, end, x) for end, x in zip(ends, (low, high), strict=True)
            )
        # Rounding must not put an end on the wrong side of the rate.
        low, high = np.where(draws[0] == 0, 0, low), np.where(draws[0] == 1, 1, high)
    return low, high


def percentiles(draws: np.ndarray, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """The expanded percentile interval of each point (Hesterberg 2015); draws of NaN don't count.

    The ends are order statistics, never a value between two, so that draws may be infinite.
    """
    nothing = np.full(draws.shape[1:], np.nan)
    if patients < 2 or len(draws) < 2:
        return nothing, nothing.copy()
    quantile = special.stdtrit(patients - 1, (1 + LEVEL) / 2)
    tail = special.ndtr(-np.sqrt(patients / (patients - 1)) * quantile)
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
    draws: np.ndarray, patients: int, tail: float = (1 - LEVEL) / 2, reach: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a contrast's interval, `tail` the probability outside at each end.

    Student's t, further out on the side to which the draws are skewed (Johnson 1978), since a rare
    change is soon missed. Never nearer than the exact bound of a share that none of the patients
    showed; at the high end times `reach`, the most that a patient can add to the contrast.
    """
    if patients < 2 or len(draws) < 3:
        return np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
    spread, t = standard_error(draws), special.stdtrit(patients - 1, 1 - tail)
    defined = ~np.isnan(draws[1:])
    count = defined.sum(axis=0)
    deviation = np.where(defined, draws[1:] - share(np.nansum(draws[1:], axis=0), count), 0.0)
    third_moment = share((deviation**3).sum(axis=0), count)
    shift = share(third_moment, spread**2) * (2 * t**2 + 1) / 6
    shift = np.where(spread > 0, shift, 0.0)
    least = largest_unseen_share(patients, tail)
    low = draws[0] - np.maximum(t * spread - np.minimum(shift, 0), least)
    return low, draws[0] + np.maximum(t * spread + np.maximum(shift, 0), reach * least)


def standard_error(draws: np.ndarray) -> np.ndarray:
    """The standard deviation over the draws; NaN where fewer than two of them are numbers."""
    defined = (~np.isnan(draws[1:])).sum(axis=0)
    filled = np.where(defined > 1, draws[1:], 0.0)
    return np.where(defined > 1, np.nanstd(filled, axis=0, ddof=1), np.nan)


def largest_unseen_share(patients: int, tail: float = (1 - LEVEL) / 2) -> float:
    """The largest share of a population that n drawn patients all miss with probability `tail`."""
    return float(1 - tail ** (1 / patients))
