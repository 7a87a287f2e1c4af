"""Finding the columns that a study names in a table that a person made.

The Snakefile runs these checks before any job, so this module imports nothing heavy.
"""

import codecs
import csv
import re
from collections.abc import Mapping
from pathlib import Path

from pgdose.errors import UserError


def skipping_bom(encoding: str) -> str:
    """The codec to read a file with: for UTF-8 the one that skips a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def not_decodable(path: Path, field: str, encoding: str) -> UserError:
    """The error for a table that is not in its encoding."""
    return UserError(
        f"{field}: {path.name} is not {encoding} text; save it as UTF-8"
        + (", or set its encoding (encoding: cp1251)" if field.endswith("reports") else "")
    )


def column_names(path: Path, field: str, encoding: str = "utf-8") -> list[str]:
    """The column names of a CSV or Parquet file. Raises UserError if it is not `encoding`."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq  # here, so that parsing the Snakefile does not pay for it

        return list(pq.read_schema(path).names)
    try:
        with path.open(newline="", encoding=skipping_bom(encoding)) as file:
            return next(csv.reader(file), [])
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None


def describe_columns(names: list[str]) -> str:
    """A table's column names for a message; they are not quoted if they look like a row of data.

    A table without a header has patients' data there, and messages go into logs.
    """
    data = r"\d\d\d|^\W*\d*\W*$"  # a long number, a short one alone, nothing
    if any(len(name) > 40 or re.search(data, name) for name in names):
        return "its first row, which must hold the names of columns, looks like data"
    return f"its columns are: {', '.join(names[:20])}"


def find_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> dict[str, str]:
    """The table's column for each meaning, {meaning: column}.

    `columns` maps a meaning to a column's name, to several names of which the first that the table
    has counts, or to None where the study does not use it. `field` is the path to `columns` in the
    study, for messages. Raises UserError where the table has none of the names.
    """
    present = column_names(path, field, encoding)
    chosen = {}
    for meaning, names in columns.items():
        if names is None:
            continue
        choices = [names] if isinstance(names, str) else names
        first = next((name for name in choices if name in present), None)
        if first is None:
            raise UserError(
                f"{field}.{meaning}: no column {' or '.join(map(repr, choices))} in {path.name}; "
                f"{describe_columns(present)}"
            )
        chosen[meaning] = first
    return chosen
