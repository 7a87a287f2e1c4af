"""Where a study writes: results, private tables and key, the synthetic hospital, fetched films.

Such a place must be a folder of its own: results are shared and cleaned away, private tables are
not, and an archive is read file by file, whatever lies in it; a table may name any file.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from pgdose.study.study import Study

# Folders of the project, and those that it keeps beside the results.
OF_THE_PROJECT = (
    *("src", "scripts", "workflow", "profiles", "resources", "envs", "tests", "benchmarks", "docs"),
    *("config", "work", "logs", ".git", ".snakemake", ".venv"),
)
FILES_OF_THE_PROJECT = (
    *("Snakefile", "config.yaml", "pyproject.toml", "requirements.txt", "Makefile", ".gitignore"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE"),
)
OF_THE_SYSTEM = ("/dev", "/proc", "/sys")  # no files on a disk
MEMORY = "/dev/shm"  # but that one: temporary files
PROJECT = Path(__file__).parents[3]  # its checkout; another folder where pgdose is installed


def misplaced(study: Study) -> Iterator[str]:
    """A line for each place that is no folder of its own."""
    places = {"results": study.results, "privacy.folder": study.privacy.folder}
    places["privacy.key"] = study.privacy.key
    if study.phantom:
        places["phantom.root"] = study.phantom.root
    lines = {}
    for field, place in places.items():
        if text := _reserved(field, _real(place)) or _beside_inputs(field, place, study):
            lines[field] = f"{field}: {place!r} {text}"
    yield from lines.values()
    if not lines:
        yield from _overlapping(places)
    yield from _misplaced_films(study)


def _misplaced_films(study: Study) -> Iterator[str]:
    """A line for each root that films are fetched into, and that is no folder of its own."""
    for name, source in study.sources.items():
        if source.kind != "pacs":
            continue
        field, path = f"sources.{name}.root", _real(source.root)
        if text := _reserved(field, path):
            yield f"{field}: {source.root!r} {text}"
        folders = {
            f"sources.{other}.{key}": folder
            for other, entry in study.sources.items()
            for key in ("root", "outlines_root")
            if other != name and (folder := getattr(entry, key, None)) is not None
        }
        if study.phantom:  # is emptied when it is drawn again
            folders["phantom.root"] = study.phantom.root
        for other, folder in folders.items():
            shared = _real(folder)
            if path.is_relative_to(shared) or shared.is_relative_to(path):
                yield (
                    f"{field}: {source.root!r} shares its files with {other}, {folder!r}; use a "
                    f"folder for fetched films alone, such as {_example(field)}"
                )


def _real(path: str) -> Path:
    """The absolute path, without links."""
    return Path(os.path.realpath(path))


def _reserved(field: str, path: Path) -> str | None:
    """What is wrong with a place that is in use for something else."""
    example = _example(field)
    for name, folder in {"the project's folder": Path.cwd(), "your home": Path.home()}.items():
        if _real(str(folder)).is_relative_to(path):
            return f"is {name}, or holds it; use a folder of its own, such as {example}"
    if any(path.is_relative_to(name) for name in OF_THE_SYSTEM) and not (
        path.is_relative_to(MEMORY) and path != Path(MEMORY)
    ):
        return f"lies in a folder of the system, which keeps no files; use {example}"
    folders = [*OF_THE_PROJECT, "private" if field in ("results", "phantom.root") else "results"]
    for project in {_real(str(Path.cwd())), _real(str(PROJECT))}:
        if not path.is_relative_to(project):
            continue
        name = path.relative_to(project).parts[0]
        if _same_name(name, folders):
            return f"lies in the folder {name!r}, which is for other files; use {example}"
        if _same_name(name, FILES_OF_THE_PROJECT):
            return f"is, or lies in, the project's file {name!r}; use {example}"
    return _no_place(field, path)


def _same_name(name: str, names: Iterable[str]) -> bool:
    """Whether a file system might take a name for one of these: some know no capitals."""
    return _folded(name) in {_folded(other) for other in names}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _no_place(field: str, path: Path) -> str | None:
    """What is wrong with a place where nothing can be written."""
    example = _example(field)
    for parent in path.parents:
        if _exists(parent) and not parent.is_dir():
            return f"lies in {parent.name!r}, which is a file; use {example}"
    if _exists(path) and not path.is_dir() and field != "privacy.key":
        return f"is a file; give a folder, such as {example}"
    if _exists(path) and not path.is_file() and field == "privacy.key":
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        return f"is {kind}; give a file, such as {example}"
    return None


def _exists(path: Path) -> bool:
    """Whether something stands at a path; not, as far as a user sees, in another one's folder."""
    try:
        return path.exists()
    except PermissionError:  # `preflight` names the folder
        return False


def _example(field: str) -> str:
    return {
        "results": "results/NAME",
        "privacy.key": "private/key",
        "privacy.folder": "private/NAME",
        "phantom.root": "hospital",
    }.get(field, "incoming/films")


def _beside_inputs(field: str, place: str, study: Study) -> str | None:
    """What is wrong with a place that is an input of the study, holds one or lies in one."""
    path = _real(place)
    for name, source in study.sources.items():
        if field == "privacy.key" and path.is_relative_to(_real(f"{study.privacy.folder}/{name}")):
            return (
                f"lies in the private folder of sources.{name}, which a person may delete; use a "
                f"place apart, such as {_example(field)}"
            )
        reports = getattr(source, "reports", None)
        folders = {
            "root": source.root,
            "outlines_root": getattr(source, "outlines_root", None),
            "reports.hl7": reports.hl7 if reports else None,
        }
        for key, folder in folders.items():
            if folder is None:
                continue
            root = _real(folder)
            holds = root.is_relative_to(path) and (path == root or field != "phantom.root")
            if holds or path.is_relative_to(root):
                return (
                    f"shares its files with sources.{name}.{key}, {folder!r}; use a folder apart "
                    f"from all inputs, such as {_example(field)}"
                )
    return None


def _overlapping(places: dict[str, str]) -> Iterator[str]:
    """A line for each place that lies in another. The key may lie anywhere but in results."""
    fields = list(places)
    for field in fields:
        for other in fields:
            path, holder = _real(places[field]), _real(places[other])
            if path == holder:
                overlap = fields.index(field) < fields.index(other)  # said once
            else:
                is_usual = (field, other) == ("privacy.key", "privacy.folder")
                overlap = path.is_relative_to(holder) and not is_usual
            if overlap:
                yield (
                    f"{field}: {places[field]!r} is, or lies in, {other}, {places[other]!r}; use "
                    f"separate folders, such as {_example(field)} and {_example(other)}"
                )
