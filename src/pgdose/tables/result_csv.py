"""CSV tables of results."""

from pathlib import Path

import pandas as pd

from pgdose.tables.output_files import atomic

# Columns that hold names which a person chose: they stay text, even "NA" or "01".
TEXT_COLUMNS = (
    *("group", "run", "attack", "source", "label", "title"),
    *("class", "predicted", "flipped_to", "class_before", "class_after"),
    *("judge", "attacks"),
)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write CSV atomically; floats as the shortest text that reads back equal."""
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what `write_csv` wrote: only an empty cell is missing, and names are text."""
    types = dict.fromkeys(TEXT_COLUMNS, str)
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=types)
