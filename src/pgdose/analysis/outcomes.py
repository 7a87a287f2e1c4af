"""From a response surface to what became of each attacked image, dose by dose.

Every measure starts here. An image is kept only if it is measured wherever any image is, so that
all points of a curve rest on the same images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.attack.surface_table import SurfaceTable
from pgdose.errors import UserError
from pgdose.study.doses import Doses
from pgdose.tables import clean_logits
from pgdose.tables.reached_doses import reached_levels


@dataclass(frozen=True)
class Outcomes:
    """n attacked images at e epsilons and k = max_iter + 1 iterations, the clean image first.

    members:    (n,) int
    true:       (n,) int, the true class
    predicted:  (n, e, k) int16, the class that the network predicts for the iterate
    measured:   (e, k) bool, whether a point was measured at all: the attacks of other libraries
                give few iterations
    confidence: (n,) float, the clean probability of the class that the network decides for, the
                largest one unless its decision has a threshold
    doses:      the e epsilons and max_iter
    reached:    (e,) bool, whether the epsilon is a dose, see `tables.reached_doses`
    n_unknown:  images that are left out, since some of their logits are missing or not finite
    """

    members: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    measured: np.ndarray
    confidence: np.ndarray
    doses: Doses
    reached: np.ndarray
    n_unknown: int

    @property
    def epsilons(self) -> np.ndarray:
        """(e,) float, rising."""
        return np.array(self.doses.epsilons)

    @property
    def iterations(self) -> list[int]:
        """The iterations that were measured at some epsilon."""
        return np.flatnonzero(self.measured.any(axis=0)).tolist()

    def nearest_reached(self, epsilon: float) -> int:
        """The level nearest to an epsilon, of those that were reached; there must be one."""
        return self.doses.nearest_level(epsilon, np.flatnonzero(self.reached).tolist())

    def decided_at(self, iteration: int) -> dict[int, np.ndarray]:
        """The class that the network predicts for each image, (n,), by level.

        Levels that were not measured at the iteration are left out.
        """
        levels = np.flatnonzero(self.measured[:, iteration]).tolist()
        return {level: self.predicted[:, level, iteration] for level in levels}

    def flipped(self, definition: str = "final") -> np.ndarray:
        """(n, e, k) bool: whether the iterate is misclassified.

        `definition` "any" counts the iterates up to this one, "final" this one alone.
        """
        flips = (self.predicted != self.true[:, None, None]) & self.measured
        if definition == "any":
            flips = np.logical_or.accumulate(flips, axis=2)
        return flips


def outcomes(
    surface: SurfaceTable, class_index: pd.Series, classes: int, *, bounds_change: bool = True
) -> Outcomes:
    """The outcome of each attacked image.

    `class_index` gives a member's true class by member number, `classes` is the number of classes,
    `bounds_change` whether epsilon bounds the change.
    UserError where the surface is not one of these members and classes.
    """
    _check(surface, class_index, classes)
    predicted = surface.predicted()
    measured = np.asarray((predicted >= 0).any(axis=0))
    clean = _clean_logits(surface)
    complete = ((predicted >= 0) | ~measured).all(axis=(1, 2)) & np.isfinite(clean).all(axis=1)
    if not complete.any():
        measured[:] = True  # so that every point has its row, of no images
    members = surface.members[complete]
    return Outcomes(
        members=members,
        true=class_index.loc[members].to_numpy(np.int64),
        predicted=predicted[complete],
        measured=measured,
        confidence=_confidence(clean[complete], clean_logits.offset_of(surface.metadata[0])),
        doses=surface.doses,
        reached=reached_levels(surface.change, surface.doses.epsilons, bounds_change=bounds_change),
        n_unknown=int((~complete).sum()),
    )


def _confidence(logits: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
    probabilities = softmax(logits if offset is None else logits + offset, axis=1)
    decision = logits.argmax(axis=1)[:, None]
    return np.take_along_axis(probabilities, decision, axis=1)[:, 0]


def _clean_logits(surface: SurfaceTable) -> np.ndarray:
    """(m, classes): those of iteration 0, which all epsilons share; NaN where none has them."""
    clean = np.full((len(surface.members), surface.classes), np.nan)
    finite = np.isfinite(surface.logits[:, :, 0]).all(axis=2)
    for level in range(len(surface.doses)):
        rows = finite[:, level]
        clean[rows] = surface.logits[rows, level, 0]
    return clean


def _check(surface: SurfaceTable, class_index: pd.Series, classes: int) -> None:
    advice = "; delete the surface and run again"
    unknown = sorted(set(surface.members.tolist()) - set(class_index.index))
    if unknown:
        raise UserError(f"the surface has member {unknown[0]}, which is not in the group{advice}")
    if surface.classes != classes:
        raise UserError(
            f"the surface has {surface.classes} classes, but the group has {classes}{advice}"
        )
