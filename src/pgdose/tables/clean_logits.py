"""The logits of a run's clean images, `clean.parquet`, for some of its members."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.parquet import read_table


def read(path: str | Path, members: Iterable[int]) -> np.ndarray:
    """Members x classes, float32, in the order of `members`; UserError if one is not there."""
    table = read_table(path)
    members = list(members)
    rows = pd.Index(table["member"]).get_indexer(members)
    if (rows < 0).any():
        absent = members[int((rows < 0).argmax())]
        raise UserError(f"{path}: has no member {absent}; delete it and run again")
    return np.stack(table["logits"].to_list()).astype(np.float32)[rows]
