"""A lexicon in memory: the labels that it knows, its vocabulary and its norm phrases.

`lexicon_file.load_lexicon` makes one of a YAML file. `entries` has its patterns, `vocabulary` finds
the patterns that fit a token, `clauses` and `reports` read reports with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pgdose.labelling.entries import Word
from pgdose.labelling.vocabulary import Vocabulary

_SKIPPED_MARKS = {".", ",", ";", ":", "!"}
_PART_ENDS = {".", ";", ","}


@dataclass(frozen=True)
class Lexicon:
    """The words by which reports in one language are labelled.

    `norm` maps the words of a whole report that is norm (`norm_words`, joined by spaces) to the
    rule that says so, such as norm.phrases[3]. A dot after one of the `abbreviations` ends no
    sentence unless a capital follows. With `capitals` a capital inside a line may begin a sentence.
    """

    language: str
    findings: tuple[str, ...]
    norm: dict[str, str]
    abbreviations: frozenset[str]
    capitals: bool
    vocabulary: Vocabulary = field(repr=False)
    warnings: tuple[str, ...] = ()  # what in the file has no effect, each with its line

    @property
    def names(self) -> list[str]:
        """The labels in the order of the tables: `norm`, then the findings as the file has them."""
        return ["norm", *self.findings]

    def norm_rule(self, words: Sequence[Word]) -> str | None:
        """The rule of the norm phrase that the words are, or of the first if they are several.

        "Норма. Патологических изменений не выявлено": the rule of "Норма". None if a word is left.
        """
        whole = self._norm_phrase(words)
        if whole or self._longest_norm < len(words) / 4:
            return whole
        ends = [i for i, word in enumerate(words) if word.text in _PART_ENDS]
        starts = [0, *(i + 1 for i in ends)]
        parts = [words[a:b] for a, b in zip(starts, [*ends, len(words)], strict=True)]
        rules = [self._norm_phrase(part) for part in parts if any(norm_words(part))]
        return rules[0] if rules and all(rules) else None

    def _norm_phrase(self, words: Sequence[Word]) -> str | None:
        key = []
        for text in norm_words(words):
            if text not in self._words_of_norm:
                return None
            key.append(text)
        return self.norm.get(" ".join(key))

    @cached_property
    def _longest_norm(self) -> int:
        return max((key.count(" ") + 1 for key in self.norm), default=0)

    @cached_property
    def _words_of_norm(self) -> frozenset[str]:
        return frozenset(word for key in self.norm for word in key.split())


def norm_words(words: Sequence[Word]) -> Iterator[str]:
    """The words that count in a comparison with norm phrases.

    Punctuation, line breaks and the entries of `norm.ignore` do not count.
    """
    at = 0
    while at < len(words):
        word, end = words[at], 0
        if word.begins_ignored:
            end = max((end for end, _ in word.matches(words, at, ("ignore",))), default=0)
        if not end and word.text not in _SKIPPED_MARKS and not word.text.isspace():
            yield word.text
        at = max(at + 1, end)
