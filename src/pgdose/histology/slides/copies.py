"""Slides that stand in a table under several names: copies, links, files of one series."""

import hashlib
from pathlib import Path

import pandas as pd

from pgdose.errors import UserError
from pgdose.histology.slides.slide_table import SlideList
from pgdose.tables.keyed import SourceIds
from pgdose.tables.rejects import Reject
from pgdose.user_tables.repeated_rows import merge_rows

COMPARED = ["patient", "outlines", "class", "mpp"]


def reject_copies(
    slides: pd.DataFrame, slide_list: SlideList, several: str, ids: SourceIds, notes: list[str]
) -> list[Reject]:
    """A reject for each name of a slide but one.

    slides: of SLIDES, with `content`, which is equal for the names of one slide.

    Rows of one slide are settled as rows of one name are, see `merge_rows`: if they say the same,
    the first that can be read stays; of others `several` says what they are. With `union`, none
    stays unless one of them says all that the others say (conflicting_rows). Raises UserError with
    `several: error`.
    """
    opened = slides.dropna(subset="content").assign(rejected=slides["reason"].notna())
    opened = opened[["record_id", "content", "rejected", "unreadable_share"]]
    rows = slide_list.slides.merge(opened, on="record_id")
    rows = rows[rows["content"].duplicated(keep=False)]
    if rows.empty:
        return []
    rows = rows.sort_values("line").reset_index(drop=True)
    rows["outlines"] = [_outline_digest(slide_list, name) for name in rows["outlines"]]
    notes.append(
        f"{len(rows)} names of the table are {rows['content'].nunique()} slides (copies, links or "
        "files of one series); each is used once"
    )
    if ids.unknown_patients:
        rows["patient"] = ""  # each name has a patient of its own
    try:
        merged = merge_rows(
            rows[["content", "line", *COMPARED]], "content", several, slide_list.table, notes
        )
    except UserError as error:
        raise UserError(f"{error}. They name one slide by different files") from None
    kept = _kept_rows(rows, merged.rows.set_index("content"))
    rejects = []
    for content, names in rows.groupby("content", sort=False):
        keeps = None if str(content) in merged.unsure else kept.get(str(content))
        if keeps is None:
            differ = merged.unsure.get(str(content), ", ".join(COMPARED))
            reason, detail = "conflicting_rows", f"the rows of its names disagree on: {differ}"
        else:
            reason, detail = "duplicate_slide", "another row names the same slide, which counts"
        of_slide = names["record_id"][names["record_id"] != keeps]
        rejects += [Reject(record_id, "index", reason, detail) for record_id in of_slide]
    return rejects


def _kept_rows(rows: pd.DataFrame, merged: pd.DataFrame) -> dict[str, str]:
    """The record_id of the row of each slide that says all that its merged row says.

    Of several the one whose file is whole, or the first.
    """
    kept: dict[str, str] = {}
    for row in rows.sort_values(["rejected", "unreadable_share", "line"]).to_dict("records"):
        expected = merged.loc[row["content"]]
        if all(row[name] == expected[name] for name in COMPARED):
            kept.setdefault(row["content"], row["record_id"])
    return kept


def _outline_digest(slide_list: SlideList, name: str) -> str:
    """Equal for equal files of outlines; the name itself for one that is not there."""
    if not name:
        return ""
    try:
        with Path(slide_list.folders.outlines, name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return name
