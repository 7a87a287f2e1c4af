"""Tables of the page: how a cell is made from a row of a result table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from pgdose.plots.rows import epsilon_label, nearest_note
from pgdose.plots.style import EPSILON
from pgdose.report import wording
from pgdose.report.data import ReportData
from pgdose.report.table_model import Cell as Cell
from pgdose.report.table_model import Head as Head
from pgdose.report.table_model import Table as Table
from pgdose.study.doses import same_epsilon

Row = Mapping[Any, Any]


Print = Callable[[Row], str | Cell]  # makes a cell from a row of a result table
Column = tuple[str, str, Print]  # heading, kind, and how its cells are made


def table_of(name: str, rows: pd.DataFrame, columns: Sequence[Column]) -> Table | None:
    """The rows as a table of the page; None if there are none."""
    if rows.empty:
        return None
    heads = [Head(text, kind) for text, kind, _ in columns]
    cells = [[cell(row) for _, _, cell in columns] for row in rows.to_dict("records")]
    return Table(name, heads, cells)


def by_attack(name: str, table: pd.DataFrame, cell: Print) -> Table:
    """A table of groups by attacks; `cell` prints the row of one group and attack."""
    attacks = list(table["attack"].unique())
    cells = {(row["group"], row["attack"]): cell(row) for row in table.to_dict("records")}
    rows = [
        [str(group), *(cells.get((group, attack), wording.MISSING) for attack in attacks)]
        for group in table["group"].unique()
    ]
    return Table(name, [Head("Group"), *(Head(attack, "number") for attack in attacks)], rows)


def turned(table: Table) -> Table:
    """The table with its rows as columns of numbers, for many columns and few rows."""
    first, *others = table.heads
    heads = [Head(first.text), *(Head(str(row[0]), "number") for row in table.rows)]
    rows = [
        [head.text, *(row[place] for row in table.rows)] for place, head in enumerate(others, 1)
    ]
    return Table(table.name, heads, rows)


def text(name: str) -> Print:
    """Cells with the column's text."""
    return lambda row: wording.text(row[name])


def class_title(data: ReportData) -> Print:
    """Cells with what a reader calls the class, and its name after it."""

    def cell(row: Row) -> str | Cell:
        title = data.class_title(row["group"], row["class"])
        return title if title == row["class"] else Cell(title, row["class"])

    return cell


def count(name: str) -> Print:
    """Cells with the column's whole number."""
    return lambda row: wording.count(row.get(name))


def with_interval(
    name: str, number: Callable[[Any], str], low: str = "ci_low", high: str = "ci_high"
) -> Print:
    """Cells with a number and its interval, or "no interval"."""

    def cell(row: Row) -> str | Cell:
        if pd.isna(row.get(name)):
            return wording.MISSING
        if pd.isna(row.get(low)) or pd.isna(row.get(high)):
            return Cell(number(row[name]), "no interval")
        return bracketed(number(row[name]), number(row[low]), number(row[high]))

    return cell


def bracketed(value: str, low: str, high: str) -> str | Cell:
    """A value with the ends of its interval, if both are known."""
    if low == wording.MISSING or high == wording.MISSING:
        return value
    return Cell(value, f"[{low}, {high}]")


def rate_with_interval(name: str) -> Print:
    """Cells with a rate and its interval, whose columns are named after it: `auc_low auc_high`."""
    return with_interval(name, wording.rate, f"{name}_low", f"{name}_high")


asr = with_interval("asr", wording.rate)
AMPLITUDE: Column = (EPSILON, "number", lambda row: wording.epsilon(row["epsilon"]))


def amplitude(target: float) -> Column:
    """The column of the amplitude; one that is only the nearest to `target` says so."""

    def cell(row: Row) -> str | Cell:
        note = nearest_note(row["epsilon"], target)
        value = wording.epsilon(row["epsilon"])
        return Cell(value, f"({note})") if note else value

    return EPSILON, "number", cell


def attack_at(attack: str, epsilon: float, target: float) -> str | Cell:
    """The cell of an attack, with its amplitude if that is only the nearest to `target`."""
    if same_epsilon(epsilon, target):
        return attack
    return Cell(attack, f"at {epsilon_label(epsilon, target)}")
