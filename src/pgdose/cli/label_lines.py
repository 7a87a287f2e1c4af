"""Explained reports as lines of a terminal: with colours, or with plain marks where it has none."""

import os
import sys
from collections.abc import Iterator

from pgdose.labelling.explanations import Explanation
from pgdose.labelling.lexicon_rules import LexiconRules
from pgdose.labelling.marked_text import Piece, cut

_RESET = "\033[0m"
# Readable without colours, too: bold, slanted, plain.
_CODES = {"present": "1;31", "uncertain": "3;33", "absent": "32", "norm": "36", "cue": "4"}
_DIM = "2"


def has_colours(choice: str) -> bool:
    """Whether to print colours. choice: always, never, or auto (a terminal without NO_COLOR)."""
    if choice != "auto":
        return choice == "always"
    is_dumb = os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not is_dumb


def printable(text: str) -> str:
    """The text without characters that a terminal obeys; as long as before."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "�" for c in text)


class LabelLines:
    """Writes reports as lines. rules: of the lexicon by which they were read."""

    def __init__(self, rules: LexiconRules, colours: bool) -> None:
        self.rules = rules
        self.colours = colours

    def legend(self) -> str:
        if self.colours:
            marks = [self._ink(name, _CODES[name]) for name in _CODES]
            return "  ".join(marks)
        return "{words}[label: state] is a mention, _words_ a cue that denies or doubts"

    def lines(self, name: str, explanation: Explanation) -> Iterator[str]:
        """A report: its name, the marked text, a line for each mention, why it is norm or not."""
        yield self._ink(f"--- {printable(name)}", _DIM)
        yield "".join(map(self._piece, cut(explanation)))
        for mention, cue in zip(explanation.mentions, explanation.cues, strict=True):
            words = printable(explanation.text[mention.start : mention.end]).replace("\n", " ")
            state = self._ink(mention.state.ljust(9), _CODES[mention.state])
            line = (
                f"  {mention.label.ljust(16)} {state} {words!r:.60} {self._rule(mention.pattern)}"
            )
            if mention.cue:
                cue_words = printable(explanation.text[slice(*cue)]) if cue else ""
                line += f"; {cue_words!r} {self._rule(mention.cue)}"
            yield line
        if not explanation.states:
            yield f"  no labels: {explanation.norm}"
            return
        labels = [f"{k} {s}" for k, s in explanation.states.items() if s != "unmentioned"]
        yield f"  {printable(explanation.norm)}"
        yield f"  labels: {', '.join(labels) or 'none is mentioned'}"

    def _piece(self, piece: Piece) -> str:
        text = printable(piece.text)
        if not self.colours:
            return self._plain(piece, text)
        codes = [_CODES["cue"]] if piece.in_cue else []
        if piece.mentions:
            codes.append(_CODES[piece.mentions[0].state])
        elif piece.in_norm:
            codes.append(_CODES["norm"])
        return self._ink(text, ";".join(codes)) if codes else text

    def _plain(self, piece: Piece, text: str) -> str:
        if piece.in_cue:
            text = f"_{text}_"
        ending = sorted(piece.ending, key=lambda mention: -mention.start)  # the inner one first
        tags = "".join(f"}}[{mention.label}: {mention.state}]" for mention in ending)
        return "{" * len(piece.starting) + text + tags

    def _rule(self, rule: str) -> str:
        entry = self.rules.find(rule)
        text = f"{rule} (line {entry.line}: {printable(entry.text):.60})" if entry else rule
        return self._ink(text, _DIM)

    def _ink(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}{_RESET}" if self.colours else text


def aligned(rows: list[list[str]]) -> list[str]:
    """A table as lines; its first row is the header, and numbers stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
