"""Rows of tables as the indexes of sources of images, fields and slides get them."""

from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.histology.fields import FieldIndex, FieldRows, index_fields
from pgdose.histology.slides.slide_table import SlideList, list_slides, slide_folders
from pgdose.imagetable.index import ImageRows, index_images
from pgdose.study.sources import ImageTable, MicroscopeFields, Slides
from pgdose.tables.keyed import SourceIds
from pgdose.tables.source_index import SourceIndex
from pgdose.user_tables.source_tables import describing_table

KEY = b"k" * 32


def image_rows(
    rows: pd.DataFrame, words: dict[str, list[str]] | None = None, **keys: Any
) -> ImageRows:
    """Rows with the settings of a study that says `keys` of its source."""
    entry = {"kind": "table", "root": "images", "table": "t.csv", **keys}
    settings = ImageTable.model_validate(entry).settings("index_table")
    table = describing_table(Path("t.csv"), "nih", settings)
    settings["layout"] = keys.get("layout")
    no_words: dict[str, list[str]] = {k: [] for k in ("view", "class", "not.view", "not.class")}
    return ImageRows(rows, table, settings, no_words | (words or {}))


def index_rows(
    rows: pd.DataFrame, root: Path, notes: list[str] | None = None, **keys: Any
) -> SourceIndex:
    """The index of rows; `keys` are those of the source in the study."""
    ids = SourceIds(KEY, "nih", keys.get("patients") or "")
    return index_images(image_rows(rows, **keys), root, ids, [] if notes is None else notes)


def index_field_rows(
    rows: pd.DataFrame, root: Path, notes: list[str] | None = None, **keys: Any
) -> FieldIndex:
    """The index of rows of fields; `keys` are those of the source in the study."""
    entry = {"kind": "microscope_fields", "root": "fields", "table": "t.csv"}
    settings = MicroscopeFields.model_validate(entry).settings("index_fields") | keys
    table = describing_table(Path("t.csv"), "fields", settings)
    ids = SourceIds(KEY, "fields", keys.get("patients") or "fields")
    fields = FieldRows(rows, table, settings)
    return index_fields(fields, root, ids, [] if notes is None else notes)


def list_slide_rows(
    rows: pd.DataFrame, root: Path, outlines_root: Path | None = None, **keys: Any
) -> SlideList:
    """The slides of rows; `keys` are those of the source in the study."""
    entry = {"kind": "slides", "root": "slides", "table": "t.csv", "tiles_per_class": 1, **keys}
    settings = Slides.model_validate(entry).settings("candidates")
    table = describing_table(Path("t.csv"), "breast", settings)
    if "line" not in rows:
        rows = rows.assign(line=range(2, len(rows) + 2))
    folders = slide_folders(root, outlines_root)
    ids = SourceIds(KEY, "breast", keys.get("patients") or "breast")
    return list_slides(rows, table, folders, ids, settings, [])
