"""Aorta windows that a person drew: the file is read, and its mistakes are named."""

import logging
from pathlib import Path

import pandas as pd
import pytest

from pgdose.cohort import logs
from pgdose.errors import UserError
from pgdose.xray.hand_drawn_boxes import read_boxes


def boxes(folder: Path, *lines: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_boxes_are_read(tmp_path: Path) -> None:
    path = boxes(tmp_path, "side,record_id,y,who,x", "120,07,30.5,me,40", "1e2,b, 2 ,,-1")
    expected = pd.DataFrame(
        {"x": [40.0, -1.0], "y": [30.5, 2.0], "side": [120.0, 100.0]},
        index=pd.Index(["07", "b"], name="record_id"),
    )
    pd.testing.assert_frame_equal(read_boxes(path, "G"), expected, check_index_type=False)


def test_no_boxes_are_a_legal_file(tmp_path: Path) -> None:
    assert read_boxes(boxes(tmp_path, "record_id,x,y,side"), "G").empty


HEAD = "record_id,x,y,side"
WRONG = {
    "a column missing": (["record_id,x,y", "a,1,2"], "groups.G.image.boxes: no column 'side'"),
    "no number": ([HEAD, "a,1,2,3", "b,1,left,3"], "line 3: y must be a number, in pixels"),
    "nothing": ([HEAD, "b,,2,3"], "line 2: x must be a number, in pixels"),
    "infinite": ([HEAD, "b,inf,2,3"], "line 2: x must be a number, in pixels"),
    "no side": ([HEAD, "a,1,2,0"], "line 2: side must be a number above 0"),
    "negative": ([HEAD, "a,1,2,-3"], "line 2: side must be a number above 0, in pixels"),
    "twice": (
        [HEAD, "a,1,2,3", "a,1,2,3"],
        "line 3: repeats the record_id of an earlier line; keep one",
    ),
    "ragged": ([HEAD, "a,1,2,3,4,5,6", "a,1"], "line 2: 7 cells, but the header has 4"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_boxes_are_named(tmp_path: Path, case: str) -> None:
    lines, message = WRONG[case]
    with pytest.raises(UserError, match=message):
        read_boxes(boxes(tmp_path, *lines), "G")


def test_nothing_of_a_person_s_boxes_is_quoted(tmp_path: Path) -> None:
    """The message goes into a log beside the results."""
    for lines in (
        [HEAD, "Ivanov Petr,1,Petrova,3"],
        ["Ivanov Petr,1,2,3"],
        [HEAD, *["Ivanov,1,2,3"] * 2],
    ):
        with pytest.raises(UserError) as caught:
            read_boxes(boxes(tmp_path, *lines), "G")
        assert not any(word in str(caught.value) for word in ("Ivanov", "Petr", str(tmp_path)))


def test_boxes_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_boxes(tmp_path / "none.csv", "G")


def test_boxes_on_films_that_are_turned_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("boxes")
    logs.warn_turned(log, "X-A", 0)
    assert not caplog.records
    logs.warn_turned(log, "X-A", 2)
    assert "groups.X-A.image.boxes: 2 boxes belong to films" in caplog.text
