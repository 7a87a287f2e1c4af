"""What the sheets show: which images, in which order, and how they are cut to size."""

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.plots import sheet_samples
from pgdose.plots.sheet_samples import FILM, PER_CLASS, PER_REASON, REJECT


def members(n: int = 50) -> pd.DataFrame:
    rows = [
        (f"{name}{i:03}", name, index, copy)
        for index, name in enumerate(("norm", "finding"))
        for i in range(n)
        for copy in range(2)
    ]
    return pd.DataFrame(rows, columns=["record_id", "class", "class_index", "copy"])


def test_a_contact_sheet_shows_some_of_each_class_and_no_copy() -> None:
    sample = sheet_samples.sample_members(members(), seed=7)
    assert sample["class"].tolist() == ["norm"] * PER_CLASS + ["finding"] * PER_CLASS
    assert (sample["copy"] == 0).all() and sample["record_id"].is_unique
    # Another member moves no other one in or out but the last.
    fewer = members()[members()["record_id"] != sample["record_id"].iloc[0]]
    rest = sheet_samples.sample_members(fewer, seed=7)
    assert rest["record_id"].tolist()[: PER_CLASS - 1] == sample["record_id"].tolist()[1:PER_CLASS]
    assert sheet_samples.captions(sample, "class", "caption")[0] == (
        f"norm\n{sample['record_id'].iloc[0]}"
    )


def test_the_least_certain_windows_come_first() -> None:
    table = members()
    ids = table["record_id"].unique()
    confidence = pd.Series(np.linspace(0.5, 1, len(ids)), ids)
    confidence["norm000"] = np.nan  # set by hand
    sample = sheet_samples.sample_members(table, 7, confidence)
    norm = sample[sample["class"] == "norm"]
    assert len(norm) == 2 * PER_CLASS
    assert norm["record_id"].tolist()[:PER_CLASS] == [f"norm{i:03}" for i in range(1, 21)]
    assert norm["caption"].iloc[0] == f"sure {confidence['norm001']:.2f}"
    by_hand = sheet_samples.sample_members(table.head(2), 7, confidence)
    assert sheet_samples.captions(by_hand, "class", "caption") == ["norm by hand\nnorm000"]


def test_films_are_shrunk_with_their_windows() -> None:
    sample = pd.DataFrame(
        {
            "record_id": ["large", "small", "gone"],
            "crop_x": [1000.0, 50.0, 100.0],
            "crop_y": [400.0, 40.0, 100.0],
            "crop_side": [600.0, 20.0, 50.0],
        }
    )

    def read(record_id: str) -> np.ndarray:
        if record_id == "gone":
            raise Rejected("unreadable", "no file is there")
        shape = (2 * FILM, 4 * FILM) if record_id == "large" else (90, 80)
        return np.full(shape, 90, np.uint8)

    films, windows = sheet_samples.films_with_windows(sample, read)
    assert [film.shape for film in films] == [(FILM // 2, FILM), (90, 80), (FILM, FILM)]
    assert windows == [(250.0, 100.0, 150.0), (50.0, 40.0, 20.0), (100.0, 100.0, 50.0)]
    assert films[2].min() == sheet_samples.BLANK


def test_a_sheet_of_rejects_shows_some_of_each_reason_of_the_screening() -> None:
    rejects = pd.DataFrame(
        [
            (f"{reason}{i}", stage, reason)
            for reason, stage, n in (
                ("dark", "screen", 30),
                ("lost", "index", 9),
                ("x", "screen", 3),
            )
            for i in range(n)
        ],
        columns=["record_id", "stage", "reason"],
    )
    sample = sheet_samples.sample_rejects(rejects, 7)
    assert sample["reason"].tolist() == ["dark"] * PER_REASON + ["x"] * 3
    assert sheet_samples.captions(sample, "reason")[-1] == f"x\n{sample['record_id'].iloc[-1]}"
    assert sheet_samples.captions(sample.iloc[:0], "reason") == []


def test_images_with_burned_in_text_are_on_no_sheet_of_the_results() -> None:
    rejects = pd.DataFrame({"record_id": ["a", "b"], "reason": ["burned_in_text", "tiny"]})
    sample = sheet_samples.sample_rejects(rejects.assign(stage="screen"), 7)
    assert sample["record_id"].tolist() == ["b"]


def test_a_reject_that_cannot_be_read_is_blank() -> None:
    def read(record_id: str) -> np.ndarray:
        if record_id == "gone":
            raise Rejected("unreadable", "no file is there")
        return np.full((300, 300), 7, np.uint8)

    shown, blank = sheet_samples.rejected_images(["there", "gone"], read)
    assert shown.shape == blank.shape == (REJECT, REJECT)
    assert set(shown.flat) == {7} and set(blank.flat) == {sheet_samples.BLANK}


def test_a_sheet_of_tiles_shows_usable_ones_only() -> None:
    tiles = pd.DataFrame({"record_id": [f"t{i}" for i in range(60)], "class": ["a", "b"] * 30})
    screened = tiles[["record_id"]].assign(usable=[True] * 50 + [False] * 10)
    sample = sheet_samples.sample_tiles(tiles, screened, 7)
    assert sample["class"].tolist() == ["a"] * PER_CLASS + ["b"] * PER_CLASS
    assert set(sample["record_id"]) <= set(screened.loc[screened["usable"], "record_id"])
