"""clean.parquet: the logits of a run's clean validation images."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.network_schemas import CLEAN
from pgdose.tables.parquet import read_table, write_table


def write(
    path: str | Path,
    members: Iterable[int],
    logits: np.ndarray,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the logits, members x classes, in the order of `members`."""
    table = pd.DataFrame({"member": list(members), "logits": list(logits)})
    write_table(table, path, CLEAN, metadata)


def read(path: str | Path, members: Iterable[int]) -> np.ndarray:
    """Members x classes, float32, in the order of `members`; UserError if one is not there."""
    table = read_table(path)
    members = list(members)
    rows = pd.Index(table["member"]).get_indexer(members)
    if (rows < 0).any():
        absent = members[int((rows < 0).argmax())]
        raise UserError(f"{path}: member {absent} is missing; delete the file and run again")
    return np.stack(table["logits"].to_list()).astype(np.float32)[rows]
