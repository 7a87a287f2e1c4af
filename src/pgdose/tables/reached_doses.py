"""Whether an amplitude of an attack is a dose: whether some image was changed by as much.

An attack whose steps are too short never comes to the edge of a large box: its results there are
copies of those at a smaller epsilon, and say nothing about the larger one.
"""

from collections.abc import Sequence

import numpy as np

from pgdose.study.doses import is_reached

SAME = 1e-6  # two changes closer than this, in parts of the larger one, are the same


def reached_levels(
    change: np.ndarray, epsilons: Sequence[float], *, bounds_change: bool = True
) -> np.ndarray:
    """(e,) bool: which epsilons are doses.

    change:        (m, e), the change of each attacked image at its last iterate, as the surface
                   stores it: the largest of a pixel, under `clip: l2` the length; NaN is left out
    epsilons:      the e amplitudes, rising
    bounds_change: False under `clip: gradient`, where epsilon bounds the gradient and the change
                   has no size to reach: there an epsilon is a dose unless every image is changed
                   exactly as much as at the next smaller one, which then cut no gradient

    Without images all count, since nothing says that they do not.
    """
    change = np.asarray(change, dtype=np.float64)
    if not np.isfinite(change).any():
        return np.ones(len(epsilons), dtype=bool)
    change = np.nan_to_num(change)
    if bounds_change:
        largest = change.max(axis=0)
        pairs = zip(largest.tolist(), epsilons, strict=True)
        return np.array([is_reached(size, epsilon) for size, epsilon in pairs])
    apart = np.abs(np.diff(change, axis=1)) > SAME * np.maximum(change[:, :-1], change[:, 1:])
    return np.concatenate([[True], apart.any(axis=0)])
