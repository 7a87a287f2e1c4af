"""The texts on the study of real images, each number filled in from the tables beside them.

    .venv/bin/python benchmarks/public_text.py

Reads docs/public/*.csv, resources/studies/public.yaml and the templates docs/public/*.md.jinja, and
writes docs/explanation/real-images.md, docs/explanation/paper.md and the part of README.md between
its marks. A template
holds no number of its own: what it says of results it takes from a table, and what it claims it
checks (`holds`), so that another table stops the text instead of contradicting it.
tests/unit/shared/test_public_text.py renders them again.
"""

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import public_listings
import public_words as words
import yaml
from public_names import REAL

from pgdose.report import wording

PROJECT = Path(__file__).resolve().parents[1]
TABLES = PROJECT / "docs/public"
STUDY = PROJECT / "resources/studies/public.yaml"
TEXTS = {
    "real-images.md.jinja": "docs/explanation/real-images.md",
    "paper.md.jinja": "docs/explanation/paper.md",
    "readme.md.jinja": "README.md",
}
MARKS = "<!-- filled in by benchmarks/public_text.py -->\n", "<!-- end -->\n"


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
        chosen = self._read[table]
        for column, value in where.items():
            values = value if isinstance(value, list) else [value]
            chosen = chosen[chosen[column].isin(values)]
        return [{str(key): cell for key, cell in row.items()} for row in chosen.to_dict("records")]

    def row(self, table: str, **where: Any) -> dict[str, Any]:
        """The only such row."""
        rows = self.rows(table, **where)
        if len(rows) != 1:
            raise WrongClaimError(f"{table}: {len(rows)} rows with {where}, where one is meant")
        return rows[0]

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
        "rows": tables.rows, "row": tables.row, "cell": tables.cell, "holds": holds,
        "listing": lambda name, *of: public_listings.LISTINGS[name](tables, *of),
        "real": REAL, "study": yaml.safe_load(study.read_text(encoding="utf-8")),
    }  # fmt: skip
    environment.filters |= {
        "rate": words.rate, "percent": words.percent, "interval": words.interval,
        "epsilon": wording.epsilon, "count": wording.count, "pick": words.pick,
    }  # fmt: skip
    return environment.get_template(template.name).render()


def holds(claim: Any, about: str = "") -> str:
    """Nothing, where a claim is true; else the text is not written."""
    if not claim:
        raise WrongClaimError(f"not borne out by the tables: {about or 'a claim of the template'}")
    return ""


def filled(template: str) -> str:
    """The whole file that a template belongs to, with what the tables give."""
    text = render(TABLES / template, TABLES, STUDY)
    if "@@" in text:
        raise WrongClaimError(f"{template} has a place that waits for its text: @@...")
    if TEXTS[template] != "README.md":
        return text
    before, _, rest = (PROJECT / "README.md").read_text(encoding="utf-8").partition(MARKS[0])
    return before + MARKS[0] + text + MARKS[1] + rest.partition(MARKS[1])[2]


def main() -> None:
    for template, path in TEXTS.items():
        text = filled(template)  # before the file is opened, which empties it
        (PROJECT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
