"""The private sheet of images with burned-in text: which, and what is framed."""

import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from pgdose.errors import Rejected
from pgdose.plots import framed_text, sheet_samples, sheets, style
from pgdose.plots.framed_text import FRAME, LONGER_SIDE, MOST


def screened(regions: list[int | None], says: list[bool | None]) -> pd.DataFrame:
    names = [f"r{number:03}" for number in range(len(regions))]
    columns = {"text_regions": regions, "says_burned_in": says}
    return pd.DataFrame({"record_id": pd.Series(names, dtype="str")} | columns)


def lettered(side: int) -> np.ndarray:
    film = Image.new("L", (side, side), 60)
    font = ImageFont.load_default(side // 25)
    ImageDraw.Draw(film).text((side // 10, side // 2), "IVANOV 12.05", 255, font)
    return np.asarray(film)


def test_the_sheet_shows_the_images_with_text_and_says_why() -> None:
    table = screened([0, 2, None, 1, 0], [None, None, None, True, True])
    sample = framed_text.sample(table, 7).sort_values("record_id")
    assert sample["record_id"].tolist() == ["r001", "r003", "r004"]
    assert sample["caption"].tolist() == [
        "rows of letters: 2",
        "rows of letters: 1, header: YES",
        "rows of letters: 0, header: YES",
    ]
    assert sheet_samples.captions(sample, "caption")[0] == "rows of letters: 2\nr001"


@pytest.mark.parametrize("regions", [[0, None], []])
def test_where_no_image_has_text_the_sheet_is_empty(regions: list[int | None]) -> None:
    sample = framed_text.sample(screened(regions, [None] * len(regions)), 7)
    assert sample.empty and sheet_samples.captions(sample, "caption") == []


def test_of_many_images_some_are_drawn_by_their_ids() -> None:
    table = screened([1] * 3 * MOST, [None] * 3 * MOST)
    sample = framed_text.sample(table, 7)["record_id"].tolist()
    assert len(sample) == MOST and sample != sorted(sample)
    without = framed_text.sample(table[table["record_id"] != sample[0]], 7)["record_id"].tolist()
    assert without[: MOST - 1] == sample[1:]


@pytest.mark.parametrize("side", [400, 2000])
def test_the_letters_are_framed(side: int) -> None:
    (picture,) = framed_text.framed(["a"], lambda _: lettered(side))
    assert picture.shape == (min(side, LONGER_SIDE), min(side, LONGER_SIDE), 3)
    framed = np.argwhere((picture == FRAME).all(axis=2))
    letters = np.argwhere(picture.min(axis=2) > 150)
    assert (framed.min(axis=0) < letters.min(axis=0)).all()
    assert (framed.max(axis=0) > letters.max(axis=0)).all()
    assert (framed.max(axis=0) - letters.max(axis=0) < 12).all()


def test_an_image_that_is_gone_is_blank() -> None:
    def read(record_id: str) -> np.ndarray:
        raise Rejected("file_missing", "")

    (picture,) = framed_text.framed(["a"], read)
    assert set(picture.flat) == {sheet_samples.BLANK}


def test_the_sheet_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "private/x/text_regions.png"
    style.save(sheets.text_sheet([lettered(300)] * 3, ["a\nb"] * 3), path, private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    style.save(sheets.text_sheet([], []), path, private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
