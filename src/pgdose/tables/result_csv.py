"""CSV tables of results."""

from pathlib import Path

import pandas as pd

from pgdose.tables.output_files import atomic

# Columns of CSV tables that hold what a person named.
NAMES = (
    *("group", "run", "attack", "source", "label", "title"),
    *("class", "predicted", "flipped_to", "class_before", "class_after"),
)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write CSV, atomically; floats as the shortest text that reads back equal."""
    with atomic(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """What `write_csv` wrote: only an empty cell is missing, and names are text, be they "NA"."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(NAMES, str))
