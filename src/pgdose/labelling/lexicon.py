"""A lexicon in memory: the labels that it knows, its vocabulary and what is norm.

`lexicon_file.load_lexicon` makes one of a YAML file. `entries` has its patterns, `vocabulary` finds
the patterns that fit a token, `clauses` and `reports` read reports with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pgdose.labelling.entries import Word
from pgdose.labelling.norm_statements import ComposedNorm
from pgdose.labelling.spelling import is_number, tokenize
from pgdose.labelling.vocabulary import Vocabulary

_SKIPPED_MARKS = {".", ",", ";", ":", "!"}
_PART_ENDS = {".", ";", ","}


@dataclass(frozen=True)
class Lexicon:
    """The words by which reports in one language are labelled.

    `norm` maps the words of a whole report that is norm (`norm_words`, joined by spaces) to the
    rule that says so, such as norm.phrases[3]; `composed` decides which reports are norm because
    all their statements are unremarkable. `codes` has the label and the rule of a number that is a
    whole report. A dot after one of the `abbreviations` ends no sentence unless a capital follows.
    With `capitals` a capital inside a line may begin a sentence.
    """

    language: str
    findings: tuple[str, ...]
    norm: dict[str, str]
    abbreviations: frozenset[str]
    capitals: bool
    vocabulary: Vocabulary = field(repr=False)
    composed: ComposedNorm | None = field(default=None, repr=False)
    codes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()  # what in the file has no effect, each with its line

    @property
    def names(self) -> list[str]:
        """The labels in the order of the tables: `norm`, then the findings as the file has them."""
        return ["norm", *self.findings]

    @cached_property
    def stop(self) -> Word:
        """The full stop."""
        return self.vocabulary["."].word

    def norm_rule(self, words: Sequence[Word]) -> str | None:
        """The rule of the norm phrase that the words are, or of the first if they are several.

        "Норма. Патологических изменений не выявлено": the rule of "Норма". None if a word is left.
        """
        key = self._norm_key(words)
        if key is None:
            return None
        if key in self.norm:
            return self.norm[key]
        rules = list(self._rules_of_parts(words))
        return rules[0] if rules and all(rules) else None

    def first_norm_rule(self, words: Sequence[Word]) -> str | None:
        """The rule of the first part between marks that is a norm phrase."""
        return next(filter(None, self._rules_of_parts(words)), None)

    def _rules_of_parts(self, words: Sequence[Word]) -> Iterator[str | None]:
        """The rules of the parts between marks, None for a part that is no norm phrase."""
        start = 0
        for at, word in enumerate([*words, self.stop]):
            if word.text in _PART_ENDS:
                part = words[start:at]
                if any(norm_words(part)):
                    yield self.norm.get(self._norm_key(part) or "")
                start = at + 1

    def is_composed_norm(self, words: Sequence[Word]) -> bool:
        """Whether the words are unremarkable statements and nothing else."""
        return self.composed is not None and self.composed.accepts(norm_words(words, marks=True))

    def code_in(self, text: str) -> str | None:
        """The number that is the whole text, but for words that count for nothing ("код 99")."""
        tokens = tokenize(text)
        numbers = [token for token in tokens if is_number(token)]
        words = [self.vocabulary[token].word for token in tokens if not is_number(token)]
        return numbers[0] if len(numbers) == 1 and not any(norm_words(words)) else None

    def _norm_key(self, words: Sequence[Word]) -> str | None:
        """The words that count, joined by spaces; None if one of them is in no norm phrase."""
        known = self.words_of_norm
        for word in words:  # most reports are not norm: leave early
            if word.begins_ignored:
                break
            if word.text not in known and word.text not in _SKIPPED_MARKS:
                return None
        key = list(norm_words(words))
        return " ".join(key) if known.issuperset(key) else None

    @cached_property
    def words_of_norm(self) -> frozenset[str]:
        return frozenset(word for key in self.norm for word in key.split())


def norm_words(words: Sequence[Word], marks: bool = False) -> Iterator[str]:
    """The words that count in a comparison with norm phrases.

    Line breaks and the entries of `norm.ignore` do not count; punctuation does with `marks`, but
    for the colons.
    """
    at = 0
    skipped = {":"} if marks else _SKIPPED_MARKS
    while at < len(words):
        word, end = words[at], 0
        if word.begins_ignored:
            end = max((end for end, _ in word.matches(words, at, ("ignore",))), default=0)
        if not end and word.text not in skipped and not word.text.isspace():
            yield word.text
        at = max(at + 1, end)
