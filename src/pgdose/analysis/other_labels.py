"""What an attack on one label of a network with several labels does to the other labels."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval
from pgdose.analysis.outcomes import Outcomes
from pgdose.attack.surface_table import SurfaceTable


def changes_of_other_labels(
    outcomes: Outcomes, surface: SurfaceTable, patients: Patients
) -> pd.DataFrame:
    """The table other_labels: by epsilon, images of which another label changes.

    Counted at the last iterate. No rows for a network without other labels. `surface` is the one
    that `outcomes` was made from; epsilons whose last iterate was not measured are left out.
    """
    if surface.other_labels is None:
        return pd.DataFrame()
    rows = np.searchsorted(surface.members, outcomes.members)
    count = np.nan_to_num(surface.other_labels[rows])
    changed = count > 0
    draws = bootstrap.rates(changed, np.ones((len(rows), 1), bool), patients)
    low, high = rate_interval(draws, patients.clusters)
    table = []
    for level, epsilon in enumerate(outcomes.doses.epsilons):
        if not outcomes.measured[level, -1]:
            continue
        table.append(
            {
                "epsilon": epsilon,
                "n_attacked": len(rows),
                "n_changed": int(changed[:, level].sum()),
                **{"share": draws[0, level], "ci_low": low[level], "ci_high": high[level]},
                "mean_changed": float(count[:, level].mean()) if len(rows) else np.nan,
            }
        )
    return pd.DataFrame(table)
