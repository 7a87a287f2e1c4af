"""Files of results: tables/<name>.csv, and the measures of a run in Parquet.

A table has exactly the columns of `table_registry`, in its order. Both kinds carry a format
version, so that results of another version of pgdose are recognised: the measures in their
metadata, the tables in the file format_version.txt beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pgdose.errors import UserError
from pgdose.tables import output_files, parquet, result_csv

FORMAT_VERSION = "1"  # raise it when a column goes or changes its meaning; not for one more
VERSION_FILE = "format_version.txt"
FINDINGS = "<finding>"  # in a list of columns: stands for those of the study's findings


def exact_columns(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """The table with the columns in this order; ValueError unless it has exactly these.

    A table without rows may lack columns. At `FINDINGS` any further columns may stand, in the
    order in which they come, and the columns after it may be missing.
    """
    columns = list(columns)
    if FINDINGS in columns:
        place = columns.index(FINDINGS)
        fixed, last = columns[:place], columns[place + 1 :]
        between = [str(c) for c in table if c not in fixed and c not in last]
        columns = [*fixed, *between, *(c for c in last if c in table)]
    if table.empty:
        table = table.reindex(columns=columns)
    if missing := [column for column in columns if column not in table]:
        raise ValueError(f"table {name} lacks the columns {missing}")
    if further := [column for column in table if column not in columns]:
        raise ValueError(f"table {name}: add the columns {further} to analysis/table_registry.py")
    return table[columns]


def identity_columns(identity: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The columns group, run, role, size and repeat; the last two may be empty."""
    columns: dict[str, Any] = {name: identity[name] for name in ("group", "run", "role")}
    for name in ("size", "repeat"):
        columns[name] = pd.array([identity[name]] * rows, dtype="Int32")
    return columns


def write_result_table(table: pd.DataFrame, path: str | Path, columns: Sequence[str]) -> None:
    """Write tables/<name>.csv, atomically; ValueError unless it has exactly these columns."""
    result_csv.write_csv(exact_columns(table, columns, Path(path).stem), path)


def write_version(path: str | Path) -> None:
    """Write the file `VERSION_FILE` of a folder of tables, atomically."""
    with output_files.atomic(path) as beside:
        Path(beside).write_text(FORMAT_VERSION + "\n", encoding="utf-8")


def read_result_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The tables in a folder tables/ by name; UserError if another version wrote them."""
    version = Path(folder, VERSION_FILE)
    _check_version(version, version.read_text().strip() if version.is_file() else None)
    return {path.stem: result_csv.read_csv(path) for path in sorted(Path(folder).glob("*.csv"))}


def write_measures(
    table: pd.DataFrame | pa.Table, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a run's measures, atomically."""
    version = {"format_version": FORMAT_VERSION}
    parquet.write_table(table, path, metadata={**(metadata or {}), **version})


def read_measures_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a run's measures; UserError if another version wrote them."""
    metadata = parquet.read_metadata(path)
    _check_version(path, metadata.get("format_version"))
    return metadata


def read_measures(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The rows of the measures of several runs, in this order; at least one file.

    UserError if another version wrote them.
    """
    tables = []
    for path in paths:
        read_measures_metadata(path)
        tables.append(parquet.read_table(path))
    filled = [table for table in tables if len(table)]  # without rows, types are not known
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _check_version(path: str | Path, version: str | None) -> None:
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path}: these results have format {version or 'unknown'}, but this version of pgdose "
            f"reads format {FORMAT_VERSION}; run the study again with this version"
        )
