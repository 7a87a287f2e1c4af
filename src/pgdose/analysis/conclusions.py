"""The five conclusions of Kovalev & Voynov (2019) as estimates, one for each attack.

Intervals are 95 %. Verdicts wait for tests whose margins are fixed beforehand; until then the
column `verdict` is empty.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from pgdose.analysis.success import at, wilson

Estimate = tuple[float, float, float]
FLAT = 1e-9  # a slope up to it is rounding
UNKNOWN: Estimate = (math.nan, math.nan, math.nan)

PAPER = {
    "grows_with_epsilon": "7 of 8 groups grow",
    "histology_less_sensitive": "histology rises less than X-ray",
    "levels_off": "6 of 8 groups reach their limit",
    "drops_above_confidence": "drops sharply above 0.95",
    "training_size": "no dependence confirmed",
}


def slopes(asr: pd.DataFrame) -> pd.Series:
    """Least-squares slope of ASR over epsilon for each group."""
    known = asr.dropna(subset="asr")
    return pd.Series(
        {
            group: stats.linregress(rows["epsilon"], rows["asr"]).slope
            for group, rows in known.groupby("group", sort=False)
            if rows["epsilon"].nunique() > 1
        },
        dtype=float,
    )


def grows_with_epsilon(slope: pd.Series) -> Estimate:
    """(1) The share of groups whose ASR rises with epsilon."""
    if slope.empty:
        return UNKNOWN
    share = wilson(np.array([(slope > FLAT).sum()]), np.array([len(slope)])).iloc[0]
    return share["asr"], share["ci_low"], share["ci_high"]


def histology_less_sensitive(slope: pd.Series, modality: Mapping[str, str]) -> Estimate:
    """(2) Mean slope of the histology groups less that of the X-ray groups (Welch)."""
    kinds = slope.index.map(dict(modality))
    histology, xray = slope[kinds == "histology"], slope[kinds == "xray"]
    if min(len(histology), len(xray)) < 2:
        return UNKNOWN
    test = stats.ttest_ind(histology, xray, equal_var=False)
    interval = test.confidence_interval()
    return float(histology.mean() - xray.mean()), float(interval.low), float(interval.high)


def levels_off(asr: pd.DataFrame) -> Estimate:
    """(3) Mean rise of ASR over the last quarter of the iterations; near 0 when levelled off."""
    last = asr["iteration"].max()
    wide = asr[asr["iteration"].isin([last, last - last // 4])]
    wide = wide.pivot_table(index="group", columns="iteration", values="asr").dropna()
    if wide.shape[1] < 2 or len(wide) < 2:
        return UNKNOWN
    test = stats.ttest_1samp(wide[last] - wide[last - last // 4], 0)
    interval = test.confidence_interval()
    return (
        float((wide[last] - wide[last - last // 4]).mean()),
        float(interval.low),
        float(interval.high),
    )


def drops_above_confidence(confidence: pd.DataFrame, border: float = 0.95) -> Estimate:
    """(4) ASR above a clean confidence over ASR below it, all groups together."""
    above = confidence["bin_low"] >= border - 1e-9
    n = [int(confidence.loc[side, "n_attacked"].sum()) for side in (above, ~above)]
    hits = [int(confidence.loc[side, "n_flipped"].sum()) for side in (above, ~above)]
    if not all(n) or not hits[1]:
        return UNKNOWN
    ratio = (hits[0] / n[0]) / (hits[1] / n[1])
    if not hits[0]:
        return ratio, math.nan, math.nan
    low, high = confint_proportions_2indep(
        hits[0], n[0], hits[1], n[1], compare="ratio", method="log"
    )
    return ratio, float(low), float(high)


def training_size_slope(training_size: pd.DataFrame) -> Estimate:
    """(5) Slope of ASR over the logarithm (base 10) of the training-set size."""
    known = training_size.dropna(subset="asr")
    if known["size"].nunique() < 2 or len(known) < 3:
        return UNKNOWN
    fit = stats.linregress(np.log10(known["size"]), known["asr"])
    half = stats.t.ppf(0.975, len(known) - 2) * fit.stderr
    return float(fit.slope), float(fit.slope - half), float(fit.slope + half)


def conclusions(
    asr: pd.DataFrame,
    confidence: pd.DataFrame,
    training_size: pd.DataFrame,
    modality: Mapping[str, str],
    *,
    epsilon: float,
    iterations: int,
) -> pd.DataFrame:
    """conclusion attack estimate ci_low ci_high verdict paper, at the operating point."""
    rows = []
    full = asr[asr["run"] == "full"]
    for attack, of_attack in full.groupby("attack", sort=False):
        slope = slopes(at(of_attack, iterations=iterations))
        here = np.isclose(confidence["epsilon"], epsilon) & (confidence["attack"] == attack)
        sizes = training_size[training_size["attack"] == attack]
        estimates = {
            "grows_with_epsilon": grows_with_epsilon(slope),
            "histology_less_sensitive": histology_less_sensitive(slope, modality),
            "levels_off": levels_off(of_attack[np.isclose(of_attack["epsilon"], epsilon)]),
            "drops_above_confidence": drops_above_confidence(confidence[here]),
            "training_size": training_size_slope(sizes) if len(sizes) else UNKNOWN,
        }
        rows += [(name, attack, *values, "", PAPER[name]) for name, values in estimates.items()]
    columns = ["conclusion", "attack", "estimate", "ci_low", "ci_high", "verdict", "paper"]
    return pd.DataFrame(rows, columns=columns)
