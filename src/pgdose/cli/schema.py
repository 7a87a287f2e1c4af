"""`pgdose schema`: the JSON schema of a study file, for editors."""

import json

from pgdose.study.study import Study


def schema() -> str:
    """The JSON schema; workflow/schemas/study.schema.json holds it."""
    return json.dumps(Study.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"
