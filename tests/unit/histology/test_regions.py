"""Regions: shares of squares, and contours, by other means."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from helpers.outline_files import SEEN, SIZE, WRITERS, read, stairs
from PIL import Image, ImageDraw
from shapely.geometry import MultiPolygon, Point, Polygon, box

from pgdose.histology.regions import PolygonRegion, RasterRegion, Region


@pytest.mark.parametrize("kind", ["geojson", "imagescope", "png", "png/16"])
def test_rings_run_round_what_is_covered(kind: str, tmp_path: Path) -> None:
    result = read(WRITERS[kind](tmp_path / "outlines"), SEEN, SIZE)
    for name, area in stairs().items():
        rings = result.regions[name].contours()
        assert len(rings) == 1 + len(area.interiors)
        corners = np.concatenate(rings)
        ends = [*corners.min(axis=0), *corners.max(axis=0)]
        np.testing.assert_allclose(ends, area.bounds, atol=1e-6)
        canvas = Image.new("1", SIZE)
        for ring in sorted(rings, key=lambda r: -np.ptp(r[:, 0])):
            assert (ring[0] == ring[-1]).all()
            hole = canvas.getpixel(tuple(ring.mean(axis=0).astype(int).tolist()))
            corners = [(x, y) for x, y in ring.tolist()]
            ImageDraw.Draw(canvas).polygon(corners, fill=not hole)
        assert np.count_nonzero(canvas) == pytest.approx(area.area, rel=0.02)


def test_shares_of_cells_are_those_of_adding_up_pixels() -> None:
    rng = np.random.default_rng(1)
    covered = rng.random((13, 17)).astype(np.float32)
    cells = RasterRegion(covered, cell_width=4, cell_height=6, left=10, top=20, right=76, bottom=95)
    fine = np.zeros((200, 200))  # level 0, pixel by pixel
    fine[20 : 20 + 78, 10 : 10 + 68] = covered.astype(np.float64).repeat(6, 0).repeat(4, 1)
    fine[95:], fine[:, 76:] = 0, 0
    x, y = rng.integers(-40, 190, (2, 300))
    padded = np.pad(fine, 60)
    expected = [padded[b + 60 : b + 93, a + 60 : a + 93].mean() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(cells.coverage(x, y, 33), expected, rtol=0, atol=1e-12)
    # Between whole pixels it is linear.
    halves = (cells.coverage(x, y, 33) + cells.coverage(x + 1, y, 33)) / 2
    np.testing.assert_allclose(cells.coverage(x + 0.5, y, 33), halves, rtol=0, atol=1e-12)


def test_shares_of_polygons_are_those_of_counting_points() -> None:
    rng = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    reach = 350 + rng.normal(0, 8, 400).cumsum()
    blob = Polygon(500 + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1))
    blob = shapely.make_valid(blob, method="structure").difference(Point(500, 500).buffer(90))
    areas: list[tuple[Any, Region]] = [
        (a, PolygonRegion(a)) for a in (blob, MultiPolygon([box(0, 0, 250, 90)]))
    ]
    x, y = rng.uniform(-100, 1000, (2, 200))
    inner = (np.arange(50) + 0.5) / 50 * 120
    for polygon, area in areas:
        for a, b, share in zip(x, y, area.coverage(x, y, 120.0), strict=True):
            px, py = np.meshgrid(a + inner, b + inner)
            assert share == pytest.approx(shapely.contains_xy(polygon, px, py).mean(), abs=0.03)
        squares = shapely.box(x, y, x + 120, y + 120)
        exact = shapely.area(shapely.intersection(polygon, squares)) / 120**2
        np.testing.assert_allclose(area.coverage(x, y, 120.0), exact, rtol=0, atol=1e-12)


def test_no_squares_have_no_shares() -> None:
    none = np.zeros(0)
    for area in (PolygonRegion(box(0, 0, 9, 9)), RasterRegion(np.ones((3, 3), np.float32), 4, 4)):
        assert area.coverage(none, none, 16.0).shape == (0,)
