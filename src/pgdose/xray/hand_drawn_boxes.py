"""Aorta windows that a person drew: the table that `boxes` of a study group names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.reader import read_columns
from pgdose.user_tables.source_tables import BOX_COLUMNS, list_table


def read_boxes(
    path: str | Path, group: str, settings: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Windows of the aorta: `x y side` (pixels of the upright film, float64), by `record_id`.

    The file has the columns record_id, x, y (the centre) and side; others are ignored. A person or
    another program wrote it, and messages go into a log beside the results, so they quote no cell.
    A decimal comma counts as a point. settings: how the file is written.

    Raises:
        UserError: a column is missing, a cell is no number, a side is not above 0, an id repeats.
    """
    table = list_table(Path(path), f"groups.{group}.image.boxes", BOX_COLUMNS, settings or {})
    rows = read_columns(table)
    repeated = rows["record_id"].duplicated()
    if repeated.any():
        line = int(rows.loc[repeated, "line"].iloc[0])
        raise table.mistake(
            f", line {line}: repeats the record_id of an earlier line; keep one of them"
        )
    texts = rows.set_index("record_id")[["x", "y", "side"]].replace(",", ".", regex=True)
    numbers = texts.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    for column, expected in (("x", "a number"), ("y", "a number"), ("side", "a number above 0")):
        valid = np.isfinite(numbers[column]) & (numbers[column].gt(0) | (column != "side"))
        if not valid.all():
            raise _no_number(table, rows, valid.to_numpy(), column, expected)
    return numbers


def _no_number(
    table: UserTable, rows: pd.DataFrame, valid: np.ndarray, column: str, expected: str
) -> Exception:
    line = int(rows.loc[~valid, "line"].iloc[0])
    return table.mistake(f", line {line}: {column} must be {expected}, in pixels; correct it")
