"""Tables of ids: where they lie, and what they say of the key that made them.

The Snakefile asks before any job, so this module imports pyarrow and pandas only where tables are.
"""

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pgdose.errors import UserError
from pgdose.tables.site_key import ENTRY, fingerprint

FOLDERS_SEARCHED = 5000  # below one folder: it may be a home
DEPTH_SEARCHED = 6
ROWS_TRIED = 1000  # of a table that says nothing of its key
NOT_RECORDED = "not recorded"  # in place of the fingerprint of a key that is surely another one


def key_entries(tables: Iterable[Path]) -> set[str]:
    """What the tables that are there say of the key that made their ids; "" where one says nothing.

    A damaged table says nothing: the job that reads it stops.
    """
    entries = set()
    for table in tables:
        with contextlib.suppress(PermissionError):
            if not table.is_file():
                continue
            from pgdose.tables.parquet import read_metadata  # only a study with results pays for it

            try:
                entries.add(read_metadata(table).get(ENTRY, ""))
            except UserError:
                entries.add("")
    return entries


def private_tables(folder: Path, without: Collection[str] = ()) -> Iterator[tuple[Path, Path]]:
    """(the source's folder, table) of the private tables of ids in a folder, of whatever study.

    Hidden folders, and those whose real paths are in `without`, are left out.
    """
    start = len(folder.parts)
    for visited, (name, folders, files) in enumerate(os.walk(folder)):
        if visited >= FOLDERS_SEARCHED:
            return
        place = Path(name)
        is_deep = len(place.parts) - start >= DEPTH_SEARCHED
        folders[:] = sorted(
            entry
            for entry in folders
            if not (is_deep or entry.startswith("."))
            and os.path.realpath(place / entry) not in without
        )
        if "paths.parquet" in files:
            yield place, place / "paths.parquet"
        if place.name in ("slide_files", "headers"):
            shards = sorted(file for file in files if file.endswith(".parquet"))[:1]
            yield from ((place.parent, place / shard) for shard in shards)


def unrecorded(paths: Path, root: Path, source: str, key: bytes) -> str:
    """What to say of a source's table of paths that does not say which key made its ids.

    The fingerprint of `key` if that made one of them, NOT_RECORDED if it surely made none, and ""
    if that cannot be known. An id follows from the key and the file's place below the root.
    """
    import pyarrow.parquet as pq

    from pgdose.tables.keyed import opaque

    try:
        batch = next(pq.ParquetFile(paths).iter_batches(ROWS_TRIED), None)
        rows = batch.select(["record_id", "path"]).to_pylist() if batch else []
    except Exception:  # damaged: the job that reads it stops
        return ""
    tried = False
    for row in rows:
        path = Path(os.fsdecode(row["path"]))
        if not path.is_relative_to(root):
            continue
        name, tried = path.relative_to(root).as_posix(), True
        raw = os.fsencode(name)  # an archive, a table and microscope fields each write it their way
        names = {raw.decode("latin-1"), raw.decode("utf-8", "backslashreplace")}
        if row["record_id"] in {
            opaque(key, source, f"{at}{n}") for n in names for at in ("", "./")
        }:
            return fingerprint(key)
    return NOT_RECORDED if tried else ""
