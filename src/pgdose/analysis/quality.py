"""How good a network is on clean validation images: accuracy, calibration, confusion.

Clean confidence is what conclusion 4 goes by, and it is only as good as its calibration.
"""

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.analysis import bootstrap
from pgdose.analysis.success import BINS, bin_of, wilson


def quality(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> dict[str, float]:
    """n_patients accuracy ci_low ci_high wilson_low wilson_high ece... auc... and their intervals.

    ece: expected calibration error (Guo et al. 2017), the mean over the images of their bin's
    |accuracy - mean confidence|, in the bins of BINS. It is never negative, so that of few images
    is too large, and that of a draw still more: its interval ends at the draws' upper percentile,
    and begins where that is mirrored at the estimate. auc: see `area`. `members` and `clean` are
    the tables of a group and a run.
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
        **area(members, clean, patients),
    }


def area(
    members: pd.DataFrame, clean: pd.DataFrame, patients: bootstrap.Patients
) -> dict[str, float]:
    """auc auc_low auc_high: the mean over the classes of the area under their ROC curves.

    Each class is told from all others by its probability (Hand & Till 2001 call it one against the
    rest; of two classes both areas are the same). Images whose logits are no numbers are left out.
    """
    true, seen, _ = _seen(members, clean)
    known = seen >= 0
    drawn = np.full((len(patients.weights) + 1, 1), np.nan)
    if known.any():
        logits = np.stack(clean["logits"].to_list()).astype(np.float64)[known]
        own = patients.of(known)
        classes = np.unique(members["class_index"])
        probabilities = softmax(logits, axis=1)
        drawn[:, 0] = np.mean(
            [areas(probabilities[:, c], true[known] == c, own) for c in classes], axis=0
        )
    low, high = bootstrap.rate_interval(drawn, patients.number)
    return {"auc": drawn[0, 0], "auc_low": low[0], "auc_high": high[0]}


def areas(score: np.ndarray, positive: np.ndarray, patients: bootstrap.Patients) -> np.ndarray:
    """The area under the ROC curve of every draw, 1 + draws; NaN without both kinds of images.

    How often a positive image scores above a negative one, ties as half (Mann & Whitney 1947).
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf) > 0)
    positive, own = positive[order], patients.of(order)
    found = np.empty(len(patients.weights) + 1)
    for start in range(0, len(found), 64):  # draws at a time, for memory
        drawn = own.weights[max(start - 1, 0) : start + 63].astype(np.float64)
        if start == 0:
            drawn = np.vstack([np.ones((1, drawn.shape[1])), drawn])
        weights = drawn[:, own.of_image]
        above = np.add.reduceat(weights * positive, starts, axis=1)
        below = np.add.reduceat(weights * ~positive, starts, axis=1)
        pairs = (above * (below.cumsum(axis=1) - below / 2)).sum(axis=1)
        all_pairs = above.sum(axis=1) * below.sum(axis=1)
        found[start : start + len(drawn)] = bootstrap.share(pairs, all_pairs)
    return found


LARGEST_GAP = 0.1  # of accuracies with running statistics and with those of batches


def checks(
    members: pd.DataFrame, clean: pd.DataFrame, found: dict[str, float], by_batches: float | None
) -> list[dict[str, str]]:
    """check verdict says: whether attacks on a network mean anything.

    `found` is what `quality` says of it; `by_batches` its accuracy where batch norm goes by the
    statistics of each batch, None if that is not known.
    """
    true, _, _ = _seen(members, clean)
    chance = np.bincount(true).max() / len(true)
    if found["n_patients"] > 1:
        interval = f"[{found['ci_low']:.2f}, {found['ci_high']:.2f}]"
        verdict = "passed" if found["ci_low"] > chance else "failed"
    else:
        interval, verdict = "of one patient, so without an interval", "not done"
    better = {
        "check": "better than chance",
        "verdict": verdict,
        "says": f"accuracy {found['accuracy']:.2f} {interval}; whoever names the largest class "
        f"always is right in {chance:.2f} of the images",
    }
    if by_batches is None:
        says, verdict = "the network came as it is", "not done"
    else:
        says = f"accuracy {found['accuracy']:.2f}, and {by_batches:.2f} by statistics of batches"
        verdict = "failed" if by_batches - found["accuracy"] > LARGEST_GAP else "passed"
    return [better, {"check": "running statistics fit", "verdict": verdict, "says": says}]


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


def confusion(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """class predicted n share ci_low ci_high, all pairs of the classes.

    `share` is of the class's images. Logits that are no numbers count in no pair.
    """
    classes = members.drop_duplicates("class_index").sort_values("class_index")
    names = classes["class"].tolist()
    true, seen, _ = _seen(members, clean)
    patients = _patients(members, clean, draws, seed)
    rows = []
    for c, own in enumerate(names):
        here = (true == c) & (seen >= 0)
        hits = seen[:, None] == np.arange(len(names))
        drawn = bootstrap.rates(hits & here[:, None], here[:, None], patients)
        low, high = bootstrap.rate_interval(drawn, patients.of(here).number)
        counts = (hits & here[:, None]).sum(axis=0)
        found = zip(names, counts, drawn[0], low, high, strict=True)
        rows += [(own, *row) for row in found]
    columns = ["class", "predicted", "n", "share", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


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
