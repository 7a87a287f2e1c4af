"""The dose that each image needs, and whether confident images need more: conclusion 4.

A dose that flips everything, or nothing, can show no drop. The needed dose has no such ceiling:
the smallest epsilon that flips the image and, among images that need the same one, the first
iteration that does. docs/explanation/conclusions.md has the definitions.
"""

import numpy as np

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.confidence_bins import is_over
from pgdose.analysis.outcomes import Outcomes

CONFIDENT = 0.95  # clean confidence
NEXT = 0.90  # the lower end of the bin under it


def smallest_level(outcomes: Outcomes, *, iteration: int, success: str) -> np.ndarray:
    """(n,) int: the smallest level whose epsilon flips each image; the number of levels if none."""
    flips = outcomes.flipped(success)[:, :, iteration]
    levels = np.where(flips, np.arange(len(outcomes.doses)), len(outcomes.doses))
    return levels.min(axis=1, initial=len(outcomes.doses))


def first_iteration(outcomes: Outcomes, level: np.ndarray, *, iteration: int) -> np.ndarray:
    """(n,) int: the first iteration up to `iteration` that flips each image at its level, (n,).

    -1 where none does, and where the level is the number of levels.
    """
    e = len(outcomes.doses)
    images = np.arange(len(level))
    flips = outcomes.flipped()[images, np.minimum(level, e - 1), : iteration + 1]
    flips &= (level < e)[:, None]
    return np.where(flips.any(axis=1), flips.argmax(axis=1), -1)


def needed_dose(outcomes: Outcomes, *, iteration: int, success: str) -> np.ndarray:
    """(n,) int: the rank of the dose that each image needs; the largest where no dose flips it."""
    level = smallest_level(outcomes, iteration=iteration, success=success)
    first = first_iteration(outcomes, level, iteration=iteration)
    return level * (iteration + 1) + np.where(level < len(outcomes.doses), first, 0)


def pair_counts(dose: np.ndarray, confidence: np.ndarray, patients: Patients) -> np.ndarray:
    """(1 + draws, 4): pairs of a more and a less confident image that need different doses.

    Those in which the confident one needs more, and those in which it needs less: first of images
    of 0.95 and more with all others, then with those of 0.90 to 0.95. Each is divided by the
    images of the comparison (the weights of van Elteren's test).
    """
    over, near = is_over(confidence, CONFIDENT), is_over(confidence, NEXT)
    doses, rank = np.unique(dose, return_inverse=True)
    counts = [
        bootstrap.totals(side[:, None] & (rank[:, None] == np.arange(len(doses))), patients)
        for side in (over, ~over, near & ~over)
    ]
    pairs = []
    for others, images in zip(counts[1:], (len(over), int(near.sum())), strict=True):
        up_to = others.cumsum(axis=1)
        more = (counts[0] * (up_to - others)).sum(axis=1)
        less = (counts[0] * (up_to[:, -1:] - up_to)).sum(axis=1)
        pairs += [more / max(images, 1), less / max(images, 1)]
    return np.stack(pairs, axis=1)
