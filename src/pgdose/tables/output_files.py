"""Files that appear whole or not at all, private folders, digests of files."""

import contextlib
import glob
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# --- files ------------------------------------------------------------------------------------


def file_digest(*paths: str | Path) -> str:
    """16 hex digits of the files' contents."""
    total = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def private_folder(path: Path) -> Path:
    """A folder that only its owner can enter (Snakemake may have made it for all)."""
    _make_private(path)
    path.chmod(0o700)
    return path


def _make_private(path: Path) -> None:
    """Makes a folder, and those above it that are not there, for their owner alone."""
    for folder in [*reversed(path.parents), path]:
        folder.mkdir(exist_ok=True, mode=0o700)


@contextlib.contextmanager
def atomic(path: str | Path, private: bool = False) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends, and vanishes if it fails."""
    path = Path(path)
    if private:
        private_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: many writers choose their format by it.
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    killed = f".{glob.escape(path.stem)}.[0-9]*{glob.escape(path.suffix)}"
    for left in path.parent.glob(killed):  # by a job that could not clean up
        left.unlink(missing_ok=True)
    try:
        if private:
            beside.touch(mode=0o600)
        yield beside
        _settle(beside)
        beside.replace(path)
        _settle(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Until a file, or what a folder lists, would outlive a loss of power."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_json(value: Any, path: str | Path) -> None:
    """Write JSON, atomically and with sorted keys."""
    with atomic(path) as beside:
        beside.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
