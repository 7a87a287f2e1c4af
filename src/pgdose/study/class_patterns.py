"""Which class a word of somebody's files stands for, by the words that the study lists for it.

    Tumor      this word
    Tumor*     a word that begins with this
    *tumor     a word that ends with this
    *tumor*    a word that holds this
    *          any word

A star elsewhere is a star. Words are compared as `fold` writes them. A word that stands in the
study as it is goes before the patterns; of several patterns that match, the first class's counts.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


def fold(word: str) -> str:
    """A word in one spelling: without case, double spaces and marks of no width."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    return " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split())


class Pattern(NamedTuple):
    """A word with a star at its beginning or end; `text` is folded and without them."""

    text: str
    any_before: bool
    any_after: bool

    def fits(self, word: str) -> bool:
        """Whether a folded word matches."""
        if self.any_before:
            return self.text in word if self.any_after else word.endswith(self.text)
        return word.startswith(self.text)

    def covers(self, other: "Pattern") -> bool:
        """Whether it matches every word that the other one does."""
        free_before = other.any_before and not self.any_before
        free_after = other.any_after and not self.any_after
        if not self.text:
            return True
        return self.fits(other.text) and not free_before and not free_after


def as_pattern(word: str) -> Pattern | None:
    """The pattern that a word of the study is; None if it has no star at its ends."""
    text = fold(word)
    if not (text.startswith("*") or text.endswith("*")):
        return None
    bare = text.strip("*").strip()
    return Pattern(bare, text.startswith("*") or not bare, text.endswith("*") or not bare)


class ClassWords:
    """The words of each class, in the study's order."""

    def __init__(self, classes: Mapping[str, Iterable[str]]) -> None:
        self._whole: dict[str, str] = {}
        self._patterns: list[tuple[Pattern, str]] = []
        for name, words in classes.items():
            for word in words:
                self._whole.setdefault(fold(word), name)
                if pattern := as_pattern(word):
                    self._patterns.append((pattern, name))

    def whole(self, word: str) -> str | None:
        """The class that lists the word itself."""
        return self._whole.get(folded) if (folded := fold(word)) else None

    def find(self, word: str) -> str | None:
        """The class that lists the word, or whose pattern is the first to match it."""
        folded = fold(word)
        if not folded:
            return None
        if name := self._whole.get(folded):
            return name
        return next((name for pattern, name in self._patterns if pattern.fits(folded)), None)


def with_names(classes: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The words of each class and its own name, which is a word too."""
    return {name: [name, *words] for name, words in classes.items()}


class Clash(NamedTuple):
    """A word that a class lists in vain, since an earlier class has it already."""

    word: str
    name: str
    earlier_word: str
    earlier_name: str


def clashes(classes: Mapping[str, Iterable[str]]) -> Iterator[Clash]:
    """Words that stand for two classes, and patterns whose every word an earlier class takes."""
    whole: dict[str, tuple[str, str]] = {}
    patterns: list[tuple[Pattern, str, str]] = []
    for name, words in with_names(classes).items():
        for word in words:
            earlier_word, earlier_name = whole.setdefault(fold(word), (word, name))
            if earlier_name != name:
                yield Clash(word, name, earlier_word, earlier_name)
            if not (pattern := as_pattern(word)):
                continue
            for earlier, earlier_word, earlier_name in patterns:
                if earlier_name != name and earlier.covers(pattern):
                    yield Clash(word, name, earlier_word, earlier_name)
            patterns.append((pattern, word, name))
