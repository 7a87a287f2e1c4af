"""Lexicons as people write them: all slips at once, entries without effect, marks in entries."""

import itertools
import time
from pathlib import Path

import pytest
from helpers.lexicons import shipped
from hypothesis import given
from hypothesis import strategies as st

from pgdose.errors import UserError
from pgdose.labelling.entries import Entry, Word
from pgdose.labelling.entry_overlaps import covers, element_covers
from pgdose.labelling.entry_texts import parse_entry
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.lexicon_mistakes import LexiconMistakes
from pgdose.labelling.reports import label, states
from pgdose.labelling.vocabulary import Vocabulary
from pgdose.study.field_lines import Document

SMALL = """\
language: en
norm:
  phrases:
    - normal
    - NORMAL_PHRASE
findings:
  fibrosis:
    patterns: [PATTERNS]
    exclude: [EXCLUDE]
  emphysema:
    patterns: [emphysema*]
negation:
  before: ["no", BEFORE]
  after: [not seen]
  terminators: ["."]
uncertainty: [possible, DOUBT]
"""
FILLED = {
    "NORMAL_PHRASE": "clear chest",
    "PATTERNS": "fibrosis",
    "EXCLUDE": "cystic fibrosis",
    "BEFORE": "without",
    "DOUBT": "likely",
}


def lexicon(folder: Path, **texts: str) -> Lexicon:
    content = SMALL
    for name, text in (FILLED | texts).items():
        content = content.replace(name, text)
    path = folder / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    return load_lexicon(path)


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        lexicon(
            tmp_path,
            NORMAL_PHRASE="nor*al",
            PATTERNS="fibrosis, emphysema*, fi*b",
            BEFORE="1, likely",
        )
    assert str(error.value).splitlines() == [
        "mine.yaml: The lexicon has 5 mistakes:",
        "  line 8: findings.fibrosis.patterns[2]: 'fi*b' must be words, with * only at the "
        "beginning or end of a word",
        "  line 13: negation.before[1]: 1 must be a text; put it in quotes",
        "  line 11: findings.emphysema.patterns[0]: is the same as findings.fibrosis.patterns[1] "
        "(line 8), in another list; remove one of the two",
        "  line 16: uncertainty[1]: is the same as negation.before[2] (line 13), in another list; "
        "remove one of the two",
        "  line 5: norm.phrases[1]: 'nor*al' must be a whole report in words, without * or "
        "numbers, and with (a|b) for alternatives",
    ]


def test_a_file_of_mistakes_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        lexicon(tmp_path, PATTERNS=", ".join(f"a*b{n}" for n in range(80)))
    lines = str(error.value).splitlines()
    assert lines[0].endswith("80 mistakes:") and lines[-1] == "  and 30 more" and len(lines) == 52


WITHOUT_EFFECT = [
    (
        {"NORMAL_PHRASE": "(Normal|normal!)"},
        "line 5: norm.phrases[1]: is covered by norm.phrases[0]",
    ),
    ({"PATTERNS": "fibro*, fibrosis"}, "patterns[1]: is covered by findings.fibrosis.patterns[0]"),
    ({"PATTERNS": "fibrosis, fibro*"}, "patterns[0]: is covered by findings.fibrosis.patterns[1]"),
    ({"PATTERNS": '"*osis", fibrosis'}, "patterns[1]: is covered by findings.fibrosis.patterns[0]"),
    ({"PATTERNS": "old * scar, old lung scar"}, "patterns[1]: is covered by"),
    ({"PATTERNS": "scar* .. lung, scars .. lung"}, "patterns[1]: is covered by"),
    (
        {"PATTERNS": "scar, fibrosis, Scar"},
        "patterns[2]: is the same as findings.fibrosis.patterns[0]",
    ),
    ({"EXCLUDE": "cyst* fibro*, cystic fibrosis"}, "exclude[1]: is covered by"),
    ({"BEFORE": "without, without"}, "before[2]: is the same as negation.before[1]"),
    ({"DOUBT": "like*, likely"}, "uncertainty[2]: is covered by uncertainty[1]"),
]


@pytest.mark.parametrize(("texts", "warning"), WITHOUT_EFFECT)
def test_an_entry_without_effect_is_a_warning(
    texts: dict[str, str], warning: str, tmp_path: Path
) -> None:
    found = lexicon(tmp_path, **texts)
    assert len(found.warnings) == 1
    assert warning in found.warnings[0] and "; remove it" in found.warnings[0]


WITH_EFFECT = [
    {"PATTERNS": "fibrosis, lung fibrosis"},  # the longer one is the mention
    {"PATTERNS": "scar* .. lung*, scar .. lung"},  # the wider one could match earlier
    {"PATTERNS": "scar*, '*scar'"},
    {"EXCLUDE": "fibrosis of"},
    {"NORMAL_PHRASE": "(normal|clear)"},
    {"BEFORE": "no evidence of"},
]


@pytest.mark.parametrize("texts", WITH_EFFECT)
def test_an_entry_with_an_effect_is_none(texts: dict[str, str], tmp_path: Path) -> None:
    assert not lexicon(tmp_path, **texts).warnings


PATTERNS = ["a*", "*a", "*a*", "ab", "ab*", "*", "*ba", "aba", "b", "ba*", "*ab", "*ab*", "ba"]
ELEMENTS = st.sampled_from([*PATTERNS, ".."])


def entry(text: str) -> Entry:
    parsed = parse_entry(text, LexiconMistakes("x", Document({}, None)), ())
    assert parsed is not None
    return Entry("patterns", "", parsed.elements)


WORDS = ["".join(word) for n in (1, 2, 3) for word in itertools.product("ab", repeat=n)]


def test_a_covered_word_fits_wherever_its_entry_does() -> None:
    elements = {text: entry(f"x {text} x").elements[1] for text in PATTERNS}
    fitting = {text: {w for w in WORDS if one.fits(w)} for text, one in elements.items()}
    for wide, narrow in itertools.product(PATTERNS, repeat=2):
        if element_covers(elements[wide], elements[narrow]):
            assert fitting[narrow] <= fitting[wide], (wide, narrow)
    assert element_covers(elements["a*"], elements["ab*"])
    assert element_covers(elements["*a"], elements["*ba"])
    assert element_covers(elements["*a*"], elements["*ab"])


@given(
    st.lists(ELEMENTS, min_size=1, max_size=3),
    st.lists(ELEMENTS, min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), max_size=5),
)
def test_a_covered_entry_matches_nothing_of_its_own(
    wide: list[str], narrow: list[str], words: list[str]
) -> None:
    """Whatever the words, its end is one of the other's."""
    texts = [" ".join(["a", *elements, "b"]) for elements in (wide, narrow)]
    entries = [entry(text) for text in texts]
    if len(entries[0].elements) != len(entries[1].elements):
        return
    vocabulary = Vocabulary(entries, set(WORDS))
    report = [vocabulary[word].word for word in ["a", *words, "b"]]
    ends = [_end(one, report) for one in entries]
    if covers(entries[0].elements, entries[1].elements) and ends[1]:
        assert ends[0] == ends[1]


def _end(one: Entry, report: list[Word]) -> int:
    return one.match_end(report, 0)


def test_the_shipped_lexicons_contradict_nothing() -> None:
    for name in ("ru", "en"):
        assert shipped(name).names


def test_checking_many_entries_takes_no_time(tmp_path: Path) -> None:
    start = time.process_time()
    lexicon(tmp_path, PATTERNS=", ".join(f"a b{n}" for n in range(8000)))
    assert time.process_time() - start < 5


def test_alternatives_are_counted_before_they_are_made(tmp_path: Path) -> None:
    ten = f"({'|'.join('abcdefghij')})"
    start = time.process_time()
    for phrase in (ten * 6, f"({'|' * 9})" * 6, f"a{'b' * 700}{ten * 4}", ten * 60):
        with pytest.raises(UserError, match=r"norm\.phrases\[1\]: .* it stands for \d+ reports"):
            lexicon(tmp_path, NORMAL_PHRASE=phrase)
    assert time.process_time() - start < 1


# Marks in entries

FIBROSIS = {"norm": 0, "fibrosis": 1, "emphysema": 0}


@pytest.mark.parametrize(
    ("patterns", "text", "holds"),
    [
        ("'scar, fibrous'", "Scar, fibrous", True),
        ("'scar, fibrous'", "Scar fibrous", False),
        ("'scar , fibrous'", "Scar, fibrous", True),
        ("fibr. tissue*", "Fibr. tissues", True),
        ("fibr. tissue*", "fibr tissue", True),
        ("fibr. tissue*", "Fibr. Tissues", False),  # a capital: another sentence
        ("old fibr.", "some old fibr. in the lung", True),
        ("f.s. of lung", "an f.s. of lung", True),
        ("scar - tissue", "scar - tissue", True),
        ("scar/tissue", "scar / tissue", True),
        ("(old) scar", "old scar", True),
    ],
)
def test_commas_and_dots_in_an_entry(patterns: str, text: str, holds: bool, tmp_path: Path) -> None:
    found = label(text, lexicon(tmp_path, PATTERNS=patterns))
    assert found["fibrosis"] == holds


def test_a_dot_of_an_abbreviation_ends_no_sentence(tmp_path: Path) -> None:
    """It stands in one entry, and holds for all reports: the denial reaches over it."""
    text = "No interst. fibrosis"
    assert states(text, lexicon(tmp_path))["fibrosis"] == "present"
    found = lexicon(tmp_path, PATTERNS="fibrosis, interst. scar")
    assert states(text, found)["fibrosis"] == "absent"


@pytest.mark.parametrize(
    "phrase", ["no acute cardiopulm. disease", "clear, no path. changes", "Clear. No focus!"]
)
def test_marks_in_norm_phrases_do_not_count(phrase: str, tmp_path: Path) -> None:
    found = lexicon(tmp_path, NORMAL_PHRASE=f"'{phrase}'")
    for text in (phrase, phrase.replace(".", ""), phrase.replace(",", "").upper()):
        assert label(text, found)["norm"] == 1, text


def test_a_head_may_have_its_colon(tmp_path: Path) -> None:
    text = "Some words. Impression: normal"
    content = SMALL.replace("findings:", "sections: {conclusion: ['Impression:']}\nfindings:")
    for name, filled in FILLED.items():
        content = content.replace(name, filled)
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    assert label(text, load_lexicon(path))["norm"] == 1


@pytest.mark.parametrize(
    ("patterns", "may"),
    [
        ("fib*.", "with a dot only behind a whole word"),
        ("'scar,'", "remove the comma behind it"),
        ("'scar; tissue'", "of marks only commas, and dots of abbreviations"),
        ("'scar: tissue'", "of marks only commas, and dots of abbreviations"),
        ("'-'", "an entry that begins and ends with a word"),
        ("scar .. -", "an entry that begins and ends with a word"),
    ],
)
def test_marks_that_an_entry_cannot_have(patterns: str, may: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=may):
        lexicon(tmp_path, PATTERNS=patterns)
