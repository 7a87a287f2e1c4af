"""ASR by sex and by age, and the difference of each subgroup from all other images."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import contrast_interval, rate_interval
from pgdose.analysis.outcomes import Outcomes

SEXES = ("F", "M")
AGES = {"under 40": (0, 40), "40 to 59": (40, 60), "60 and over": (60, np.inf)}  # years


def success_of_subgroups(
    outcomes: Outcomes, patients: Patients, people: pd.DataFrame, *, iteration: int, success: str
) -> pd.DataFrame:
    """The attack's rows of the table subgroups: epsilon by subgroup.

    `people` has the columns sex and age (years) of each attacked image, in their order. Subgroups
    without images are left out. Images of unknown sex (age) are not among the others either.
    """
    levels = outcomes.measured[:, iteration]
    flips = outcomes.flipped(success)[:, levels, iteration]
    tables = []
    for by, value, members, others in subgroup_masks(people):
        if members.any():
            table = _compared(flips, members, others, patients)
            point = {"epsilon": outcomes.epsilons[levels], "iteration": iteration}
            tables.append(table.assign(**point, by=by, value=value))
    if not tables:
        return pd.DataFrame()
    return pd.concat(tables).sort_index(kind="stable")  # by epsilon, as in the other tables


def subgroup_masks(people: pd.DataFrame) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """By what, which value, the images in it, and the other images whose value is known."""
    sex, age = people["sex"], people["age"].astype(float)
    is_known = {"sex": sex.isin(SEXES).to_numpy(), "age": age.notna().to_numpy()}
    masks = [("sex", value, (sex == value).to_numpy()) for value in SEXES]
    masks += [
        ("age", value, ((age >= least) & (age < below)).to_numpy())
        for value, (least, below) in AGES.items()
    ]
    return [(by, value, members, is_known[by] & ~members) for by, value, members in masks]


def _compared(
    flips: np.ndarray, members: np.ndarray, others: np.ndarray, patients: Patients
) -> pd.DataFrame:
    """n_attacked n_flipped asr ci_low ci_high difference difference_low difference_high.

    A row for each column of `flips`, images x epsilons.
    """
    clusters = [patients.subset(images).clusters for images in (members, others)]
    draws, other_draws = (
        bootstrap.rates(flips & images[:, None], images[:, None], patients)
        for images in (members, others)
    )
    low, high = rate_interval(draws, clusters[0])
    difference = draws - other_draws
    difference_low, difference_high = contrast_interval(difference, bootstrap.fewer(clusters))
    return pd.DataFrame(
        {
            "n_attacked": members.sum(),
            "n_flipped": flips[members].sum(axis=0),
            **{"asr": draws[0], "ci_low": low, "ci_high": high, "difference": difference[0]},
            "difference_low": np.clip(difference_low, -1, 1),
            "difference_high": np.clip(difference_high, -1, 1),
        }
    )
