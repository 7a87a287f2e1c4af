"""What indexing a source leaves: records, rejects, paths."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pgdose.tables.keyed import opaque
from pgdose.tables.parquet import write_table
from pgdose.tables.private_paths import write_paths
from pgdose.tables.record_schemas import REJECTS


def rejects(rows: Iterable[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Rejects from (record_id, stage, reason, detail) tuples."""
    return pd.DataFrame(list(rows), columns=REJECTS.names, dtype="str")


def write_index(
    kept: pd.DataFrame,
    rejected: Iterable[tuple[str, str, str, str]],
    paths: Iterable[dict],
    output: Any,
    schema: pa.Schema,
) -> None:
    """What every index leaves: `output.records` (of `schema`), `.rejects`, private `.paths`."""
    write_table(kept, output.records, schema)
    write_table(rejects(rejected), output.rejects, REJECTS)
    write_paths(paths, output.paths)


Reject = tuple[str, str, str, str]  # record_id, stage, reason, detail


Indexed = tuple[list[dict], list[dict], list[Reject]]  # records, paths, rejects


def first_of_each(
    table: pd.DataFrame, column: str, root: Path, *, key: bytes, source: str
) -> tuple[pd.DataFrame, list[dict], list[Reject]]:
    """The rows that name a file for the first time; paths and rejects of the others."""
    again = table[column].duplicated()
    paths, rejects = [], []
    for number, name in table.loc[again, column].items():
        record_id = opaque(key, source, str(name), f"row {number}")
        paths.append({"record_id": record_id, "path": str(root / str(name))})
        rejects.append((record_id, "index", "duplicate_row", "the file has a row already"))
    return table[~again], paths, rejects
