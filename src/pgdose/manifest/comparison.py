"""A results folder against its manifest: which files are missing, changed, swapped or added."""

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pgdose.manifest.document import Entry, Manifest
from pgdose.manifest.files import describe, problem_at, sha256_of, walk

THREADS = min(4, os.cpu_count() or 1)  # more only make a disk seek


@dataclass(frozen=True)
class Comparison:
    """What differs: a line for each file, which ends in what to do."""

    faults: list[str]
    notes: list[str]
    intact: list[Entry]  # files whose bytes are those that the manifest lists


@dataclass(frozen=True)
class _Found:
    """What stands at a listed path."""

    problem: str = ""  # why it could not be read
    size: int = 0
    sha256: str = ""
    modified: float = 0.0  # seconds since 1970
    behind_link: bool = False


def compare(results: Path, manifest: Manifest) -> Comparison:
    """Read all files that the manifest lists, and look for others."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda entry: _find(results, entry), manifest.entries))
    pairs = list(zip(manifest.entries, found, strict=True))
    owners = {entry.sha256: entry for entry in reversed(manifest.entries)}
    faults = {
        entry.path: _fault(results, entry, state, owners, manifest)
        for entry, state in pairs
        if state.sha256 != entry.sha256
    }
    wrong = [entry for entry in manifest.entries if entry.path in faults]
    faults = _added(results, manifest, wrong) | faults
    behind = Counter(
        PurePosixPath(entry.path).parts[0] for entry, state in pairs if state.behind_link
    )
    notes = [
        f"{shown(results / top)}: files that are links or lie behind links: {number}; put the "
        "files themselves there before you copy or send the folder"
        for top, number in behind.items()
    ]
    intact = [entry for entry, state in pairs if state.sha256 == entry.sha256]
    return Comparison([faults[path] for path in sorted(faults)], notes, intact)


def shown(path: Path | str) -> str:
    """A path on one line; what cannot be printed is escaped."""
    text = str(path)
    return (
        text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode()
    )


def _find(results: Path, entry: Entry) -> _Found:
    path = results / entry.path
    if problem := problem_at(path):
        return _Found(problem)
    behind_link = Path(os.path.realpath(path)) != Path(os.path.realpath(results), entry.path)
    try:
        modified = path.stat().st_mtime
        size, sha256 = sha256_of(path)
    except OSError as error:
        return _Found(describe(error))
    return _Found("", size, sha256, modified, behind_link)


def _fault(
    results: Path, entry: Entry, found: _Found, owners: dict[str, Entry], manifest: Manifest
) -> str:
    path, target = shown(results / entry.path), shown(results / entry.target)
    remake = f"make it again with `snakemake {target}`"
    delete = f"delete {'it' if entry.target == entry.path else target}"
    if found.problem == "missing":
        return f"{path}: missing; {remake if target == path else f'{delete} and {remake}'}"
    if "cannot be read" in found.problem:
        return f"{path}: {found.problem}; make it readable (chmod u+r, its folder u+rx)"
    if found.problem:
        return f"{path}: {found.problem}; {delete} and {remake}"
    if owner := owners.get(found.sha256):
        what = f"swapped, it holds what {shown(owner.path)} should hold"
    elif found.size != entry.size:
        what = f"changed, {found.size} bytes instead of {entry.size}"
    else:
        what = f"changed, other content of the same {entry.size} bytes"
    modified = datetime.fromtimestamp(found.modified, UTC)
    order = "after" if modified > manifest.written else "before"
    date = f"last modified {modified:%Y-%m-%d %H:%M} UTC, {order} the manifest"
    return f"{path}: {what} ({date}); {delete} and {remake}"


def _added(results: Path, manifest: Manifest, wrong: Iterable[Entry]) -> dict[str, str]:
    """A line for each file that is not listed; one for a folder in which no file is."""
    listed = {entry.path for entry in manifest.entries}
    folders = {str(parent) for path in listed for parent in PurePosixPath(path).parents}
    by_size: dict[int, list[Entry]] = {}
    for entry in wrong:
        by_size.setdefault(entry.size, []).append(entry)
    errors: list[OSError] = []
    lines, counts = {}, Counter[str]()
    for path in walk(results, errors.append):
        is_listed_folder = path in folders and (results / path).is_symlink()
        if path in listed or is_listed_folder:  # its files were looked at
            continue
        parents = [str(parent) for parent in PurePosixPath(path).parents]
        unlisted = [parent for parent in parents if parent not in folders]
        if unlisted:
            counts[unlisted[-1]] += 1
            continue
        lines[path] = _added_line(results, path, by_size)
    for folder, number in counts.items():
        lines[folder] = (
            f"{shown(results / folder)}: added, a folder that the manifest does not list "
            f"(files in it: {number}); move it elsewhere or delete it"
        )
    for error in errors:
        path = Path(error.filename).relative_to(results).as_posix()
        lines[path] = f"{shown(error.filename)}: {describe(error)}; make it readable (chmod u+rx)"
    return lines


def _added_line(results: Path, path: str, by_size: dict[int, list[Entry]]) -> str:
    what = "the manifest does not list it"
    problem = problem_at(results / path)
    if problem:
        what += f" ({problem})"
    elif candidates := by_size.get((results / path).stat().st_size):
        sha256 = sha256_of(results / path)[1]
        if owner := next((e for e in candidates if e.sha256 == sha256), None):
            what = f"it holds what {shown(owner.path)} should hold"
    return f"{shown(results / path)}: added, {what}; move it elsewhere or delete it"
