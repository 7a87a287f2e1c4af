"""Which epsilons an attack reached: one that nothing ever reaches is no dose.

docs/conclusions.md says why. Doses that were not reached stay in the tables and are left out of
rises, areas, medians and the operating point of the conclusions.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pgdose.attack.surface_table import SurfaceTable

CLEARLY_BELOW = 0.98  # of epsilon: a largest change under it does not reach epsilon
SAME = 1e-6  # two changes that are closer are the same


def largest_changes(change: np.ndarray) -> np.ndarray:
    """(e,) the largest change of any image at each epsilon; NaN where none was measured."""
    known = np.where(np.isnan(change), -np.inf, change).max(axis=0, initial=-np.inf)
    return np.where(np.isfinite(known), known, np.nan)


def reached(change: np.ndarray, epsilons: Sequence[float]) -> np.ndarray:
    """(e,) bool, from the change of each image at each epsilon, images x e.

    Not reached: no change comes near epsilon, and all are the same as at a neighbouring epsilon,
    so that epsilon changes nothing. Without a measured change nothing is known against a dose.
    """
    change = np.asarray(change, np.float64)
    below = largest_changes(change) < CLEARLY_BELOW * np.asarray(epsilons)
    difference = np.abs(np.diff(change, axis=1))
    known = ~np.isnan(difference)
    same = ((difference <= SAME) | ~known).all(axis=0) & known.any(axis=0)
    idle = np.append(same, False) | np.insert(same, 0, False)
    return ~(below & idle)


def doses_reached(surface: SurfaceTable) -> pd.DataFrame:
    """The attack's rows of the table doses_reached, one for each epsilon."""
    change = surface.change.astype(np.float64)
    return pd.DataFrame(
        {
            "epsilon": surface.doses.epsilons,
            "largest_change": largest_changes(change),
            "reached": reached(change, surface.doses.epsilons),
        }
    )
