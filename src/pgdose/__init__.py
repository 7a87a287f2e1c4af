"""pgdose: dose-response of adversarial attacks on medical image classifiers.

pgdose.dose_response(network, images, labels) -> pgdose.DoseResponse
"""

import importlib
from typing import Any

__all__ = ["DoseResponse", "dose_response"]


def __getattr__(name: str) -> Any:
    """Import the notebook's way in when it is used: torch takes seconds."""
    # By name, so that `rerun_digest` does not take it for code of every job.
    if name in __all__:
        return getattr(importlib.import_module("pgdose.api"), name)
    raise AttributeError(f"module 'pgdose' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
