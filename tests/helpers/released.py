"""The study keys and the columns of result tables, as a release promises them.

    python tests/helpers/released.py > tests/data/released.json

writes those of today. Do it with each release, see docs/how-to/release.md.
"""

import json
from typing import Any

from pgdose.analysis.result_files import FORMAT_VERSION
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.study.study import Study
from pgdose.study.versions import CURRENT


def promises() -> dict[str, Any]:
    """Both format versions, the keys of each section, and the columns of each table."""
    schema = Study.model_json_schema()
    sections = {"Study": schema, **schema["$defs"]}
    return {
        "study_format": CURRENT,
        "keys": {
            name: sorted(s["properties"])
            for name, s in sorted(sections.items())
            if "properties" in s
        },
        "table_format": FORMAT_VERSION,
        "columns": {name: list(table.columns) for name, table in sorted(RESULT_TABLES.items())},
    }


def lost(before: dict[str, Any], now: dict[str, Any], part: str) -> list[str]:
    """The keys or columns of a release that are there no longer."""
    return [
        f"{name}.{entry}"
        for name, entries in before[part].items()
        for entry in entries
        if entry not in now[part].get(name, [])
    ]


def written(promised: dict[str, Any]) -> str:
    """As JSON with a line for each section and table."""
    lines = []
    for part, content in promised.items():
        if isinstance(content, dict):
            rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in content.items())
            content = f"{{\n{rows}\n }}"
        else:
            content = json.dumps(content)
        lines.append(f" {json.dumps(part)}: {content}")
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    print(written(promises()))
