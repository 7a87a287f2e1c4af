"""What a column of a result holds: its type, unit and range, for docs/reference/results.md.

No job imports it: what a page says reruns nothing.
"""

from dataclasses import dataclass

TEXT, INTEGER, NUMBER, TRUTH = "text", "whole number", "number", "true or false"


@dataclass(frozen=True)
class Values:
    """The values of a column.

    type:  one of the words above, or a list such as "list of number"
    unit:  of numbers; "" if they have none
    low:   the smallest possible value, None if there is none
    high:  the largest possible value, None if there is none
    words: all possible values of a text
    """

    type: str = TEXT
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """In words; "" where any value of the type is possible."""
        if self.words:
            return ", ".join(f"`{word}`" for word in self.words)
        low, high = (None if end is None else f"{end:g}" for end in (self.low, self.high))
        if low is not None and high is not None:
            return f"{low} to {high}"
        if low is not None:
            return f"{low} or more"
        return "" if high is None else f"{high} or less"


@dataclass(frozen=True)
class Column:
    """A column of a table that is not in the registry of result tables."""

    meaning: str
    values: Values = Values()


def words(*values: str) -> Values:
    """One of these texts."""
    return Values(words=values)


def count(unit: str) -> Values:
    """How many there are of something."""
    return Values(INTEGER, unit, 0)


FLAG = Values(TRUTH)
SHARE = Values(NUMBER, "share", 0, 1)
DIFFERENCE = Values(NUMBER, "share", -1, 1)
PROBABILITY = Values(NUMBER, "probability", 0, 1)
RANGE = "full intensity range"
AMPLITUDE = Values(NUMBER, RANGE, 0)
POSITION = Values(INTEGER, "", 0)
ITERATION = Values(INTEGER, "iterations", 0)
