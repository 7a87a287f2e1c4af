"""Parquet tables: written atomically with checksums, read back checked.

Each page of a file carries Parquet's own checksum. The names, types and metadata at the end of the
file have none, so `write_table` adds a checksum of them to the metadata.
"""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgdose.errors import Damaged
from pgdose.tables.output_files import atomic

MOST_EXPANSION = 64  # bytes of a table for each of its file; Snappy makes at most 22
BATCH_ROWS = 10_000  # rows in memory at a time while rows are written as they come
NULLABLE = {pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()}


def write_table(
    table: pd.DataFrame | pa.Table,
    path: str | Path,
    schema: pa.Schema | None = None,
    metadata: Mapping[str, str] | None = None,
    private: bool = False,
) -> None:
    """Write Parquet atomically. Columns of `schema` that the table lacks become null."""
    if isinstance(table, pd.DataFrame):
        if schema is not None:
            table = table.reindex(columns=schema.names)
        table = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    with atomic(path, private) as unfinished:
        sealed = table.cast(_with_checksum(table.schema, metadata or {}))
        pq.write_table(sealed, unfinished, write_page_checksum=True)


def write_rows(
    rows: Iterable[dict],
    path: str | Path,
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
    private: bool = False,
) -> int:
    """Write rows as they come, atomically; returns their number. Few are in memory at a time."""
    remaining = iter(rows)
    count = 0
    schema_with_checksum = _with_checksum(schema, metadata or {})
    with (
        atomic(path, private) as unfinished,
        pq.ParquetWriter(unfinished, schema_with_checksum, write_page_checksum=True) as writer,
    ):
        while batch := list(itertools.islice(remaining, BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def read_table(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read Parquet; small integers with nulls stay integers. Damaged if it is not as written."""
    return read_parquet(path, columns=columns).to_pandas(types_mapper=NULLABLE.get)


def read_tables(paths: Iterable[str | Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Several tables as one, in the order of `paths`; a column that one of them lacks is null.

    With `columns` there may be no table at all.
    """
    parts = []
    for path in paths:
        present = columns
        if columns is not None:
            with _arrow_errors_as_damaged(path):
                present = [name for name in pq.read_schema(path).names if name in columns]
        parts.append(read_table(path, present))
    if columns is not None and not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    return table if columns is None else table.reindex(columns=columns)


def read_parquet(path: str | Path, **options: Any) -> pa.Table:
    """Read Parquet with pyarrow's options; Damaged if it is not as it was written."""
    read_metadata(path)
    with _arrow_errors_as_damaged(path):
        return pq.read_table(path, page_checksum_verification=True, **options)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The `metadata` of `write_table`; Damaged if the end of the file is not as it was written."""
    with _arrow_errors_as_damaged(path):
        schema = pq.read_schema(path)
        metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        if metadata.pop("checksum", None) != _checksum(schema, metadata):
            raise Damaged(path, "its checksum does not match")
        return metadata


def check(path: str | Path) -> None:
    """Raise Damaged if a table is not as it was written; one page is in memory at a time."""
    read_metadata(path)
    with (
        _arrow_errors_as_damaged(path),
        pq.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        # Of row groups, not of columns: pyarrow ends the process where a column's entry is damaged.
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        unpacked = sum(group.total_byte_size for group in groups)
        if unpacked > MOST_EXPANSION * Path(path).stat().st_size:
            raise Damaged(path, f"it would be {unpacked} bytes when unpacked")
        # It makes no rows of what it reads: a row may hold a list of any length.
        if file.scan_contents(batch_size=BATCH_ROWS) != file.metadata.num_rows:
            raise Damaged(path, "it has not the rows that it should have")


def _with_checksum(schema: pa.Schema, metadata: Mapping[str, str]) -> pa.Schema:
    return schema.with_metadata({**metadata, "checksum": _checksum(schema, metadata)})


def _checksum(schema: pa.Schema, metadata: Mapping[str, str]) -> str:
    """Of the columns and the metadata, which the checksums of pages leave out."""
    # Parquet calls the items of a list "element", Arrow "item".
    columns = [(field.name, str(field.type).replace("<item:", "<element:")) for field in schema]
    text = json.dumps([columns, dict(metadata)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@contextlib.contextmanager
def _arrow_errors_as_damaged(path: str | Path) -> Iterator[None]:
    """Raise Damaged where Arrow finds that a file is cut off or has other bytes.

    Arrow raises OSError for that too, but without an errno. An OSError with one means that the
    disk, the network or the memory failed, and the file may be as it was.
    """
    try:
        yield
    except (MemoryError, pa.ArrowCancelled):
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Damaged(path, f"reading it failed with {type(error).__name__}") from None
