"""Cutting a report into words, sections, sentences and clauses.

`Segments` does it once per report; `reports.read_report` then reads the clauses one by one.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from pgdose.labelling.entries import QUESTION_BEFORE, Entry, Word
from pgdose.labelling.hits import Hit
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.vocabulary import Token

_SENTENCE_ENDS = {".", ";", "?"}


class Section(NamedTuple):
    """The words from `start` to before `end`, below the heading of this role, or below none.

    roles: conclusion and findings say what is on the film, and so does what stands below no heading
    (""); context (referral, history, technique) does not; advice names what is to be looked for. A
    heading in `opening` makes context where it begins a report, a conclusion elsewhere.
    """

    role: str
    start: int
    end: int
    rule: str  # of the heading, "" without one

    @property
    def is_read(self) -> bool:
        return self.role not in ("context", "advice")


class _Layout(NamedTuple):
    """The words of a report and how they stand in it.

    token_of: the position among the tokens of the token that a word comes from. line_starts: the
    words that begin a line.
    """

    words: list[Word]
    token_of: Sequence[int]
    tokens: list[Token]
    line_starts: set[int]
    mixed_case: bool

    def is_capitalized(self, at: int) -> bool:
        return self.tokens[self.token_of[at]].is_capitalized

    def is_all_capitals(self, at: int) -> bool:
        return self.tokens[self.token_of[at]].is_all_capitals


class Segments:
    """A report as words (`words`) with its sections and clauses as spans of them.

    `pieces` are those of `spelling.split_around_tokens`; `token_of[i]` is the position among the
    tokens of the one that word i comes from. Without `sections` all is one section.
    """

    def __init__(self, pieces: list[str], lexicon: Lexicon, sections: bool = True) -> None:
        self._layout = _lay_out(pieces, lexicon)
        self.words, self.token_of = self._layout.words, self._layout.token_of
        self._headings = self._find_headings() if sections else []
        findings = [hit.start for hit in self._headings if hit.entry.role == "findings"]
        self._last_findings = max(findings, default=-1)
        self.sections = self._find_sections()

    def _find_sections(self) -> list[Section]:
        """The sections of the report in order, without their headings and without empty ones."""
        headings = self._headings
        if not headings:
            return [Section("", 0, len(self.words), "")]
        ends = [*(hit.start for hit in headings), len(self.words)]
        sections = [Section("", 0, ends[0], "")]
        for hit, end in zip(headings, ends[1:], strict=True):
            role, rule, start = hit.entry.role, hit.entry.rule, hit.end
            cut = end
            if role == "opening":
                role = "context" if self._is_referral(hit, end) else "conclusion"
            if role == "context":
                cut = self._context_end(start, end)
            elif role == "advice" and start < end and self.words[start].text != ":":
                cut = self._sentence_end(start, end)
            sections += [Section(role, start, cut, rule), Section("", cut, end, "")]
        return [section for section in sections if self._has_content(section)]

    def _is_referral(self, opening: Hit, end: int) -> bool:
        """Whether a heading in `opening` (the next one stands at `end`) begins the referral.

        It does where it begins the report, and before a conclusion that has a heading of its own
        ("Жалобы: кашель. Ds: пневмония? Лёгкие чистые. Заключение: норма"), unless the findings
        had theirs before.
        """
        if opening.start == 0:
            return self._context_end(opening.end, end) < len(self.words) - 1
        before = {hit.entry.role for hit in self._headings if hit.start < opening.start}
        after = {hit.entry.role for hit in self._headings if hit.start > opening.start}
        return "conclusion" in after and not before & {"findings", "conclusion"}

    @property
    def context_only(self) -> list[Section]:
        """All sections if none of them is to be read, else none."""
        return [] if any(section.is_read for section in self.sections) else self.sections

    def clauses(self) -> list[tuple[int, int, Section]]:
        """The clauses that mention a finding: their words and the section that they stand in.

        A clause ends before a terminator, after a question mark, and where a section begins.
        Context counts only where nothing else is to be read.
        """
        sections = self.sections
        if len(sections) > 1 and not self.context_only:
            sections = [section for section in sections if section.role != "context"]
        return [
            (*span, section)
            for section in sections
            for span in _clause_spans(self.words, section.start, section.end)
        ]

    # Headings

    def _find_headings(self) -> list[Hit]:
        """The headings in order: of entries that begin together the longest."""
        headings: list[Hit] = []
        words = self.words
        for at in [i for i, word in enumerate(words) if word.begins_heading]:
            if headings and at < headings[-1].end:
                continue
            next_bits = words[at + 1].fitted_bits if at + 1 < len(words) else 0
            hits = [
                Hit(at, end, entry)
                for second_bit, entry in words[at].heading_entries
                if not second_bit or second_bit & next_bits
                if (end := entry.match_end(words, at)) and self._heads(at, end, entry)
            ]
            if hits:
                headings.append(max(hits, key=lambda hit: hit.end))
        return headings

    def _heads(self, at: int, end: int, entry: Entry) -> bool:
        """Whether an entry that matches from `at` to `end` is a heading there.

        It stands before a colon (a single word that needs a mark only with a capital, if inside a
        sentence: "in this view: nodule"), or begins a sentence or line. If it needs a mark, that is
        not enough: it has to fill its line, to stand before a full stop, or to be in capitals while
        what follows is not.
        """
        words, lines = self.words, self._layout.line_starts
        following = words[end].text if end < len(words) else ""
        opens = self._begins_line(at) or words[at - 1].text in _SENTENCE_ENDS
        if following == ":":
            layout = self._layout
            has_capital = layout.mixed_case and layout.is_capitalized(at)
            return opens or has_capital or end - at > 1 or not entry.needs_mark
        if not opens:
            return False
        if not entry.needs_mark:
            return True
        if following == "." or (self._begins_line(at) and (end == len(words) or end in lines)):
            return True
        layout = self._layout
        return (
            layout.mixed_case
            and all(map(layout.is_all_capitals, range(at, end)))
            and not (end < len(words) and layout.is_all_capitals(end))
        )

    def _begins_line(self, at: int) -> bool:
        """Whether a word begins a line, but for a number: "2. Conclusion"."""
        words = self.words
        while at > 0 and at not in self._layout.line_starts:
            if words[at - 1].text not in ("0", "."):
                return False
            at -= 1
        return True

    def _context_end(self, start: int, end: int) -> int:
        """Where a section of context ends, of which the next heading stands at `end`.

        Up to a heading of the findings all is context. Where none follows, the findings begin
        without one: after the first line of the context, or in a report of one line after its first
        sentence. Without a colon the heading begins a sentence ("Врач Иванов") and ends with it.
        """
        has_mark = start == len(self.words) or self.words[start].text in (":", ".")
        if not has_mark and start not in self._layout.line_starts:
            return self._sentence_end(start, end)
        if self._last_findings >= end:
            return end
        words, layout = self.words, self._layout
        while start < end and words[start].is_mark:
            start += 1
        lines = [i for i in range(start + 1, end) if i in layout.line_starts]
        for i in lines:
            wraps = layout.mixed_case and not layout.is_capitalized(i) and words[i].text != "0"
            if words[i - 1].text in _SENTENCE_ENDS or not wraps:
                return i
        if lines:
            return end
        return self._sentence_end(start, end)

    def _sentence_end(self, start: int, end: int) -> int:
        ends = (i + 1 for i in range(start, end) if self.words[i].text in _SENTENCE_ENDS)
        return next(ends, end)

    def _has_content(self, section: Section) -> bool:
        return any(not word.is_mark for word in self.words[section.start : section.end])


def _clause_spans(words: Sequence[Word], start: int, end: int) -> list[tuple[int, int]]:
    """The clauses among the words of a section that mention a finding."""
    spans = []
    has_mention = False
    while start < end and words[start].text in (":", "."):
        start += 1
    for at in [i for i in range(start, end) if words[i].is_landmark]:
        word = words[at]
        if word.begins_terminator and (stop := _terminator_end(words, at)):
            if has_mention and at > start:
                spans.append((start, at))
            # Marks stay outside; words such as `but` begin the next clause.
            start = stop if word.is_mark else at
            has_mention = False
        elif word.text == "?" and at > start:
            if has_mention:
                spans.append((start, at + 1))
            start, has_mention = at + 1, False
        if word.begins_mention and at >= start:
            has_mention = True
    if has_mention:
        spans.append((start, end))
    return spans


def _terminator_end(words: Sequence[Word], at: int) -> int:
    """Where the terminator ends that begins here; 0 if there is none."""
    if words[at].is_mark:
        return at + 1
    next_bits = words[at + 1].fitted_bits if at + 1 < len(words) else 0
    last = 0
    for second_bit, entry in words[at].terminator_entries:
        if not second_bit or second_bit & next_bits:
            last = max(last, entry.match_end(words, at))
    return last


def _lay_out(pieces: list[str], lexicon: Lexicon) -> _Layout:
    """The words and marks of a report.

    A full stop is put in where the typist ended a sentence without a mark; line breaks and the
    dots of abbreviations are left out.
    """
    text = "".join(pieces)
    mixed_case = not (text.isupper() or text.islower())  # otherwise capitals say nothing
    vocabulary = lexicon.vocabulary
    tokens = list(map(vocabulary.__getitem__, pieces[1::2]))
    left_out, stops = set(), set()
    for i in [i for i, token in enumerate(tokens) if token.affects_sentences]:
        token = tokens[i]
        if token.is_line_break:
            left_out.add(i)
            before_capital = (
                mixed_case
                and tokens[i + 1 :]
                and tokens[i + 1].is_capitalized
                and not (i and tokens[i - 1].word.goes_on)
            )
            if token.is_paragraph_break or before_capital:
                stops.add(i)
        elif token.word.text == ".":
            if not _ends_sentence(tokens, i, mixed_case, lexicon):
                left_out.add(i)
        elif token.word.text == "?":
            if _is_before_word(pieces, i):
                tokens[i] = vocabulary[QUESTION_BEFORE]
        elif mixed_case and lexicon.capitals and i and tokens[i - 1].ends_lower_case:
            stops.add(i)
    words = [token.word for token in tokens]
    if not left_out and not stops:
        return _Layout(words, range(len(tokens)), tokens, set(), mixed_case)
    token_of = list(range(len(tokens)))
    stop = vocabulary["."].word
    for i in sorted(left_out | stops, reverse=True):
        replacement = [stop] if i in stops else []
        replacement += [] if i in left_out else [words[i]]
        words[i : i + 1] = replacement
        token_of[i : i + 1] = [i] * len(replacement)
    line_starts = {bisect_left(token_of, i + 1) for i in left_out if tokens[i].is_line_break}
    return _Layout(words, token_of, tokens, line_starts, mixed_case)


def _is_before_word(pieces: list[str], i: int) -> bool:
    """Whether token i, a question mark, belongs to the next word: "?nodule"."""
    before, after = pieces[2 * i], pieces[2 * i + 2]
    is_first = before or i == 0 or pieces[2 * i - 1] in ".,;:"
    return bool(is_first and not after and "".join(pieces[2 * i + 3 : 2 * i + 4])[:1].isalnum())


def _ends_sentence(tokens: list[Token], i: int, mixed_case: bool, lexicon: Lexicon) -> bool:
    """Whether the dot at `i` ends a sentence.

    After an abbreviation or a single letter it does so before a capital only (in a report all in
    capitals they say nothing); after a letter that follows a number, as in "2012 г.", always.
    Before a comma it never does ("очаг., инф. теней"), nor between two initials.
    """
    following = tokens[i + 1] if i + 1 < len(tokens) else tokens[i]
    is_between_initials = (
        i + 2 < len(tokens)
        and following.is_capitalized
        and following.word.is_letter
        and tokens[i + 2].word.text == "."
        and tokens[i - 1].word.is_letter
    )
    if following.word.text == "," or is_between_initials:
        return False
    last = tokens[i - 1].word if i else tokens[i].word
    is_initial = last.is_letter and not (i > 1 and tokens[i - 2].word.text == "0")
    if not is_initial and last.text not in lexicon.abbreviations:
        return True
    return not following.is_plain_word and (mixed_case or not following.is_capitalized)
