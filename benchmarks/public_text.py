"""The texts on the study of real images, each number filled in from the tables beside them.

    .venv/bin/python benchmarks/public_text.py

Reads docs/public/*.csv, resources/studies/public.yaml and the templates docs/public/*.md.jinja, and
writes docs/real-images.md and docs/paper.md. A template holds no number of its own: what it says of
results it takes from a table, and what it claims it checks (`holds`), so that another table stops
the text instead of contradicting it. tests/unit/shared/test_public_text.py renders them again.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

PROJECT = Path(__file__).resolve().parents[1]
TABLES = PROJECT / "docs/public"
STUDY = PROJECT / "resources/studies/public.yaml"
TEXTS = {"real-images.md.jinja": "docs/real-images.md", "paper.md.jinja": "docs/paper.md"}
MINUS = "\N{MINUS SIGN}"


class WrongClaimError(ValueError):
    """A sentence of a template that the tables do not bear out."""


class Tables:
    """The tables of a folder by name, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """The rows whose cells are equal to `where`; a list there is any of its values."""
        if table not in self._read:
            self._read[table] = pd.read_csv(self.folder / f"{table}.csv")
        found = self._read[table]
        for column, value in where.items():
            values = value if isinstance(value, list) else [value]
            found = found[found[column].isin(values)]
        return [{str(key): cell for key, cell in row.items()} for row in found.to_dict("records")]

    def row(self, table: str, **where: Any) -> dict[str, Any]:
        """The only such row."""
        found = self.rows(table, **where)
        if len(found) != 1:
            raise WrongClaimError(f"{table}: {len(found)} rows with {where}, where one is meant")
        return found[0]

    def cell(self, table: str, column: str, **where: Any) -> Any:
        return self.row(table, **where)[column]


def render(template: Path, folder: Path, study: Path) -> str:
    """The text of a template with the tables of a folder."""
    tables = Tables(folder)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "rows": tables.rows, "row": tables.row, "cell": tables.cell,
        "holds": holds, "table": markdown, "unknown": is_unknown,
        "study": yaml.safe_load(study.read_text(encoding="utf-8")),
    }  # fmt: skip
    environment.filters |= {
        "rate": rate, "percent": percent, "signed": signed, "epsilon": epsilon, "count": count,
        "interval": interval, "names": join_names, "pick": pick,
    }  # fmt: skip
    return environment.get_template(template.name).render()


def holds(claim: Any, about: str = "") -> str:
    """Nothing, where a claim is true; else the text is not written."""
    if not claim:
        raise WrongClaimError(f"not borne out by the tables: {about or 'a claim of the template'}")
    return ""


def is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def rate(value: Any, digits: int = 2) -> str:
    """0.12, with a dash for what is not known."""
    if is_unknown(value):
        return "–"
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", MINUS)


def signed(value: Any, digits: int = 2) -> str:
    return "–" if is_unknown(value) else f"{float(value):+.{digits}f}".replace("-", MINUS)


def percent(value: Any, digits: int = 0) -> str:
    return "–" if is_unknown(value) else f"{100 * float(value):.{digits}f} %"


def epsilon(value: Any) -> str:
    return "–" if is_unknown(value) else f"{float(value):g}"


def count(value: Any) -> str:
    return "–" if is_unknown(value) else f"{int(value):,}"


def interval(row: Mapping[str, Any], value: str = "estimate", digits: int = 2) -> str:
    """0.12 [0.05, 0.20], or the value alone where there is no interval."""
    text = rate(row[value], digits)
    if is_unknown(row["ci_low"]) or is_unknown(row["ci_high"]):
        return text
    return f"{text} [{rate(row['ci_low'], digits)}, {rate(row['ci_high'], digits)}]"


def join_names(names: Iterable[str]) -> str:
    listed = list(names)
    if len(listed) < 2:
        return "".join(listed) or "none"
    return f"{', '.join(listed[:-1])} and {listed[-1]}"


def pick(rows: Iterable[Mapping[str, Any]], column: str) -> list[Any]:
    """The cells of a column of some rows."""
    return [row[column] for row in rows]


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    for template, text in TEXTS.items():
        (PROJECT / text).write_text(render(TABLES / template, TABLES, STUDY), encoding="utf-8")
        print(f"wrote {text}")


if __name__ == "__main__":
    main()
