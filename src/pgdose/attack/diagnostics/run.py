"""All checks of an attack, and their table: one for each run, a row for each attack and check."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.expensive import EXPENSIVE
from pgdose.attack.diagnostics.inputs import Check, CheckInputs, NotApplicable
from pgdose.attack.surface_table import SurfaceTable
from pgdose.tables.parquet import write_table

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


def measured(surface: SurfaceTable) -> dict[str, Any]:
    """The fields of CheckInputs that a surface gives."""
    names = ("logits", "change", "zero_gradient", "bad_gradient")
    return {
        "doses": surface.doses,
        "batch": min(int(shard["batch"]) for shard in surface.metadata),
        **{name: torch.from_numpy(getattr(surface, name)) for name in names},
    }


def diagnose(inputs: CheckInputs) -> list[dict[str, Any]]:
    """All checks: check, verdict (passed, failed or not done), says, figure and details.

    Values are plain and finite, ready for JSON; None for a figure or details that a check lacks.
    """
    cheap = [_result(name, check, inputs) for name, check in CHEAP.items()]
    if inputs.expensive < 1:
        why = "The study leaves out the checks that attack again (checks: images)."
        return cheap + [_not_done(name, _nothing_attacked(inputs) or why) for name in EXPENSIVE]
    return cheap + [_result(name, check, inputs) for name, check in EXPENSIVE.items()]


def _nothing_attacked(inputs: CheckInputs) -> str:
    return "" if len(inputs.classes) else "No image was attacked."


def _result(name: str, check: Check, inputs: CheckInputs) -> dict[str, Any]:
    if why := _nothing_attacked(inputs):
        return _not_done(name, why)
    try:
        result = check(inputs)
    except NotApplicable as error:
        return _not_done(name, str(error))
    return {
        "check": name,
        "verdict": "passed" if result.passed else "failed",
        "says": result.says,
        "figure": result.figure if math.isfinite(result.figure) else None,
        "details": result.details,
    }


def _not_done(name: str, why: str) -> dict[str, Any]:
    return {"check": name, "verdict": "not done", "says": why, "figure": None, "details": None}


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
