"""Norm phrases of a lexicon: the whole reports that each stands for."""

import math
import re
from itertools import product

from pgdose.labelling.lexicon import norm_words
from pgdose.labelling.lexicon_mistakes import LexiconMistakes, Place, rule_of
from pgdose.labelling.spelling import tokenize
from pgdose.labelling.vocabulary import Vocabulary

MOST_REPORTS = 10_000  # that one norm phrase stands for
MOST_REPORTS_OF_ALL = 30_000
MOST_LETTERS = 5_000_000  # of all these reports together

Reports = dict[Place, list[str]]  # the reports that a phrase stands for, by its place


def read_norm_phrases(phrases: dict[Place, str], mistakes: LexiconMistakes) -> Reports:
    """All the whole reports that each norm phrase stands for: `(a|b)` is a or b.

    They are counted before any is made.
    """
    reports: Reports = {}
    total = letters = 0
    for place, phrase in phrases.items():
        parts = [part.split("|") for part in re.split(r"[()]", phrase)]
        count = math.prod(map(len, parts))
        longest = sum(max(map(len, part)) for part in parts)
        too_many = count > MOST_REPORTS or total + count > MOST_REPORTS_OF_ALL
        if too_many or letters + count * longest > MOST_LETTERS:
            mistakes.refuse(
                place,
                phrase,
                f"a phrase with fewer or shorter alternatives: it stands for {count} reports of up "
                f"to {longest} characters, and may for at most {MOST_REPORTS}; all phrases for "
                f"{MOST_REPORTS_OF_ALL} together, of {MOST_LETTERS} characters",
            )
            continue
        total += count
        letters += count * longest
        balanced = all(len(part) == 1 for part in parts[::2]) and len(parts) % 2
        texts = ["".join(choice) for choice in product(*parts)] if balanced else []
        if not texts or re.search(r"[*\d]", phrase) or not all(map(_has_letter, texts)):
            may = "a whole report in words, without * or numbers, and with (a|b) for alternatives"
            mistakes.refuse(place, phrase, may)
            continue
        reports[place] = texts
    return reports


def rules_of_norm(
    reports: Reports, vocabulary: Vocabulary, mistakes: LexiconMistakes
) -> dict[str, str]:
    """The rule of each whole report, by its words that count (`Lexicon.norm`).

    A phrase whose reports all stand in earlier phrases is warned of.
    """
    place_of: dict[str, Place] = {}
    for place, texts in reports.items():
        words = ([vocabulary[token].word for token in tokenize(text)] for text in texts)
        keys = [" ".join(norm_words(report)) for report in words]
        if all(key in place_of for key in keys):
            others = list(dict.fromkeys(place_of[key] for key in keys))
            shown = " and ".join(map(mistakes.line_of, others[:3]))
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            mistakes.warn(place, f"is covered by {shown}{more}; remove it")
        place_of = dict.fromkeys(keys, place) | place_of
    return {key: rule_of(place) for key, place in place_of.items()}


def _has_letter(text: str) -> bool:
    return any(letter.isalpha() for letter in text)
