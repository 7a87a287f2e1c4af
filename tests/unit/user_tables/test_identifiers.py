"""One spelling for one thing, and never one for two."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.errors import UserError
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.identifiers import clean_identifiers, match_identifiers, settle_similar

TABLE = UserTable(Path("t.csv"), "sources.x", {"patient": "patient"})


def clean(*cells: str) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    return clean_identifiers(pd.Series(cells), TABLE, "patient", notes).tolist(), notes


def settle(*patients: str, similar: str = "error") -> list[str]:
    lines = pd.Series(range(2, len(patients) + 2))
    return settle_similar(pd.Series(patients), lines, TABLE, "patient", similar, []).tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["1.67683E+15", "1,5E+12", "2e+10", "1.67683e+15", "########"])
def test_a_number_that_a_spreadsheet_has_shortened_is_no_patient(cell: str) -> None:
    with pytest.raises(UserError, match=r"^sources\.x\.columns\.patient: 2 cells of t.csv .*text$"):
        clean("7", cell, cell)


def test_codes_that_look_like_numbers_stay(tmp_path: Path) -> None:
    assert clean("2E10", "1e5", "P-1E+3x")[0] == ["2E10", "1e5", "P-1E+3x"]


@pytest.mark.parametrize(
    "cell",
    [
        "nan",
        "NaN",
        "None",
        "NULL",
        "<NA>",
        "#N/A",
        "-",
        "unknown",
        "NA",
        "\\N",
        "(null)",
        "#REF!",
        ".",
    ],
)
def test_a_word_for_nothing_is_no_patient(cell: str) -> None:
    cells, notes = clean("7", cell)
    assert cells == ["7", ""] and "1 cells" in notes[0]


def test_a_whole_number_with_a_point_is_that_number() -> None:
    cells, notes = clean("123", "123.0", "7.50", "007.0")
    assert cells == ["123", "123", "7.50", "007"] and "2 cells" in notes[0]


def test_accents_of_two_kinds_are_one() -> None:
    assert clean("Ju\u0308rgen", "J\u00fcrgen")[0] == ["Jürgen", "Jürgen"]


@pytest.mark.parametrize(
    ("one", "other"), [("007", "7"), ("Ab1", "aB1"), ("A 12", "A12"), ("\u041012", "A12")]
)
def test_two_patients_that_could_be_one_are_refused_with_their_lines(one: str, other: str) -> None:
    with pytest.raises(UserError) as caught:
        settle("x", one, other, one)
    message = str(caught.value)
    assert "lines 3 and 4" in message and "sources.x.similar_patients" in message
    assert one not in message.split("patients of")[0]
    assert settle(one, other, similar="distinct") == [one, other]
    assert settle(one, other, similar="same") == [one, one]


@pytest.mark.parametrize(
    ("one", "other"), [("1-23", "12-3"), ("A1", "A2"), ("0", "1"), ("ab", "b")]
)
def test_other_patients_are_other_patients(one: str, other: str) -> None:
    assert settle(one, other) == [one, other]


def test_numbers_without_their_zeros_are_matched_where_no_other_is_meant() -> None:
    matched, unsure = match_identifiers(["0012", "0700", "700"], ["12", "700", "5"])
    assert matched == {"0012": "12", "700": "700"}
    assert unsure == {"0700": ["700"]}


@given(st.lists(st.text("01aA ", min_size=1, max_size=4), max_size=8), st.data())
def test_no_two_wanted_identifiers_get_one_partner(names: list[str], data: st.DataObject) -> None:
    offered = data.draw(st.lists(st.text("01aA ", min_size=1, max_size=4), max_size=8))
    matched, unsure = match_identifiers(names, offered)
    assert len(set(matched.values())) == len(matched)
    assert all(matched[name] == name for name in set(names) & set(offered))
    assert not set(matched) & set(unsure)


@pytest.mark.parametrize("other", ["'00123", '="00123"', "123", "00\u200b123", "\u200f00123"])
def test_a_number_that_was_told_to_be_text_is_like_that_number(other: str) -> None:
    with pytest.raises(UserError, match="similar_patients"):
        settle("00123", other)
    assert match_identifiers(["00123"], [other])[0] == {"00123": other}


@pytest.mark.parametrize(("one", "other"), [("P-1", "P\u20131"), ("1234", "1,234")])
def test_dashes_and_commas_do_not_make_another_patient(one: str, other: str) -> None:
    with pytest.raises(UserError, match="similar_patients"):
        settle(one, other)


@pytest.mark.parametrize(("one", "other"), [("1234", "1.234"), ("12,34", "1234"), ("P-1", "P1")])
def test_other_marks_do(one: str, other: str) -> None:
    assert settle(one, other) == [one, other]
