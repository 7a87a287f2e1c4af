"""The response surface on disk: its table, written and read."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pgdose.errors import UserError
from pgdose.tables.output_files import file_digest
from pgdose.tables.parquet import read_metadata, read_tables


def surface_table(
    members: np.ndarray,
    epsilons: Sequence[float],
    *,
    logits: np.ndarray,
    stored: np.ndarray,
    change: np.ndarray,
    zero_gradient: np.ndarray,
    bad_gradient: np.ndarray,
) -> pa.Table:
    """One row per attacked member and epsilon, sorted; what `attack.Surface` says of them.

    `logits` is members x epsilons x (max_iter + 1) x classes, float; a row holds the last two
    dimensions in one list of fixed length, iteration 0 first. `stored` is members x epsilons x
    classes, `change` members x epsilons, the gradient's shares one for each member.
    """
    m, e = logits.shape[:2]

    def lists(values: np.ndarray, length: int) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
        return pa.FixedSizeListArray.from_arrays(flat, length)

    return pa.table(
        {
            "member": pa.array(np.repeat(members, e), pa.int32()),
            "epsilon": pa.array(np.tile(np.asarray(epsilons, dtype=np.float64), m)),
            "logits": lists(logits, logits.shape[2] * logits.shape[3]),
            "stored": lists(stored, stored.shape[2]),
            "change": pa.array(change.ravel(), pa.float32()),
            "zero_gradient": pa.array(np.repeat(zero_gradient, e), pa.float32()),
            "bad_gradient": pa.array(np.repeat(bad_gradient, e), pa.float32()),
        }
    )


def transfer_table(
    members: np.ndarray, judges: Sequence[str], epsilons: Sequence[float], logits: np.ndarray
) -> pa.Table:
    """One row per attacked member, judge and epsilon (0: the clean image).

    `logits` is members x judges x (1 + epsilons) x classes, what `attack.Transfer` says of them.
    """
    m, j, e, classes = logits.shape
    flat = pa.array(np.ascontiguousarray(logits, np.float32).ravel())
    return pa.table(
        {
            "member": pa.array(np.repeat(members, j * e), pa.int32()),
            "judge": pa.array(np.tile(np.repeat(list(judges), e), m), pa.string()),
            "epsilon": pa.array(np.tile(np.asarray([0.0, *epsilons], np.float64), m * j)),
            "logits": pa.FixedSizeListArray.from_arrays(flat, classes),
        }
    )


def read_surface(
    paths: Iterable[str | Path], network: str | Path, columns: list[str] | None = None
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The shards of a surface as one table, and the metadata of each.

    UserError if one is of another network: the file `network` is not the one that was attacked.
    """
    own, known = file_digest(network), []
    paths = list(paths)
    for path in paths:
        told = read_metadata(path)
        if told.get("network") != own:
            raise UserError(
                f"{path}: a surface of another network ({told.get('network')}, but {network} is "
                f"{own}); delete it and run again"
            )
        known.append(told)
    return read_tables(paths, columns), known
