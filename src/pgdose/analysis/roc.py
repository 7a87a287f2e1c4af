"""The area under an ROC curve, for every draw of patients."""

import numpy as np

from pgdose.analysis.bootstrap import Patients, share

_DRAWS_AT_ONCE = 64  # to bound the memory


def area_of_draws(score: np.ndarray, positive: np.ndarray, patients: Patients) -> np.ndarray:
    """The area under the ROC curve of every draw, (1 + draws,); NaN without both kinds of images.

    How often a positive image scores above a negative one, ties as half (Mann & Whitney 1947).
    score: (images,) float; positive: (images,) bool.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf) > 0)
    positive, patients = positive[order], patients.subset(order)
    areas = np.empty(len(patients.weights) + 1)
    for start in range(0, len(areas), _DRAWS_AT_ONCE):
        weights = patients.weights[max(start - 1, 0) : start + _DRAWS_AT_ONCE - 1]
        weights = weights.astype(np.float64)
        if start == 0:  # the sample itself
            weights = np.vstack([np.ones((1, weights.shape[1])), weights])
        weights = weights[:, patients.of_image]
        above = np.add.reduceat(weights * positive, starts, axis=1)
        below = np.add.reduceat(weights * ~positive, starts, axis=1)
        pairs = (above * (below.cumsum(axis=1) - below / 2)).sum(axis=1)
        all_pairs = above.sum(axis=1) * below.sum(axis=1)
        areas[start : start + len(weights)] = share(pairs, all_pairs)
    return areas
