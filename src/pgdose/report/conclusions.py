"""The paper's conclusions on the page: the matrix of verdicts, and each conclusion's test."""

from collections.abc import Mapping
from typing import Any

from pgdose.report import summary, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Cell, Head, Table

MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}


def matrix(data: ReportData) -> Table | None:
    """Conclusions by attacks, with verdicts."""
    table = data.table("conclusions")
    if table.empty:
        return None
    attacks = list(table["attack"].unique())
    rows = []
    for place, (name, answers) in enumerate(table.groupby("conclusion", sort=False), 1):
        verdicts = {row["attack"]: _verdict(row) for row in answers.to_dict("records")}
        cells = [verdicts.get(attack, wording.MISSING) for attack in attacks]
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
                ("Verdict", "", _verdict),
                ("Estimate", "number", tables.with_interval("estimate", wording.rate)),
                ("Why", "text", tables.text("reason")),
                ("It lacks", "text", lambda row: wording.text(row.get("lacks"))),
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


def _verdict(row: Mapping[Any, Any]) -> Cell:
    """A verdict and of what it is said, with its mark and a CSS class for its colour."""
    word = summary.verdict(row)
    if word not in MARKS:
        return Cell(word, kind="verdict untested")
    scope = row.get("scope")
    scope = f" {scope}" if isinstance(scope, str) and scope else ""
    return Cell(f"{MARKS[word]} {word}{scope}", kind=f"verdict {word}")
