"""Norm by composition: patterns of statements, and the automaton that reads them."""

import time
from collections.abc import Sequence

import pytest
from helpers.lexicons import shipped
from hypothesis import given
from hypothesis import strategies as st

from pgdose.labelling.norm_statements import ComposedNorm, Statements, parse_pattern
from pgdose.labelling.reports import label


def composed(lungs: Sequence[str], others: Sequence[str] = ("x",), **lists: str) -> ComposedNorm:
    patterns = {name: [parse_pattern(text) for text in of.split(";")] for name, of in lists.items()}
    parsed = ([parse_pattern(text) for text in texts] for texts in (lungs, others))
    return ComposedNorm(Statements(patterns, *parsed), ["and"], ["and", "with"])


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("lungs clear", True),
        ("the lungs are clear", True),
        ("the lungs , heart and hila are normal .", True),
        ("lungs clear heart normal", True),
        ("heart normal . lungs clear", True),
        ("lungs clear with no effusion , or mass", False),  # "or" joins nothing here
        ("lungs clear with no effusion , mass", True),
        ("lungs clear no effusions", True),
        ("heart normal", False),  # nothing of the lungs
        ("lungs", False),
        ("lungs clear heart", False),
        ("lungs clear ?", False),
        ("lungs . clear", False),
        ("no effusion . mass . lungs clear", False),
        ("", False),
        (". .", False),
    ],
)
def test_statements(text: str, accepted: bool) -> None:
    norm = composed(
        ["(|the) {organs*} lungs {organs*} (are|) {fine+}"],
        ["{organs+} {fine}", "no {things+}"],
        organs="heart;hila",
        fine="clear;normal",
        things="effusion*;mass",
    )
    assert norm.accepts(text.split()) is accepted


@given(st.lists(st.sampled_from(["a", "b", "c", ",", "and", "."]), max_size=12))
def test_repeated_lists_read_what_they_say(words: list[str]) -> None:
    norm = composed(["{list+} c"], list="a;b;a b")
    text, sentences = " ".join(words), " ".join(words).replace(",", " ").replace("and", " ")
    accepted = norm.accepts(words)
    if accepted:
        for sentence in sentences.split("."):
            assert not sentence.split() or sentence.split()[-1] == "c", text
    if set(words) <= {"a", "b", "c"} and words and words[-1] == "c" and "c c" not in text:
        assert accepted is (words[0] != "c")


def test_time_is_that_of_the_words() -> None:
    """No pattern and no text makes the automaton try combinations."""
    norm = composed(["{a*} {b*} {a*} {b*} end"], ["{a+} {a+} {a+}"], a="x;x x;x x x", b="x;{a*} x")
    norm.accepts(["x"] * 50)
    start = time.process_time()
    assert not norm.accepts(["x"] * 20_000)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("language", ["ru", "en"])
def test_long_reports_take_no_time(language: str) -> None:
    lexicon = shipped(language)
    sentence = {"ru": "очаговых и инфильтративных теней ", "en": "no acute focal lung effusion, "}
    start = time.process_time()
    label(sentence[language] * 3000, lexicon, norm="composed")
    assert time.process_time() - start < 10
