"""Rows of tables as the index of a source of ready images gets them."""

from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.imagetable.index import ImageRows, index_images
from pgdose.study.sources import ImageTable
from pgdose.tables.keyed import SourceIds
from pgdose.tables.source_index import SourceIndex
from pgdose.tables.source_tables import describing_table

KEY = b"k" * 32


def image_rows(
    rows: pd.DataFrame, words: dict[str, list[str]] | None = None, **keys: Any
) -> ImageRows:
    """Rows with the settings of a study that says `keys` of its source."""
    entry = {"kind": "table", "root": "images", "table": "t.csv", **keys}
    settings = ImageTable.model_validate(entry).settings("index_table")
    table = describing_table(Path("t.csv"), "nih", settings)
    settings["layout"] = keys.get("layout")
    return ImageRows(rows, table, settings, {"view": [], "class": []} | (words or {}))


def index_rows(
    rows: pd.DataFrame, root: Path, notes: list[str] | None = None, **keys: Any
) -> SourceIndex:
    """The index of rows; `keys` are those of the source in the study."""
    ids = SourceIds(KEY, "nih", keys.get("patients") or "")
    return index_images(image_rows(rows, **keys), root, ids, [] if notes is None else notes)
