"""The bootstrap: patients are drawn, not images, and every rate is counted again for each draw.

Tiles of one slide and films of one patient are not independent, so the patient is the unit.
Draws come as arrays of (1 + draws) x points: row 0 is the sample itself. `intervals` reads
confidence intervals off them; docs/explanation/conclusions.md has the formulas and their sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pgdose.names import UNKNOWN_PATIENT
from pgdose.tables.keyed import generator

_DRAWS_AT_ONCE = 256  # in one matrix product, to bound the memory
PATIENTS_NOT_KNOWN = "patients not known"  # why a number has no interval, in tables
FEWEST = 4  # patients of an interval: with fewer, its coverage is far below 95 %


@dataclass(frozen=True)
class Clusters:
    """How many patients a number rests on.

    count:     different patients; 0 if nobody knows them
    effective: Kish's effective number, less than `count` where some have more images than others
    images:    the images of all of them
    """

    count: int
    effective: float
    images: int

    @property
    def enough(self) -> bool:
        """Whether there are enough patients for an interval."""
        return self.count >= FEWEST

    @property
    def freedom(self) -> float:
        """Degrees of freedom; never 0, so that quantiles stay finite."""
        return max(self.effective - 1, 0.1)


def fewer(several: Iterable[Clusters]) -> Clusters:
    """The one with the fewest effective patients; one that has too few counts as the fewest."""
    return min(several, key=lambda clusters: (clusters.enough, clusters.effective))


@dataclass(frozen=True)
class Patients:
    """The patient of each image, and how often each patient was drawn.

    of_image: (images,) int, the number of the image's patient
    weights:  (draws, patients) uint8
    known:    whether the patients are; else no interval by patients is given
    """

    of_image: np.ndarray
    weights: np.ndarray
    known: bool = True

    def subset(self, images: np.ndarray) -> "Patients":
        """The same draws for some of the images, given by position or as a mask."""
        return Patients(self.of_image[images], self.weights, self.known)

    @property
    def count(self) -> int:
        """The number of different patients that the images belong to; 0 if nobody knows them."""
        return self.clusters.count

    @property
    def clusters(self) -> Clusters:
        """How many patients the images belong to."""
        images = np.unique(self.of_image, return_counts=True)[1]
        if not self.known or not len(images):
            return Clusters(0, 0.0, len(self.of_image))
        return Clusters(len(images), effective_number(images), len(self.of_image))

    @property
    def no_interval(self) -> str:
        """The reason to give where a number has no interval by patients."""
        return "under four patients" if self.known else PATIENTS_NOT_KNOWN


def effective_number(sizes: np.ndarray) -> float:
    """Kish's effective number of clusters of these sizes (or weights): (sum)^2 / sum of squares."""
    sizes = np.asarray(sizes, float)
    return float(sizes.sum() ** 2 / (sizes @ sizes)) if len(sizes) else 0.0


def draw_patients(patients: Iterable[str], draws: int, seed: int) -> Patients:
    """Draw Poisson(1) weights for the patient of each image, keyed by seed and patient.

    A patient therefore has the same weights in every group, attack and training.
    """
    of_image, names = pd.factorize(pd.Series(list(patients), dtype=object), sort=True)
    weights = np.zeros((len(names), draws), np.uint8)
    for row, name in zip(weights, names, strict=True):
        row[:] = generator(seed, "bootstrap", str(name)).poisson(1.0, draws)
    return Patients(of_image, np.ascontiguousarray(weights.T), patients_known(names))


def patients_known(ids: Iterable[object]) -> bool:
    """Whether the ids are of patients; else one stands for an image, or for its original."""
    return not any(str(name).startswith(UNKNOWN_PATIENT) for name in ids)


def totals(values: np.ndarray, patients: Patients) -> np.ndarray:
    """Sum over images: images x points to (1 + draws) x points, float64.

    Counts are exact, in whatever order they are summed, as long as they stay under 2^24.
    """
    dtype = np.float32 if values.dtype.kind in "bui" else np.float64
    images = np.arange(len(values))
    membership = sparse.csr_array(
        (np.ones(len(values), dtype), (patients.of_image, images)),
        shape=(patients.weights.shape[1], len(values)),
    )
    of_patient = membership @ values.astype(dtype)
    sums = np.empty((len(patients.weights) + 1, values.shape[1]))
    sums[0] = of_patient.sum(axis=0)
    for start in range(0, len(patients.weights), _DRAWS_AT_ONCE):
        weights = patients.weights[start : start + _DRAWS_AT_ONCE].astype(dtype)
        sums[1 + start : 1 + start + len(weights)] = weights @ of_patient
    return sums


def share(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """hits / n; NaN where n is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, hits / n, np.nan)


def rates(hits: np.ndarray, counted: np.ndarray, patients: Patients) -> np.ndarray:
    """Draws of a rate, (1 + draws) x points: images that are hit over images that are counted.

    Both are images x points; `counted` may have one column for all points.
    """
    return share(totals(hits, patients), totals(counted, patients))
