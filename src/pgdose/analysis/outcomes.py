"""From a response surface to what became of each attacked image, dose by dose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.errors import UserError


@dataclass(frozen=True)
class Outcomes:
    """The attacked images (n), the amplitudes (e), the iterations (k, iteration 0 first).

    `members`, `true`: n, the member and its class. `seen`: n x e x k, int16, the class that the
    network sees in the iterate. `known`: e x k, whether a point was measured at all: other
    libraries' attacks give few iterations. `confidence`: n, the largest clean probability.
    `unknown`: how many images were left out, since some of their logits are missing or no numbers.
    """

    members: np.ndarray
    true: np.ndarray
    seen: np.ndarray
    known: np.ndarray
    confidence: np.ndarray
    epsilons: tuple[float, ...]
    unknown: int

    def flipped(self, success: str = "final") -> np.ndarray:
        """Whether the image is flipped, n x e x k; "any": at some iteration up to this one."""
        flips = (self.seen != self.true[:, None, None]) & self.known
        if success == "any":
            flips = np.logical_or.accumulate(flips, axis=2)
        return flips

    @property
    def iterations(self) -> list[int]:
        """Those that were measured at some amplitude."""
        return np.flatnonzero(self.known.any(axis=0)).tolist()


def unpack(surface: pd.DataFrame, classes: int) -> np.ndarray:
    """The column `logits` as an array, rows x (max_iter + 1) x classes."""
    if surface.empty:
        return np.zeros((0, 1, classes))
    flat = np.stack(surface["logits"].to_list())
    return flat.reshape(len(surface), -1, classes)


def outcomes(
    surface: pd.DataFrame,
    class_index: pd.Series,
    classes: int,
    *,
    epsilons: Sequence[float],
    max_iter: int,
) -> Outcomes:
    """What `surface`, a table of records.surface_table, says of each image.

    `class_index` gives a member's true class by member number. An image is kept if all is known
    of it that is known of any image, so that every point of a curve rests on the same images.
    Raises UserError where the table isn't one of these members, amplitudes and iterations.
    """
    _check(surface, class_index, classes, epsilons, max_iter)
    members, place = np.unique(surface["member"].to_numpy(np.int64), return_inverse=True)
    dose = surface["epsilon"].map({e: i for i, e in enumerate(epsilons)}).to_numpy(np.int64)
    logits = unpack(surface, classes)
    finite = np.isfinite(logits).all(axis=2)
    seen = np.full((len(members), len(epsilons), max_iter + 1), -1, np.int16)
    clean = np.full((len(members), classes), np.nan)
    if len(surface):
        seen[place, dose] = np.where(finite, logits.argmax(axis=2), -1)
        clean[place[finite[:, 0]]] = logits[finite[:, 0], 0]
    known = np.asarray((seen >= 0).any(axis=0))
    whole = ((seen >= 0) | ~known).all(axis=(1, 2)) & np.isfinite(clean).all(axis=1)
    if not whole.any():
        known[:] = True  # every point has its row, of no images
    return Outcomes(
        members=members[whole],
        true=class_index.loc[members[whole]].to_numpy(np.int64),
        seen=seen[whole],
        known=known,
        confidence=softmax(clean[whole].astype(np.float64), axis=1).max(axis=1),
        epsilons=tuple(epsilons),
        unknown=int((~whole).sum()),
    )


def _check(
    surface: pd.DataFrame,
    class_index: pd.Series,
    classes: int,
    epsilons: Sequence[float],
    max_iter: int,
) -> None:
    again = "; delete the surface and run again"
    other = sorted(set(surface["epsilon"]) - set(epsilons))
    if other:
        raise UserError(
            f"a surface holds epsilon {other[0]:g}, the attack has {_listed(epsilons)}{again}"
        )
    strangers = sorted(set(surface["member"]) - set(class_index.index))
    if strangers:
        raise UserError(f"a surface holds member {strangers[0]}, the group has none{again}")
    if surface.duplicated(["member", "epsilon"]).any():
        row = surface[surface.duplicated(["member", "epsilon"])].iloc[0]
        raise UserError(
            f"a surface holds member {row['member']} at epsilon {row['epsilon']:g} twice{again}"
        )
    wrong = surface["logits"].map(len) != (max_iter + 1) * classes
    if wrong.any():
        raise UserError(
            f"a surface holds {len(surface['logits'][wrong].iloc[0])} logits in a row; "
            f"{max_iter} iterations of {classes} classes make {(max_iter + 1) * classes}{again}"
        )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
