"""Missed disease, false alarms and expected harm, clean and attacked, with intervals by patients.

All shares are of the images of a true class that are in the attack's sample, whether they were
right before the attack or not. A disease is missed where an image of a class with disease is taken
for one of the classes without; a false alarm is the reverse. Patients are drawn for all classes
together, so that a difference of two shares knows of patients with images in both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Clusters, Patients, share
from pgdose.analysis.decisions import Decisions
from pgdose.analysis.intervals import contrast_interval, rate_interval, wilson
from pgdose.analysis.settings import HarmSettings

MISSED, FALSE_ALARM, EXPECTED = "missed", "false_alarm", "expected_harm"
ASYMMETRY, CHANGE = "asymmetry", "asymmetry_change"
UNDECIDED = "undecided"
#: What a difference over 0 says, and one under 0.
VERDICTS = {
    ASYMMETRY: (
        "disease is missed more often than feigned",
        "disease is feigned more often than missed",
    ),
    CHANGE: (
        "the attack hides disease more often than it feigns it",
        "the attack feigns disease more often than it hides it",
    ),
}


@dataclass(frozen=True)
class _Share:
    """A kind of error: images of the `true` classes that are taken for one of the `predicted`."""

    error: str
    of: str  # the true class; empty for several together
    true: tuple[int, ...]
    predicted: tuple[int, ...]


def harm(
    decisions: Decisions,
    classes: Sequence[str],
    patients: Patients,
    settings: HarmSettings,
    *,
    iteration: int,
) -> pd.DataFrame:
    """The attack's rows of the table harm: before the attack (epsilon 0), then epsilon by error.

    `patients` are those of the decisions' images. Without classes with and without disease there
    are the rows of pairs of classes and of the expected harm alone.
    """
    norm = tuple(i for i, name in enumerate(classes) if name in settings.norm)
    disease = tuple(i for i in range(len(classes)) if norm and i not in norm)
    shares = list(_shares(classes, norm, disease))
    clusters = {
        of.true: patients.subset(np.isin(decisions.true, of.true)).clusters for of in shares
    }
    weights = _weight_matrix(classes, settings)
    columns = {
        "norm_classes": "+".join(classes[i] for i in norm),
        "norm_from": settings.norm_from if norm else "",
    }
    rows: list[dict[str, Any]] = []
    before: np.ndarray | None = None
    for epsilon, predicted in {0.0: decisions.clean, **decisions.after}.items():
        counts = _confusion(decisions.true, predicted, len(classes), patients)
        point = {"epsilon": epsilon, "iteration": iteration if epsilon else 0, **columns}
        rows += [{**point, **_share_row(of, counts, clusters[of.true])} for of in shares]
        if disease:
            pair = [clusters[kind] for kind in (disease, norm)]
            difference = _rate(shares[0], counts) - _rate(_first(shares, FALSE_ALARM), counts)
            rows.append({**point, **_difference_row(ASYMMETRY, difference, pair)})
            if before is None:
                before = difference
            else:
                rows.append({**point, **_difference_row(CHANGE, difference - before, pair)})
        rows.append({**point, **_harm_row(counts, weights, patients.clusters)})
        rows[-1]["weights"] = "study" if settings.weights else "equal"
    table = pd.DataFrame(rows).astype({"n": "Int64"})
    return table if disease else table.assign(verdict="")


def _shares(
    classes: Sequence[str], norm: tuple[int, ...], disease: tuple[int, ...]
) -> Iterator[_Share]:
    """Missed diseases and false alarms, together and by class; then each pair of classes."""
    for error, true, predicted in ((MISSED, disease, norm), (FALSE_ALARM, norm, disease)):
        if true and predicted:
            yield _Share(error, "", true, predicted)
            yield from (_Share(error, classes[c], (c,), predicted) for c in true)
    for c, name in enumerate(classes):
        for d, other in enumerate(classes):
            if c != d:
                yield _Share(f"{name}->{other}", name, (c,), (d,))


def _first(shares: Sequence[_Share], error: str) -> _Share:
    return next(of for of in shares if of.error == error)


def _confusion(
    true: np.ndarray, predicted: np.ndarray, classes: int, patients: Patients
) -> np.ndarray:
    """(1 + draws, classes, classes): images of a true class (row) taken for a class (column)."""
    counts = np.zeros((len(patients.weights) + 1, classes, classes))
    for c in range(classes):
        images = true == c
        taken_for = predicted[images, None] == np.arange(classes)
        counts[:, c] = bootstrap.totals(taken_for, patients.subset(images))
    return counts


def _rate(of: _Share, counts: np.ndarray) -> np.ndarray:
    """(1 + draws, 1)."""
    images = counts[:, list(of.true)]
    hits = images[:, :, list(of.predicted)].sum(axis=(1, 2))
    return share(hits, images.sum(axis=(1, 2)))[:, None]


def _share_row(of: _Share, counts: np.ndarray, clusters: Clusters) -> dict[str, Any]:
    images = counts[0, list(of.true)]
    n, n_images = int(images[:, list(of.predicted)].sum()), int(images.sum())
    draws = _rate(of, counts)
    low, high = rate_interval(draws, clusters)
    wilson_low, wilson_high = wilson(n, n_images)
    return {
        **{"error": of.error, "class": of.of, "n_images": n_images, "n_patients": clusters.count},
        **{"n": n, "rate": draws[0, 0], "ci_low": low[0], "ci_high": high[0]},
        **{"wilson_low": float(wilson_low), "wilson_high": float(wilson_high)},
    }


def _difference_row(error: str, draws: np.ndarray, both: Sequence[Clusters]) -> dict[str, Any]:
    """The row of a difference of the shares of two sets of images, draws (1 + draws, 1)."""
    ends = contrast_interval(draws, bootstrap.fewer(both))
    widest = 1.0 if error == ASYMMETRY else 2.0
    low, high = (float(np.clip(end[0], -widest, widest)) for end in ends)
    hides, feigns = VERDICTS[error]
    return {
        **{"error": error, "class": "", "n_images": sum(of.images for of in both)},
        **{"n_patients": min(of.count for of in both)},
        **{"rate": draws[0, 0], "ci_low": low, "ci_high": high},
        "verdict": hides if low > 0 else feigns if high < 0 else UNDECIDED,
    }


def _weight_matrix(classes: Sequence[str], settings: HarmSettings) -> np.ndarray:
    """(classes, classes): true by predicted; 0 for right diagnoses."""
    weights = 1.0 - np.eye(len(classes))
    place = {name: i for i, name in enumerate(classes)}
    for true, predicted, weight in settings.weights:
        if true in place and predicted in place:  # a class may have no image at all
            weights[place[true], place[predicted]] = weight
    return weights


def _harm_row(counts: np.ndarray, weights: np.ndarray, clusters: Clusters) -> dict[str, Any]:
    """The mean weight over all images, each as often as the sample has it."""
    images = counts.sum(axis=(1, 2))
    draws = share((counts * weights).sum(axis=(1, 2)), images)[:, None]
    wrong = counts[0].sum() - np.trace(counts[0])
    low, high = _harm_interval(draws, share(wrong, images[0]), weights, clusters)
    return {
        **{"error": EXPECTED, "class": "", "n_images": int(images[0])},
        **{"n_patients": clusters.count, "n": int(wrong), "rate": draws[0, 0]},
        **{"ci_low": low, "ci_high": high},
    }


def _harm_interval(
    draws: np.ndarray, error_rate: Any, weights: np.ndarray, clusters: Clusters
) -> tuple[float, float]:
    """Both ends: of a rate where all errors weigh the same, else of a mean of bounded values."""
    errors = weights[~np.eye(len(weights), dtype=bool)]
    largest = errors.max()
    if largest == errors.min():
        ends = rate_interval(draws / (largest or 1), clusters)
        return float(ends[0][0] * largest), float(ends[1][0] * largest)
    # In units of a usual error, so that an error that no patient showed counts like one of these.
    unit = draws[0, 0] / error_rate if draws[0, 0] > 0 else largest
    low, high = contrast_interval(draws / unit, clusters)
    return float(np.clip(low[0] * unit, 0, largest)), float(np.clip(high[0] * unit, 0, largest))
