"""Numbers and names as a reader sees them. What is unknown is a dash, never a number."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

MISSING = "–"
MINUS = "\N{MINUS SIGN}"


def count(value: Any) -> str:
    """A whole number with separators: "1,200"."""
    return MISSING if pd.isna(value) else f"{int(value):,}"


def rate(value: Any) -> str:
    """A rate with three decimals."""
    return MISSING if pd.isna(value) else f"{round(value, 3) + 0.0:.3f}".replace("-", MINUS)


def short(value: Any) -> str:
    """A rate within a sentence, or a number of the paper: two decimals."""
    return MISSING if pd.isna(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def signed(value: Any) -> str:
    """A difference of rates with three decimals, always with its sign."""
    return MISSING if pd.isna(value) else f"{value:+.3f}".replace("-", MINUS)


def epsilon(value: Any, largest: float = math.inf) -> str:
    """An amplitude with four digits; an infinite one is "over" the largest that was measured."""
    if pd.isna(value):
        return MISSING
    if math.isfinite(value):
        return f"{value:.4g}"
    return f"over {largest:.4g}" if math.isfinite(largest) else "over the largest"


def median_epsilon(value: Any, smallest: float, largest: float) -> str:
    """The smallest amplitude up to which half of the images flip, of those that were reached.

    Where the smallest one flips half, the median is known to lie there or below; where no amplitude
    does, it lies over the largest.
    """
    if pd.notna(value) and value <= smallest:
        return f"at most {value:.4g}"
    return epsilon(value, largest)


def p_value(value: Any) -> str:
    """A p-value with two digits; small ones as a power of ten."""
    return MISSING if pd.isna(value) else f"{value:.2g}".replace("-", MINUS)


def duration(seconds: Any) -> str:
    """Seconds, minutes or hours: "59.9 s", "1 min 01 s", "23 h 53 min"."""
    if pd.isna(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def memory(megabytes: Any) -> str:
    """Megabytes as "512 MB" or "4.0 GB"."""
    if pd.isna(megabytes):
        return MISSING
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"


def text(value: Any) -> str:
    """A name or a free text; empty if it is missing."""
    return "" if pd.isna(value) else str(value)


def heading(name: str) -> str:
    """The name of a column as words: any_finding is "Any finding"."""
    words = str(name).replace("_", " ")
    return words[:1].upper() + words[1:]


def join_names(names: Sequence[str]) -> str:
    """The names within a sentence: "a", "a and b", "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def quantity(number: int, noun: str, several: str = "") -> str:
    """A number of things: "1 group", "8 groups"; `several` is a plural that is not with s."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
