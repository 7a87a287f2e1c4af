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

    rows: the columns patient, line, and file, which stands for the patient where nobody knows
    them. settings: the source's `similar_patients`.
    """
    if ids.unknown_patients:
        notes.append("patients are not known: each image stands for a patient of its own")
        return rows["file"].astype("str")
    patients = clean_identifiers(rows["patient"].fillna(""), table, "patient", notes)
    return settle_similar(patients, rows["line"], table, settings["similar_patients"], notes)
