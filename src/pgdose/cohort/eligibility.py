"""Which records fit the classes of a group; it can use those that fit exactly one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.study.classes import Class, Where

COLUMNS = [
    *("record_id", "patient", "source", "class", "age", "sex", "view", "instance"),
    *("store", "row"),
]


def columns(classes: Mapping[str, Class]) -> list[str]:
    """The columns of the records that a group's selection needs."""
    labels = {entry.where.label for entry in classes.values()} - {None}
    return [*COLUMNS, *(f"label_{name}" for name in sorted(filter(None, labels)))]


def eligible(records: pd.DataFrame, where: Where) -> pd.Series:
    """Bool, one for each record: it fits `where`. Ages are full years, both ends included.

    UserError if the records have no such label.
    """
    fits = pd.Series(True, index=records.index)
    if where.label is not None:
        column = f"label_{where.label}"
        if column not in records:
            labels = records.filter(regex="^label_").columns.str.removeprefix("label_")
            raise UserError(
                f"where.label: {where.label!r} is not a label of the source; "
                f"use one of: {', '.join(labels) or 'none'}"
            )
        fits &= records[column].eq(1).fillna(False).astype(bool)
    if where.class_ is not None:
        fits &= records["class"].eq(where.class_)
    if where.age is not None:
        fits &= (records["age"] // 1).between(*where.age)
    if where.sex is not None:
        fits &= records["sex"].eq(where.sex)
    if where.view is not None:
        fits &= records["view"].isin(where.view)
    return fits


def candidates(records: pd.DataFrame, classes: Mapping[str, Class]) -> pd.DataFrame:
    """A row for each record and class that it fits: with class, class_index, reason and usable.

    A record that fits several classes has a row for each of them; these rows are not usable, and
    their `reason` is `several_classes`. The reason of all others is null.
    """
    fits = np.stack(
        [
            (records["source"].eq(entry.source) & eligible(records, entry.where)).to_numpy()
            for entry in classes.values()
        ],
        axis=1,
    )
    rows, index = np.nonzero(fits)
    several = fits.sum(axis=1)[rows] > 1
    fitting = records.iloc[rows].reset_index(drop=True)
    reason = pd.Series(None, index=fitting.index, dtype="str")
    reason[several] = "several_classes"
    names = np.array(list(classes))[index]
    return fitting.assign(
        **{"class": names, "class_index": index, "reason": reason, "usable": ~several}
    )


def count_eligible(candidates: pd.DataFrame, classes: Mapping[str, Class]) -> dict[str, int]:
    """How many records fit each class."""
    counts = candidates["class"].value_counts()
    return {name: int(counts.get(name, 0)) for name in classes}
