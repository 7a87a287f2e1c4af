"""The slides that a source's table lists. Every step about slides begins with them."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.slides.folders import slide_in_folder
from pgdose.tables.keyed import SourceIds
from pgdose.tables.rejects import Reject
from pgdose.tables.sharding import shard_rows
from pgdose.tables.source_files import check_folder, check_synthetic
from pgdose.user_tables.file_names import FileNames
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.reader import read_columns
from pgdose.user_tables.repeated_rows import merge_rows, repeated_records
from pgdose.user_tables.source_rows import clean_patients
from pgdose.user_tables.source_tables import describing_table

OUTLINES_FOLDER = "outlines"  # of the synthetic hospital's slides


class SlideFolders(NamedTuple):
    """Where a source's files lie."""

    slides: Path
    outlines: Path


def slide_folders(root: str | Path, outlines_root: str | Path | None = None) -> SlideFolders:
    """The folders that the study names; outlines lie beside the slides unless it says where."""
    return SlideFolders(Path(root), Path(outlines_root or root))


class SlideList(NamedTuple):
    """The slides of a source.

    `slides`: record_id, patient_id, path, line, and as text slide, patient, outlines, class, mpp;
    sorted by record_id. `paths`: {record_id, path} of all slides. `rejects`: slides whose rows
    disagree. `repeated`: slides with several rows (REPEATED). `notes`: what was guessed.
    """

    slides: pd.DataFrame
    paths: list[dict]
    rejects: list[Reject]
    repeated: pd.DataFrame
    notes: list[str]
    table: UserTable
    folders: SlideFolders

    def shard(self, shard: int, shards: int) -> list[dict]:
        """The slides of one shard, a dictionary each."""
        rows = shard_rows(len(self.slides), shard, shards)
        return self.slides.iloc[rows.start : rows.stop].to_dict("records")


def read_slide_list(
    path: Path,
    settings: Mapping[str, Any],
    folders: SlideFolders,
    ids: SourceIds,
    truth: Path | None = None,
) -> SlideList:
    """Read a source's table; `settings` are its keys in the study.

    `truth`: of the synthetic hospital, if it makes the source. Raises UserError for a missing
    folder or column, and for what a synthetic source must not hold (`check_synthetic`).
    """
    field = f"sources.{ids.source}"
    check_folder(folders.slides, f"{field}.root")
    check_folder(folders.outlines, f"{field}.outlines_root")
    table, notes = describing_table(path, ids.source, settings), list[str]()
    rows = read_columns(table, notes)
    if truth:
        listed = rows.to_dict("records")
        check_synthetic(folders.slides, truth, field, listed, name="slide", without=OUTLINES_FOLDER)
    return list_slides(rows, table, folders, ids, settings, notes)


def list_slides(
    rows: pd.DataFrame,
    table: UserTable,
    folders: SlideFolders,
    ids: SourceIds,
    settings: Mapping[str, Any],
    notes: list[str],
) -> SlideList:
    """The slides of rows with the columns slide and patient, and maybe outlines, class, mpp."""
    columns = ["slide", "patient", "outlines", "class", "mpp", "line"]
    rows = rows.reindex(columns=columns, fill_value="")
    files = FileNames(folders.slides)
    found = {name: _slide(files, name) for name in rows["slide"].unique()}
    files.check_any(sum(file is not None for file in found.values()), rows["slide"], table.field)
    outlines = _find_outlines(rows["outlines"], files, folders, table, notes)
    notes += files.notes()
    # A slide that is not there stays in the list: its survey says so, as of any other fault.
    rows["file"] = [found[name] or name for name in rows["slide"]]
    rows["outlines"] = rows["outlines"].map(outlines)
    rows["patient"] = clean_patients(rows, ids, table, settings, notes)
    several = settings["several"]
    merged = merge_rows(rows.drop(columns="slide"), "file", several, table, notes)
    slides = merged.rows.rename(columns={"file": "slide"})[columns]
    slides = slides.assign(
        record_id=[ids.record(name) for name in slides["slide"]],
        patient_id=[ids.patient(name) for name in slides["patient"]],
        path=[str(folders.slides / name) for name in slides["slide"]],
    )
    paths = slides[["record_id", "path"]].to_dict("records")
    rejects = [
        Reject(ids.record(file), "index", "conflicting_rows", f"its rows disagree on: {differ}")
        for file, differ in merged.unsure.items()
    ]
    slides = slides[~slides["slide"].isin(merged.unsure)].sort_values("record_id")
    repeated = repeated_records(merged, ids, several)
    return SlideList(slides, paths, rejects, repeated, notes, table, folders)


def _slide(files: FileNames, name: str) -> str | None:
    """The file of a slide that a name means, also that of its folder; None if there is none."""
    try:
        if found := slide_in_folder(files.root, name):
            return found
    except Rejected as rejected:
        if rejected.reason == "several_slides":
            return name  # its survey says so
    return _file(files, name)  # beside `a.svs` a folder `a` may hold other things


def _find_outlines(
    names: pd.Series, files: FileNames, folders: SlideFolders, table: UserTable, notes: list[str]
) -> dict[str, str]:
    """The file that each name of outlines means, or the name itself.

    In a folder apart from the slides a file is meant by its slide's name, too, of whatever ending.
    UserError if that folder has none of them.
    """
    if folders.outlines == folders.slides:
        return {name: _file(files, name) or name for name in names.unique()}
    apart = FileNames(folders.outlines)
    found = {name: outlines_apart(apart, name) for name in names.unique()}
    apart.check_any(sum(map(bool, found.values())), names, table.field, key="outlines_root")
    notes += [f"outlines: {note}" for note in apart.notes()]
    return {name: file or name for name, file in found.items()}


def outlines_apart(files: FileNames, name: str) -> str | None:
    """The file that a name of outlines means in a folder apart from the slides; None for none."""
    return _file(files, name) or _file(files, PurePosixPath(name).stem)


def _file(files: FileNames, name: str) -> str | None:
    """The file that a name means; None if there is none."""
    try:
        return files.find(name) if name else None
    except Rejected:
        return None
