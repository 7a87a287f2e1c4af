"""The synthetic slides against their truth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import pytest
import shapely
from helpers.rejections import reason
from helpers.slide_surveys import (
    settings,
)
from shapely.geometry import Polygon, box, shape

from pgdose.histology.slides.slide_table import slide_folders
from pgdose.histology.survey import survey_row
from pgdose_phantom.outlines import FORMATS
from pgdose_phantom.slides import SlideAmounts, write_slides

TILE = 80


WORDS = {"tumour": ["Tumor", "1"], "norm": []}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Seven slides, each way of outlining once, and three broken ones; with the truth."""
    root = tmp_path_factory.mktemp("hospital")
    truth = root / "truth" / "slides.csv"
    write_slides(
        root / "slides", root / "slides.csv", truth, seed=3, amounts=SlideAmounts(7, 1024, 3)
    )
    return root, pd.read_csv(truth, dtype=str).fillna("")


def of_slide(hospital: tuple[Path, pd.DataFrame], row: Mapping[str, str], **options: Any) -> Any:
    entry = {"mpp": "", **row}
    entry_settings = settings(tile=TILE, classes=WORDS, **options)
    return survey_row(entry, slide_folders(hospital[0] / "slides"), entry_settings)


def regions(hospital: tuple[Path, pd.DataFrame], row: Mapping[str, str]) -> dict[str, Any]:
    """Tissue, Tumor and Pen of a slide as it was drawn."""
    content = json.loads((hospital[0] / "truth" / row["regions"]).read_text())
    result: dict[str, Any] = {"Tumor": Polygon(), "Pen": Polygon()}
    for feature in content["features"]:
        name = feature["properties"]["classification"]["name"]
        result[name] = result.get(name, Polygon()).union(shape(feature["geometry"]))
    return result


def test_outlines_in_every_format_give_the_same_tiles(hospital: tuple[Path, pd.DataFrame]) -> None:
    truth = hospital[1]
    rows = truth[(truth["expected"] == "") & (truth["normal"] == "False")].to_dict("records")
    assert {row["outlines_kind"] for row in rows} == set(FORMATS)
    for row in rows:
        result = []
        for kind, (ending, _) in FORMATS.items():
            outlines = f"outlines/{kind}/{Path(row['slide']).stem}{ending}"
            result.append(of_slide(hospital, {**row, "outlines": outlines}).tiles)
        assert set(result[0]["class"]) == {"tumour", "norm"}
        for other in result[1:]:
            pd.testing.assert_frame_equal(result[0], other, atol=1e-9)


def test_every_tile_of_the_synthetic_slides_is_what_it_says(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    root, truth = hospital
    counts: dict[str, int] = {}
    for row in truth[truth["expected"] == ""].to_dict("records"):
        tiles = of_slide(hospital, row).tiles
        drawn = regions(hospital, row)
        squares = shapely.box(tiles["x"], tiles["y"], tiles["x"] + TILE, tiles["y"] + TILE)

        def share(region: Any, squares: np.ndarray = squares) -> np.ndarray:
            return shapely.area(shapely.intersection(squares, region)) / TILE**2

        sick = share(drawn["Tumor"])
        named = np.where(sick >= 0.9, "tumour", np.where(sick <= 0.1, "norm", ""))
        assert (tiles["class"] == named).all() and (named != "").all()
        expected = np.where(tiles["class"] == "tumour", sick, 1 - sick)
        assert np.allclose(tiles["class_share"], expected)
        assert shapely.covers(box(0, 0, 1024, 1024), squares).all()
        assert shapely.union_all(squares).area == pytest.approx(len(tiles) * TILE**2)
        assert share(drawn["Pen"]).max() < 0.01
        tissue_there = share(drawn["Tissue"])
        assert (tiles["tissue_share"] - tissue_there).max() < 0.12
        # Fat and ducts are clear: only where there is none is all of the tissue stained.
        with openslide.OpenSlide(root / "slides" / row["slide"]) as slide:
            full = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"))
        clear = (full.min(axis=2) > 215).astype(float)
        for tile, there in zip(tiles.to_dict("records"), tissue_there, strict=True):
            square = np.s_[tile["y"] : tile["y"] + TILE, tile["x"] : tile["x"] + TILE]
            lumen = clear[square].mean() - (1 - there)
            assert tile["tissue_share"] > there - lumen - 0.12
        for name, n in tiles["class"].value_counts().items():
            counts[str(name)] = counts.get(str(name), 0) + n
    assert counts["tumour"] > 100 and counts["norm"] > 200


def test_the_broken_slides_of_the_hospital_get_their_reasons(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    broken = hospital[1][hospital[1]["expected"] != ""]
    assert len(broken) == 3
    for row in broken.to_dict("records"):
        assert reason(of_slide, hospital, row) == row["expected"]


def test_slides_of_the_hospital_tell_their_scale_or_do_not(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    good = hospital[1][hospital[1]["expected"] == ""].to_dict("records")
    grids = [of_slide(hospital, row).grid for row in good]
    assert [grid.scale_from for grid in grids] == ["mpp"] * 3 + ["objective", None] + ["mpp"] * 2
    assert reason(of_slide, hospital, good[4], mpp=0.5) == "no_scale"
    assert of_slide(hospital, good[3], mpp=0.5).grid.extent == TILE
