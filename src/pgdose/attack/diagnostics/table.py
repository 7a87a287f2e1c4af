"""The table of checks of a run: one row for each attack and check."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pgdose.attack.surface_table import SurfaceTable
from pgdose.errors import UserError
from pgdose.tables.parquet import read_metadata, read_table, write_table

FORMAT_VERSION = "1"


DIAGNOSTICS = pa.schema(
    {
        "attack": pa.string(),
        "check": pa.string(),
        "verdict": pa.string(),  # passed, failed or not done
        "says": pa.string(),  # one sentence
        "figure": pa.float64(),  # null where there is none
        "details": pa.string(),  # JSON, null where there are none
        # From here on facts of the attack, the same in all its rows.
        "n_images": pa.int64(),
        "n_correct": pa.int64(),
        "steps_per_image": pa.float64(),  # gradients for each attacked image; null without one
        "device": pa.string(),  # of all shards, joined by ", "; so are precision and batch
        "precision": pa.string(),
        "batch": pa.string(),
        "largest_change": pa.list_(pa.float64()),  # by level
    }
)


def diagnostics_rows(
    attack: str, checks: list[dict[str, Any]], surface: SurfaceTable
) -> list[dict[str, Any]]:
    """Rows of DIAGNOSTICS: the checks of an attack, and the facts of its surface."""
    shards, m = surface.metadata, len(surface.members)
    steps = sum(int(shard["steps"]) for shard in shards)
    facts = {
        "n_images": sum(int(shard["n_images"]) for shard in shards),
        "n_correct": sum(int(shard["n_correct"]) for shard in shards),
        "steps_per_image": steps / m if m else None,
        "device": ", ".join(sorted({shard["device"] for shard in shards})),
        "precision": ", ".join(sorted({shard["precision"] for shard in shards})),
        "batch": ", ".join(map(str, sorted({int(shard["batch"]) for shard in shards}))),
        "largest_change": surface.change.max(axis=0, initial=0.0).tolist(),
    }
    return [
        {
            "attack": attack,
            **check,
            "details": json.dumps(check["details"]) if check["details"] else None,
            **facts,
        }
        for check in checks
    ]


def write_diagnostics(
    rows: list[dict[str, Any]],
    settings: Mapping[str, Any],
    network: str,
    path: str | Path,
) -> None:
    """Write the table of a run; `settings` are those of each attack, `network` is a digest."""
    about = {
        "format_version": FORMAT_VERSION,
        "network": network,
        "attacks": json.dumps(dict(settings)),
    }
    write_table(pa.Table.from_pylist(rows, schema=DIAGNOSTICS), path, metadata=about)


def read_diagnostics(path: str | Path) -> pd.DataFrame:
    """What `write_diagnostics` wrote; UserError for a table of another version of pgdose."""
    version = read_metadata(path).get("format_version", "none")
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path}: diagnostics of another version of pgdose (format {version}; this one reads "
            f"{FORMAT_VERSION}); delete it and run again"
        )
    return read_table(path)
