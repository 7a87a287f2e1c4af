"""What the import of a network found, as JSON values for its page (`report.probe_page`).

The page of a refused network is written from here, in a process of its own: the job's code holds
none of the page's, so that a change of the page imports no network again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pgdose.errors import UserError
from pgdose.study.image_size import sides
from pgdose.study.networks import ExistingNetwork, Input

SOURCES = Path(__file__).parents[2]
MOST_SECONDS = 60  # for the page


def describe(
    existing: ExistingNetwork, run: str, size: int | Sequence[int], classes: Sequence[str]
) -> dict[str, Any]:
    """What is known before the file is read.

    Args:
        existing: of the study.
        run: group/run.
        size: of the group's images.
        classes: the group's, in its order.
    """
    declared = existing.input or Input()
    values, defaults = declared.model_dump(mode="json"), Input().model_dump(mode="json")
    is_default = {key: value == defaults[key] for key, value in values.items()}
    if existing.architecture is not None:
        values |= {key: values[key] or "of the architecture's weights" for key in ("mean", "std")}
    else:
        values |= {"mean": values["mean"] or [0.0], "std": values["std"] or [1.0]}
    values["size"] = values["size"] or "not given"
    return {
        "run": run,
        "file": Path(existing.file).name,
        "format": existing.format,
        "architecture": existing.architecture,
        "size": list(sides(size)),
        "classes": list(classes),
        "outputs": list(existing.classes),
        "input": {
            key: {"value": value, "default": is_default[key]} for key, value in values.items()
        },
        "kind": {
            "value": existing.outputs,
            "default": existing.outputs == ExistingNetwork.model_fields["outputs"].default,
        },
        "refusal": None,
        "notes": [],
        "confusion": None,
        "grid": None,
    }


def counted(confusion: np.ndarray, notes: Sequence[str], grid: Any) -> dict[str, Any]:
    """What is found of a network that was taken."""
    return {"notes": list(notes), "confusion": confusion.tolist(), "grid": grid}


def refused(findings: dict[str, Any], refusal: UserError, page: Path) -> UserError:
    """Write the page of a refused network; the refusal, which names the page."""
    content = json.dumps(findings | {"refusal": str(refusal)})
    run = subprocess.run(
        [sys.executable, "-P", "-m", "pgdose.report.probe_page", str(page)],
        input=content.encode(),
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        timeout=MOST_SECONDS,
    )
    more = f"; {page} says what else was found" if run.returncode == 0 else ""
    return UserError(f"{refusal}{more}")
