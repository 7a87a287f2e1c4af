"""Files below a source's root folder: listing them, and staying inside the root."""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pgdose.errors import Rejected, UserError
from pgdose.tables.keyed import opaque
from pgdose.tables.packed_files import archive_format_of, unpack_advice
from pgdose.tables.private_paths import SourceFile, stat_file


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder, folder by folder in the order of their names.

    Links to folders are not followed; a link to a file may lead out, see `check_inside`. Raises
    UserError where a folder cannot be read: its files would be missing without a word.
    """

    def stop(error: OSError) -> None:
        raise UserError(
            f"a folder below the source's root cannot be read: {error.strerror}; "
            "make it readable, or move it out of the root"
        )

    for folder, folders, names in os.walk(root, onerror=stop):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                yield path


def list_files(root: Path, *, key: bytes, source: str) -> Iterator[dict]:
    """{record_id, path} of every file below `root`; the id depends on its place below the root."""
    for path in walk(root):
        name = os.fsencode(path.relative_to(root).as_posix()).decode("latin-1")
        yield {"record_id": opaque(key, source, name), "path": str(path)}


def inside(root: Path, name: str) -> Path:
    """The file `name` below `root`; rejects one that is missing or leads out of the root."""
    try:
        path = (root / name).resolve()
        exists = bool(name) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long a name, a NUL in it, a ring of links
        raise Rejected("file_missing", "the table names a file that cannot exist") from None
    if not path.is_relative_to(_real(root)):
        raise Rejected("outside_root", "a file outside the source's root")
    if not exists:
        raise Rejected("file_missing", "the table names a file that does not exist")
    return path


@lru_cache
def _real(root: Path) -> Path:
    """The root without links; asked for once a source, not once a file."""
    return root.resolve()


def unchanged(file: SourceFile) -> Path:
    """The file's path; rejects a file that is gone or has changed since its source was indexed."""
    now = stat_file(file.path)
    if now.size is None:
        raise Rejected("file_missing", "it does not exist, or not any more")
    if now != file:
        raise Rejected("file_changed", "its size or date has changed since it was indexed")
    return file.path


def check_inside(root: Path, path: Path) -> None:
    """Reject a file that `walk` listed below `root`, if it is a link that leads out of the root."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise Rejected("outside_root", "a link that leads out of the source's root")


def check_synthetic(
    root: Path,
    truth: Path,
    field: str,
    rows: Iterable[Mapping[Any, str]] = (),
    *,
    name: str = "file",
    without: str | None = None,
) -> None:
    """Raise UserError if a folder of the synthetic hospital holds a file that it did not make.

    `truth` is its table of the files that it made, in column `name`. The ids of synthetic sources
    protect nobody, so that a real file must not get one. The same holds for `rows` of the source's
    table, {name, patient}: each must be in the truth with its patient. `without`: a folder below
    the root whose files get no ids, unless a row names one.
    """
    with truth.open(encoding="utf-8", newline="") as file:
        made = {row[name]: row.get("patient") for row in csv.DictReader(file)}
    files = (path.relative_to(root).as_posix() for path in walk(root))
    count = sum(file not in made and file.split("/")[0] != without for file in files)
    if count:
        raise UserError(
            f"{field}.root: {count} files in this folder are not of the synthetic hospital, whose "
            "ids protect nobody; move them to another folder, and make it a source of its own"
        )
    if count := sum(made.get(row[name], "") != row["patient"] for row in rows):
        raise UserError(
            f"{field}.table: {count} rows are not of the synthetic hospital, whose ids protect "
            "nobody; move them to another table, and make it a source of its own"
        )


def check_folder(root: Path, field: str) -> None:
    """Raise UserError if `root`, which the study names at `field`, is no folder."""
    if name := root.is_file() and archive_format_of(root):
        raise UserError(
            f"{field}: this is a file, {unpack_advice(name, below='in a folder')}; give that folder"
        )
    if not root.is_dir():
        raise UserError(f"{field}: there is no such folder; give the one that holds the files")
