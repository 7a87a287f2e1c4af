"""Mistakes and warnings about a lexicon file: all of them, each with its line and field.

A mistake keeps the lexicon from being used. A warning is about what has no effect, such as a phrase
that another one already covers.
"""

from typing import Any

from pgdose.errors import UserError
from pgdose.study.field_lines import Document, FieldLines

SHOWN = 50  # mistakes in one message
SHOWN_VALUE = 80  # characters

Place = tuple[str, ...]  # keys that lead to a field: ("norm", "phrases", "3")


class LexiconMistakes:
    """Collects what is wrong with one file. `name` is the file's name, for messages."""

    def __init__(self, name: str, document: Document) -> None:
        self.name = name
        self.fields = FieldLines(document.content, {name: document})
        self.mistakes: list[str] = []
        self.warnings: list[str] = []

    def add(self, place: Place, sentence: str) -> None:
        self.mistakes.append(self._located(place, sentence))

    def warn(self, place: Place, sentence: str) -> None:
        self.warnings.append(self._located(place, sentence))

    def refuse(self, place: Place, value: Any, may: str) -> None:
        """A mistake: what stands at the place, and what may stand there."""
        shown = "null" if value is None else f"{value!r:.{SHOWN_VALUE}}"
        self.add(place, f"{shown} must be {may}")

    def line_of(self, place: Place) -> str:
        """`norm.phrases[3] (line 12)`: another place that a sentence speaks of."""
        line = self.fields.located(place, "").removesuffix(": ")
        return f"{rule_of(place)} ({line})" if line else rule_of(place)

    def raise_all(self) -> None:
        """UserError with all mistakes, if there are any."""
        if not self.mistakes:
            return
        n = len(self.mistakes)
        count = "a mistake" if n == 1 else f"{n} mistakes"
        more = [f"  and {n - SHOWN} more"] if n > SHOWN else []
        lines = [f"  {line}" for line in self.mistakes[:SHOWN]]
        raise UserError("\n".join([f"{self.name}: The lexicon has {count}:", *lines, *more]))

    def _located(self, place: Place, sentence: str) -> str:
        at = f"{rule_of(place)}: " if place else ""
        return self.fields.located(place, f"{at}{sentence}")


def rule_of(place: Place) -> str:
    """A place as mentions name the entry that decided: `findings.pneumonia.patterns[0]`."""
    rule = ""
    for key in place:
        if key.isdecimal() and rule:
            rule += f"[{key}]"
        else:
            shown = key if key.isprintable() and key == key.strip() else ascii(key)
            rule += f".{shown}" if rule else shown
    return rule
