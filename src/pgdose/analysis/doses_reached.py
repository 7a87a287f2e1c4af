"""How far an attack went at each epsilon: the table doses_reached.

`tables.reached_doses` has the rule. Doses that were not reached stay in the tables and are left out
of rises, areas and medians.
"""

import numpy as np
import pandas as pd

from pgdose.attack.surface_table import SurfaceTable
from pgdose.tables.reached_doses import reached_levels


def doses_reached(surface: SurfaceTable, *, bounds_change: bool = True) -> pd.DataFrame:
    """The attack's rows of the table doses_reached, one for each epsilon."""
    change = surface.change.astype(np.float64)
    largest = np.where(np.isnan(change), -np.inf, change).max(axis=0, initial=-np.inf)
    epsilons = surface.doses.epsilons
    return pd.DataFrame(
        {
            "epsilon": epsilons,
            "largest_change": np.where(np.isfinite(largest), largest, np.nan),
            "reached": reached_levels(change, epsilons, bounds_change=bounds_change),
        }
    )
