"""clean.parquet: the logits of a run's clean validation images."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables import parquet
from pgdose.tables.network_schemas import CLEAN
from pgdose.tables.parquet import read_metadata, write_table


def write(
    path: str | Path,
    members: Iterable[int],
    logits: np.ndarray,
    precision: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the logits, members x classes, in the order of `members`.

    `precision`, fp32 or tf32, is what they were computed in. The metadata of a network whose
    decision has a threshold hold its offset (`offset_metadata`).
    """
    table = pd.DataFrame({"member": list(members), "logits": list(logits)})
    write_table(table, path, CLEAN, {**(metadata or {}), "precision": precision})


def read_table(path: str | Path) -> pd.DataFrame:
    """member and logits, one row each; with a threshold also `offset`, a list, see `offset_of`."""
    table, offset = parquet.read_table(path), offset_of(read_metadata(path))
    if offset is not None:
        table["offset"] = [offset.tolist() for _ in range(len(table))]
    return table


def offset_of(metadata: Mapping[str, str]) -> np.ndarray | None:
    """What to add to logits before softmax, by the metadata of clean.parquet or of a surface.

    None where that is nothing: the network's decision has no threshold.
    """
    return np.asarray(json.loads(metadata["offset"])) if "offset" in metadata else None


def offset_metadata(offset: Sequence[float] | None) -> dict[str, str]:
    """The entry that `offset_of` reads."""
    return {} if offset is None else {"offset": json.dumps(list(offset))}


def computed_in(path: str | Path) -> str | None:
    """The precision that the logits were computed in; None if the file does not say it."""
    return read_metadata(path).get("precision")


def read(path: str | Path, members: Iterable[int]) -> np.ndarray:
    """Members x classes, float32, in the order of `members`; UserError if one is not there."""
    table = parquet.read_table(path)
    members = list(members)
    rows = pd.Index(table["member"]).get_indexer(members)
    if (rows < 0).any():
        absent = members[int((rows < 0).argmax())]
        raise UserError(f"{path}: member {absent} is missing; delete the file and run again")
    return np.stack(table["logits"].to_list()).astype(np.float32)[rows]
