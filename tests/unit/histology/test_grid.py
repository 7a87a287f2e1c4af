"""The grid of a slide: scale, level, and where tiles may lie."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from helpers.rejections import reason
from helpers.slide_files import write_slide
from helpers.slide_surveys import survey, tissue_image

from pgdose.histology.grid import Grid


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slide") / "s.svs", tissue_image())


def test_a_slide_without_a_scale_is_rejected_only_where_one_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "s.svs"
    write_slide(path, tissue_image(), mpp=None, power=None)
    assert survey(path, None, "norm").grid.um_per_px is None
    assert reason(survey, path, None, "norm", mpp=0.5) == "no_scale"
    grid = survey(path, None, "norm", "0.25", mpp=0.5).grid
    assert (grid.um_per_px, grid.scale_from, grid.extent) == (0.5, "table", 256)


@pytest.mark.parametrize(
    ("options", "level", "extent", "um_per_px"),
    [
        ({}, 0, 128, 0.25),
        ({"level": 1}, 1, 512, 1.0),
        ({"mpp": 0.25}, 0, 128, 0.25),
        ({"mpp": 0.5}, 0, 256, 0.5),
        ({"mpp": 1.0}, 1, 512, 1.0),
        ({"mpp": 0.23}, 0, 128 * 0.92, 0.23),
    ],
)
def test_tiles_are_read_from_the_best_level(
    tmp_path: Path, options: dict[str, float], level: int, extent: float, um_per_px: float
) -> None:
    write_slide(tmp_path / "s.svs", tissue_image(), mpp=0.25, power=40)
    grid = survey(tmp_path / "s.svs", None, "norm", **options).grid
    assert (grid.level, grid.um_per_px, grid.scale_from) == (level, um_per_px, "mpp")
    assert grid.extent == pytest.approx(extent) and extent <= grid.step < extent + 1


def test_a_slide_that_is_too_coarse_or_lacks_the_level_is_rejected(plain: Path) -> None:
    assert reason(survey, plain, None, "norm", mpp=0.4) == "too_coarse"
    assert reason(survey, plain, None, "norm", level=2) == "no_level"


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("extent", [128.0, 100.5])
def test_tiles_fill_the_bounds_and_never_leave_them(overlap: float, extent: float) -> None:
    step = int(np.ceil(extent * (1 - overlap)))
    x, y = Grid(0, extent, step, None, None).corners((30, 50, 700, 500))
    assert x.min() == 30 and y.min() == 50
    assert x.max() + extent <= 730 < x.max() + step + np.ceil(extent)
    assert y.max() + extent <= 550 < y.max() + step + np.ceil(extent)
    assert len(set(zip(x, y, strict=True))) == len(x)
    if not overlap:
        boxes = shapely.box(x, y, x + extent, y + extent)
        assert shapely.union_all(boxes).area == pytest.approx(len(x) * extent**2)


def test_a_slide_smaller_than_a_tile_is_rejected(plain: Path) -> None:
    assert reason(survey, plain, None, "norm", tile=1025) == "too_small"


@pytest.mark.parametrize("bounds", [(0, 0, 10**7, 10**7), (0, 0, 2**31 - 1, 2**31 - 1)])
def test_a_slide_of_absurd_size_is_rejected(bounds: tuple[int, int, int, int]) -> None:
    assert reason(Grid(0, 256.0, 256, None, None).corners, bounds) == "absurd_size"
