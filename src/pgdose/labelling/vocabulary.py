"""The vocabulary of a lexicon: what each token of a report is among the lexicon's entries.

`Vocabulary` is a dict that fills itself: `vocabulary["Пневмония"]` spells the token, corrects one
typing error, looks up the entries that fit, and remembers the outcome.
"""

from typing import Generic, TypeVar

from pgdose.labelling.entries import CUE_ROLES, OUTSIDE_CLAUSES, Element, Entry, Word
from pgdose.labelling.spelling import fix_typo, is_number, spell

_MIN_OPENING = 3  # letters of a word with a capital inside a line that begins a sentence
_MIN_TYPO_WORD = 7  # letters: shorter words are never corrected
_MIN_TYPO_STEM = 6  # letters: nor towards shorter stems
_TYPO_ROLES = ("patterns", "uncertainty", *CUE_ROLES)
_MAX_TOKENS = 200_000  # kept in memory; then the vocabulary starts anew
_OTHER_WORD = "unknown_"  # stands for all words that concern no entry

T = TypeVar("T")


class Token:
    """A word or mark as it stands in a report, with capitals and line breaks."""

    __slots__ = (
        *("affects_sentences", "ends_lower_case", "is_all_capitals", "is_capitalized"),
        *("is_line_break", "is_paragraph_break", "is_plain_word", "may_open_sentence", "word"),
    )

    def __init__(self, raw: str, word: Word) -> None:
        self.word = word
        self.is_capitalized = raw[0].isupper()
        self.ends_lower_case = raw[-1].islower()
        self.may_open_sentence = (
            self.is_capitalized
            and len(raw) >= _MIN_OPENING
            and raw[1:].islower()
            and bool(word.entries)
        )
        self.is_line_break = raw[0] in "\r\n"
        # An empty line, or a bullet on the next one
        self.is_paragraph_break = self.is_line_break and (
            raw.count("\n") > 1 or not raw[-1].isspace()
        )
        self.is_plain_word = not (self.is_capitalized or word.is_mark)
        self.is_all_capitals = len(raw) > 1 and raw.isupper()
        self.affects_sentences = (
            self.is_line_break or self.may_open_sentence or word.text in (".", "?")
        )


class _Index(Generic[T]):
    """Values by the element that a word has to fit; a dict look-up where there is no `*` before."""

    def __init__(self) -> None:
        self.by_word: dict[str, list[T]] = {}
        self.by_prefix: dict[str, list[T]] = {}
        self.others: list[tuple[Element, T]] = []

    def add(self, element: Element, value: T) -> None:
        if element.any_before:
            self.others.append((element, value))
        else:
            texts = self.by_prefix if element.any_after else self.by_word
            texts.setdefault(element.text, []).append(value)

    def look_up(self, word: str) -> list[T]:
        values = list(self.by_word.get(word, ()))
        for i in range(len(word) + 1):
            if word[:i] in self.by_prefix:
                values += self.by_prefix[word[:i]]
        values += [value for element, value in self.others if element.fits(word)]
        return values


class Vocabulary(dict[str, Token]):
    """Tokens by how they stand in a report; each is looked up among the entries once.

    All words that no entry is about have one and the same `core`, so that clauses that differ in
    those words alone are read once (`clauses.read_clause` caches by cores). They are one word but
    for the `kept_words` and those that begin with one of `kept_stems`, which norm is about.
    """

    def __init__(
        self, entries: list[Entry], kept_words: set[str], kept_stems: tuple[str, ...] = ()
    ) -> None:
        self.kept_words = kept_words
        self.kept_stems = kept_stems
        self.other_word = Word(_OTHER_WORD, [], 0)
        self.words: dict[str, Word] = {}
        self.first_elements: _Index[Entry] = _Index()
        self.later_elements: _Index[int] = _Index()
        bits: dict[Element, int] = {}
        for entry in entries:
            self.first_elements.add(entry.elements[0], entry)
            for element in entry.elements[1:]:
                if element.text and element not in bits:
                    bits[element] = 1 << len(bits)
                    self.later_elements.add(element, bits[element])
            entry.bits = (0, *(bits.get(element, 0) for element in entry.elements[1:]))
            for bit in entry.bits:
                entry.required_bits |= bit
        self.reading_bits = 0  # of the entries that count in a clause
        for entry in entries:
            if entry.role not in OUTSIDE_CLAUSES:
                self.reading_bits |= entry.required_bits
        corrected = {e for entry in entries if entry.role in _TYPO_ROLES for e in entry.elements}
        self.stems = sorted(
            {e.text for e in corrected if len(e.text) >= _MIN_TYPO_STEM and not e.any_before}
        )

    def __missing__(self, raw: str) -> Token:
        if len(self) > _MAX_TOKENS:
            self.clear()
            self.words.clear()
        text = "0" if is_number(raw) else "." if raw == "!" else spell(raw) or raw
        if text not in self.words:
            self.words[text] = self._word(text)
        token = Token(raw, self.words[text])
        if text != "0" or len(raw) < 4:  # long numbers are too many to keep
            self[raw] = token
        return token

    def _word(self, text: str) -> Word:
        if len(text) >= _MIN_TYPO_WORD and not self._concerns_lexicon(text):
            text = next((fixed for stem in self.stems if (fixed := fix_typo(text, stem))), text)
        entries = self.first_elements.look_up(text)
        fitted_bits = sum(self.later_elements.look_up(text))
        if not entries and not fitted_bits and len(text) > 1 and text[0].isalnum():
            if not self._is_kept(text):
                return self.other_word
            self.words.setdefault(text, Word(text, [], 0, self.other_word))
        if text not in self.words:
            is_read = (
                fitted_bits & self.reading_bits
                or any(entry.role not in OUTSIDE_CLAUSES for entry in entries)
                or not text[0].isalnum()
            )
            core = None if is_read else self.other_word
            self.words[text] = Word(text, entries, fitted_bits, core)
        return self.words[text]

    def _is_kept(self, text: str) -> bool:
        return text in self.kept_words or text.startswith(self.kept_stems)

    def _concerns_lexicon(self, text: str) -> bool:
        """Whether the lexicon has this very word; then it is no typing error."""
        fitting = self.first_elements.look_up(text)
        if any(not entry.elements[0].any_before for entry in fitting) or text in self.kept_words:
            return True
        return bool(self.later_elements.look_up(text))
