"""Flips that survive storage: the adversarial image rounded to 8 bits, as a file would hold it."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval
from pgdose.analysis.outcomes import Outcomes
from pgdose.attack.surface_table import SurfaceTable, is_flipped


def survival_of_storage(
    outcomes: Outcomes, surface: SurfaceTable, patients: Patients
) -> pd.DataFrame:
    """The table storage: by epsilon, the flips of the last iterate that rounding leaves.

    n_stored also counts the flips that rounding brings. `surface` is the one that `outcomes` was
    made from; epsilons whose last iterate was not measured are left out.
    """
    rows = np.searchsorted(surface.members, outcomes.members)
    before = outcomes.flipped()[:, :, -1]
    after = is_flipped(surface.predicted_stored()[rows], outcomes.true[:, None])
    after &= outcomes.measured[:, -1]
    survived = before & after
    draws = bootstrap.rates(survived, before, patients)
    table = []
    for level, epsilon in enumerate(outcomes.doses.epsilons):
        if not outcomes.measured[level, -1]:
            continue
        clusters = patients.subset(before[:, level]).clusters
        low, high = rate_interval(draws[:, [level]], clusters)
        table.append(
            {
                "epsilon": epsilon,
                "n_attacked": len(outcomes.members),
                "n_flipped": int(before[:, level].sum()),
                "n_survived": int(survived[:, level].sum()),
                "n_stored": int(after[:, level].sum()),
                **{"survival": draws[0, level], "ci_low": low[0], "ci_high": high[0]},
            }
        )
    return pd.DataFrame(table)
