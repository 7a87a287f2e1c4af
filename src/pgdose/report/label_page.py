"""A page of report texts with what the labeller reads in them, for the eyes of their owner.

Self-contained: it loads nothing, and every text is escaped. It is readable by its owner alone, and
no part of results.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pgdose.errors import UserError
from pgdose.labelling.explanations import Explanation
from pgdose.labelling.lexicon_rules import LexiconRules
from pgdose.labelling.marked_text import Piece, cut
from pgdose.report import templates
from pgdose.tables.output_files import atomic

STATES = ("present", "uncertain", "absent", "unmentioned")


class HandLabel(NamedTuple):
    """A label that a person set otherwise than the labeller."""

    label: str
    hand: str  # the person's state
    found: str  # the labeller's


class Card(NamedTuple):
    """A report on the page: its id, what the labeller reads, where a person disagrees."""

    report: str
    explanation: Explanation
    differences: Sequence[HandLabel] = ()


class Heading(NamedTuple):
    """What stands above the reports.

    notes: what a person should know; measures: rows of `agreement.measure_agreement`, as texts
    """

    title: str
    lexicon: str
    labels: Sequence[str]
    notes: Sequence[str] = ()
    measures: Sequence[Sequence[str]] = ()


def write_label_page(
    path: Path, heading: Heading, cards: Sequence[Card], rules: LexiconRules | None
) -> None:
    """Write the page, readable by its owner alone. rules: of the lexicon, if it is the same still.

    Raises UserError where the file cannot be written.
    """
    page = templates.rendered(
        "labels.html",
        heading=heading,
        states=STATES,
        counts=_counts(heading.labels, cards),
        has_hand=any(card.differences for card in cards) or bool(heading.measures),
        cards=[_shown(card, rules) for card in cards],
    )
    try:
        with atomic(path) as beside:
            beside.touch(mode=0o600)
            beside.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file that you may write") from None


def _counts(labels: Sequence[str], cards: Sequence[Card]) -> list[tuple[str, list[int]]]:
    """How many reports have each label in each state, and how many have no labels."""
    counts = Counter(item for card in cards for item in card.explanation.states.items())
    return [(name, [counts[name, state] for state in STATES]) for name in labels]


def _shown(card: Card, rules: LexiconRules | None) -> dict[str, Any]:
    """What the template shows of a card."""
    explanation = card.explanation
    mentions = [
        {
            "label": mention.label,
            "state": mention.state,
            "words": explanation.text[mention.start : mention.end],
            "pattern": _rule(mention.pattern, rules),
            "cue": _rule(mention.cue, rules) if mention.cue else "",
            "cue_words": explanation.text[slice(*cue)] if cue else "",
        }
        for mention, cue in zip(explanation.mentions, explanation.cues, strict=True)
    ]
    states = {name: s for name, s in explanation.states.items() if s != "unmentioned"}
    return {
        "report": card.report,
        "pieces": [_piece(piece) for piece in cut(explanation)],
        "states": states,
        "has_labels": bool(explanation.states),
        "norm": explanation.norm,
        "mentions": mentions,
        "differences": card.differences,
        # What the filters of the page look at
        "key": " ".join(f"{name}={state}" for name, state in explanation.states.items()),
        "differing": " ".join(difference.label for difference in card.differences),
    }


def _piece(piece: Piece) -> dict[str, str]:
    first = piece.mentions[0] if piece.mentions else None
    kinds = [first.state if first else "", "cue" * piece.in_cue, "norm" * piece.in_norm]
    title = "; ".join(f"{mention.label}: {mention.state}" for mention in piece.mentions)
    return {"text": piece.text, "kind": " ".join(filter(None, kinds)), "title": title}


def _rule(rule: str, rules: LexiconRules | None) -> str:
    entry = rules.find(rule) if rules else None
    return f"{rule}, line {entry.line}: {entry.text}" if entry else rule
