"""The paper's conclusions on the page: the matrix of verdicts, and each conclusion's test."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pgdose.report import summary, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import AMPLITUDE, Cell, Column, Head, Row, Table

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
        if not any(summary.applies(row) for row in by_attack.values()):
            continue  # folded away, see `unfit`
        cells = [
            _reasoned(by_attack[attack], place) if attack in by_attack else wording.MISSING
            for attack in attacks
        ]
        rows.append([f"{place}. {summary.claim(str(name))}", *cells])
    heads = [Head("Conclusion", "text"), *(Head(attack) for attack in attacks)]
    return Table("Conclusions by attack", heads, rows)


def unfit(data: ReportData) -> list[str]:
    """The conclusions that do not apply to the study, with the reasons."""
    table = data.table("conclusions")
    lines = []
    for place, (name, rows) in enumerate(
        table.groupby("conclusion", sort=False) if "unfit" in table else (), 1
    ):
        if not any(summary.applies(row) for row in rows.to_dict("records")):
            reasons = wording.join_names(list(dict.fromkeys(rows["unfit"].dropna())))
            lines.append(f"{place}. {summary.claim(str(name))}: does not apply, since {reasons}.")
    return lines


def conclusions(data: ReportData) -> list[dict[str, Any]]:
    """Each conclusion: its test, the paper's finding, its answers, and what groups contribute."""
    table, trends = data.table("conclusions"), data.table("trends")
    by_conclusion = table.groupby("conclusion", sort=False) if len(table) else ()
    sections = []
    for place, (name, rows) in enumerate(by_conclusion, 1):
        of_groups = trends[trends["conclusion"] == name] if len(trends) else trends
        answers = tables.table_of(f"Conclusion {place}", rows, _answers(rows))
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
                "further": _further(data, str(name)),
            }
        )
    return sections


def _answers(rows: pd.DataFrame) -> list[Column]:
    """The columns of a conclusion's test under each attack; a second statistic if it has one."""
    columns: list[Column] = [
        ("Attack", "", tables.text("attack")),
        ("Verdict", "", lambda row: replace(_verdict(summary.verdict(row)), aside=_scope(row))),
        (_statistic(rows), "number", tables.with_interval("estimate", wording.rate)),
    ]
    if "p_adjusted" in rows and rows["p_adjusted"].notna().any():
        columns.append(
            ("p (Holm over attacks)", "number", lambda row: wording.p_value(row["p_adjusted"]))
        )
    second: Sequence[str] = rows["second"].dropna().unique().tolist() if "second" in rows else []
    if len(second):
        columns.append(
            (
                f"Beside it: {second[0]}",
                "number",
                tables.with_interval("second_estimate", wording.rate, "second_low", "second_high"),
            )
        )
    columns.append(("Why", "text", _why))
    return columns


def _statistic(rows: pd.DataFrame) -> str:
    """What the estimate is of, if all attacks have the same."""
    names: Sequence[str] = (
        rows["statistic"].dropna().unique().tolist() if "statistic" in rows else []
    )
    return wording.heading(names[0]) if len(names) == 1 else "Estimate"


def _why(row: Row) -> str:
    """The numbers that a verdict rests on, and what an undecided one lacks."""
    texts = [wording.text(row.get("unfit")) or wording.text(row["reason"])]
    if wording.text(row.get("lacks")) and summary.applies(row):
        texts.append(f"Lacks: {wording.text(row['lacks'])}")
    return ". ".join(texts)


def _scope(row: Row) -> str:
    """Of what a decided verdict is said."""
    return wording.text(row.get("scope")) if summary.verdict(row) in MARKS else ""


def _short(row: Row) -> str:
    """What stands beside a verdict in the matrix: its scope, or how many it lacks."""
    lacking = row.get("lacking")
    if summary.verdict(row) != "undecided" or pd.isna(lacking):
        return _scope(row)
    if math.isinf(lacking):
        return f"lacks over 1,000 times as many {wording.text(row['unit'])}"
    return f"lacks {wording.count(lacking)} {wording.text(row['unit'])}"


def _reasoned(row: Row, place: int) -> Cell:
    """A verdict that leads to its test, and has its reason under the pointer."""
    cell = _verdict(summary.verdict(row))
    return replace(cell, why=_why(row), link=f"conclusion-{place}", aside=_short(row))


def _further(data: ReportData, conclusion: str) -> list[Table]:
    """Tables beside a conclusion's test: the paper's claims by group, the ratios at all doses."""
    found = [_claims(data, conclusion)]
    if conclusion == "drops_above_confidence":
        found += [_ratios(data), _fine(data)]
    return [table for table in found if table]


def _claims(data: ReportData, conclusion: str) -> Table | None:
    """What the paper says of each group, and what this study finds under each attack."""
    table = data.table("paper_claims")
    rows = table[table["conclusion"] == conclusion] if len(table) else table
    if rows.empty:
        return None
    attacks = list(rows["attack"].unique())
    cells = []
    for group, of_group in rows.groupby("group", sort=False):
        states = dict(zip(of_group["attack"], of_group["state"], strict=True))
        words = [_state(states.get(attack, wording.MISSING)) for attack in attacks]
        cells.append([str(group), str(of_group["paper"].iloc[0]), *words])
    heads = [Head("Group"), Head("The paper says"), *(Head(attack) for attack in attacks)]
    return Table("The paper’s claim and this study, group by group", heads, cells)


def _state(words: str) -> str | Cell:
    """A group's state; one that tells nothing is grey."""
    return words if words in ("shows it", "does not") else Cell(words, kind="void")


def _ratios(data: ReportData) -> Table | None:
    """ASR over 0.95 relative to ASR under it at every dose; no ratio at the ceiling or floor."""

    def share(side: str) -> tables.Print:
        return lambda row: (
            f"{wording.count(row[f'n_flipped_{side}'])} of {wording.count(row[f'n_{side}'])}"
        )

    def ratio(row: Row) -> str | Cell:
        if row["state"] != "measured":
            return Cell(str(row["state"]), kind="void")
        return tables.with_interval("ratio", wording.short)(row)

    columns: list[Column] = [
        ("Attack", "", tables.text("attack")),
        AMPLITUDE,
        ("Iteration", "number", tables.count("iteration")),
        ("Flipped over 0.95", "number", share("over")),
        ("Flipped under it", "number", share("under")),
        ("Ratio", "number", ratio),
    ]
    return tables.table_of("Ratio at every dose", data.table("confidence_ratio"), columns)


def _fine(data: ReportData) -> Table | None:
    """ASR by finer confidence at the operating point, over the groups."""
    rows = data.at_epsilon("confidence_fine")
    if rows.empty:
        return None
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Attack", "", tables.text("attack")),
        tables.amplitude(data.epsilon),
        ("Confidence", "", lambda row: f"{row['bin_low']:g} to {row['bin_high']:g}"),
        ("Attacked", "number", tables.count("n_attacked")),
        ("ASR", "number", tables.asr),
    ]
    return tables.table_of("ASR by finer confidence", rows[rows["n_attacked"] > 0], columns)


def _verdict(word: str) -> Cell:
    """A verdict as a word, with its mark and a CSS class for its colour."""
    if word not in MARKS:
        return Cell(word, kind="verdict untested")
    return Cell(f"{MARKS[word]} {word}", kind=f"verdict {word}")
