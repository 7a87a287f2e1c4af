"""Private tables that lead from a record_id to its file."""

import os
from collections.abc import Iterable
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


class Listed(NamedTuple):
    """A file of a source as it was when the source was indexed."""

    path: Path
    size: int | None  # bytes; None: it was not there
    modified: int | None  # nanoseconds since 1970


def listed(path: str | Path) -> Listed:
    """A file as it is now."""
    path = Path(path)
    try:
        stat = path.stat()
    except (OSError, ValueError):  # not there, or a name that cannot be
        return Listed(path, None, None)
    return Listed(path, stat.st_size, stat.st_mtime_ns)


def read_paths(path: str | Path, wanted: Iterable[str]) -> dict[str, Listed]:
    """The files of the `wanted` record_ids."""
    table = read_parquet(path)
    table = table.filter(pc.is_in(table["record_id"], pa.array(list(wanted), pa.string())))
    return {
        row["record_id"]: Listed(Path(os.fsdecode(row["path"])), row["size"], row["modified"])
        for row in table.to_pylist()
    }


def read_shard(path: str | Path, shard: int, shards: int) -> list[tuple[str, Path]]:
    """(record_id, file) of one shard of a table of paths."""
    table = read_parquet(path, memory_map=True)
    rows = shard_rows(len(table), shard, shards)
    table = table.slice(rows.start, len(rows))
    files = (Path(os.fsdecode(name)) for name in table["path"].to_pylist())
    return list(zip(table["record_id"].to_pylist(), files, strict=True))


def write_paths(paths: Iterable[dict], output: str | Path) -> int:
    """Write {record_id, path} pairs to a private table, and how the files are; says how many.

    A pair with `size` and `modified` was looked at before: so they stay.
    """

    now = lru_cache(10_000)(listed)  # many tiles are of one file
    stamped = (e if "size" in e else e | now(e["path"])._asdict() for e in paths)
    rows = (entry | {"path": os.fsencode(entry["path"])} for entry in stamped)
    return write_rows(rows, output, PATHS, private=True)
