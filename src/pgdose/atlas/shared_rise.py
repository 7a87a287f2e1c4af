"""The rise of success over epsilon, from nothing but the rates that a study shares."""

import numpy as np
import pandas as pd

from pgdose.analysis.conclusion_draws import rise_of
from pgdose.analysis.verdicts import no_room_to_rise
from pgdose.atlas.scales import rate_of

_DRAWS = 2000


def rows_of_rise(rates: pd.DataFrame) -> list[pd.DataFrame]:
    """Of each group the rows of rates.csv that the rise rests on, by rising epsilon.

    As in the study's own conclusion: of groups whose patients are known, the doses that were
    reached, if there are two and the lowest is off the ceiling. `rates` are of one attack.
    """
    rows = rates[rates["reached"].astype(bool) & rates["n_patients"].notna()]
    groups = [of_group for _, of_group in rows.sort_values("epsilon").groupby("group")]
    return [
        of_group
        for of_group in groups
        if len(of_group) > 1 and not no_room_to_rise([float(rate_of(of_group["estimate"].iloc[0]))])
    ]


def shared_rise(groups: list[pd.DataFrame]) -> tuple[float, float]:
    """The mean of the groups' rises, and its standard error; `groups` as of `rows_of_rise`.

    The error is the mean of the groups' errors, as if they shared all patients. That of a group
    takes its doses as independent, though one that flips an image mostly flips it at the next dose
    too: the rise then looks less certain than it is.
    """
    rises, errors = [], []
    for of_group in groups:
        estimates, spread = (
            of_group[name].to_numpy(float) for name in ("estimate", "standard_error")
        )
        noise = np.random.default_rng(0).standard_normal((_DRAWS, len(of_group)))
        rises.append(rise_of(rate_of(estimates)[None])[0])
        errors.append(rise_of(rate_of(estimates + spread * noise)).std())
    return float(np.mean(rises)), float(np.mean(errors))
