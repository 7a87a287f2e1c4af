"""From a finished results folder to its manifest."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pgdose.errors import UserError
from pgdose.manifest import document
from pgdose.manifest.document import Entry
from pgdose.manifest.files import problem_at, sha256_of, walk


@dataclass(frozen=True)
class Written:
    """What a manifest lists, and the files beside that no rule of the study makes."""

    entries: list[Entry]
    unlisted: list[str]


def write_manifest(
    results: Path, outputs: Sequence[str], folders: Sequence[str], path: Path, threads: int = 1
) -> Written:
    """List every file below `results` that a rule makes.

    What lies there beside, for instance of a group that the study no longer has, is left out, so
    that verifying names it.

    outputs, folders: patterns of the files, and of the folders, that the study's rules make
    """
    files, whole_folders = ([re.compile(p) for p in patterns] for patterns in (outputs, folders))
    errors: list[OSError] = []
    targets = {
        name: _target(results, name, files, whole_folders)
        for name in walk(results, errors.append, follow_links=True)
    }
    if errors:
        raise UserError(f"{errors[0].filename}: {errors[0].strerror}; make the folder readable")
    listed = {name: target for name, target in targets.items() if target}
    for name in listed:
        if problem := problem_at(results / name):
            raise UserError(f"{results / name}: {problem}; delete it and run the study again")
    with ThreadPoolExecutor(threads) as pool:
        digests = pool.map(lambda name: sha256_of(results / name), listed)
        entries = [
            Entry(name, size, sha256, target)
            for (name, target), (size, sha256) in zip(listed.items(), digests, strict=True)
        ]
    document.write(entries, path)
    return Written(entries, sorted(targets.keys() - listed.keys()))


def _target(
    results: Path, name: str, files: list[re.Pattern[str]], folders: list[re.Pattern[str]]
) -> str:
    """The file itself, or the folder above it, as far as a rule makes it; else nothing."""
    if any(pattern.fullmatch(f"{results}/{name}") for pattern in files):
        return name
    for parent in PurePosixPath(name).parents:
        if any(pattern.fullmatch(f"{results}/{parent}") for pattern in folders):
            return str(parent)
    return ""
