"""Cutting a report into words, sentences, clauses and sections.

`Segments` does it once per report; `reports.read_report` then reads the clauses one by one.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

from pgdose.labelling.clauses import Hit
from pgdose.labelling.entries import HEADING_ROLES, Word
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.vocabulary import Token

Span = tuple[int, int]  # positions of words, from the first to before the second

_SENTENCE_ENDS = {".", ";", "?"}


class Segments:
    """A report as words (`words`) with its clauses and conclusions as spans of them.

    `token_of[i]` is the position among `raw_tokens` of the token that word i comes from.
    """

    words: list[Word]
    token_of: Sequence[int]

    def __init__(self, raw_tokens: list[str], lexicon: Lexicon) -> None:
        self.words, self.token_of = _words(raw_tokens, lexicon)
        self._landmarks = [i for i, word in enumerate(self.words) if word.is_landmark]

    def clauses(self) -> Iterator[Span]:
        """The clauses that mention a finding.

        A clause ends before a terminator, after a question mark, and where a section begins.
        """
        words, headings = self.words, self._headings
        start, has_mention = 0, False
        for at in self._landmarks:
            word = words[at]
            end = self._terminator_end(at) if word.begins_terminator else 0
            if end or at in headings:
                if has_mention and at > start:
                    yield start, at
                # Marks and headings stay outside; words such as `but` begin the next clause.
                start = headings[at].end if at in headings else end if word.is_mark else at
                has_mention = False
            elif word.text == "?" and at > start:
                if has_mention:
                    yield start, at + 1
                start, has_mention = at + 1, False
            has_mention = has_mention or (word.begins_mention and at >= start)
        if has_mention:
            yield start, len(words)

    def conclusions(self) -> Iterator[Span]:
        """The sections after a heading of a conclusion, up to the next heading or the end."""
        words, headings = self.words, self._headings
        ends = [*headings, len(words)][1:]
        for hit, end in zip(headings.values(), ends, strict=True):
            start = hit.end
            while start < end and not words[start].text[0].isalnum():
                start += 1
            if hit.entry.role == "conclusion" and start < end:
                yield start, end

    @cached_property
    def _headings(self) -> dict[int, Hit]:
        """Headings of sections by where they begin: at a sentence's start, or before a colon."""
        words = self.words
        headings = {}
        for at in self._landmarks:
            if not words[at].begins_heading:
                continue
            for end, entry in words[at].matches(words, at, HEADING_ROLES):
                opens_sentence = at == 0 or words[at - 1].text in _SENTENCE_ENDS
                if opens_sentence or (end < len(words) and words[end].text == ":"):
                    headings[at] = Hit(at, end, entry)
        return headings

    def _terminator_end(self, at: int) -> int:
        """Where the terminator ends that begins here; 0 if there is none."""
        words = self.words
        if words[at].is_mark:
            return at + 1
        return max((end for end, _ in words[at].matches(words, at, ("terminators",))), default=0)


def _words(raw_tokens: list[str], lexicon: Lexicon) -> tuple[list[Word], Sequence[int]]:
    """The words and marks of a report, and from which of its tokens each of them comes.

    A full stop is put in where the typist ended a sentence without a mark; line breaks and the
    dots of abbreviations are left out.
    """
    text = "".join(raw_tokens)
    mixed_case = not (text.isupper() or text.islower())
    tokens = [lexicon.vocabulary[raw] for raw in raw_tokens]
    left_out, stops = set(), set()
    for i, token in enumerate(tokens):
        if not token.affects_sentences:
            continue
        if token.is_line_break:
            left_out.add(i)
            before_capital = mixed_case and tokens[i + 1 :] and tokens[i + 1].is_capitalized
            if token.is_paragraph_break or before_capital:
                stops.add(i)
        elif token.word.text == ".":
            if not _ends_sentence(tokens, i, mixed_case, lexicon):
                left_out.add(i)
        elif (
            token.may_open_sentence
            and mixed_case
            and lexicon.capitals
            and i
            and tokens[i - 1].ends_lower_case
        ):
            stops.add(i)
    words = [token.word for token in tokens]
    if not left_out and not stops:
        return words, range(len(tokens))
    token_of = list(range(len(tokens)))
    stop = lexicon.vocabulary["."].word
    for i in sorted(left_out | stops, reverse=True):
        replacement = [stop] if i in stops else []
        replacement += [] if i in left_out else [words[i]]
        words[i : i + 1] = replacement
        token_of[i : i + 1] = [i] * len(replacement)
    return words, token_of


def _ends_sentence(tokens: list[Token], i: int, mixed_case: bool, lexicon: Lexicon) -> bool:
    """Whether the dot at `i` ends a sentence.

    After an abbreviation or a single letter it does so before a capital only (in a report all in
    capitals they say nothing); after a letter that follows a number, as in "2012 г.", always.
    Before a comma it never does: "очаг., инф. теней".
    """
    following = tokens[i + 1] if i + 1 < len(tokens) else tokens[i]
    if following.word.text == ",":
        return False
    last = tokens[i - 1].word if i else tokens[i].word
    is_initial = last.is_letter and not (i > 1 and tokens[i - 2].word.text == "0")
    if not is_initial and last.text not in lexicon.abbreviations:
        return True
    return not following.is_plain_word and (mixed_case or not following.is_capitalized)
