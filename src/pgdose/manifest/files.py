"""Which files are results, what stands at a path, and hashing."""

import errno
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

MANIFEST = "manifest.sha256"
SIGNATURE = f"{MANIFEST}.sig"

# Directly below a results folder: what differs from run to run and says nothing about the data, and
# what is made of the results afterwards. A manifest lists none of it.
NOT_RESULTS = {"logs", "benchmarks", "snakemake.html", MANIFEST, SIGNATURE}


In = TypeVar("In")
Out = TypeVar("Out")

# A part of a result's path: a name of the study, an id, a number, or what a rule calls a file.
# None needs quotes in a shell.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
MOST_PARTS = 32  # of a result's path; a study has 7
MOST_CHARACTERS = 4096  # of a path, as Linux has it


def is_result_path(path: str) -> bool:
    """Whether a manifest can list this path: below the results folder, plain, not hidden."""
    parts = path.split("/", MOST_PARTS)
    return (
        len(path) <= MOST_CHARACTERS
        and len(parts) <= MOST_PARTS
        and all(_PART.fullmatch(part) for part in parts)
        and parts[0] not in NOT_RESULTS
        and not _is_events(parts)
    )


def _is_events(parts: Sequence[str]) -> bool:
    """Whether it is a run's TensorBoard folder, or in it: the files' names hold the machine's."""
    return parts[0] == "groups" and tuple(parts[3:4]) == ("tensorboard",)


def walk(
    results: Path,
    on_error: Callable[[OSError], object],
    listed_folders: Container[str] | None = None,
) -> Iterator[str]:
    """All that could be a result, below `results`: files, links, whatever else is no folder.

    Hidden files are Snakemake's marks and files half written, and are passed over. A link to a
    folder is followed, each target once, if it leads out of `results` and not to a folder above
    it. Links that are not followed are yielded like files.

    Args:
        listed_folders: those of a manifest. With them the links followed are those at their
            paths, wherever in or out of `results` they lead, and only their runs have events.
    """
    root = Path(os.path.realpath(results))
    followed: set[Path] = set()

    def is_result(parts: Sequence[str]) -> bool:
        is_run = listed_folders is None or "/".join(parts[:3]) in listed_folders
        return parts[0] not in NOT_RESULTS and not (_is_events(parts) and is_run)

    def follows(name: str) -> bool:
        target = Path(os.path.realpath(results / name))
        if root.is_relative_to(target):
            return False
        if listed_folders is not None:
            return name in listed_folders  # of which there are so many: no circle is endless
        if target.is_relative_to(root) or target in followed:
            return False
        followed.add(target)
        return True

    for place, folders, files in os.walk(results, onerror=on_error, followlinks=True):
        folder = Path(place).relative_to(results)
        names = [name for name in folders + files if not name.startswith(".")]
        inside = set(folders)
        folders.clear()
        for name in sorted(name for name in names if is_result([*folder.parts, name])):
            path = (folder / name).as_posix()
            if name in inside and (not _is_link(Path(place, name)) or follows(path)):
                folders.append(name)
            else:
                yield path


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # a folder whose entries may be listed, but not looked at
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder, or a link to one, stands at a path, as far as one may look at it."""
    try:
        return path.is_dir()
    except OSError:
        return False


def shown(text: Path | str) -> str:
    """A path or a message on one line; what cannot be printed is escaped."""
    line = str(text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def snakemake(target: Path) -> str:
    """The command that makes a result again, safe to copy: quoted where the path needs it."""
    return f"`snakemake {shlex.quote(shown(target))}`"


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
    name = str(path)
    while name:
        try:
            is_link = stat.S_ISLNK(os.lstat(name).st_mode)
        except OSError:
            name = name.rpartition("/")[0]
            continue
        return is_link and not os.path.exists(name)  # noqa: PTH110 - asked for each of many files
    return False


def sha256_of(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256, in 64 hex digits, of what was read.

    It ends soon after the size that the file system gives: files of /proc have 0 and go on.
    """
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(2**18))
    with path.open("rb", buffering=0) as file:
        most = os.fstat(file.fileno()).st_size
        while size <= most and (n := file.readinto(buffer)):
            digest.update(buffer[:n])
            size += n
    return size, digest.hexdigest()


def map_in_threads(
    function: Callable[[In], Out], items: Sequence[In], threads: int
) -> Iterator[Out]:
    """`map`, for any number of files: those that wait for a thread take a kilobyte each."""
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(items), 1024):
            yield from pool.map(function, items[start : start + 1024])
