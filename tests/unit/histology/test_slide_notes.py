"""What a person is told to look at: dark slides, ink, damaged places, slow and uncoloured ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.slide_files import write_slide
from helpers.slide_surveys import GREEN, REAL_SLIDES, needs_real, survey, tissue_image

from pgdose.histology.slides.notes import survey_notes
from pgdose.histology.slides.overview import Overview, thumbnail
from pgdose.histology.tissue import find_tissue
from pgdose.tables.slide_schemas import SLIDES


def facts(*rows: dict) -> pd.DataFrame:
    """Facts of usable slides in order, and one row each with something else."""
    usual = {"columns": 10**4, "rows": 10**4, "levels": 3, "ink_share": 0.1, "dark": False}
    usual |= {"unreadable_share": 0.0, "colour": "srgb"}
    return pd.DataFrame([{**usual, **row} for row in rows]).reindex(columns=SLIDES.names)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"dark": True}, "dark nearly everywhere"),
        ({"ink_share": 0.34}, "covered by ink"),
        ({"unreadable_share": 0.01}, "cannot be read in places"),
        ({"columns": 10**5, "levels": 1}, "one level"),
        ({"colour": "as_stored"}, "no colour profile"),
    ],
)
def test_each_kind_of_slide_is_counted(row: dict, word: str) -> None:
    notes = list(survey_notes(facts({}, row, row, {"reason": "no_tissue", **row}), "srgb"))
    assert len(notes) == 1 and notes[0].startswith("2 ") and word in notes[0]
    assert list(survey_notes(facts({}), "srgb")) == []


def test_colours_as_stored_need_no_profile() -> None:
    assert list(survey_notes(facts({"colour": "as_stored"}), "as_stored")) == []


def dark_field(picture: np.ndarray) -> np.ndarray:
    return 255 - picture


def fluorescence(picture: np.ndarray) -> np.ndarray:
    """Nuclei in blue on black, as DAPI shows them."""
    blue = np.zeros_like(picture)
    blue[..., 2] = dark_field(picture).mean(axis=-1)
    return blue


@pytest.mark.parametrize("change", [dark_field, fluorescence])
def test_a_dark_slide_is_noticed_and_a_bright_one_is_not(change: object, tmp_path: Path) -> None:
    assert callable(change)
    picture = tissue_image()
    assert not survey(write_slide(tmp_path / "a.svs", picture), None, "norm").facts["dark"]
    dark = write_slide(tmp_path / "d.svs", change(picture))
    assert survey(dark, None, "norm", tissue={"pen": False}).facts["dark"]


def test_black_that_was_not_scanned_makes_no_slide_dark(tmp_path: Path) -> None:
    picture = np.zeros((2048, 2048, 3), np.uint8)
    picture[:1024, :1024] = tissue_image()
    assert not survey(write_slide(tmp_path / "a.svs", picture), None, "norm").facts["dark"]


def test_ink_over_a_third_is_counted(tmp_path: Path) -> None:
    picture = tissue_image()
    picture[:512] = GREEN
    found = survey(write_slide(tmp_path / "a.svs", picture), None, "norm").facts
    notes = list(survey_notes(pd.DataFrame([found]).assign(reason=None), "as_stored"))
    assert len(notes) == 1 and "ink" in notes[0]


@needs_real
@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
@pytest.mark.parametrize("change", [None, dark_field, fluorescence])
def test_real_slides_are_bright_and_dark_when_turned_over(name: str, change: object) -> None:
    small = thumbnail(REAL_SLIDES / name, 400, "as_stored")
    picture = change(small.pixels) if callable(change) else small.pixels
    turned = Overview(picture, small.cell, 0, 0, small.unreadable)
    options = {"method": "saturation", "threshold": 0.05, "between": (0.04, 0.1)}
    found = find_tissue(
        turned,
        {**options, "smallest_island": 0, "smallest_hole": 0, "pen": False, "share": 0.5},  # type: ignore[typeddict-item]
    )
    assert found.is_dark == (change is not None)
