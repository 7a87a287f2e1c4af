"""How good a network is on clean validation images: accuracy, calibration, confusion.

Clean confidence is what conclusion 4 goes by, and it is only as good as its calibration.
"""

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.analysis import bootstrap
from pgdose.analysis.success import BINS, bin_of, wilson


def quality(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> dict[str, float]:
    """n_patients accuracy ci_low ci_high wilson_low wilson_high ece ece_low ece_high.

    ece: expected calibration error (Guo et al. 2017), the mean over the images of their bin's
    |accuracy - mean confidence|, in the bins of BINS. It is never negative, so that of few images
    is too large, and that of a draw still more: its interval ends at the draws' upper percentile,
    and begins where that is mirrored at the estimate. `members` and `clean` are the tables of a
    group and a run.
    """
    right, confidence = _judged(members, clean)
    patients = _patients(members, clean, draws, seed)
    all_images = np.ones((len(right), 1), bool)
    drawn = bootstrap.rates(right[:, None], all_images, patients)
    number = patients.number
    low, high = bootstrap.rate_interval(drawn, number)
    below, above = wilson(right.sum(keepdims=True), np.array([len(right)]))
    here = _in_bins(confidence)
    gaps = bootstrap.totals(here * (right - np.nan_to_num(confidence))[:, None], patients)
    error = bootstrap.share(
        np.abs(gaps).sum(axis=1, keepdims=True),
        bootstrap.totals(np.asarray(here.any(axis=1, keepdims=True)), patients),
    )
    _, most = bootstrap.percentiles(error, number)
    least = np.maximum(2 * error[0, 0] - most[0], 0)
    return {
        **{"n_patients": number, "accuracy": drawn[0, 0], "ci_low": low[0], "ci_high": high[0]},
        **{"wilson_low": below[0], "wilson_high": above[0]},
        **{"ece": error[0, 0], "ece_low": least, "ece_high": most[0]},
    }


def accuracy(members: pd.DataFrame, clean: pd.DataFrame) -> float:
    """The share of validation images that the network sees right."""
    return float(_judged(members, clean)[0].mean()) if len(clean) else float("nan")


def calibration(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """bin_low bin_high n confidence accuracy ci_low ci_high: the reliability curve.

    Images whose logits are no numbers have no confidence, and are in none of the bins.
    """
    right, confidence = _judged(members, clean)
    patients = _patients(members, clean, draws, seed)
    here = _in_bins(confidence)
    drawn = bootstrap.rates(right[:, None] & here, here, patients)
    rows = []
    for b, own in enumerate(here.T):
        low, high = bootstrap.rate_interval(drawn[:, [b]], patients.of(own).number)
        mean = confidence[own].mean() if own.any() else np.nan
        rows.append((BINS[b], BINS[b + 1], own.sum(), mean, drawn[0, b], low[0], high[0]))
    names = ["bin_low", "bin_high", "n", "confidence", "accuracy", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=names)


def confusion(members: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """class predicted n, all pairs of the classes; logits that are no numbers count in none."""
    classes = members.drop_duplicates("class_index").sort_values("class_index")
    names = classes["class"].tolist()
    true, seen, _ = _seen(members, clean)
    rows = [
        (own, to, int(((true == c) & (seen == d)).sum()))
        for c, own in enumerate(names)
        for d, to in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=["class", "predicted", "n"])


def _patients(
    members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int
) -> bootstrap.Patients:
    whose = members.set_index("member")["patient"].loc[clean["member"]]
    return bootstrap.draw_patients(whose, draws, seed)


def _in_bins(confidence: np.ndarray) -> np.ndarray:
    """images x bins: which bin each image is in; none where nothing is known of it."""
    known = ~np.isnan(confidence)
    place = np.where(known, bin_of(np.where(known, confidence, 0.0)), -1)
    return place[:, None] == np.arange(len(BINS) - 1)


def _judged(members: pd.DataFrame, clean: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Whether each clean image is seen right, and the confidence."""
    true, seen, confidence = _seen(members, clean)
    return np.asarray(seen == true), confidence


def _seen(members: pd.DataFrame, clean: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true class, the predicted one (-1: logits are no numbers), its probability (or NaN)."""
    true = members.set_index("member")["class_index"].loc[clean["member"]].to_numpy(np.int64)
    logits = np.stack(clean["logits"].to_list()).astype(np.float64)
    finite = np.asarray(np.isfinite(logits).all(axis=1))
    logits = np.where(finite[:, None], logits, 0.0)
    seen = np.where(finite, logits.argmax(axis=1), -1)
    return true, seen, np.where(finite, softmax(logits, axis=1).max(axis=1), np.nan)
