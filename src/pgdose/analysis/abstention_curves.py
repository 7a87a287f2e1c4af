"""Curves of abstention: the error among accepted images over the share that is rejected.

An image is rejected if its certainty is under a threshold. Thresholds are chosen on clean images
and hold under attack, as they would in a hospital.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval, wilson

#: The shares of clean images that the thresholds of a table reject.
CLEAN_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Conditions:
    """The same n images under c conditions, such as the amplitudes of an attack.

    certainty: (n, c) float; images with a low one are rejected
    wrong:     (n, c) bool, whether the diagnosis is wrong
    flipped:   (n, c) bool, whether it is wrong and was right without the attack
    patients:  of the images
    """

    certainty: np.ndarray
    wrong: np.ndarray
    flipped: np.ndarray
    patients: Patients


def thresholds(certainty: np.ndarray, shares: tuple[float, ...] = CLEAN_SHARES) -> np.ndarray:
    """For each share the threshold that rejects it of clean images, (shares,) float.

    At most the share is rejected, and as much of it as possible: images of equal certainty stay
    together, so where many are equal less is rejected. -inf for a share of 0, which rejects nothing
    under attack either.

    certainty: (n,) of the clean images; -inf for all shares without images
    shares:    each in [0, 1)
    """
    ordered = np.sort(certainty)
    rejected = [int(share * len(ordered) + 1e-9) for share in shares]  # 0.3 * 10 is under 3
    return np.array([ordered[n] if n else -np.inf for n in rejected])


def curves(conditions: Conditions, limits: np.ndarray) -> pd.DataFrame:
    """A row for each condition and threshold, condition after condition.

    Columns: n_images n_patients n_rejected rejected n_accepted n_wrong error ci_low ci_high
    wilson_low wilson_high n_flipped n_caught caught caught_low caught_high aurc.

    The intervals are those of the rates at these thresholds, which are not drawn again with the
    patients: a hospital sets a threshold once and then meets other patients.
    """
    n, count = conditions.certainty.shape
    points = count * len(limits)
    rejected = (conditions.certainty[:, :, None] < limits).reshape(n, points)
    accepted = ~rejected
    wrong, flipped = (
        np.repeat(values, len(limits), axis=1) for values in (conditions.wrong, conditions.flipped)
    )
    n_rejected, n_accepted = rejected.sum(axis=0), accepted.sum(axis=0)
    error = _rates(wrong & accepted, accepted, conditions.patients)
    caught = _rates(flipped & rejected, flipped, conditions.patients)
    areas = [
        area_under_curve(c, w)
        for c, w in zip(conditions.certainty.T, conditions.wrong.T, strict=True)
    ]
    n_wrong = (wrong & accepted).sum(axis=0)
    wilson_low, wilson_high = wilson(n_wrong, n_accepted)
    return pd.DataFrame(
        {
            **{"n_images": n, "n_patients": conditions.patients.count},
            **{
                "n_rejected": n_rejected,
                "rejected": bootstrap.share(n_rejected, np.full(points, n)),
            },
            **{"n_accepted": n_accepted, "n_wrong": n_wrong, "error": error[0]},
            **{"ci_low": error[1], "ci_high": error[2]},
            **{"wilson_low": wilson_low, "wilson_high": wilson_high},
            **{"n_flipped": flipped.sum(axis=0), "n_caught": (flipped & rejected).sum(axis=0)},
            **{"caught": caught[0], "caught_low": caught[1], "caught_high": caught[2]},
            "aurc": np.repeat(areas, len(limits)),
        }
    )


def area_under_curve(certainty: np.ndarray, wrong: np.ndarray) -> float:
    """The mean error of the k most certain images over k = 1 ... n (AURC, Geifman et al. 2019).

    0 is the best there is. Images of equal certainty count as if drawn in any order, so that the
    order of the images does not matter. NaN without images.

    certainty: (n,) float
    wrong:     (n,) bool
    """
    n = len(certainty)
    if not n:
        return float("nan")
    order = np.argsort(-certainty, kind="stable")
    sorted_certainty = certainty[order]
    ends = np.append(np.flatnonzero(np.diff(sorted_certainty)) + 1, n)  # of each run of equal ones
    errors = np.append(0, wrong[order].cumsum()[ends - 1])
    size = np.arange(1, n + 1)
    return float((np.interp(size, np.append(0, ends), errors) / size).mean())


def _rates(hits: np.ndarray, counted: np.ndarray, patients: Patients) -> tuple[np.ndarray, ...]:
    """The rate of each point and both ends of its interval; images x points."""
    draws = bootstrap.rates(hits, counted, patients)
    low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    # Points that count the same images, which are many, rest on the same patients.
    groups: dict[bytes, list[int]] = {}
    for point, images in enumerate(np.packbits(counted, axis=0).T):
        groups.setdefault(images.tobytes(), []).append(point)
    for same in groups.values():
        clusters = patients.subset(counted[:, same[0]]).clusters
        low[same], high[same] = rate_interval(draws[:, same], clusters)
    return draws[0], low, high
