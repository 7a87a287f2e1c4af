"""`pgdose where RECORD_ID`: the file that a record was read from."""

import os
from pathlib import Path

import pyarrow.parquet as pq

from pgdose.errors import UserError


def where(record_id: str, private: Path) -> dict[Path, str]:
    """The record's file, by the private folder of each study and source that has the record.

    UserError if no study has it.
    """
    tables = sorted(private.rglob("paths.parquet"))
    if not tables:
        raise UserError(
            f"no paths.parquet below {private}; run the study first, or give its private "
            "folder with --private"
        )
    files = {}
    for table in tables:
        rows = pq.read_table(table, filters=[("record_id", "=", record_id)])
        if len(rows):
            files[table.parent] = os.fsdecode(rows["path"][0].as_py())
    if not files:
        raise UserError(f"no record {record_id!r} below {private}; check the id")
    return files
