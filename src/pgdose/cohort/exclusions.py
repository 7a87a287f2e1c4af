"""The records that a person leaves out of a group, after a look at its contact sheet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.user_tables.reader import read_columns
from pgdose.user_tables.source_tables import EXCLUSION_COLUMNS, list_table


def read_exclusions(
    path: str | Path | None, group: str, settings: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """A person's list of exclusions: record_id and reason; empty without a file.

    settings: how the file is written. UserError if it cannot be read, or a column is missing; the
    message quotes no cell.
    """
    if not path:
        return pd.DataFrame(columns=list(EXCLUSION_COLUMNS))
    table = list_table(Path(path), f"groups.{group}.exclude", EXCLUSION_COLUMNS, settings or {})
    return read_columns(table)
