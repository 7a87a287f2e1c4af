"""From a finished results folder to its manifest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pgdose.errors import UserError
from pgdose.manifest import document
from pgdose.manifest.document import Entry
from pgdose.manifest.files import is_folder, map_in_threads, problem_at, sha256_of, shown, walk


@dataclass(frozen=True)
class Written:
    """What a manifest lists, and the files beside that no rule of the study makes."""

    entries: list[Entry]
    unlisted: list[str]


def write_manifest(
    results: Path,
    outputs: Sequence[str],
    folders: Sequence[str],
    path: Path,
    study: str,
    threads: int = 1,
) -> Written:
    """List every file below `results` that a rule makes.

    What lies there beside, for instance of a group that the study no longer has, is left out, so
    that verifying names it.

    Args:
        outputs: patterns of the files that the study's rules make.
        folders: those of the folders.
        study: the study's name.
    """
    files, whole_folders = ([re.compile(p) for p in patterns] for patterns in (outputs, folders))
    errors: list[OSError] = []
    targets = {
        name: "" if is_folder(results / name) else _target(results, name, files, whole_folders)
        for name in walk(results, errors.append)  # a folder is a link that is not followed
    }
    if errors:
        place = shown(errors[0].filename)
        raise UserError(f"{place}: {errors[0].strerror}; make the folder readable")
    listed = {name: target for name, target in targets.items() if target}
    for name in listed:
        if problem := problem_at(results / name):
            raise UserError(
                f"{shown(results / name)}: {problem}; delete it and run the study again"
            )
    digests = map_in_threads(lambda name: sha256_of(results / name), list(listed), threads)
    entries = [
        Entry(name, size, sha256, target)
        for (name, target), (size, sha256) in zip(listed.items(), digests, strict=True)
    ]
    document.write(entries, path, study)
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
