"""Why a report has its labels: each mention with its cue, and why the report is norm or not.

    Explainer(lexicon).explain("Пневмонии не выявлено")
    # states: pneumonia absent; its mention stands at 0-9, its cue at 10-21

For people who tune a lexicon; it holds texts of reports, which no result may.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from pgdose.labelling.entries import Word
from pgdose.labelling.hits import find_hits
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.plain_text import plain_text
from pgdose.labelling.reports import Mention, read_report, states_of_mentions
from pgdose.labelling.segments import Segments
from pgdose.labelling.spelling import has_words, split_around_tokens

SHOWN_WORDS = 6  # that keep a report from being norm

Span = tuple[int, int]  # characters of the text


class Explanation(NamedTuple):
    """A report as the labeller reads it.

    text: without marks of HTML or RTF; mentions: in the order of the text; cues: of each mention,
    where the words stand that deny or doubt it; states: of each label, empty where the report has
    no labels; norm: a sentence
    """

    text: str
    mentions: list[Mention]
    cues: list[Span | None]
    states: dict[str, str]
    norm: str


class Explainer:
    """Explains reports by one lexicon. negation, norm: see `reports.read_report`."""

    def __init__(self, lexicon: Lexicon, negation: bool = True, norm: str = "phrases") -> None:
        self.lexicon = lexicon
        self.negation = negation
        self.norm = norm

    def explain(self, report: str) -> Explanation:
        """Read and explain a report, as it stands in a table."""
        text = plain_text(report)
        if text is None:
            words = "it holds HTML, RTF or base64 that is not understood; export it as plain text"
            return Explanation(report, [], [], {}, words)
        return self.explain_mentions(
            text, read_report(text, self.lexicon, self.negation, self.norm)
        )

    def explain_mentions(self, text: str, mentions: list[Mention]) -> Explanation:
        """Explain what `read_report`, with the same lexicon, found in a plain text."""
        if not has_words(text):
            return Explanation(text, [], [], {}, "it has no words")
        states = states_of_mentions(mentions, self.lexicon)
        words = _Words(text, self.lexicon)
        cues = [words.find_cue(mention) for mention in mentions]
        norm = self._why_norm(mentions, states, words)
        return Explanation(text, mentions, cues, states, norm)

    def _why_norm(self, mentions: list[Mention], states: dict[str, str], words: "_Words") -> str:
        rule = next((mention.pattern for mention in mentions if mention.label == "norm"), "")
        others = [
            f"{name} is {state}"
            for name, state in states.items()
            if name != "norm" and state in ("present", "uncertain")
        ]
        if states["norm"] == "present":
            return f"norm, by {rule}"
        if rule.startswith("sections."):
            return f"in doubt: it holds nothing but context ({rule})"
        if rule:
            return f"in doubt: a norm phrase ({rule}), but {', '.join(others)}"
        if others:
            return f"not norm: {', '.join(others)}"
        odd = list(dict.fromkeys(words.outside(self._words_of_norm)))
        if not odd:
            return "not norm: its words stand in norm phrases, but together they are none"
        shown = ", ".join(map(repr, odd[:SHOWN_WORDS]))
        more = f" and {len(odd) - SHOWN_WORDS} more" if len(odd) > SHOWN_WORDS else ""
        return f"not norm: no norm phrase has {shown}{more}"

    @cached_property
    def _words_of_norm(self) -> frozenset[str]:
        return frozenset(word for phrase in self.lexicon.norm for word in phrase.split())


class _Words:
    """The words of a text as the labeller has them, with their places in the text."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.pieces = split_around_tokens(text)
        self.segments = Segments(self.pieces, lexicon)
        self.ends = list(accumulate(map(len, self.pieces)))  # token k is piece 2 k + 1

    @cached_property
    def _places(self) -> dict[str, list[Span]]:
        """Where each entry stands, by its rule."""
        places: dict[str, list[Span]] = {}
        for of_role in find_hits(self.segments.words).values():
            for hit in of_role:
                places.setdefault(hit.entry.rule, []).append(self._span(hit.start, hit.end))
        return places

    def find_cue(self, mention: Mention) -> Span | None:
        """The place of a mention's cue that is nearest to it."""
        places = self._places.get(mention.cue or "", [])

        def distance(span: Span) -> int:
            return max(span[0] - mention.end, mention.start - span[1])

        return min(places, key=distance, default=None)

    def outside(self, known: frozenset[str]) -> Iterator[str]:
        """The words, as they stand in the text, that are none of these and count for norm."""
        for i in _counting(self.segments.words):
            if self.segments.words[i].text not in known:
                yield self.pieces[2 * self.segments.token_of[i] + 1]

    def _span(self, start: int, end: int) -> Span:
        token_of = self.segments.token_of
        return self.ends[2 * token_of[start]], self.ends[2 * token_of[end - 1] + 1]


def _counting(words: Sequence[Word]) -> Iterator[int]:
    """The positions of words that no entry of `norm.ignore` takes out."""
    at = 0
    while at < len(words):
        end = 0
        if words[at].begins_ignored:
            end = max((end for end, _ in words[at].matches(words, at, ("ignore",))), default=0)
        if not end and not words[at].is_mark:
            yield at
        at = max(at + 1, end)
