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
HEADING_ROLES = ("conclusion", "findings", "context", "opening", "advice")  # heads of sections
CUE_ROLES = ("before", "after", "both", "plural", "lists")  # cues of denial, by what they deny
CLAUSE_ROLES = (
    *("terminators", "not_cues", "attributes", "exceptions", "conjunctions", "disjunctions"),
    *("statements", "openers", "asides", "others"),
)
OUTSIDE_CLAUSES = {*HEADING_ROLES, "ignore"}

_MAX_GAP = 3  # words that `..` may stand for; commas between them do not count
_GAP_ENDS = {".", ";", "?"}

QUESTION_BEFORE = "¿"  # stands for a question mark in front of a word: "?nodule"


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
    needs_mark: bool = False  # a head that is none without a colon or a line of its own

    @property
    def reaches_one(self) -> bool:
        """Whether it is a cue of one subject only: the question mark of "?nodule, emphysema"."""
        return self.elements[0].text == QUESTION_BEFORE

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


def _with_second_bits(
    entries: Iterable[Entry], roles: Iterable[str] = ()
) -> tuple[tuple[int, Entry], ...]:
    """Entries, of these roles if any are given, with the bit that the next word has to have."""
    wanted = [entry for entry in entries if not roles or entry.role in roles]
    return tuple((entry.bits[1] if len(entry.bits) > 1 else 0, entry) for entry in wanted)


class Word:
    """A word or mark in the common spelling, and which entries may begin there.

    `entries` are those whose first element fits; of them `single_entries` and `multi_entries` are
    those of one and of several elements (each with the bit of its second one) that count inside a
    clause, `heading_entries` and `terminator_entries` those of their roles. Statements, openers and
    conjunctions of one word are flags instead (`is_...`). `fitted_bits` holds the bits of the later
    elements that the word fits. `core` is the word that stands for it in a clause: one and the same
    for all words that no entry is about.
    """

    __slots__ = (
        *("begins_heading", "begins_ignored", "begins_mention", "begins_nothing"),
        *("begins_terminator", "core", "entries", "fitted_bits", "goes_on", "is_conjunction"),
        *("is_disjunction", "is_landmark", "is_letter", "is_mark", "is_opener", "is_statement"),
        "parts_subjects",
        *("heading_entries", "terminator_entries", "multi_entries", "single_entries", "text"),
    )

    def __init__(
        self, text: str, entries: list[Entry], fitted_bits: int, core: "Word | None" = None
    ) -> None:
        self.core = core or self
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
        self.is_opener = "openers" in single_roles
        self.is_disjunction = "disjunctions" in single_roles
        self.is_conjunction = "conjunctions" in single_roles or self.is_disjunction
        self.parts_subjects = (
            self.is_conjunction or self.is_statement or self.is_opener or text in (",", ":")
        )
        # No sentence ends here: "no", "without", "and"
        self.goes_on = text == "," or self.is_conjunction or "before" in single_roles
        flags = {"statements", "openers", "conjunctions", "disjunctions"}
        self.entries = tuple(
            entry for entry in entries if entry.role not in flags or entry not in single
        )
        in_clause = [
            entry for entry in self.entries if entry.role not in (*OUTSIDE_CLAUSES, "terminators")
        ]
        self.single_entries = tuple(entry for entry in in_clause if len(entry.elements) == 1)
        self.multi_entries = _with_second_bits(
            [entry for entry in in_clause if len(entry.elements) > 1]
        )
        self.heading_entries = _with_second_bits(self.entries, HEADING_ROLES)
        self.terminator_entries = _with_second_bits(self.entries, ("terminators",))
        self.begins_nothing = not in_clause
        self.fitted_bits = fitted_bits
        # Reading a report visits landmarks only: where a clause may end or a mention begin.
        self.is_landmark = self.begins_mention or self.begins_terminator or text == "?"

    def matches(
        self, words: Sequence["Word"], at: int, roles: Iterable[str]
    ) -> Iterator[tuple[int, Entry]]:
        """The entries of these roles that match from here (`words[at]` is this word).

        Each comes after the position behind its last word.
        """
        for entry in self.entries:
            if entry.role in roles and (end := entry.match_end(words, at)):
                yield end, entry
