"""Which files are results, what stands at a path, and hashing."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

MANIFEST = "manifest.sha256"
SIGNATURE = f"{MANIFEST}.sig"

# Directly below a results folder: what differs from run to run and says nothing about the data, and
# what is made of the results afterwards. A manifest lists none of it.
NOT_RESULTS = {"logs", "benchmarks", "snakemake.html", MANIFEST, SIGNATURE}


def is_result_path(path: str) -> bool:
    """Whether a manifest can list this path: below the results folder, printable, not hidden."""
    parts = path.split("/")
    return (
        _can_hold_results(parts)
        and not any(part.startswith(".") or not part for part in parts)
        and path.isprintable()
        and "\\" not in path
    )


def _can_hold_results(parts: Sequence[str]) -> bool:
    """False for NOT_RESULTS, and for a run's events: their names hold that of the machine."""
    is_events = parts[0] == "groups" and tuple(parts[3:4]) == ("tensorboard",)
    return parts[0] not in NOT_RESULTS and not is_events


def walk(
    results: Path, on_error: Callable[[OSError], object], follow_links: bool = False
) -> Iterator[str]:
    """All that could be a result, below `results`: files, links, whatever else is no folder.

    Hidden files are Snakemake's marks and files half written, and are passed over. Links to
    folders are yielded like files, or followed, each target once, if they lead out of `results`
    and not to a folder above it.
    """
    root = Path(os.path.realpath(results))
    followed: set[Path] = set()
    for place, folders, files in os.walk(results, onerror=on_error, followlinks=follow_links):
        folder = Path(place).relative_to(results)
        names = [name for name in folders + files if not name.startswith(".")]
        names = sorted(name for name in names if _can_hold_results([*folder.parts, name]))
        inside = set(folders)
        folders.clear()
        for name in names:
            is_link = Path(place, name).is_symlink()
            if name not in inside or (is_link and not follow_links):
                yield (folder / name).as_posix()
                continue
            if is_link:
                target = Path(os.path.realpath(Path(place, name)))
                within = target.is_relative_to(root) or root.is_relative_to(target)
                if within or target in followed:
                    continue
                followed.add(target)
            folders.append(name)


def problem_at(path: Path) -> str | None:
    """Why no file can be read at a path, in a few words; None if there is an ordinary one."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "a folder stands in its place"
        if not stat.S_ISREG(mode):
            return "no ordinary file"  # a pipe: opening it would wait for ever
        with path.open("rb"):
            return None
    except (FileNotFoundError, NotADirectoryError):
        return "a link that leads nowhere" if _has_link(path) else "missing"
    except OSError as error:
        return describe(error)


def describe(error: OSError) -> str:
    """An error of the file system, in a few words without the path."""
    if error.errno == errno.ELOOP:
        return "a link that leads round in a circle"
    return f"cannot be read ({error.strerror})"


def _has_link(path: Path) -> bool:
    """Whether the first part of the path that is not there is a link: to nowhere, then."""
    for part in (path, *path.parents):
        if part.is_symlink():
            return not part.exists()
        if part.exists():
            return False
    return False


def sha256_of(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256, in 64 hex digits, of what was read."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()
