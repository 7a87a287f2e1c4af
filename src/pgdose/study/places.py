"""Where a study writes: its results, its private tables and key, the synthetic hospital.

Such a place must be a folder of its own: results are shared and cleaned away, private tables are
not, and an archive is read file by file, whatever lies in it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pgdose.study.sources import DicomArchive, MicroscopeFields
from pgdose.study.study import Study

# Folders of the project, and those that it keeps beside the results.
OF_THE_PROJECT = (
    *("src", "scripts", "workflow", "profiles", "resources", "envs", "tests", "benchmarks", "docs"),
    *("work", "logs", ".git", ".snakemake", ".venv"),
)
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


def _real(path: str) -> Path:
    """The absolute path, without links."""
    return Path(os.path.realpath(path))


def _reserved(field: str, path: Path) -> str | None:
    """What is wrong with a place that is in use for something else."""
    example = _example(field)
    for name, folder in {"the project's folder": Path.cwd(), "your home": Path.home()}.items():
        if _real(str(folder)).is_relative_to(path):
            return f"is {name}, or holds it; use a folder of its own, such as {example}"
    reserved = [*OF_THE_PROJECT, "private"]
    if field.startswith("privacy."):
        reserved = [*OF_THE_PROJECT, "results"]
    for project in {_real(str(Path.cwd())), _real(str(PROJECT))}:
        if path.is_relative_to(project) and path.relative_to(project).parts[0] in reserved:
            name = path.relative_to(project).parts[0]
            return f"lies in the folder {name!r}, which is for other files; use {example}"
    if path.is_file() and field != "privacy.key":
        return f"is a file; give a folder, such as {example}"
    if path.is_dir() and field == "privacy.key":
        return f"is a folder; give a file, such as {example}"
    return None


def _example(field: str) -> str:
    return {
        "results": "results/NAME",
        "privacy.key": "private/key",
        "privacy.folder": "private/NAME",
        "phantom.root": "hospital",
    }[field]


def _beside_inputs(field: str, place: str, study: Study) -> str | None:
    """What is wrong with a place that is an input of the study, holds one or lies in one."""
    path = _real(place)
    for name, source in study.sources.items():
        root = _real(source.root)
        # These read all files below their root; tables of others name each file.
        reads_all = isinstance(source, DicomArchive) or (
            isinstance(source, MicroscopeFields) and source.layout
        )
        holds = root.is_relative_to(path) and (path == root or field != "phantom.root")
        if holds or (reads_all and path.is_relative_to(root)):
            return (
                f"shares its files with sources.{name}.root, {source.root!r}; use a folder apart "
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
