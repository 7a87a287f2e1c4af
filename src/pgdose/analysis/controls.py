"""Controls: how often corruptions and universal perturbations flip a right diagnosis.

A control is judged as an attack is: counted are the images that the network classifies correctly
before the change. `control_doses` compares both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.decisions import predicted_classes
from pgdose.analysis.result_files import identity_columns
from pgdose.analysis.success import rate_columns

LEVELS = ["severity", "epsilon"]  # how strong a control is; each control has one of them
SIZES = ("l_inf", "l2")
_QUANTILES = {"": 0.5, "_low": 0.05, "_high": 0.95}


@dataclass(frozen=True)
class ControlledRun:
    """The images that some controls made for one network, judged by it or by others.

    run:     group, run, role, size and repeat
    entries: of each control `kind`, and of a corruption its name, `corruption`
    table:   the columns of `tables.control_schemas.CONTROLLED`
    clean:   of each judge its table clean, with member and logits
    """

    run: Mapping[str, Any]
    entries: Mapping[str, Mapping[str, Any]]
    table: pd.DataFrame
    clean: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class ControlOutcomes:
    """What one network makes of n images that one control changes at k levels, rising.

    control, judge: their names
    levels:   k rows, severity and epsilon; one of them is missing in all rows
    members:  (n,) int, rising
    right:    (n,) bool, whether the clean image is classified correctly, and all logits are finite
    flipped:  (n, k) bool, whether it was right and the changed image is classified wrongly
    sizes:    of l_inf and l2, (n, k) float
    """

    control: str
    judge: str
    levels: pd.DataFrame
    members: np.ndarray
    right: np.ndarray
    flipped: np.ndarray
    sizes: Mapping[str, np.ndarray]


def controls(
    controlled: Iterable[ControlledRun],
    members: Mapping[str, pd.DataFrame],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """The table controls; `members` are each group's, indexed by member."""
    tables = []
    for one in controlled:
        of_group = members[one.run["group"]]
        for result in control_outcomes(one, of_group["class_index"]):
            rows = control_rates(result, of_group["patient"], draws, seed)
            entry = one.entries[result.control]
            rows = rows.assign(kind=entry["kind"], corruption=entry.get("corruption"))
            tables.append(rows.assign(**identity_columns(one.run, len(rows))))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def control_outcomes(one: ControlledRun, class_index: pd.Series) -> Iterator[ControlOutcomes]:
    """The outcomes of each control and judge of a run, in the order of its table.

    `class_index` gives a member's true class by member number.
    """
    for (control, judge), rows in one.table.groupby(["control", "judge"], sort=False):
        levels = rows[LEVELS].drop_duplicates().sort_values(LEVELS).reset_index(drop=True)
        place = pd.Index(_strength(levels)).get_indexer(pd.Index(_strength(rows)))
        numbers, row = np.unique(rows["member"].to_numpy(np.int64), return_inverse=True)
        true = class_index.loc[numbers].to_numpy(np.int64)
        clean = one.clean[str(judge)].set_index("member").loc[numbers, "logits"]
        predicted = np.full((len(numbers), len(levels)), -1)
        predicted[row, place] = predicted_classes(np.stack(rows["logits"].to_list()))
        right = (predicted_classes(np.stack(clean.to_list())) == true) & (predicted >= 0).all(
            axis=1
        )
        sizes = {name: np.full(predicted.shape, np.nan) for name in SIZES}
        for name, values in sizes.items():
            values[row, place] = rows[name]
        flipped = right[:, None] & (predicted != true[:, None])
        yield ControlOutcomes(str(control), str(judge), levels, numbers, right, flipped, sizes)


def _strength(rows: pd.DataFrame) -> np.ndarray:
    """The severity or the epsilon of each row."""
    return rows["severity"].astype(float).fillna(rows["epsilon"]).to_numpy(float)


def control_rates(
    result: ControlOutcomes, patient: pd.Series, draws: int, seed: int
) -> pd.DataFrame:
    """The rows of the table controls for one control and judge, one for each level.

    `patient` gives a member's patient by member number.
    """
    patients = bootstrap.draw_patients(patient.loc[result.members], draws, seed)
    counted = patients.subset(result.right)
    table = result.levels.assign(control=result.control, judge=result.judge)
    table["n_images"] = len(result.members)
    table["n_patients"] = counted.count
    flipped = result.flipped[result.right]
    table = table.join(rate_columns(flipped, np.ones((len(flipped), 1), bool), counted))
    for size, values in result.sizes.items():
        for end, quantile in _QUANTILES.items():
            table[f"{size}{end}"] = np.quantile(values, quantile, axis=0)
    return table
