"""The model of a table of a page, as the macro `show` prints it."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """A cell of more than a text.

    aside: printed softly after it
    kind:  a CSS class
    why:   shown when the pointer rests on it; must be found elsewhere on the page, too
    link:  the id of the element that it leads to
    """

    text: str
    aside: str = ""
    kind: str = ""
    why: str = ""
    link: str = ""


@dataclass(frozen=True)
class Head:
    """A column's heading; `kind` is the column's CSS class, "number" is aligned to the right."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page; the first cell of each row names the row."""

    name: str
    heads: list[Head]
    rows: Sequence[Sequence[str | Cell]]
    foot: list[str] = field(default_factory=list)
