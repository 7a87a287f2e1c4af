"""The rows of a source's table, each with its file and its patient: how every kind begins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.errors import Rejected
from pgdose.tables.keyed import SourceIds
from pgdose.tables.rejects import Reject
from pgdose.user_tables.file_names import FileNames
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.identifiers import clean_identifiers, settle_similar
from pgdose.user_tables.layouts import as_text


def note_pages(number: int, notes: list[str]) -> None:
    """Note how many files have several pages."""
    if number:
        notes.append(f"{number} files have several pages; the largest is read")


def find_files(
    names: pd.Series, root: Path, ids: SourceIds, table: UserTable, notes: list[str]
) -> tuple[pd.Series, list[dict], list[Reject]]:
    """The file below `root` of each name, None where there is none; paths and rejects of these.

    UserError if no file is there at all.
    """
    files = FileNames(root)
    file_of, paths, rejects = {}, [], []
    for name in names.unique():
        try:
            file_of[name] = files.find(name)
        except Rejected as rejected:
            record_id = ids.record(as_text(name))
            paths.append({"record_id": record_id, "path": str(root / name)})
            rejects.append(Reject(record_id, "index", rejected.reason, rejected.detail))
    files.check_any(len(file_of), names, table.field)
    notes += files.notes()
    if rejects:
        notes.append(f"{len(rejects)} files that the table names are not there, or not for sure")
    # As objects: a file name may be no text that a column of strings accepts.
    of_rows = pd.Series([file_of.get(name) for name in names], names.index, dtype=object)
    return of_rows, paths, rejects


def clean_patients(
    rows: pd.DataFrame,
    ids: SourceIds,
    table: UserTable,
    settings: Mapping[str, Any],
    notes: list[str],
) -> pd.Series:
    """The patient of each row, in one spelling each, "" where there is none.

    rows: the columns patient and line. Where nobody knows the patients: file, which then stands
    for the patient, or original, which does so for all images that were made from it.
    settings: the source's `similar_patients`.
    """
    if ids.unknown_patients and "original" not in rows:
        notes.append("patients are not known: each image stands for a patient of its own")
        return rows["file"].astype("str")
    name = "original" if ids.unknown_patients else "patient"
    cleaned = clean_identifiers(rows[name].fillna(""), table, name, notes)
    similar = settings["similar_patients"]
    cleaned = settle_similar(cleaned, rows["line"], table, name, similar, notes)
    return _originals(cleaned, rows["file"], notes) if ids.unknown_patients else cleaned


def _originals(originals: pd.Series, files: pd.Series, notes: list[str]) -> pd.Series:
    """Each original as a stand-in for a patient; an image without one stands for itself."""
    alone = originals.eq("")
    text = (
        "patients are not known: the images of an original stand for a patient "
        f"({originals[~alone].nunique()} originals)"
    )
    if n := files[alone].nunique():
        text += f", and {n} images without one stand for themselves"
    notes.append(text)
    # A file and an original may have the same name.
    return ("original " + originals).mask(alone, "file " + files.astype("str"))
