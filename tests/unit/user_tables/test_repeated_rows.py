"""Several rows of one image: what they say together, and where they disagree."""

from pathlib import Path

import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.repeated_rows import Merged, merge_rows

TABLE = UserTable(Path("t.csv"), "sources.x", {})
ROWS = pd.DataFrame(
    {
        "file": ["a", "b", "a", "b", "c", "c"],
        "line": [2, 3, 4, 5, 6, 7],
        "patient": ["p", "q", "p", "q", "r", "r"],
        "age": ["40", "50", "", "50", "30", "30"],
        "label_tb": pd.array([0, 1, 1, 0, 1, 1], "Int8"),
    }
)


def merge(several: str, rows: pd.DataFrame = ROWS) -> tuple[Merged, list[str]]:
    notes: list[str] = []
    return merge_rows(rows, "file", several, TABLE, notes), notes


def test_rows_that_disagree_are_refused_with_their_lines() -> None:
    with pytest.raises(
        UserError, match=r"^sources\.x\.several: 2 images .* lines 2 and 4 \(on age"
    ):
        merge("error")


def test_equal_rows_are_one_and_said() -> None:
    merged, notes = merge("error", ROWS.iloc[4:])
    assert len(merged.rows) == 1 and notes == ["1 rows say the same as an earlier row; left out"]
    assert merged.repeated.empty


def test_union_takes_a_label_of_any_row() -> None:
    merged, notes = merge("union")
    rows = merged.rows.set_index("file")
    assert rows["label_tb"].to_dict() == {"a": 1, "b": 1, "c": 1}
    assert rows["age"].to_dict() == {"a": "40", "b": "50", "c": "30"}
    assert merged.repeated.set_index("file")["differ"].to_dict() == {"a": "age, tb", "b": "tb"}
    assert any("2 images have several rows that disagree" in note for note in notes)


@pytest.mark.parametrize(("several", "labels"), [("first", [0, 1, 1]), ("last", [1, 0, 1])])
def test_first_and_last_take_a_row(several: str, labels: list[int]) -> None:
    rows = merge(several)[0].rows.sort_values("file")
    assert rows["label_tb"].tolist() == labels


def test_union_does_not_choose_between_two_patients() -> None:
    merged, _ = merge("union", ROWS.assign(patient=["p", "q", "x", "q", "r", "r"]))
    assert merged.unsure == {"a": "patient"}
