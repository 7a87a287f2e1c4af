"""Intervals, shares and tables as the texts on real images show them; see also `report.wording`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pgdose.report.wording import MINUS, MISSING


def rate(value: Any, digits: int = 2) -> str:
    """A number with so many decimals."""
    if pd.isna(value):
        return MISSING
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", MINUS)


def percent(value: Any, digits: int = 0) -> str:
    return MISSING if pd.isna(value) else f"{100 * float(value):.{digits}f} %"


def interval(row: Mapping[str, Any], value: str = "estimate", digits: int = 2) -> str:
    """0.12 [0.05, 0.20], or the value alone where there is no interval."""
    text = rate(row[value], digits)
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return text
    return f"{text} [{rate(row['ci_low'], digits)}, {rate(row['ci_high'], digits)}]"


def pick(rows: Iterable[Mapping[str, Any]], column: str) -> list[Any]:
    """The cells of a column of some rows."""
    return [row[column] for row in rows]


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
