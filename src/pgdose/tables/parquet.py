"""Parquet tables: written atomically with checksums, read back checked."""

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


def write_table(
    table: pd.DataFrame | pa.Table,
    path: str | Path,
    schema: pa.Schema | None = None,
    metadata: Mapping[str, str] | None = None,
    private: bool = False,
) -> None:
    """Write Parquet, atomically. Columns that `schema` names and the table lacks become null."""
    if isinstance(table, pd.DataFrame):
        if schema is not None:
            table = table.reindex(columns=schema.names)
        table = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    with atomic(path, private) as beside:
        sealed = table.cast(_sealed(table.schema, metadata or {}))
        pq.write_table(sealed, beside, write_page_checksum=True)


def _checksum(schema: pa.Schema, told: Mapping[str, str]) -> str:
    """Of what stands at the end of a file, which its pages' checksums leave out."""
    # Parquet has a name of its own for the items of a list.
    columns = [(field.name, str(field.type).replace("<item:", "<element:")) for field in schema]
    text = json.dumps([columns, dict(told)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _sealed(schema: pa.Schema, told: Mapping[str, str]) -> pa.Schema:
    return schema.with_metadata({**told, "checksum": _checksum(schema, told)})


def _told(schema: pa.Schema, path: str | Path) -> dict[str, str]:
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    if told.pop("checksum", None) != _checksum(schema, told):
        raise Damaged(path, "its checksum does not fit")
    return told


def read_metadata(path: str | Path) -> dict[str, str]:
    """What `write_table` was given as metadata; Damaged if it is not that."""
    with _whole(path):
        return _told(pq.read_schema(path), path)


def read_parquet(path: str | Path, **options: Any) -> pa.Table:
    """Read Parquet with pyarrow's options; Damaged if it is not as it was written."""
    read_metadata(path)
    with _whole(path):
        return pq.read_table(path, page_checksum_verification=True, **options)


@contextlib.contextmanager
def _whole(path: str | Path) -> Iterator[None]:
    """What Arrow says of a file that is cut off or has other bytes, as Damaged.

    It says so with OSError too, but without a number: with one it is the disk, the network or the
    memory that failed, and the file may be as it was.
    """
    try:
        yield
    except (MemoryError, pa.ArrowCancelled):
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Damaged(path, f"{type(error).__name__} when it was read") from None


def read_table(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read Parquet; small integers with nulls stay integers."""
    nullable = {pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()}
    return read_parquet(path, columns=columns).to_pandas(types_mapper=nullable.get)


def write_rows(
    rows: Iterable[dict], path: str | Path, schema: pa.Schema, private: bool = False
) -> int:
    """Write rows as they come, atomically, and say how many; only 10,000 are held at a time."""
    waiting = iter(rows)
    count = 0
    with (
        atomic(path, private) as beside,
        pq.ParquetWriter(beside, _sealed(schema, {}), write_page_checksum=True) as writer,
    ):
        while some := list(itertools.islice(waiting, 10_000)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


def read_tables(paths: Iterable[str | Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Several tables as one, in the order given; a column that one of them lacks is null there.

    With `columns` there may be no table at all.
    """
    parts = []
    for path in paths:
        wanted = columns
        if columns is not None:
            with _whole(path):
                wanted = [name for name in pq.read_schema(path).names if name in columns]
        parts.append(read_table(path, wanted))
    if columns is not None and not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    return table if columns is None else table.reindex(columns=columns)
