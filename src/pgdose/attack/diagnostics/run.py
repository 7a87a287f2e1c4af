"""All checks of an attack, and their table: one for each run, a row for each attack and check."""

import math
from typing import Any

import torch

from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.expensive import EXPENSIVE
from pgdose.attack.diagnostics.inputs import Check, CheckInputs, NotApplicable
from pgdose.attack.surface_table import SurfaceTable


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
