"""Whether two shares are of one study, which would count twice."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from pgdose.atlas import meta_analysis
from pgdose.atlas.comparability import attack_settings, settings_key
from pgdose.atlas.shared_study import SharedStudy, same_dose
from pgdose.errors import UserError

# Of counts that two shares have in common, if they are to be of one study: small sites agree in a
# few by chance. Other draws of the bootstrap give other errors, so equal ones need fewer.
FEWEST_SIZES, FEWEST_SIZES_ALONE = 3, 5
_COUNTS = ["n_patients", "n_attacked", "n_flipped"]
_OF_OTHER = " of the other"


def check_different(studies: Sequence[SharedStudy]) -> None:
    """UserError if there are fewer than two studies, or two of one name, or one of them twice."""
    if len(studies) < meta_analysis.FEWEST:
        raise UserError(
            f"{len(studies) or 'no'} study can be read, so there is nothing to pool; give folders "
            "of at least two studies"
        )
    counts = [_counts(study) for study in studies]
    for (other, of_other), (study, of_study) in combinations(zip(studies, counts, strict=True), 2):
        names = f"{other.name} and {study.name}"
        if study.about["study_digest"] == other.about["study_digest"]:
            raise UserError(f"{names} are shares of the same study; give each study once")
        if study.name == other.name:
            raise UserError(
                f"two studies are called {study.name}; have one shared again with --name"
            )
        if groups := _equal_groups(of_other, of_study):
            raise UserError(
                f"{names} hold the same rates ({groups}), so they are shares of the same study, "
                "made twice or before and after it was changed; give one of them"
            )


def _equal_groups(mine: pd.DataFrame, others: pd.DataFrame) -> str:
    """A group of each whose counts are equal at all doses that both have; empty if there is none.

    Then it is the same network and the same images. Studies of one or two doses must agree in all
    that they have. `mine` and `others` are as `_counts` makes them.
    """
    both_by_group = (
        [(str(group), rows) for group, rows in table[table["n_flipped"] >= 0].groupby("group")]
        for table in (mine, others)
    )
    for (group, rows), (other_group, other_rows) in product(*both_by_group):
        both = rows.merge(other_rows, on=["attack", "epsilon"], suffixes=("", _OF_OTHER))
        fewest = FEWEST_SIZES if _are_equal(both, ["standard_error"]) else FEWEST_SIZES_ALONE
        if _are_equal(both, _COUNTS) and both["n_flipped"].nunique() >= fewest:
            return f"group {' and '.join(dict.fromkeys([group, other_group]))}"
    sizes = mine.loc[mine["n_flipped"] >= 0, "n_flipped"]
    is_between = (mine["n_flipped"] > 0) & (mine["n_flipped"] < mine["n_attacked"])
    few_doses = mine["epsilon"].nunique() < FEWEST_SIZES
    if few_doses and is_between.any() and sizes.nunique() > 1 and _sorted(mine) == _sorted(others):
        return "all groups"
    return ""


def _are_equal(both: pd.DataFrame, columns: Sequence[str]) -> bool:
    of_other = both[[f"{name}{_OF_OTHER}" for name in columns]]
    return np.array_equal(both[list(columns)].to_numpy(), of_other.to_numpy())


def _counts(study: SharedStudy) -> pd.DataFrame:
    """The counts of a study, -1 where one is not there; `attack` is the key of its settings."""
    keys = {name: settings_key(attack_settings(study, name)) for name in study.about["attacks"]}
    table = study.rates.assign(
        attack=study.rates["attack"].map(keys), epsilon=study.rates["epsilon"].map(same_dose)
    )
    table[_COUNTS] = table[_COUNTS].astype("Float64").fillna(-1).astype(float)
    return table.drop_duplicates(["group", "attack", "epsilon"])


def _sorted(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    """All counts and errors, in an order that does not depend on the groups' names."""
    columns = ["attack", "epsilon", *_COUNTS, "standard_error"]
    return sorted(table[columns].itertuples(index=False, name=None))
