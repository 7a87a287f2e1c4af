"""Numbers, names and tables as the texts on real images show them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

MINUS = "\N{MINUS SIGN}"


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
