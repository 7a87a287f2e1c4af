"""Surface tables for tests, and surfaces written as jobs write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.attack.surface_table import SurfaceTable, write_surface
from pgdose.study.doses import Doses
from pgdose.tables.output_files import file_digest


def surface_table(
    members: Any, doses: Doses, logits: Any, metadata: Mapping[str, str] | None = None, **more: Any
) -> SurfaceTable:
    """A table of these logits (m, e, k, classes); what else it holds follows from them."""
    logits = np.asarray(logits, np.float32)
    m = len(logits)
    values: dict[str, Any] = {
        "stored": logits[:, :, -1],
        "change": np.tile(np.asarray(doses.epsilons, np.float32), (m, 1)),
        "zero_gradient": np.zeros(m, np.float32),
        "bad_gradient": np.zeros(m, np.float32),
    }
    return SurfaceTable(
        members=np.asarray(members, np.int32),
        doses=doses,
        logits=logits,
        metadata=[dict(metadata or {})],
        **(values | more),
    )


def write(table: SurfaceTable, path: Path, network: Path) -> None:
    """Write a table as the surface of the network in the file `network`."""
    about = {**table.metadata[0], "network": file_digest(network)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_surface(SurfaceTable(**{**vars(table), "metadata": [about]}), path)


def dense(rows: pd.DataFrame, doses: Doses, classes: int, **metadata: str) -> SurfaceTable:
    """The table of some rows, each with member, epsilon, logits and perhaps stored and change."""
    members, place = np.unique(rows["member"].to_numpy(np.int64), return_inverse=True)
    level = [doses.level_of(epsilon) for epsilon in rows["epsilon"]]
    m, e, k = len(members), len(doses), doses.max_iter + 1

    def values(name: str, *shape: int) -> np.ndarray:
        table = np.full((m, e, *shape), np.nan)
        if name in rows and len(rows):
            table[place, level] = np.stack(rows[name].to_list()).reshape(-1, *shape)
        return table

    return SurfaceTable(
        members=members,
        doses=doses,
        logits=values("logits", k, classes),
        stored=values("stored", classes),
        change=values("change"),
        zero_gradient=np.zeros(m),
        bad_gradient=np.zeros(m),
        metadata=[metadata],
    )
