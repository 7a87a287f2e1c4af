"""A results folder against its manifest: which files are missing, changed, swapped or added."""

import functools
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pgdose.manifest.document import Entry, Manifest
from pgdose.manifest.files import (
    describe,
    is_folder,
    map_in_threads,
    problem_at,
    sha256_of,
    shown,
    snakemake,
    walk,
)

THREADS = min(4, os.cpu_count() or 1)  # more only make a disk seek
REMEDY = "run the study again, or restore it from a copy"
MOVE = "move it elsewhere or delete it"


@dataclass(frozen=True)
class Comparison:
    """What differs: a line for each file, which ends in what to do."""

    faults: list[str]
    notes: list[str]
    intact: list[Entry]  # files whose bytes are those that the manifest lists


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands at a listed path."""

    problem: str = ""  # why it could not be read
    size: int = 0
    sha256: str = ""  # none if the size is that of no listed file: it was not read
    modified: float = 0.0  # seconds since 1970
    behind_link: bool = False

    def is_intact(self, entry: Entry) -> bool:
        return (self.size, self.sha256) == (entry.size, entry.sha256)


class _Folders:
    """The folders that listed files lie in, looked up without a list of them."""

    def __init__(self, manifest: Manifest) -> None:
        self._paths = [entry.path for entry in manifest.entries]  # in order

    def __contains__(self, folder: object) -> bool:
        place = bisect_left(self._paths, f"{folder}/")
        return folder == "." or any(
            path.startswith(f"{folder}/") for path in self._paths[place : place + 1]
        )


def compare(results: Path, manifest: Manifest) -> Comparison:
    """Read all files that the manifest lists, and look for others."""
    sizes = {entry.size for entry in manifest.entries}
    leads_away = _links(results)
    found = map_in_threads(
        lambda entry: _find(results, entry, sizes, leads_away), manifest.entries, THREADS
    )
    owners = {entry.sha256: entry for entry in reversed(manifest.entries)}
    faults: dict[str, str] = {}
    intact, wrong, behind = [], [], Counter[str]()
    for entry, state in zip(manifest.entries, found, strict=True):
        behind.update([PurePosixPath(entry.path).parts[0]] if state.behind_link else [])
        if state.is_intact(entry):
            intact.append(entry)
            continue
        wrong.append(entry)
        faults[entry.path] = _fault(results, entry, state, owners, manifest)
    faults = _added(results, manifest, wrong) | faults
    notes = [
        f"{shown(results / top)}: files that are links or lie behind links: {number}; put the "
        "files themselves there before you copy or send the folder"
        for top, number in behind.items()
    ]
    return Comparison([faults[path] for path in sorted(faults)], notes, intact)


def faults_of(results: Path, entries: Sequence[Entry], remedy: str = REMEDY) -> list[str]:
    """What is wrong with some of the listed files; others are neither read nor looked for."""
    sizes, leads_away = {entry.size for entry in entries}, _links(results)
    found = map_in_threads(lambda entry: _find(results, entry, sizes, leads_away), entries, THREADS)
    return [
        f"{shown(results / entry.path)}: {state.problem or 'has changed'}; {remedy}"
        for entry, state in zip(entries, found, strict=True)
        if not state.is_intact(entry)
    ]


def _links(results: Path) -> Callable[[str], bool]:
    """Whether a folder below `results` is a link or lies behind one."""
    root = os.path.realpath(results)

    @functools.lru_cache(maxsize=1024)  # files come in the order of their folders
    def leads_away(folder: str) -> bool:
        return os.path.realpath(results / folder) != os.path.normpath(f"{root}/{folder}")

    return leads_away


def _find(
    results: Path, entry: Entry, sizes: set[int], leads_away: Callable[[str], bool]
) -> _Found:
    path = results / entry.path
    if problem := problem_at(path):
        return _Found(problem)
    behind_link = path.is_symlink() or leads_away(entry.path.rpartition("/")[0])
    try:
        status = path.stat()
        size, sha256 = sha256_of(path) if status.st_size in sizes else (status.st_size, "")
    except OSError as error:
        return _Found(describe(error))
    return _Found("", size, sha256, status.st_mtime, behind_link)


def _fault(
    results: Path, entry: Entry, found: _Found, owners: dict[str, Entry], manifest: Manifest
) -> str:
    path, target = shown(results / entry.path), shown(results / entry.target)
    remake = f"make it again with {snakemake(results / entry.target)}"
    delete = f"delete {'it' if entry.target == entry.path else target}"
    if found.problem == "missing":
        return f"{path}: missing; {remake if target == path else f'{delete} and {remake}'}"
    if "cannot be read" in found.problem:
        return f"{path}: {found.problem}; make it readable (chmod u+r, its folder u+rx)"
    if found.problem:
        return f"{path}: {found.problem}; {delete} and {remake}"
    owner = owners.get(found.sha256)
    if owner and found.sha256 != entry.sha256:
        what = f"swapped, it holds what {shown(owner.path)} should hold"
    elif found.size != entry.size:
        what = f"changed, {found.size} bytes instead of {entry.size}"
    else:
        what = f"changed, other content of the same {entry.size} bytes"
    return f"{path}: {what} ({_date(found, manifest)}); {delete} and {remake}"


def _date(found: _Found, manifest: Manifest) -> str:
    try:
        modified = datetime.fromtimestamp(found.modified, UTC)
    except (ValueError, OverflowError, OSError):  # a file may have a date of year 3000000
        return "its date of modification is none"
    order = "after" if modified > manifest.written else "before"
    return f"last modified {modified:%Y-%m-%d %H:%M} UTC, {order} the manifest"


def _added(results: Path, manifest: Manifest, wrong: Iterable[Entry]) -> dict[str, str]:
    """A line for each file that is not listed; one for a folder in which no file is."""
    listed = {entry.path for entry in manifest.entries}
    folders = _Folders(manifest)
    by_size: dict[int, list[Entry]] = {}
    for entry in wrong:
        by_size.setdefault(entry.size, []).append(entry)
    errors: list[OSError] = []
    lines, counts = {}, Counter[str]()
    for path in walk(results, errors.append, folders):
        if path in listed:  # what stands there was looked at
            continue
        parents = [str(parent) for parent in PurePosixPath(path).parents]
        unlisted = [parent for parent in parents if parent not in folders]
        if unlisted:
            counts[unlisted[-1]] += 1
        elif path in folders and is_folder(results / path):
            lines[path] = (
                f"{shown(results / path)}: a link to a folder that the results lie in, so what is "
                "behind it was not looked through; put the files themselves there"
            )
        elif path not in folders or problem_at(results / path) != "a link that leads nowhere":
            lines[path] = _added_line(results, path, by_size)
    for folder, number in counts.items():
        lines[folder] = (
            f"{shown(results / folder)}: added, a folder that the manifest does not list "
            f"(files in it: {number}); {MOVE}"
        )
    for error in errors:
        path = Path(error.filename).relative_to(results).as_posix()
        lines[path] = f"{shown(error.filename)}: {describe(error)}; make it readable (chmod u+rx)"
    return lines


def _added_line(results: Path, path: str, by_size: dict[int, list[Entry]]) -> str:
    place = results / path
    problem, what = problem_at(place), "the manifest does not list it"
    if is_folder(place):
        what = "a link to a folder, which the manifest does not list"
    elif problem:
        what += f" ({problem})"
    elif owner := _owner(place, by_size):
        what = f"it holds what {shown(owner.path)} should hold"
    return f"{shown(place)}: added, {what}; {MOVE}"


def _owner(place: Path, by_size: dict[int, list[Entry]]) -> Entry | None:
    """The listed file whose content an unlisted one holds; None too if it cannot be read."""
    try:
        candidates = by_size.get(place.stat().st_size, [])
        sha256 = sha256_of(place)[1] if candidates else ""
    except OSError:
        return None
    return next((entry for entry in candidates if entry.sha256 == sha256), None)
