"""The page's section of one group: its pictures, attacks, class changes, checks and losses."""

from typing import Any

import pandas as pd

from pgdose.plots.rows import attack_label
from pgdose.report import cohorts, flow, networks, tables, wording
from pgdose.report.captions import PICTURES
from pgdose.report.data import ReportData
from pgdose.report.images import embed
from pgdose.report.tables import Cell, Head, Table


def section(data: ReportData, place: int, group: str) -> dict[str, Any]:
    """What the page says of one group alone; `place` numbers the section."""
    table1 = data.table("table1")
    rows = table1[table1["group"] == group].to_dict("records") if len(table1) else []
    checks = data.checks[data.checks["group"] == group]
    pictures = data.pictures.get(group, {})
    return {
        "id": f"group-{place}",
        "name": group,
        "title": wording.text(rows[0]["title"]) if rows else "",
        "unknown_patients": bool(rows) and rows[0]["n_patients"] == 0,
        "accuracy": tables.with_interval("accuracy", wording.rate)(rows[0]) if rows else "",
        "pictures": [
            (name, caption, embed(pictures[name]))
            for name, caption in PICTURES.items()
            if name in pictures
        ],
        "flow": flow.flow(data, group),
        "classes": _classes(data, group),
        "probes": networks.probe_pages(data, group),
        "attacks": attacks(data, group),
        "confusion": confusion(data, group),
        "transitions": _transitions(data, group),
        "verdicts": checks["verdict"].value_counts().to_dict(),
        "failed": _failed_checks(checks, group),
        "left_out": cohorts.left_out(data, group),
        "depths": cohorts.depths(data, group),
        "near_duplicates": cohorts.near_duplicates(data, group),
        "cohort_warnings": cohorts.warnings(data, group),
    }


def _failed_checks(checks: pd.DataFrame, group: str) -> Table | None:
    return tables.table_of(
        f"Checks that failed, {group}",
        checks[checks["verdict"] == "failed"],
        [
            ("Attack", "", tables.text("attack")),
            ("Network", "", tables.text("run")),
            ("Failed check", "", tables.text("check")),
            ("Result", "text", tables.text("says")),
        ],
    )


def attacks(data: ReportData, group: str) -> Table | None:
    """A row for each attack: its success at the operating point, and how much storing keeps."""
    asr = data.table("asr")
    if asr.empty:
        return None
    rates, storage = (
        {row["attack"]: row for row in table.to_dict("records") if row["group"] == group}
        for table in (data.success_rates(), data.at_epsilon("storage"))
    )
    survival = tables.with_interval("survival", wording.rate)
    rows: list[list[str | Cell]] = []
    for attack in asr.loc[asr["group"] == group, "attack"].unique():
        rate, stored = rates.get(attack), storage.get(attack)
        survives = survival(stored) if stored else wording.MISSING
        if rate is None:
            rows.append([str(attack), *[wording.MISSING] * 4, survives])
            continue
        counts = [wording.count(rate[name]) for name in ("n_images", "n_attacked", "n_flipped")]
        name = tables.attack_at(str(attack), rate["epsilon"], data.epsilon)
        rows.append([name, *counts, tables.asr(rate), survives])
    names = ("Images", "Attacked", "Flipped", "ASR", "Survive 8 bits")
    heads = [Head("Attack"), *(Head(name, "number") for name in names)]
    return Table(f"Attacks on {group}", heads, rows) if rows else None


def confusion(data: ReportData, group: str) -> Table | None:
    """Numbers of clean images by true class (rows) and predicted class (columns)."""
    table = data.table("confusion")
    if table.empty:
        return None
    rows = table[table["group"] == group]
    return _matrix(data, "Confusion", rows, "predicted", "True class") if len(rows) else None


def _transitions(data: ReportData, group: str) -> list[Table]:
    """For each attack: which class became which, at the operating point."""
    table = data.at_epsilon("transitions")
    if table.empty:
        return []
    return [
        _matrix(
            data,
            attack_label(str(attack), rows["epsilon"].iloc[0], data.epsilon),
            rows,
            "flipped_to",
            "Class",
        )
        for attack, rows in table[table["group"] == group].groupby("attack", sort=False)
    ]


def _classes(data: ReportData, group: str) -> list[str]:
    """The names of the classes, as tables and files have them, with their titles."""
    titles = data.classes.get(group, {})
    return [f"{name}: {title}" for name, title in titles.items() if name != title]


def _matrix(data: ReportData, name: str, rows: pd.DataFrame, to: str, corner: str) -> Table:
    """Counts of images by class (rows) and by the class in the column `to`."""
    classes = list(dict.fromkeys([*rows["class"], *rows[to]]))
    counts = {(row["class"], row[to]): row["n"] for row in rows.to_dict("records")}
    group = rows["group"].iloc[0] if len(rows) else ""
    titles = [data.class_title(group, one) for one in classes]
    cells = [
        [title, *(wording.count(counts.get((before, after))) for after in classes)]
        for before, title in zip(classes, titles, strict=True)
    ]
    return Table(name, [Head(corner), *(Head(title, "number") for title in titles)], cells)
