"""Labels of an archive's films from a table: found by number or file, and beside reports."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.user_tables.reader import read_columns
from pgdose.user_tables.source_tables import label_table
from pgdose.xray import archive_index

COLUMNS = {"column": None, "names": {}, "separator": None, "empty": "unknown"}
LABELS = {**COLUMNS, "columns": {"tb": "TB", "mass": "Mass"}}


def films(*links: str | None) -> pd.DataFrame:
    return pd.DataFrame({"record_id": [f"r{n}" for n in range(len(links))], "table_link": links})


def join(
    tmp_path: Path, table_of: pd.DataFrame, table: str, **changes: Any
) -> tuple[pd.DataFrame, list[str], Any]:
    path = tmp_path / "labels.csv"
    path.write_text(table)
    settings = {"id": "id", "tag": "AccessionNumber", "several": "error", "labels": LABELS}
    settings |= changes
    notes: list[str] = []
    made = label_table(path, "xray", settings)
    rows = read_columns(made, notes)
    states, merged = archive_index.join_table(table_of, rows, settings, made, notes)
    return states, notes, merged


def test_films_get_the_states_of_their_number(tmp_path: Path) -> None:
    table = "id,TB,Mass\n12,1,\n13,-1,0\n99,0,1\n"
    states, notes, _ = join(tmp_path, films("0012", "13", None, "55"), table)
    assert states["label_tb"].tolist() == [1, -1, pd.NA, pd.NA]
    assert states["label_mass"].tolist() == [pd.NA, 0, pd.NA, pd.NA]
    said = " ".join(notes)
    assert "1 films and their labels spell" in said
    assert "2 of 4 films have no row" in said and "1 of 3 rows of labels belong to no film" in said


@pytest.mark.parametrize("name", ["0001", "0001.dcm", "train/0001.dcm", "set/train/0001.DCM"])
def test_films_are_found_by_their_file(tmp_path: Path, name: str) -> None:
    table_of = films("train/0001.dcm", "train/0002.dcm")
    states, _, _ = join(tmp_path, table_of, f"id,TB,Mass\n{name},1,0\n", tag="file")
    assert states["label_tb"].tolist() == [1, pd.NA]


def test_a_table_of_other_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sources\.xray\.label_table\.tag \(now AccessionNumber\)"):
        join(tmp_path, films("1", "2"), "id,TB,Mass\n7,1,0\n")


def test_rows_of_one_film_are_settled_as_the_study_says(tmp_path: Path) -> None:
    table = "id,TB,Mass\n1,0,0\n1,1,0\n2,0,0\n"
    with pytest.raises(
        UserError, match=r"label_table\.several: 1 images or reports .*lines 2 and 3"
    ):
        join(tmp_path, films("1", "2"), table)
    states, _, merged = join(tmp_path, films("1", "2"), table, several="union")
    assert states["label_tb"].tolist() == [1, 0]
    of_film = archive_index.repeated_films(films("1", "2"), None, merged, {"several": "union"})
    assert of_film.to_dict("list") == {
        "record_id": ["r0"], "n_rows": [2], "differ": ["tb"], "several": ["union"],
    }  # fmt: skip


def test_each_film_of_a_number_whose_rows_differ_is_listed(tmp_path: Path) -> None:
    table_of = films("1", "1", "2")
    _, _, merged = join(tmp_path, table_of, "id,TB,Mass\n1,0,0\n1,1,0\n2,0,0\n", several="last")
    of_film = archive_index.repeated_films(table_of, None, merged, {"several": "last"})
    assert of_film["record_id"].tolist() == ["r0", "r1"]


def test_the_tables_labels_count_where_reports_say_something_else(tmp_path: Path) -> None:
    table_of = films("1", "2").assign(label_tb=pd.array([0, 1], "Int8"))
    states, _, _ = join(tmp_path, table_of, "id,TB,Mass\n1,1,0\n")
    labelled = archive_index.labels_of(table_of, states)
    assert labelled["label_tb"].tolist() == [1, 1]
    assert labelled["label_mass"].tolist() == [0, pd.NA]


def test_reports_are_matched_without_zeros_where_no_other_is_meant() -> None:
    table_of = pd.DataFrame({"record_id": list("abc"), "link": ["007", "7", "0100"]})
    labels = pd.DataFrame({"link": ["7", "100"], "report": [0, 1], "differ": False})
    notes: list[str] = []
    joined = archive_index.join_reports(table_of, labels, notes)
    assert joined["report"].tolist()[1:] == [0, 1] and pd.isna(joined["report"][0])
    assert any("1 films could be several" in note for note in notes)


def test_a_column_that_names_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"label_table\.id: the column 'id' names none of the 1"):
        join(tmp_path, films("a.dcm"), "id,TB,Mass\na.png,1,0\n", tag="file")
