"""One number for a dose-response curve: its area, and the median of the smallest flipping dose."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import contrast_interval, percentiles
from pgdose.analysis.outcomes import Outcomes


def dose_summary(
    outcomes: Outcomes, patients: Patients, *, iteration: int, success: str
) -> pd.DataFrame:
    """The attack's row of the table doses, at one iteration, by one definition of success.

    auc: mean ASR from 0 (where it is 0) to the largest epsilon, by trapezoids. The median is
    infinite where fewer than half of the images flip at any dose. All are NaN where an epsilon was
    not measured: the number would not be comparable with those of groups that have them all.
    """
    epsilons = outcomes.epsilons
    flips = outcomes.flipped(success)[:, :, iteration]
    counted = np.ones((len(flips), 1), bool)
    count = patients.count
    area = _area(bootstrap.rates(flips, counted, patients), epsilons)
    area_low, area_high = contrast_interval(area, count)
    reached = np.logical_or.accumulate(flips, axis=1)  # flipped at some dose up to this one
    median = _median(bootstrap.rates(reached, counted, patients), epsilons)
    median_low, median_high = percentiles(median, count)
    sizes = {"n_attacked": len(outcomes.members), "n_patients": count}
    summary: dict[str, float] = {
        **{"auc": area[0, 0], "auc_low": np.clip(area_low[0], 0, 1)},
        "auc_high": np.clip(area_high[0], 0, 1),
        **{"median_epsilon": median[0, 0], "median_low": median_low[0]},
        **{"median_high": median_high[0], "n_never": int((~reached[:, -1]).sum())},
    }
    if not outcomes.measured[:, iteration].all():
        summary = dict.fromkeys(summary, np.nan)
    return pd.DataFrame([sizes | summary])


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


def smallest_level(outcomes: Outcomes, *, iteration: int, success: str) -> np.ndarray:
    """(n,) int: the smallest level whose epsilon flips each image; the number of levels if none."""
    flips = outcomes.flipped(success)[:, :, iteration]
    levels = np.where(flips, np.arange(len(outcomes.doses)), len(outcomes.doses))
    return levels.min(axis=1, initial=len(outcomes.doses))
