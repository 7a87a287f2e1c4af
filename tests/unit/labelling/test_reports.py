"""Mentions, their places and the entries of the lexicon that decided; one worked example."""

import re

import pytest
import yaml
from helpers.lexicons import RUSSIAN, expected

from pgdose.labelling import clauses
from pgdose.labelling.cue_scope import CueScopes
from pgdose.labelling.hits import find_hits, select_subjects
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import label, read_report, states
from pgdose.labelling.segments import Segments
from pgdose.labelling.spelling import split_around_tokens


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
    # Both at once are a conflict in this reading, too.
    assert label(norm, lexicon, negation=False) == expected("focal_shadows", "norm")


def test_the_worked_example_of_clauses(lexicon: Lexicon) -> None:
    """Each stage of the example in the docstring of `clauses`, with what stands there."""
    explained = " ".join((clauses.__doc__ or "").split())
    text = "Пнeвмосклероз справа, очаг. теней не видно."  # with a Latin e
    assert f'"{text}"' in explained

    pieces = split_around_tokens(text)
    tokens = pieces[1::2]
    assert tokens == ["Пнeвмосклероз", "справа", ",", "очаг", ".", "теней", "не", "видно", "."]
    assert " | ".join(tokens) in explained

    segments = Segments(pieces, lexicon)
    spelled = [word.core.text for word in segments.words]
    assert spelled == ["пневмосклероз", "unknown_", ",", "очаг", "теней", "не", "видно", "."]
    assert " ".join(f"{i} {word}" for i, word in enumerate(spelled)) in explained
    assert segments.words[0].is_statement and segments.words[7].begins_terminator

    assert [span[:2] for span in segments.clauses()] == [(0, 7)]
    words = tuple(word.core for word in segments.words[:7])
    content = yaml.safe_load(RUSSIAN.read_text(encoding="utf-8"))
    hits = find_hits(words)
    assert [
        (hit.start, hit.end, role, entry(content, hit.entry.rule))
        for role, hits_of_role in hits.items()
        for hit in hits_of_role
    ] == [
        (0, 1, "patterns", "пневмоскл*"),
        (3, 4, "patterns", "очаг"),
        (5, 7, "both", "не видно"),
    ]
    subjects = select_subjects(hits)
    assert [(hit.start, hit.entry.label) for hit in subjects] == [
        (0, "pneumosclerosis"),
        (3, "focal_shadows"),
    ]
    (cue,) = hits["both"]
    assert CueScopes(words, subjects, [cue], [], hits).subjects_of(cue) == [1]  # the second subject

    statements = clauses.read_clause(words, True)
    assert [(s.start, s.entry.label, s.state) for s in statements] == [
        (0, "pneumosclerosis", "present"),
        (3, "focal_shadows", "absent"),
    ]
    assert [s.cue for s in statements] == [None, cue.entry.rule]

    mentions = read_report(text, lexicon)
    assert [(m.start, m.end) for m in mentions] == [(0, 13), (22, 26)]
    assert {n: s for n, s in states(text, lexicon).items() if s != "unmentioned"} == {
        "pneumosclerosis": "present",
        "focal_shadows": "absent",
    }
