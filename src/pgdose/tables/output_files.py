"""Files that appear whole or not at all, private folders, digests of files."""

import contextlib
import glob
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def file_digest(*paths: str | Path) -> str:
    """16 hex digits that change with the contents of the files."""
    total = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter; tighten one that Snakemake made for all."""
    make_private_folders(path)
    path.chmod(0o700)
    return path


def make_private_folders(path: Path) -> None:
    """Make a folder and its missing parents for their owner alone; those that exist stay."""
    for folder in [*reversed(path.parents), path]:
        folder.mkdir(exist_ok=True, mode=0o700)


@contextlib.contextmanager
def atomic(path: str | Path, private: bool = False) -> Iterator[Path]:
    """Yield a path to write to. It becomes `path` when the block ends and goes if the block fails.

    The file survives a loss of power once the block has ended. `private` makes the file and its
    folder readable by their owner alone.
    """
    path = Path(path)
    if private:
        private_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: many writers choose their format by it.
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    leftovers = f".{glob.escape(path.stem)}.[0-9]*{glob.escape(path.suffix)}"
    for leftover in path.parent.glob(leftovers):  # of a job that was killed
        with contextlib.suppress(OSError):  # a folder, or another user's: no job left it
            leftover.unlink()
    try:
        if private:
            unfinished.touch(mode=0o600)
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(value: Any, path: str | Path) -> None:
    """Write JSON atomically, with sorted keys."""
    with atomic(path) as unfinished:
        unfinished.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
