"""Which records can belong to a group: those that fit exactly one of its classes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.study.classes import Class, Where

COLUMNS = ["record_id", "patient", "source", "class", "age", "sex", "view", "store", "row"]


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
    """The records that fit exactly one class, with their `class` and `class_index`."""
    fits = np.stack(
        [
            (records["source"].eq(entry.source) & eligible(records, entry.where)).to_numpy()
            for entry in classes.values()
        ]
    )
    one = fits.sum(axis=0) == 1
    index = fits[:, one].argmax(axis=0)
    return records[one].assign(**{"class": np.array(list(classes))[index], "class_index": index})
