"""Several rows of one image, film or report: what they say together, and where they disagree."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.tables.keyed import SourceIds
from pgdose.tables.record_schemas import REPEATED
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.label_cells import merge_states
from pgdose.user_tables.layouts import as_text


class Merged(NamedTuple):
    """One row for each key."""

    rows: pd.DataFrame
    repeated: pd.DataFrame  # key, n_rows, differ: keys whose rows disagree
    unsure: dict[str, str]  # keys whose rows `union` cannot settle, and the columns

    def check(self, key: str) -> None:
        """Raise Rejected (conflicting_rows) if the rows of a key could not be settled."""
        if key in self.unsure:
            raise Rejected("conflicting_rows", f"its rows disagree on: {self.unsure[key]}")


def merge_rows(
    rows: pd.DataFrame, key: str, several: str, table: UserTable, notes: list[str]
) -> Merged:
    """One row for each value of the column `key`; columns label_<name> hold states.

    Rows that say the same are one. Of others `several` says what they are: error raises UserError
    with their lines; first and last choose a row; union takes a label of any row, and the other
    columns where the rows that have them agree.
    """
    compared = [str(column) for column in rows if column not in (key, "line")]
    again = rows.duplicated([key, *compared])
    if n := int(again.sum()):
        notes.append(f"{n} rows say the same as an earlier row; left out")
    rows = rows[~again]
    twice = rows[key].duplicated(keep=False)
    if not twice.any():
        empty = pd.DataFrame(columns=[key, "n_rows", "differ"])
        return Merged(rows, empty, {})
    groups = rows[twice].groupby(key, sort=False)
    differ = groups[compared].nunique(dropna=False).gt(1)
    repeated = pd.DataFrame({"n_rows": groups.size(), "differ": _names_of(differ)}).reset_index()
    if several == "error":
        raise _disagree(rows, key, repeated, table)
    notes.append(
        f"{len(repeated)} images have several rows that disagree; 'several: {several}' settles them"
    )
    if several in ("first", "last"):
        return Merged(rows[~rows[key].duplicated(keep=several)], repeated, {})  # type: ignore[arg-type]
    merged, unsure = [], {}
    for value, group in groups:
        row, open_columns = _union(group, compared)
        merged.append(row)
        if open_columns:
            unsure[str(value)] = ", ".join(open_columns)
    of_one = pd.concat([rows[~twice], pd.DataFrame(merged)]).astype(rows.dtypes)
    return Merged(of_one.sort_index(), repeated, unsure)


def repeated_records(merged: Merged, ids: SourceIds, several: str) -> pd.DataFrame:
    """The table of REPEATED of a source whose rows were merged by their `file`."""
    records = [ids.record(as_text(file)) for file in merged.repeated["file"]]
    table = merged.repeated.assign(record_id=records, several=several)
    return table[REPEATED.names].sort_values("record_id")


def _names_of(differ: pd.DataFrame) -> list[str]:
    names = [str(column).removeprefix("label_") for column in differ]
    return [
        ", ".join(name for name, is_different in zip(names, row, strict=True) if is_different)
        for row in differ.to_numpy()
    ]


def _union(group: pd.DataFrame, compared: Sequence[str]) -> tuple[pd.Series, list[str]]:
    """The rows as one, and the columns on which they disagree."""
    row, unsure = group.iloc[0].copy(), []
    labels = [column for column in compared if column.startswith("label_")]
    for column, state in merge_states(group[labels]).items():
        row[column] = pd.NA if state is None else state
    for column in compared:
        if column in labels:
            continue
        values = group[column][group[column].notna() & group[column].ne("")].unique()
        if len(values) > 1:
            unsure.append(column)
        elif len(values):
            row[column] = values[0]
    return row, unsure


def _disagree(rows: pd.DataFrame, key: str, repeated: pd.DataFrame, table: UserTable) -> UserError:
    first = repeated.iloc[0]
    lines = rows.loc[rows[key] == first[key], "line"].head(2).tolist()
    return UserError(
        f"{table.field}.several: {len(repeated)} images or reports of {table.path.name} have "
        f"several rows that disagree, such as lines {lines[0]} and {lines[1]} (on "
        f"{first['differ']}); set 'several' to what they are: union (all of them hold), first or "
        "last (that row holds)"
    )
