"""Outlines that were exported in micrometres."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.rejections import reason
from helpers.slide_files import write_slide
from helpers.slide_surveys import classes_of, survey, tissue_image, write_outlines
from shapely.affinity import scale, translate
from shapely.geometry import Polygon, box

from pgdose.errors import Rejected
from pgdose.tables.parquet import read_tables, write_table
from pgdose.tables.slide_schemas import SLIDES, count_notes

MPP = 0.2527


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Glass in the upper left quarter."""
    path = tmp_path_factory.mktemp("slide") / "s.svs"
    return write_slide(path, tissue_image(), mpp=MPP)


def freehand(x: float, y: float, radius: float) -> Polygon:
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return Polygon(np.round([x, y] + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)))


def in_um(shape: Polygon) -> Polygon:
    return scale(shape, MPP, MPP, origin=(0, 0))


def test_outlines_that_enclose_tissue_only_as_micrometres_are_refused(
    slide: Path, tmp_path: Path
) -> None:
    shape = translate(freehand(760, 500, 200), 0.37, 0.61)  # not multiples of the scale
    drawn = write_outlines(tmp_path / "p.geojson", (shape, "Tumor"))
    assert "tumour" in classes_of(survey(slide, drawn)).values()
    drawn = write_outlines(tmp_path / "u.geojson", (in_um(shape), "Tumor"))
    with pytest.raises(Rejected, match="as such they enclose tissue"):
        survey(slide, drawn)


def test_multiples_of_the_scale_are_micrometres_even_on_tissue(tmp_path: Path) -> None:
    image = tissue_image()
    image[:, :256] = image[-1, -1]
    full = write_slide(tmp_path / "f.svs", image, mpp=MPP)
    shape = freehand(700, 300, 150)
    drawn = write_outlines(tmp_path / "u.geojson", (in_um(shape), "Tumor"))
    with pytest.raises(Rejected, match="multiples of the slide's mpp"):
        survey(full, drawn)
    # In pixels, in the same corner: as they are, and with the fractions of a pen.
    small = freehand(130, 130, 100)
    pen = Polygon(np.asarray(small.exterior.coords) + np.linspace(0, 0.9, 61)[:, None])
    for name, pixels in (("a", small), ("b", pen)):
        drawn = write_outlines(tmp_path / f"{name}.geojson", (pixels, "Tumor"))
        assert survey(full, drawn).facts["notes"] is None


def test_whole_pixels_are_pixels_where_a_pixel_is_half_a_micrometre(tmp_path: Path) -> None:
    """They are multiples of 0.5 too; an outline in the corner of a slide full of tissue."""
    full = np.full((1024, 1024, 3), tissue_image()[0, -1], np.uint8)
    slide = write_slide(tmp_path / "s.svs", full, mpp=0.5)
    drawn = write_outlines(tmp_path / "a.geojson", (freehand(250, 250, 200), "Tumor"))
    result = survey(slide, drawn)
    assert "tumour" in classes_of(result).values() and result.facts["notes"] is None


def test_a_doubt_is_noted(tmp_path: Path) -> None:
    image = tissue_image()
    image[:128, :256] = image[-1, -1]
    slide = write_slide(tmp_path / "s.svs", image, mpp=MPP)
    drawn = write_outlines(tmp_path / "a.geojson", (box(130, 20, 250, 240), "Tumor"))
    notes = survey(slide, drawn).facts["notes"]
    assert "if they were in micrometres" in notes


def test_a_slide_without_a_scale_tells_nothing(tmp_path: Path) -> None:
    slide = write_slide(tmp_path / "s.tif", tissue_image(), mpp=None, vendor="generic-tiff")
    drawn = write_outlines(tmp_path / "a.geojson", (in_um(freehand(760, 500, 200)), "Tumor"))
    assert reason(survey, slide, drawn) == "outlines_on_glass"


def test_outlines_that_were_lost_do_not_make_a_slide_norm(slide: Path, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[600, 100], [900, 100], [900, 500], [600, 500]]}
    path = tmp_path / "o.geojson"
    properties = {"objectType": "annotation", "classification": {"name": "Tumor"}}
    path.write_text(json.dumps([{"type": "Feature", "geometry": line, "properties": properties}]))
    for word in ("", "norm"):
        assert reason(survey, slide, path, word) == "undrawn_class"
    assert set(classes_of(survey(slide, path, "Tumour")).values()) == {"tumour"}
    properties["classification"] = {"name": "Mitosis"}
    line["coordinates"] = [[600, 100], [610, 110]]
    path.write_text(json.dumps([{"type": "Feature", "geometry": line, "properties": properties}]))
    assert reason(survey, slide, path) == "nothing_drawn"
    assert set(classes_of(survey(slide, path, "norm")).values()) == {"norm"}


def test_the_table_s_class_is_matched_as_words_of_outlines_are(slide: Path) -> None:
    classes = {"tumour": ["carcinoma*"], "norm": []}
    assert set(classes_of(survey(slide, None, "Carcinoma G2", classes=classes)).values()) == {
        "tumour"
    }


def test_notes_are_counted_over_the_slides(tmp_path: Path) -> None:
    nobody = dict.fromkeys(SLIDES.names)
    rows = [nobody | {"notes": notes} for notes in (None, "a", "a; b")]
    for n, expected in ((1, []), (3, ["2 slides: a", "1 slides: b"])):
        write_table(pd.DataFrame(rows[:n]), tmp_path / "s.parquet", SLIDES, {})
        assert count_notes(read_tables([tmp_path / "s.parquet"])) == expected
