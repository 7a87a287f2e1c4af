"""What else flips diagnoses: corruptions and universal perturbations beside the attacks."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgdose.plots.style import EPSILON
from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Cell, Column, Head, Row, Table


def controls(data: ReportData) -> list[dict[str, Any]]:
    """Each group with controls: how often they flip, and the doses that flip as many."""
    table, doses = data.table("controls"), data.table("control_doses")
    if table.empty:
        return []
    of_their_network = table[table["judge"] == table["run"]]
    sections = []
    for group, rows in of_their_network.groupby("group", sort=False):
        of_group = doses[doses["group"] == group] if len(doses) else doses
        sections.append(
            {
                "group": group,
                "table": _rates(str(group), rows, of_group, _reached(data, str(group))),
                "sentences": of_group["reads"].tolist() if len(of_group) else [],
            }
        )
    return sections


Ends = tuple[float, float]  # the smallest and the largest dose that an attack reached


def _reached(data: ReportData, group: str) -> dict[tuple[str, str], Ends]:
    """By run and attack."""
    table = data.table("doses_reached")
    if table.empty:
        return {}
    shown = table[(table["group"] == group) & table["reached"].astype(bool)]
    ends = shown.groupby(["run", "attack"])["epsilon"].agg(["min", "max"])
    return {(run, attack): (low, high) for (run, attack), low, high in ends.itertuples()}


def _rates(
    group: str,
    rows: pd.DataFrame,
    doses: pd.DataFrame,
    reached: Mapping[tuple[str, str], Ends],
) -> Table | None:
    """A row for each control and level, with the equal dose of each attack."""
    columns: list[Column] = [
        ("Control", "", tables.text("control")),
        ("Severity", "number", _strength),
        ("Attacked", "number", tables.count("n_attacked")),
        ("Flipped", "number", tables.asr),
        ("L∞", "number", _size("l_inf")),
        ("L2", "number", _size("l2")),
    ]
    heads = [Head(text, kind) for text, kind, _ in columns]
    attacks = list(doses["attack"].unique()) if len(doses) else []
    heads += [Head(f"As many as {attack} at {EPSILON}", "number") for attack in attacks]
    by_level = {
        (*_level(row), row["attack"]): _dose(row, reached.get((row["run"], row["attack"])))
        for row in doses.to_dict("records")
    }
    cells = [
        [
            *(cell(row) for _, _, cell in columns),
            *(by_level.get((*_level(row), attack), wording.MISSING) for attack in attacks),
        ]
        for row in rows.to_dict("records")
    ]
    return Table(f"Controls of {group}", heads, cells)


def _level(row: Row) -> tuple[Any, Any, float]:
    level: float = row["epsilon"] if pd.isna(row["severity"]) else row["severity"]
    return row["run"], row["control"], level


def _strength(row: Row) -> str:
    if pd.isna(row["severity"]):
        return f"{EPSILON} = {wording.epsilon(row['epsilon'])}"
    return wording.count(row["severity"])


def _size(name: str) -> Any:
    return tables.with_interval(name, lambda value: f"{value:.2g}", f"{name}_low", f"{name}_high")


def _dose(row: Row, reached: Ends | None) -> str | Cell:
    """The dose that flips as many, or on which side of the attack's doses it lies."""
    if pd.isna(row["bound"]):
        return wording.MISSING
    if row["n_flipped"] == 0:
        return "none flipped"
    value = wording.epsilon(float(f"{row['dose']:.3g}"))
    if row["bound"] != "exact":
        return f"{row['bound']} {value}"
    low, high = row["dose_low"], row["dose_high"]
    if pd.isna(low) or pd.isna(high):
        return value
    return Cell(value, f"[{_end(low, reached)}, {_end(high, reached)}]")


def _end(dose: float, reached: Ends | None) -> str:
    """An end of the interval; beyond the attack's doses nothing was measured."""
    if math.isfinite(dose) and dose > 0:
        return f"{dose:.3g}"
    if reached is None:
        return "over all" if dose > 0 else "under all"
    return f">{reached[1]:.3g}" if dose > 0 else f"<{reached[0]:.3g}"
