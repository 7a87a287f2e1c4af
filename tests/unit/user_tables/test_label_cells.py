"""Labels, ages and sexes from the cells of tables: understood, or counted and shown."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.tables.person_fields import parse_age, parse_sex, parse_view
from pgdose.user_tables.cells import parse_cells, show_cells, split_words
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.label_cells import as_label, label_states, merge_states
from pgdose.user_tables.sex_cells import sex_parser

TABLE = UserTable(Path("t.csv"), "sources.x", {"label": "finding"})


def states(cells: list[str], labels: dict[str, Any]) -> dict[str, list]:
    labels = {"column": "finding", "separator": None, "columns": {}, "empty": "unknown"} | labels
    rows = pd.DataFrame({"label": cells})
    table = label_states(rows, labels, TABLE, [])
    return {n: [as_label(v) for v in c] for n, c in table.items()}  # type: ignore[misc]


NAMES = {"names": {"tb": "TB", "norm": "No Finding"}}


def test_a_word_counts_in_any_capitals_and_spaces() -> None:
    found = states(["tb", "TB ", "no  finding", "Mass", ""], NAMES)
    assert found == {"label_tb": [1, 1, 0, 0, None], "label_norm": [0, 0, 1, 0, None]}


@pytest.mark.parametrize(
    "cell",
    ["['TB', 'Mass']", '["TB", "Mass"]', "('TB', 'Mass')", "{'TB', 'Mass'}", "['TB' 'Mass']"],
)
def test_lists_are_read_as_lists(cell: str) -> None:
    assert states([cell, "No Finding"], NAMES)["label_tb"] == [1, 0]


@pytest.mark.parametrize("joint", ["|", ";", ",", "/", "+"])
def test_several_words_without_a_separator_are_refused(joint: str) -> None:
    with pytest.raises(UserError, match=r"^sources\.x\.labels\.separator: .*set 'separator"):
        states(["TB", "No Finding", f"TB{joint}Effusion"], NAMES)
    found = states(["No Finding", f"TB{joint}Effusion"], {**NAMES, "separator": joint})
    assert found["label_tb"] == [0, 1]


def test_a_word_that_stands_nowhere_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(UserError, match=r"labels\.names\.tb: 'TB' stands in no row .*'mass' \(2\)"):
        states(["Mass", "mass", "No Finding"], NAMES)


def test_words_may_be_numbers() -> None:
    assert states(["1", "0"], {"names": {"tb": "1", "norm": "0"}})["label_tb"] == [1, 0]


def test_two_words_that_differ_in_capitals_alone_are_refused() -> None:
    with pytest.raises(UserError, match="capitals"):
        states(["TB", "tb"], {"names": {"a": "TB", "b": "tb"}})


@pytest.mark.parametrize(
    ("empty", "expected"),
    [("unknown", [1, 0, None, None, None, 1, 0]), ("absent", [1, 0, None, 0, 0, 1, 0])],
)
def test_a_findings_column_holds_states(empty: str, expected: list[int | None]) -> None:
    rows = pd.DataFrame({"label_tb": ["1", "0.0", "-1", "", "nan", "Yes", "negative"]})
    labels = {"column": None, "names": {}, "columns": {"tb": "TB"}, "empty": empty}
    table = label_states(rows, labels, TABLE, [])
    assert [as_label(value) for value in table["label_tb"]] == expected


def test_a_column_without_any_state_is_refused() -> None:
    labels = {"column": None, "names": {}, "columns": {"tb": "TB"}, "empty": "unknown"}
    with pytest.raises(UserError, match=r"no cell of t\.csv is 1, 0, -1 or empty; .*'0\.7' \(2\)"):
        label_states(pd.DataFrame({"label_tb": ["0.7", "0.7", ""]}), labels, TABLE, [])


def test_over_several_rows_present_beats_uncertain_and_that_absent() -> None:
    table = pd.DataFrame(
        {
            "label_a": [0, 1, pd.NA],
            "label_b": [0, -1, 0],
            "label_c": [pd.NA] * 3,
            "label_d": [0] * 3,
        },
        dtype="Int8",
    )
    merged = merge_states(table)
    assert merged == {"label_a": 1, "label_b": -1, "label_c": None, "label_d": 0}


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("45", 45), ("45 years", 45), ("45y", 45), ("045Y", 45), ("45 лет", 45), ("2 года", 2),
        ("45 Jahre", 45), ("45 ans", 45), ("45 años", 45), ("18 months", 1.5), ("6 мес.", 0.5),
        ("45,5", 45.5), ("3 weeks", 3 * 7 / 365.25),
        ("45-50", None), ("90+", None), ("1975", None), ("45 kg", None), ("old", None),
    ],
)  # fmt: skip
def test_ages_as_people_write_them(text: str, years: float | None) -> None:
    assert parse_age(text) == (pytest.approx(years) if years is not None else None)


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("männlich", "M"), ("weiblich", "F"), ("Mujer", "F"), ("homme", "M"), ("Жен.", "F"),
        ("мужской", "M"), ("W", "F"), ("0", None), ("1", None), ("x", None), ("Mr", None),
    ],
)  # fmt: skip
def test_sexes_as_people_write_them(text: str, sex: str | None) -> None:
    assert parse_sex(text) == sex


def test_an_m_beside_an_h_may_be_a_woman() -> None:
    with pytest.raises(UserError, match=r"mujer.*sources\.x\.sex_words"):
        sex_parser(None, ["H", "M"], TABLE)
    assert sex_parser(None, ["F", "M", "H"], TABLE)("M") == "M"
    parse = sex_parser({"F": ["0"], "M": ["1"]}, ["0", "1", "2"], TABLE)
    assert [parse(cell) for cell in ("0", "1", "2")] == ["F", "M", None]


def test_a_view_of_the_study_counts_in_any_capitals() -> None:
    assert parse_view("frontal", ["Frontal"]) == "Frontal"
    assert parse_view("pa", []) == "PA" and parse_view("oblique", []) == "OTHER"


def test_cells_that_are_not_understood_are_counted_and_shown_if_they_are_short() -> None:
    notes: list[str] = []
    cells = pd.Series(["45", "old", "50-60", "", "x" * 50])
    values = parse_cells(cells, parse_age, "age", notes)
    assert values[0] == 45 and pd.isna(values[1])
    assert notes == [
        "age: 1 cells understood, 1 empty, 3 not understood: 'old' (1), '50-60' (1) and 1 others"
    ]
    with pytest.raises(
        UserError, match=r"sources\.x\.columns\.age: no cell of t.csv is understood"
    ):
        parse_cells(pd.Series(["old", ""]), parse_age, "age", notes, TABLE)


def test_words_of_a_cell_are_folded() -> None:
    assert split_words(" A | b  c ", "|") == ["a", "b c"]
    assert split_words("[no list", None) == ["[no list"]


@pytest.mark.parametrize("cell", ["TB (?)", "?TB", "no TB", "r/o tb", "TB - no"])
def test_a_word_in_a_phrase_is_neither_present_nor_absent(cell: str) -> None:
    found = states(["TB", "No Finding", cell], {**NAMES, "separator": ";"})
    assert found == {"label_tb": [1, 0, None], "label_norm": [0, 1, 0]}


def test_a_word_within_a_word_is_another() -> None:
    assert states(["TB", "No Finding", "TBx"], NAMES)["label_tb"] == [1, 0, 0]


@pytest.mark.parametrize("cell", ["nan", "NULL", "unknown", "\\N", "N/A"])
def test_a_word_for_nothing_says_nothing_of_any_label(cell: str) -> None:
    found = states(["TB", "No Finding", cell], NAMES)
    assert found == {"label_tb": [1, 0, None], "label_norm": [0, 1, None]}
    assert states(["TB", cell], {"names": {"tb": "TB", "x": cell}})["label_x"] == [0, 1]


def test_a_name_that_holds_the_separator_is_refused() -> None:
    with pytest.raises(UserError, match=r"labels\.names\.x: 'a, b' holds the separator"):
        states(["TB", "a, b"], {"names": {"x": "a, b"}, "separator": ","})


def column(*cells: str) -> list[int | None]:
    table = UserTable(Path("t.csv"), "sources.x", {"label_tb": "TB"}, keys={"label_tb": "TB"})
    labels = {"column": None, "columns": {"tb": "TB"}, "empty": "unknown"}
    found = label_states(pd.DataFrame({"label_tb": cells}), labels, table, [])
    return [None if pd.isna(state) else int(state) for state in found["label_tb"]]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1.00", "0,0", "-1,0", "１", "\u22121"), [1, 0, -1, 1, -1]),
        (("WAHR", "FALSCH", "ja", "нет", "Oui"), [1, 0, 1, 0, 1]),
        (("1", "0", "9", "2", "\\N", "."), [1, 0, None, None, None, None]),
    ],
)
def test_states_as_programs_of_other_languages_write_them(
    cells: tuple[str, ...], expected: list[int | None]
) -> None:
    assert column(*cells) == expected


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("0.93", "1.0", "0.0"), "'0.93' are shares"),
        (("1", "0", "85%"), "'85%' are shares"),
        (("1", "2", ""), "1 and 2, and none is 0"),
        (("x", ""), "Write 1 for present"),
    ],
)
def test_codes_that_are_no_states_are_refused(cells: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        column(*cells)


def test_sexes_in_codes_are_refused_with_the_key_that_says_what_they_mean() -> None:
    with pytest.raises(UserError, match=r"sources\.x\.sex_words"):
        parse_cells(pd.Series(["1", "2"]), parse_sex, "sex", [], TABLE)


def test_cells_that_may_be_names_are_counted_and_not_quoted_in_notes() -> None:
    """A row that slipped by a column has a name there; a wrong column has nothing else."""
    shown = show_cells({"effusion": 400, "u": 1, "Zqxwova": 4, "45-50": 1, ">89": 1})
    assert shown == "'effusion' (400), 'u' (1), '45-50' (1) and 2 others"
    for cell in ("Zqxwova", "Zqxwova 45", "12 Zqxwova", "45123456", "ZQXWOV-1"):
        assert "Zqxwova" not in show_cells({cell: 3}) and "123" not in show_cells({cell: 3})
    assert "Zqxwova" not in show_cells({f"Zqxwova {n}": 1000 for n in range(101)})
