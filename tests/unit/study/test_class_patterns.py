"""Which class a word stands for, and words of a study that could never count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.study.class_patterns import ClassWords, as_pattern, clashes, fold


@pytest.mark.parametrize(
    ("word", "fits", "fits_not"),
    [
        ("Tumor*", ["tumor", "TUMOR: x", "tumor*", "Tumorous"], ["a tumor", "tumo"]),
        ("*tumor", ["a tumor", "Tumor"], ["tumors"]),
        ("*tumor*", ["a tumor b", "tumor"], ["tumo r"]),
        ("*", ["a", "tumor"], [""]),
        ("рак*", ["Рак лёгкого", "РАК"], ["крак"]),
        ("Ignore*: CD8", ["ignore*: cd8"], ["ignore", "ignored: cd8"]),
        ("a\u00a0 b", ["A B"], ["ab"]),
    ],
)
def test_stars_at_the_ends_match_the_rest(word: str, fits: list, fits_not: list) -> None:
    words = ClassWords({"c": [word]})
    assert [words.find(w) for w in fits] == ["c"] * len(fits)
    assert [words.find(w) for w in fits_not] == [None] * len(fits_not)


def test_a_word_in_full_goes_before_patterns_and_these_in_their_order() -> None:
    words = ClassWords({"a": ["t*"], "b": ["tumor", "*mor"], "c": ["tumor*", "t*"]})
    assert [words.find(w) for w in ("tumor", "tumor x", "armor", "t*")] == ["b", "a", "b", "a"]
    assert words.whole("tumor x") is None and words.whole("t*") == "a"
    assert words.whole("") is None and ClassWords({"a": [""]}).find(" ") is None


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ({"a": ["x"], "b": ["X "]}, [("X ", "b", "x", "a")]),
        ({"a": ["b"], "b": []}, [("b", "b", "b", "a")]),
        ({"a": ["tumor*"], "b": ["tumor bed*"]}, [("tumor bed*", "b", "tumor*", "a")]),
        ({"a": ["*x*"], "b": ["*yxz"]}, [("*yxz", "b", "*x*", "a")]),
        ({"a": ["*"], "b": ["y*"]}, [("y*", "b", "*", "a")]),
        ({"b": ["tumor bed*"], "a": ["tumor*"]}, []),
        ({"a": ["tumor*"], "b": ["tumor bed", "*tumor", "*x", "t*"]}, []),
        ({"a": ["x", "X", "x*", "xx*", "a"]}, []),
    ],
)
def test_words_that_can_never_count(classes: dict, expected: list) -> None:
    assert [tuple(clash) for clash in clashes(classes)] == expected


WORDS = st.text("abc", max_size=3)
STARRED = st.builds("{}{}{}".format, st.sampled_from(["", "*"]), WORDS, st.sampled_from(["", "*"]))


@given(STARRED, STARRED, st.text("abc", min_size=1, max_size=7))
def test_a_pattern_that_covers_another_fits_all_of_its_words(one: str, two: str, word: str) -> None:
    first, second = as_pattern(one), as_pattern(two)
    if first and second and first.covers(second) and second.fits(word):
        assert first.fits(word)


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(word: str) -> None:
    assert fold(fold(word)) == fold(word)
