"""The table of severities in docs/reference/attacks.md; no job uses it."""

from typing import Any

from pgdose.attack.corruptions.gradings import GRADINGS
from pgdose.study.controls import MODALITIES_OF


def severity_table() -> str:
    """Markdown: a row for each corruption, a column for each severity."""
    lines = [
        "| corruption | images | parameter | 1 | 2 | 3 | 4 | 5 | from |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, grading in GRADINGS.items():
        cells = [f"`{name}`", ", ".join(MODALITIES_OF[name]), grading.parameter]
        cells += [*map(_shown, grading.values), grading.source]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
