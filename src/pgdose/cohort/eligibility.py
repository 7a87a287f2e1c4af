"""Which records fit the classes of a group; it can use those that fit exactly one."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.study.classes import Class, Conditions, Where

COLUMNS = [
    *("record_id", "patient", "source", "class", "age", "sex", "view", "instance"),
    *("bits_stored", "parent", "store", "row"),
]


def columns(classes: Mapping[str, Class]) -> list[str]:
    """The columns of the records that a group's selection needs."""
    labels = {label for entry in classes.values() for label in entry.where.labels()}
    return [*COLUMNS, *(f"label_{name}" for name in sorted(labels))]


def eligible(records: pd.DataFrame, where: Where) -> pd.Series:
    """Bool, one for each record: it fits `where`. Ages are full years, both ends included.

    A record fits no key of which it says nothing, and no key of `not` either: it is left out
    unless the key is known not to hold.

    UserError if the records have no such label.
    """
    fits = pd.Series(True, index=records.index)
    for holds, _ in _answers(records, where, "where"):
        fits &= holds
    if where.not_ is not None:
        for holds, is_known in _answers(records, where.not_, "where.not"):
            fits &= is_known & ~holds
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


def _answers(
    records: pd.DataFrame, conditions: Conditions, field: str
) -> Iterator[tuple[pd.Series, pd.Series]]:
    """For each key that is given: which records it holds for, and of which this is known."""
    if labels := conditions.words_of("label"):
        values = [_label(records, label, field) for label in labels]
        present = pd.concat([value.eq(1) for value in values], axis=1).fillna(False).astype(bool)
        known = pd.concat([value.notna() for value in values], axis=1)
        holds = present.any(axis=1)
        yield holds, holds | known.all(axis=1)
    for key in ("class", "sex", "view"):
        if words := conditions.words_of(key):
            yield records[key].isin(words), records[key].notna()
    if conditions.age is not None:
        age = records["age"]
        yield (age // 1).between(*conditions.age), age.notna()


def _label(records: pd.DataFrame, label: str, field: str) -> pd.Series:
    column = f"label_{label}"
    if column not in records:
        labels = records.filter(regex="^label_").columns.str.removeprefix("label_")
        raise UserError(
            f"{field}.label: {label!r} is not a label of the source; "
            f"use one of: {', '.join(labels) or 'none'}"
        )
    return records[column]
