"""Finding the columns that a study names in somebody's table. Light: read before any job."""

import csv
from collections.abc import Mapping
from pathlib import Path

from pgdose.errors import UserError


def header(path: Path) -> list[str]:
    """The column names of a CSV or Parquet file."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq  # here, since the Snakefile's check is not to pay for it

        return list(pq.read_schema(path).names)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return next(csv.reader(file), [])
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not UTF-8; save it as UTF-8") from None


def find_columns(
    path: Path, columns: Mapping[str, str | list[str] | None], field: str
) -> dict[str, str]:
    """Which column of the table stands for which meaning.

    `columns` maps a meaning to a column's name, to several of which the first that is there
    counts, or to None where the study does not want it. `field` is the study's path to it.
    """
    there = header(path)
    found = {}
    for meaning, names in columns.items():
        if names is None:
            continue
        choices = [names] if isinstance(names, str) else names
        first = next((name for name in choices if name in there), None)
        if first is None:
            raise UserError(
                f"{field}.{meaning}: no column {' or '.join(map(repr, choices))} in {path.name}; "
                f"its columns are: {', '.join(name[:40] for name in there[:20])}"
            )
        found[meaning] = first
    return found
