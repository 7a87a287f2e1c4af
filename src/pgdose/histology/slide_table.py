"""The slides that a source's table lists. Every step about slides begins with them."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.tables.keyed import opaque
from pgdose.tables.rejects import Reject
from pgdose.tables.sharding import shard_rows
from pgdose.tables.source_files import check_folder, check_synthetic
from pgdose.tables.source_index import first_of_each
from pgdose.tables.user_tables import read_columns

OUTLINES_FOLDER = "outlines"  # of the synthetic hospital's slides


class SlideList(NamedTuple):
    """The slides of a source.

    `slides`: record_id, patient_id, path, and as text slide, patient, outlines, class, mpp; sorted
    by record_id. `paths`: {record_id, path} of all rows. `rejects`: rows that repeat a slide.
    """

    slides: pd.DataFrame
    paths: list[dict]
    rejects: list[Reject]

    def shard(self, shard: int, shards: int) -> list[dict]:
        """The slides of one shard, a dictionary each."""
        rows = shard_rows(len(self.slides), shard, shards)
        return self.slides.iloc[rows.start : rows.stop].to_dict("records")


def read_slide_list(
    table: Path,
    columns: dict[str, str | None],
    root: Path,
    *,
    key: bytes,
    source: str,
    patients: str,
    truth: Path | None = None,
) -> SlideList:
    """Read a source's table; `columns` names its columns, `root` the folder of the slides.

    `truth`: of the synthetic hospital, if it makes the source. Raises UserError for a missing
    folder or column, and for what a synthetic source must not hold (`check_synthetic`).
    """
    check_folder(root, f"sources.{source}.root")
    rows = read_columns(table, columns, f"sources.{source}.columns")
    if truth:
        listed = rows.to_dict("records")
        check_synthetic(
            root, truth, f"sources.{source}", listed, name="slide", without=OUTLINES_FOLDER
        )
    return list_slides(rows, root, key=key, source=source, patients=patients)


def list_slides(
    table: pd.DataFrame, root: Path, *, key: bytes, source: str, patients: str
) -> SlideList:
    """The slides of a table with the columns slide and patient, and maybe outlines, class, mpp."""
    table, paths, rejects = first_of_each(table, "slide", root, key=key, source=source)
    columns = ["slide", "patient", "outlines", "class", "mpp"]
    table = table.reindex(columns=columns, fill_value="")
    table = table.assign(
        record_id=[opaque(key, source, name) for name in table["slide"]],
        patient_id=[opaque(key, patients, "patient", name) for name in table["patient"]],
        path=[str(root / name) for name in table["slide"]],
    )
    paths += table[["record_id", "path"]].to_dict("records")
    return SlideList(table.sort_values("record_id"), paths, rejects)
