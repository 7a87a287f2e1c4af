"""How good a network is on clean validation images: accuracy, calibration, confusion.

Conclusion 4 goes by the clean confidence, which is only as good as its calibration. Everywhere
`members` is a group's table of members and `clean` the table of a run's clean logits, as
`clean_logits.read_table` reads it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.analysis import bootstrap, confidence_bins
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import percentiles, rate_interval, wilson
from pgdose.analysis.roc import area_of_draws


@dataclass(frozen=True)
class CleanImages:
    """n clean validation images and what the network predicts for them.

    true:          (n,) int, the true class
    predicted:     (n,) int, the predicted one; -1 where a logit is not finite
    probabilities: (n, classes) float64; those of non-finite logits mean nothing
    confidence:    (n,) float, that of the predicted class, the largest one unless the decision has
                   a threshold; NaN where a logit is not finite
    """

    true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    confidence: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """(n,) bool; images without a prediction are wrong."""
        return np.asarray(self.predicted == self.true)

    @property
    def in_bins(self) -> np.ndarray:
        """(n, bins) bool: the confidence bin of each image; none without a confidence."""
        bins = confidence_bins.bin_of(np.nan_to_num(self.confidence))
        bins = np.where(np.isnan(self.confidence), -1, bins)
        return bins[:, None] == np.arange(confidence_bins.COUNT)


def clean_images(members: pd.DataFrame, clean: pd.DataFrame) -> CleanImages:
    """The images of `clean`, in its order."""
    true = members.set_index("member")["class_index"].loc[clean["member"]].to_numpy(np.int64)
    logits = np.stack(clean["logits"].to_list()).astype(np.float64)
    finite = np.asarray(np.isfinite(logits).all(axis=1))
    logits = np.where(finite[:, None], logits, 0.0)
    offset = np.stack(clean["offset"].to_list()) if "offset" in clean and len(clean) else 0
    probabilities = softmax(logits + offset, axis=1)
    decision = logits.argmax(axis=1)
    confidence = np.take_along_axis(probabilities, decision[:, None], axis=1)[:, 0]
    return CleanImages(
        true=true,
        predicted=np.where(finite, decision, -1),
        probabilities=probabilities,
        confidence=np.where(finite, confidence, np.nan),
    )


def quality(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> dict[str, float]:
    """n_patients accuracy ci_low ci_high wilson_low wilson_high ece... auc... and their intervals.

    ece: expected calibration error (Guo et al. 2017), the mean over the images of their bin's
    |accuracy - mean confidence|. It is never negative, so that of few images is too large, and that
    of a draw still more: its interval ends at the draws' upper percentile, and begins where that is
    mirrored at the estimate. auc: see `area_under_roc_draws`.
    """
    images = clean_images(members, clean)
    patients = _patients(members, clean, draws, seed)
    right = images.right
    rates = bootstrap.rates(right[:, None], np.ones((len(right), 1), bool), patients)
    low, high = rate_interval(rates, patients.clusters)
    wilson_low, wilson_high = wilson(right.sum(keepdims=True), np.array([len(right)]))
    return {
        **{"n_patients": patients.count, "accuracy": rates[0, 0]},
        **{"ci_low": low[0], "ci_high": high[0]},
        **{"wilson_low": wilson_low[0], "wilson_high": wilson_high[0]},
        **_calibration_error(images, patients),
        **area_under_roc(images, patients, np.unique(members["class_index"])),
    }


def calibration_error_draws(images: CleanImages, patients: Patients) -> np.ndarray:
    """The expected calibration error of every draw, (1 + draws, 1)."""
    in_bins = images.in_bins
    gap = images.right - np.nan_to_num(images.confidence)
    gaps = bootstrap.totals(in_bins * gap[:, None], patients)
    return bootstrap.share(
        np.abs(gaps).sum(axis=1, keepdims=True),
        bootstrap.totals(np.asarray(in_bins.any(axis=1, keepdims=True)), patients),
    )


def _calibration_error(images: CleanImages, patients: Patients) -> dict[str, float]:
    error = calibration_error_draws(images, patients)
    _, high = percentiles(error, patients.clusters)
    low = np.maximum(2 * error[0, 0] - high[0], 0)
    return {"ece": error[0, 0], "ece_low": low, "ece_high": high[0]}


def area_under_roc(
    images: CleanImages, patients: Patients, classes: np.ndarray
) -> dict[str, float]:
    """auc auc_low auc_high: see `area_under_roc_draws`."""
    draws = area_under_roc_draws(images, patients, classes)
    low, high = rate_interval(draws, patients.clusters)
    return {"auc": draws[0, 0], "auc_low": low[0], "auc_high": high[0]}


def area_under_roc_draws(
    images: CleanImages, patients: Patients, classes: np.ndarray
) -> np.ndarray:
    """Of every draw, (1 + draws, 1), the mean over the classes of the area under their ROC curves.

    Each of the `classes` is separated from all others by its probability (Hand & Till 2001 call it
    one against the rest; with two classes both areas are the same). Images with logits that are not
    finite are left out.
    """
    finite = images.predicted >= 0
    draws = np.full((len(patients.weights) + 1, 1), np.nan)
    if finite.any():
        probabilities, true = images.probabilities[finite], images.true[finite]
        some = patients.subset(finite)
        draws[:, 0] = np.mean(
            [area_of_draws(probabilities[:, c], true == c, some) for c in classes], axis=0
        )
    return draws


def accuracy(members: pd.DataFrame, clean: pd.DataFrame) -> float:
    """The share of validation images that the network classifies correctly; NaN without images."""
    return float(clean_images(members, clean).right.mean()) if len(clean) else float("nan")


def calibration(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """A network's rows of the table calibration: the reliability curve, a row for each bin.

    Images with logits that are not finite have no confidence, so they are in no bin.
    """
    images = clean_images(members, clean)
    patients = _patients(members, clean, draws, seed)
    in_bins = images.in_bins
    rates = bootstrap.rates(images.right[:, None] & in_bins, in_bins, patients)
    rows = []
    for b, inside in enumerate(in_bins.T):
        low, high = rate_interval(rates[:, [b]], patients.subset(inside).clusters)
        mean = images.confidence[inside].mean() if inside.any() else np.nan
        edges = {"bin_low": confidence_bins.EDGES[b], "bin_high": confidence_bins.EDGES[b + 1]}
        rows.append(
            {
                **{**edges, "n": inside.sum(), "confidence": mean},
                **{"accuracy": rates[0, b], "ci_low": low[0], "ci_high": high[0]},
            }
        )
    return pd.DataFrame(rows)


def confusion(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """A network's rows of the table confusion: all pairs of the classes.

    `share` is of the class's images. Images with logits that are not finite count in no pair.
    """
    classes = members.drop_duplicates("class_index").sort_values("class_index")["class"].tolist()
    images = clean_images(members, clean)
    patients = _patients(members, clean, draws, seed)
    hits = images.predicted[:, None] == np.arange(len(classes))
    tables = []
    for c, name in enumerate(classes):
        of_class = (images.true == c) & (images.predicted >= 0)
        rates = bootstrap.rates(hits & of_class[:, None], of_class[:, None], patients)
        low, high = rate_interval(rates, patients.subset(of_class).clusters)
        table = pd.DataFrame({"class": name, "predicted": classes})
        table["n"] = (hits & of_class[:, None]).sum(axis=0)
        tables.append(table.assign(share=rates[0], ci_low=low, ci_high=high))
    return pd.concat(tables, ignore_index=True)


def _patients(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> Patients:
    patient = members.set_index("member")["patient"].loc[clean["member"]]
    return bootstrap.draw_patients(patient, draws, seed)
