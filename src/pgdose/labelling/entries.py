"""Entries of a lexicon: the patterns that it lists, and how they match the words of a report.

An entry is a pattern of one or several elements and stands in a list of the lexicon file, its
`role`, that says what it does:

    пневмосклероз*     a word that begins with this
    *ая                a word that ends with this
    *                  any one word
    норма              exactly this word
    очагов* .. тен*    words that follow one another; `..` is up to three words (and commas)

`Word` is a word of a report together with the entries that may begin there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Roles are the names of the lists in the lexicon file.
HEADING_ROLES = ("conclusion", "sections")
CUE_ROLES = ("before", "after", "both", "plural", "lists")  # cues of denial, by what they deny
CLAUSE_ROLES = ("terminators", "not_cues", "conjunctions", "statements", "others")

_MAX_GAP = 3  # words that `..` may stand for; commas between them do not count
_GAP_ENDS = {".", ";", "?"}


class Element(NamedTuple):
    """One word of an entry; `..` has neither text nor stars."""

    text: str
    any_before: bool  # any letters may stand before the text
    any_after: bool

    @property
    def is_gap(self) -> bool:
        return not (self.text or self.any_after)

    def fits(self, word: str) -> bool:
        if not self.text:
            return word[0].isalnum()
        if self.any_before:
            return self.text in word if self.any_after else word.endswith(self.text)
        return word.startswith(self.text) if self.any_after else word == self.text


@dataclass(slots=True, eq=False)
class Entry:
    """A pattern, what it does and where it stands in the file.

    Each element after the first has a bit in the vocabulary, and a word's `fitted_bits` hold the
    bits of all elements that it fits. So matching an entry compares integers, not letters.
    """

    role: str  # the list it stands in: patterns, exclude, before, uncertainty, ...
    rule: str  # its place in the file, such as findings.pneumonia.patterns[2]
    elements: tuple[Element, ...]
    label: str = ""  # of a finding's pattern
    bits: tuple[int, ...] = ()  # one per element; 0 for the first, for `..` and for any word
    required_bits: int = 0  # all bits together

    def match_end(self, words: Sequence["Word"], start: int) -> int:
        """The position after the last matching word if the entry matches from `start`, else 0.

        The word at `start` must fit the first element (`Word.single_entries`, `multi_entries`).
        """
        return self._match_from(words, start + 1, 1)

    def _match_from(
        self,
        words: Sequence["Word"],
        at: int,
        k: int,
        failed: set[tuple[int, int]] | None = None,
    ) -> int:
        """Match the elements from the k-th on with the words from `at` on.

        `failed`: the (at, k) of gaps behind which nothing matches. Without them the gaps of an
        entry would be tried in all their combinations.
        """
        for i in range(k, len(self.bits)):
            bit = self.bits[i]
            if not bit and self.elements[i].is_gap:
                return self._match_after_gap(words, at, i + 1, set() if failed is None else failed)
            if at == len(words) or not (
                words[at].fitted_bits & bit if bit else not words[at].is_mark
            ):
                return 0
            at += 1
        return at

    def _match_after_gap(
        self, words: Sequence["Word"], at: int, k: int, failed: set[tuple[int, int]]
    ) -> int:
        start = at, k
        if start in failed:
            return 0
        skipped = 0
        while at < len(words) and skipped <= _MAX_GAP and words[at].text not in _GAP_ENDS:
            if end := self._match_from(words, at, k, failed):
                return end
            skipped += not words[at].is_mark
            at += 1
        failed.add(start)
        return 0


class Word:
    """A word or mark in the common spelling, and which entries may begin there.

    `single_entries` and `multi_entries` are the entries of one and of several elements whose first
    element fits. Statements and conjunctions of one word are flags instead (`is_statement`,
    `is_conjunction`). `fitted_bits` holds the bits of the later elements that the word fits.
    """

    __slots__ = (
        *("begins_heading", "begins_ignored", "begins_mention", "begins_terminator", "fitted_bits"),
        *("is_conjunction", "is_landmark", "is_letter", "is_mark", "is_statement"),
        *("begins_nothing", "multi_entries", "single_entries", "text"),
    )

    def __init__(self, text: str, entries: list[Entry], fitted_bits: int) -> None:
        single = [entry for entry in entries if len(entry.elements) == 1]
        roles = {entry.role for entry in entries}
        single_roles = {entry.role for entry in single}
        self.text = text
        self.is_mark = not text[0].isalnum()
        self.is_letter = len(text) == 1 and text.isalpha()
        self.begins_terminator = "terminators" in roles
        self.begins_mention = "patterns" in roles
        self.begins_ignored = "ignore" in roles
        self.begins_heading = not roles.isdisjoint(HEADING_ROLES)
        self.is_statement = "statements" in single_roles
        self.is_conjunction = "conjunctions" in single_roles
        flags = {"statements", "conjunctions"}
        self.single_entries = tuple(entry for entry in single if entry.role not in flags)
        self.multi_entries = tuple(entry for entry in entries if len(entry.elements) > 1)
        self.begins_nothing = not (self.single_entries or self.multi_entries)
        self.fitted_bits = fitted_bits
        # Reading a report visits landmarks only: where a clause may end or a mention begin.
        self.is_landmark = (
            self.begins_mention or self.begins_terminator or self.begins_heading or text == "?"
        )

    def matches(
        self, words: Sequence["Word"], at: int, roles: Iterable[str]
    ) -> Iterator[tuple[int, Entry]]:
        """The entries of these roles that match from here (`words[at]` is this word).

        Each comes after the position behind its last word.
        """
        for entry in (*self.single_entries, *self.multi_entries):
            if entry.role in roles and (end := entry.match_end(words, at)):
                yield end, entry
