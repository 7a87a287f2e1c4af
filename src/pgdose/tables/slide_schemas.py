"""Schemas of the tables about whole slides."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pgdose.tables.parquet import read_parquet

_WORD = pa.dictionary(pa.int32(), pa.string())  # a few words, millions of times
CANDIDATES = (
    pa.schema(  # tiles of slides that a class may take; the columns of a slide are in SLIDES
        [
            ("parent", _WORD),
            ("class", _WORD),
            ("x", pa.int32()),
            ("y", pa.int32()),
            ("tissue_share", pa.float64()),
            ("class_share", pa.float64()),
            ("draw", pa.float64()),
        ]
    )
)
SLIDES = pa.schema(  # one row a slide, usable or not
    [
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("reason", pa.string()),  # why the slide was rejected, null if it is usable
        ("detail", pa.string()),
        ("content", pa.string()),  # equal for two names of one slide; null if it was not opened
        ("columns", pa.int32()),  # of level 0
        ("rows", pa.int32()),
        ("levels", pa.int16()),
        ("level", pa.int16()),  # of the slide that tiles are read from
        ("extent", pa.float64()),  # side of a tile, pixels of level 0
        ("um_per_px", pa.float64()),  # of a tile
        ("scale_from", pa.string()),
        ("threshold", pa.float64()),  # of tissue
        ("tissue_share", pa.float64()),  # of the slide
        ("ink_share", pa.float64()),
        ("unreadable_share", pa.float64()),  # of the slide, at the survey's level
        ("dark", pa.bool_()),  # no bright field, see histology.tissue
        ("colour", pa.string()),  # as_stored, or srgb where its profile was applied
        ("drawn", pa.string()),  # classes that its outlines name
        ("in_class", pa.string()),  # classes that have a tile of their own, glass or not
        ("on_tissue", pa.string()),  # those of them that have one with enough tissue
        ("inked", pa.string()),  # those of these that lose such tiles to pen marks
        ("mended", pa.int32()),  # outlines
        ("dropped", pa.int32()),
        ("notes", pa.string()),  # what was guessed about its outlines; null if nothing was
    ]
)


def count_notes(slides: pd.DataFrame) -> list[str]:
    """What was guessed about outlines, each with the number of slides."""
    notes = slides["notes"].dropna().str.split("; ").explode().value_counts()
    return [f"{n} slides: {note}" for note, n in notes.items()]


def read_candidates(paths: Iterable[str | Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Several tables of CANDIDATES as one, in order; words are categories."""
    parts = [read_parquet(path, columns=columns) for path in paths]
    return pa.concat_tables(parts).unify_dictionaries().to_pandas()
