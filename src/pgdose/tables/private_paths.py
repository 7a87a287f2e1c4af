"""Private tables that map a record_id to its file."""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pgdose.tables.parquet import read_parquet, write_rows
from pgdose.tables.sharding import shard_rows

PATHS = pa.schema(
    [
        ("record_id", pa.string()),
        ("path", pa.binary()),  # bytes as the file system has them, which need not be UTF-8
        ("size", pa.int64()),  # when the source was indexed; null if the file was not there
        ("modified", pa.int64()),  # nanoseconds since 1970
    ]
)


class SourceFile(NamedTuple):
    """A file of a source, with the size and date that it had when the source was indexed."""

    path: Path
    size: int | None  # bytes; None: the file was not there
    modified: int | None  # nanoseconds since 1970


def stat_file(path: str | Path) -> SourceFile:
    """The file with its present size and date."""
    path = Path(path)
    try:
        stat = path.stat()
    except (OSError, ValueError):  # not there, or a name that no file can have
        return SourceFile(path, None, None)
    return SourceFile(path, stat.st_size, stat.st_mtime_ns)


def read_paths(path: str | Path, record_ids: Iterable[str]) -> dict[str, SourceFile]:
    """The files of these records, by record_id; records that the table lacks are left out."""
    table = read_parquet(path)
    table = table.filter(pc.is_in(table["record_id"], pa.array(list(record_ids), pa.string())))
    return {
        row["record_id"]: SourceFile(Path(os.fsdecode(row["path"])), row["size"], row["modified"])
        for row in table.to_pylist()
    }


def read_shard(path: str | Path, shard: int, shards: int) -> list[tuple[str, Path]]:
    """(record_id, path) of each file in one shard of a table of paths."""
    table = read_parquet(path, memory_map=True)
    rows = shard_rows(len(table), shard, shards)
    table = table.slice(rows.start, len(rows))
    files = (Path(os.fsdecode(name)) for name in table["path"].to_pylist())
    return list(zip(table["record_id"].to_pylist(), files, strict=True))


def write_paths(
    paths: Iterable[dict], output: str | Path, metadata: Mapping[str, str] | None = None
) -> int:
    """Write rows {record_id, path} to a private table; returns their number.

    Size and date are read now, except where a row brings `size` and `modified` along: those were
    read before somebody opened the file.
    """
    stat = lru_cache(10_000)(stat_file)  # many tiles come from one file
    stamped = (row if "size" in row else row | stat(row["path"])._asdict() for row in paths)
    rows = (row | {"path": os.fsencode(row["path"])} for row in stamped)
    return write_rows(rows, output, PATHS, metadata, private=True)
