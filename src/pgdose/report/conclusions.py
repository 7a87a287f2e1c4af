"""The paper's conclusions on the page: the matrix of verdicts, and each conclusion's test."""

from dataclasses import replace
from typing import Any

from pgdose.report import summary, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Cell, Head, Row, Table

MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}


def matrix(data: ReportData) -> Table | None:
    """Conclusions by attacks, with verdicts."""
    table = data.table("conclusions")
    if table.empty:
        return None
    attacks = list(table["attack"].unique())
    rows = []
    for place, (name, answers) in enumerate(table.groupby("conclusion", sort=False), 1):
        by_attack = {row["attack"]: row for row in answers.to_dict("records")}
        cells = [
            _reasoned(by_attack[attack], place) if attack in by_attack else wording.MISSING
            for attack in attacks
        ]
        rows.append([f"{place}. {summary.claim(str(name))}", *cells])
    heads = [Head("Conclusion", "text"), *(Head(attack) for attack in attacks)]
    return Table("Conclusions by attack", heads, rows)


def conclusions(data: ReportData) -> list[dict[str, Any]]:
    """Each conclusion: its test, the paper's finding, its answers, and what groups contribute."""
    table, trends = data.table("conclusions"), data.table("trends")
    by_conclusion = table.groupby("conclusion", sort=False) if len(table) else ()
    sections = []
    for place, (name, rows) in enumerate(by_conclusion, 1):
        of_groups = trends[trends["conclusion"] == name] if len(trends) else trends
        answers = tables.table_of(
            f"Conclusion {place}",
            rows,
            [
                ("Attack", "", tables.text("attack")),
                ("Verdict", "", lambda row: _verdict(summary.verdict(row))),
                ("Estimate", "number", tables.with_interval("estimate", wording.rate)),
                ("Why", "text", tables.text("reason")),
            ],
        )
        contributions = tables.table_of(
            f"Groups of conclusion {place}",
            of_groups,
            [
                ("Group", "", tables.text("group")),
                ("Attack", "", tables.text("attack")),
                ("Statistic", "", lambda row: wording.heading(row["statistic"])),
                ("Estimate", "number", tables.with_interval("estimate", wording.signed)),
                ("Patients", "number", tables.count("n_patients")),
                ("The group", "", tables.text("state")),
            ],
        )
        sections.append(
            {
                "id": f"conclusion-{place}",
                "title": f"{place}. {summary.claim(str(name))}",
                "test": wording.text(rows["test"].iloc[0]),
                "paper": wording.text(rows["paper"].iloc[0]),
                "answers": answers,
                "trends": contributions,
            }
        )
    return sections


def _reasoned(row: Row, place: int) -> Cell:
    """A verdict that leads to its test, and has its reason under the pointer."""
    cell = _verdict(summary.verdict(row))
    return replace(cell, why=wording.text(row["reason"]), link=f"conclusion-{place}")


def _verdict(word: str) -> Cell:
    """A verdict as a word, with its mark and a CSS class for its colour."""
    if word not in MARKS:
        return Cell(word, kind="verdict untested")
    return Cell(f"{MARKS[word]} {word}", kind=f"verdict {word}")
