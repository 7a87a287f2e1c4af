"""What indexing a source produces: records, rejects, and the private table of paths."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from pgdose.tables.keyed import opaque
from pgdose.tables.parquet import write_table
from pgdose.tables.private_paths import write_paths
from pgdose.tables.rejects import REJECTS, Reject, reject_table


class SourceIndex(NamedTuple):
    """The images of a source: a record for each usable one, paths of all, rejects of the rest."""

    records: list[dict]
    paths: list[dict]  # {record_id, path}
    rejects: list[Reject]


def write_index(
    records: pd.DataFrame,
    rejects: Iterable[Reject],
    paths: Iterable[dict],
    output: Any,
    schema: pa.Schema,
) -> None:
    """Write `output.records` (of `schema`), `output.rejects` and the private `output.paths`."""
    write_table(records, output.records, schema)
    write_table(reject_table(rejects), output.rejects, REJECTS)
    write_paths(paths, output.paths)


def first_of_each(
    table: pd.DataFrame, column: str, root: Path, *, key: bytes, source: str
) -> tuple[pd.DataFrame, list[dict], list[Reject]]:
    """The rows that name a file for the first time; paths and rejects of the repeated ones."""
    repeated = table[column].duplicated()
    paths, rejects = [], []
    for number, name in table.loc[repeated, column].items():
        record_id = opaque(key, source, str(name), f"row {number}")
        paths.append({"record_id": record_id, "path": str(root / str(name))})
        rejects.append(Reject(record_id, "index", "duplicate_row", "the file has a row already"))
    return table[~repeated], paths, rejects
