"""Aorta windows that a person drew: the table that `boxes` of a study group names."""

from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.user_columns import describe_columns

COLUMNS = ("record_id", "x", "y", "side")
HEADER_ROWS = 1


def read_boxes(path: str | Path) -> pd.DataFrame:
    """Windows of the aorta: `x y side` (pixels, float64), indexed by `record_id`.

    The CSV file has the columns record_id, x, y (the centre) and side; others are ignored. A
    person or another program wrote it, and messages go into a log beside the results, so they
    quote no cell.

    Raises:
        UserError: a column is missing, a cell is no number, a side is not above 0, an id repeats.
    """
    try:
        table = pd.read_csv(path, dtype=str, compression=None)  # never unpacked
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise UserError(
            f"boxes: not a readable CSV file ({type(error).__name__}); "
            f"write one with the columns {', '.join(COLUMNS)}"
        ) from error
    for column in COLUMNS:
        if column not in table:
            raise UserError(
                f"boxes: no column {column!r}; {describe_columns(list(table.columns))}; "
                f"give it the columns {', '.join(COLUMNS)}"
            )
    repeated = table["record_id"].duplicated()
    if repeated.any():
        raise UserError(
            f"boxes: row {_row(repeated)} repeats the record_id of an earlier row; keep one of them"
        )
    boxes = table.set_index("record_id")[["x", "y", "side"]]
    numbers = boxes.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    for column, expected in (("x", "a number"), ("y", "a number"), ("side", "a number above 0")):
        valid = np.isfinite(numbers[column]) & (numbers[column].gt(0) | (column != "side"))
        if not valid.all():
            raise UserError(
                f"boxes: {column} in row {_row(~valid)} must be {expected}, in pixels; correct it"
            )
    return numbers


def _row(marked: pd.Series) -> int:
    """The first marked row, numbered as in the file."""
    return int(marked.to_numpy().argmax()) + HEADER_ROWS + 1
