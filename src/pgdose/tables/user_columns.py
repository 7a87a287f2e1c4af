"""Finding the columns that a study names in somebody's table. Light: read before any job."""

import codecs
import csv
import re
from collections.abc import Mapping
from pathlib import Path

from pgdose.errors import UserError


def with_mark(encoding: str) -> str:
    """The same encoding; of UTF-8 the one that passes over a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def not_decodable(path: Path, field: str, encoding: str) -> UserError:
    return UserError(
        f"{field}: {path.name} is not {encoding}; save it as UTF-8"
        + (", or name its encoding there (encoding: cp1251)" if field.endswith("reports") else "")
    )


def header(path: Path, field: str, encoding: str = "utf-8") -> list[str]:
    """The column names of a CSV or Parquet file."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq  # here, since the Snakefile's check is not to pay for it

        return list(pq.read_schema(path).names)
    try:
        with path.open(newline="", encoding=with_mark(encoding)) as file:
            return next(csv.reader(file), [])
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None


def listed(names: list[str]) -> str:
    """A table's column names for a message, but not the first row of a table that has none."""
    odd = r"\d\d\d|^\W*\d*\W*$"  # a long number, a short one alone, nothing
    if any(len(name) > 40 or re.search(odd, name) for name in names):
        return "its first row, which must hold the names of columns, looks like data"
    return f"its columns are: {', '.join(names[:20])}"


def find_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> dict[str, str]:
    """Which column of the table stands for which meaning.

    `columns` maps a meaning to a column's name, to several of which the first that is there
    counts, or to None where the study does not want it. `field` is the study's path to it.
    """
    there = header(path, field, encoding)
    found = {}
    for meaning, names in columns.items():
        if names is None:
            continue
        choices = [names] if isinstance(names, str) else names
        first = next((name for name in choices if name in there), None)
        if first is None:
            raise UserError(
                f"{field}.{meaning}: no column {' or '.join(map(repr, choices))} in {path.name}; "
                f"{listed(there)}"
            )
        found[meaning] = first
    return found
