"""Mentions, their places and the entries of the lexicon that decided; one worked example."""

import re

import pytest
import yaml
from helpers.lexicons import RUSSIAN, expected

from pgdose.labelling import clauses
from pgdose.labelling.hits import find_hits, select_subjects
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import label, read_report, states
from pgdose.labelling.segments import Segments
from pgdose.labelling.spelling import tokenize


def test_states(lexicon: Lexicon) -> None:
    text = "Пневмосклероз справа, очаговых теней не выявлено. Пневмония? Пневмонии слева нет."
    assert states(text, lexicon) == dict.fromkeys(lexicon.names, "unmentioned") | {
        "pneumosclerosis": "present",
        "focal_shadows": "absent",
        "pneumonia": "uncertain",
    }
    assert set(states(" -", lexicon).values()) == {"unmentioned"}


RAW = [  # reports as they come, and the phrases that decide
    ("Без пне\u0301вмонии, ФИБРО\u00adЗ\r\nсправа", ["пне\u0301вмонии", "ФИБРО\u00adЗ"]),
    ("Aорта\t уплотнена,  развёрнута", ["Aорта\t уплотнена,  развёрнута"]),  # Latin A
    ("  Очаг. и инф. теней нет; туберкуле\u0308з?", ["Очаг", "туберкуле\u0308з"]),
    ("1,5х2 см: очаговая\nтень", ["очаговая\nтень"]),
    ("Пнеўмасклероз без дынамікі. Запаленне лёгкіх", ["Пнеўмасклероз", "Запаленне лёгкіх"]),
]


@pytest.mark.parametrize(("text", "phrases"), RAW)
def test_positions_are_those_of_the_raw_text(
    text: str, phrases: list[str], lexicon: Lexicon
) -> None:
    assert [text[m.start : m.end] for m in read_report(text, lexicon)] == phrases


def entry(content: dict, rule: str) -> str:
    """What stands in a lexicon file at a rule such as negation.both[1]."""
    for key in re.findall(r"[a-z_0-9]+", rule):
        content = content[int(key) if isinstance(content, list) else key]
    return str(content)


def test_rules_can_be_found_in_the_file(lexicon: Lexicon) -> None:
    content = yaml.safe_load(RUSSIAN.read_text(encoding="utf-8"))
    text = "Фиброз. Эмфиземы не видно. Не исключается бронхит. Заключение: норма"
    rules = [
        (m.label, m.state, entry(content, m.pattern), m.cue and entry(content, m.cue))
        for m in read_report(text, lexicon)
    ]
    assert rules[:3] == [
        ("fibrosis", "present", "фиброз*", None),
        ("emphysema", "absent", "эмфизем*", "не видно"),
        ("bronchitis", "uncertain", "бронхит*", "не исключ*"),
    ]
    assert rules[3][:2] == ("norm", "present") and "норма" in rules[3][2]


def test_without_negation_key_words_are_present(lexicon: Lexicon) -> None:
    text = "Очаговых теней нет. Пневмония? Заключение: норма"
    assert label(text, lexicon, negation=False) == expected("focal_shadows pneumonia", "")
    assert {m.cue for m in read_report(text, lexicon, negation=False)} == {None}
    assert label("Норма", lexicon, negation=False) == expected("norm", "")
    norm = "Лёгкие без очаговых и инфильтративных теней"
    assert label(norm, lexicon, negation=False) == expected("norm focal_shadows", "")
