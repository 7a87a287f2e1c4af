"""One number for a dose-response curve: its area, and the median of the smallest flipping dose."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import contrast_interval, percentiles
from pgdose.analysis.outcomes import Outcomes

_SUMMARY = (
    *("auc", "auc_low", "auc_high", "median_epsilon", "median_low", "median_high"),
    *("median_bound", "n_at_smallest", "n_never", "smallest_epsilon", "largest_epsilon"),
)


def dose_summary(
    outcomes: Outcomes, patients: Patients, *, iteration: int, success: str
) -> pd.DataFrame:
    """The attack's row of the table doses, at one iteration, by one definition of success.

    Over the doses that were reached. auc: mean ASR from 0 (where it is 0) to the largest of them,
    by trapezoids. The median is infinite where fewer than half of the images flip at any dose. All
    are NaN where no dose was reached, or one of them was not measured: the number would not be
    comparable with those of groups that have them all.
    """
    levels = np.flatnonzero(outcomes.reached)
    sizes = {"n_attacked": len(outcomes.members), "n_patients": patients.count}
    if not len(levels) or not outcomes.measured[levels, iteration].all():
        nothing: dict[str, float | str] = dict.fromkeys(_SUMMARY, np.nan)
        return pd.DataFrame([sizes | nothing | {"median_bound": ""}])
    epsilons = outcomes.epsilons[levels]
    flips = outcomes.flipped(success)[:, levels, iteration]
    counted = np.ones((len(flips), 1), bool)
    clusters = patients.clusters
    area = _area(bootstrap.rates(flips, counted, patients), epsilons)
    area_low, area_high = contrast_interval(area, clusters)
    flipped_by = np.logical_or.accumulate(flips, axis=1)  # flipped at some dose up to this one
    median = _median(bootstrap.rates(flipped_by, counted, patients), epsilons)
    median_low, median_high = percentiles(median, clusters)
    summary = (
        *(area[0, 0], np.clip(area_low[0], 0, 1), np.clip(area_high[0], 0, 1)),
        *(median[0, 0], median_low[0], median_high[0]),
        _bound(median[0, 0], epsilons[0]),
        *(int(flipped_by[:, 0].sum()), int((~flipped_by[:, -1]).sum())),
        *(epsilons[0], epsilons[-1]),
    )
    return pd.DataFrame([sizes | dict(zip(_SUMMARY, summary, strict=True))])


def _bound(median: float, smallest: float) -> str:
    """How a median is to be read: doses under the smallest and over the largest were not tried."""
    if np.isnan(median):
        return ""
    return "over" if np.isinf(median) else "at most" if median == smallest else "exact"


def _area(rates: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Draws of the area under the rates over epsilon, (1 + draws) x 1."""
    from_zero = np.pad(rates, ((0, 0), (1, 0)))
    return np.trapezoid(from_zero, np.append(0, epsilons), axis=1)[:, None] / epsilons[-1]


def _median(shares: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Draws of the smallest epsilon up to which half of the images flip, (1 + draws) x 1."""
    e = len(epsilons)
    first = np.where(shares >= 0.5, np.arange(e), e).min(axis=1)
    median = np.append(epsilons, np.inf)[first]
    return np.where(np.isnan(shares).any(axis=1), np.nan, median)[:, None]
