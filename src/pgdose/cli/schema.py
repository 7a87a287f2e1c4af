"""`pgdose schema`: the JSON schema of a study file, for editors."""

import json
from typing import Any

from pgdose.study import descriptions
from pgdose.study.study import Study

# Pydantic leaves bounds behind a validator under its own names, which no editor knows.
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def schema() -> str:
    """The JSON schema; workflow/schemas/study.schema.json holds it."""
    return json.dumps(study_schema(), indent=1, sort_keys=True) + "\n"


def study_schema() -> dict[str, Any]:
    """The JSON schema as a value. A description is one line, and one for each of its marks."""
    result: dict[str, Any] = _for_editors(Study.model_json_schema(by_alias=True))
    return result


def _for_editors(value: Any) -> Any:
    if isinstance(value, list):
        return [_for_editors(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for key, entry in value.items():
        if key in BOUNDS and isinstance(entry, int | float):
            key = BOUNDS[key]
        if key == "description" and isinstance(entry, str):
            entry = str(descriptions.parse(entry))
        changed[key] = _for_editors(entry)
    return changed
