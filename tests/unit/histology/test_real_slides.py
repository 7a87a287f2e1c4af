"""Real slides, checked point by point and pixel by pixel."""

from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import pytest
import shapely
from helpers.slide_surveys import (
    REAL_SLIDES,
    needs_real,
    survey,
    write_outlines,
)
from PIL import Image
from shapely.geometry import Polygon

from pgdose.errors import Rejected
from pgdose.histology.slides.tiles import read_slide_tiles


@needs_real
@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_a_real_slide_that_was_cut_off_is_rejected_or_read_in_part(
    tmp_path: Path, name: str
) -> None:
    content = (REAL_SLIDES / name).read_bytes()
    for percent in (1, 20, 50, 80, 95, 99):
        path = tmp_path / f"{percent}.svs"
        path.write_bytes(content[: len(content) * percent // 100])
        try:
            tiles = survey(path, None, "norm", tile=256).tiles.assign(level=0, extent=256.0)
        except Rejected as r:
            assert r.reason == "unreadable_slide"
            continue
        got: dict[int, np.ndarray] = {}
        failed = read_slide_tiles(path, tiles, 256, got.__setitem__)
        assert len(failed) + len(got) == len(tiles)
        assert {r.reason for r in failed.values()} <= {"unreadable_tile"}


# By hand on a picture of each slide, in pixels of level 0; a hole in the second.
DRAWN = {
    "cmu-1-small-region.svs": [[(900, 700), (1500, 800), (1600, 2000), (800, 2000)]],
    "tcga-cr-7395-01a-01-ts1.svs": [
        [(1100, 700), (3000, 600), (3400, 1800), (2500, 2900), (1000, 2300)],
        [(1900, 1300), (2500, 1300), (2500, 1900), (1900, 1900)],
    ],
}


def imagescope(path: Path, rings: list[list[tuple[int, int]]]) -> Path:
    regions = "".join(
        f'<Region Id="{i + 1}" Type="0" NegativeROA="{int(i > 0)}"><Vertices>'
        + "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in ring)
        + "</Vertices></Region>"
        for i, ring in enumerate(rings)
    )
    path.write_text(
        '<Annotations><Annotation Id="1" Name="Tumor"><Regions>'
        f"{regions}</Regions></Annotation></Annotations>"
    )
    return path


@needs_real
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_tiles_of_real_slides_lie_where_they_should(tmp_path: Path, name: str) -> None:
    """Point by point and pixel by pixel, by other means than those of the library."""
    shell, *holes = DRAWN[name]
    region = Polygon(shell, holes)
    both = [
        write_outlines(tmp_path / "o.geojson", (region, "Tumor")),
        imagescope(tmp_path / "o.xml", DRAWN[name]),
    ]
    exact = {"threshold": 0.1, "smallest_island": 0, "smallest_hole": 0}
    result = [survey(REAL_SLIDES / name, drawn, tile=256, tissue=exact) for drawn in both]
    pd.testing.assert_frame_equal(result[0].tiles, result[1].tiles)
    tiles = result[0].tiles
    assert set(tiles["class"]) == {"tumour", "norm"}
    at = (np.arange(64) + 0.5) * 4
    with openslide.OpenSlide(REAL_SLIDES / name) as slide:
        for tile in tiles.to_dict("records"):
            x, y = tile["x"], tile["y"]
            px, py = np.meshgrid(x + at, y + at)
            covered = shapely.contains_xy(region, px.ravel(), py.ravel()).mean()
            assert covered > 0.88 if tile["class"] == "tumour" else covered < 0.12
            assert x + 256 <= slide.dimensions[0] and y + 256 <= slide.dimensions[1]
            pixels = slide.read_region((x, y), 0, (256, 256)).convert("RGB")
            small = np.asarray(pixels.resize((8, 8), Image.Resampling.BOX).convert("HSV"))
            stained = (small[..., 1] > 0.1 * 255).mean()
            assert tile["tissue_share"] >= 0.5 and abs(stained - tile["tissue_share"]) < 0.1
