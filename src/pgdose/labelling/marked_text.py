"""A text cut where mentions and cues begin and end, for pages and terminals that mark them."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from pgdose.labelling.explanations import Explanation, Span
from pgdose.labelling.reports import Mention


class Piece(NamedTuple):
    """A part of the text under the same marks.

    mentions: of findings that it is a part of, the shortest first; starting, ending: those (and of
    norm) that start or end with it; in_norm, in_cue: whether it is a part of a norm phrase or cue
    """

    text: str
    mentions: list[Mention]
    starting: list[Mention]
    ending: list[Mention]
    in_norm: bool
    in_cue: bool


def cut(explanation: Explanation) -> Iterator[Piece]:
    """The pieces of an explained report, in order; together they are its text."""
    spans: list[tuple[Span, Mention | None]] = [
        ((mention.start, mention.end), mention) for mention in explanation.mentions
    ]
    spans += [(cue, None) for cue in set(filter(None, explanation.cues))]
    spans.sort(key=lambda span: span[0])
    edges = sorted({0, len(explanation.text), *(edge for span, _ in spans for edge in span)})
    active: list[tuple[Span, Mention | None]] = []
    following = 0
    for start, end in pairwise(edges):
        active = [one for one in active if one[0][1] > start]
        while following < len(spans) and spans[following][0][0] <= start:
            active.append(spans[following])
            following += 1
        mentions = [mention for _, mention in active if mention]
        findings = [mention for mention in mentions if mention.label != "norm"]
        findings.sort(key=lambda mention: mention.end - mention.start)
        yield Piece(
            explanation.text[start:end],
            findings,
            [mention for mention in mentions if mention.start == start],
            [mention for mention in mentions if mention.end == end],
            len(mentions) > len(findings),
            any(mention is None for _, mention in active),
        )
