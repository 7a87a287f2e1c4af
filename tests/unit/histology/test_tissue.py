"""The tissue mask and the overview under it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.rejections import reason
from helpers.slide_files import write_slide
from helpers.slide_surveys import (
    BLACK,
    BLUE,
    GLASS,
    GREEN,
    MARKER,
    PINK,
    RED,
    WHITE,
    settings,
    tissue_image,
)

from pgdose.histology import tissue
from pgdose.histology.slides import overview
from pgdose.histology.slides.reading import open_reader


def tissue_of(pixels: np.ndarray, **options: Any) -> tissue.Tissue:
    """Of a picture whose pixels are cells."""
    unread = np.zeros(pixels.shape[:2], bool)
    return tissue.find_tissue(
        overview.Overview(pixels, 16.0, 0, 0, unread), settings(tissue=options)["tissue"]
    )


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
def test_what_is_stained_is_tissue(method: str) -> None:
    result = tissue_of(tissue_image(64), method=method)
    assert np.array_equal(result.region.cell_shares > 0, tissue_image(64)[..., 1] == PINK[1])
    assert result.share == 0.75


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [GLASS, WHITE, BLACK])
def test_a_slide_of_glass_or_of_nothing_has_no_tissue(
    method: str, colour: tuple[int, int, int]
) -> None:
    grain = np.random.default_rng(0).normal(0, 2, (64, 64, 3))
    blank = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)
    assert reason(tissue_of, blank, method=method) == "no_tissue"


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
def test_a_slide_without_glass_is_all_tissue(method: str) -> None:
    grain = np.random.default_rng(0).normal(0, 15, (64, 64, 1))
    full = np.clip(np.array(PINK) + grain, 0, 255).astype(np.uint8)
    assert tissue_of(full, method=method).share == 1


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [GREEN, BLUE, RED, MARKER, BLACK, WHITE])
def test_ink_and_what_was_not_scanned_is_no_tissue(
    method: str, colour: tuple[int, int, int]
) -> None:
    marked = tissue_image(64)
    marked[40:52, 20:60] = colour
    result = tissue_of(marked, method=method)
    assert not result.region.cell_shares[40:52, 20:60].any()
    assert result.region.cell_shares[:38, 32:].all() and result.region.cell_shares[54:].all()
    assert bool(result.ink.cell_shares.any()) == (colour in (GREEN, BLUE, RED, MARKER))
    if colour in (GREEN, BLUE, RED):
        assert tissue_of(marked, method=method, pen=False).region.cell_shares[40:52, 20:60].all()


def test_the_soft_edge_of_ink_is_no_tissue() -> None:
    marked = tissue_image(64)
    marked[39:53, 19:61] = (3 * np.array(PINK) + GREEN) // 4
    marked[40:52, 20:60] = GREEN
    assert not tissue_of(marked).region.cell_shares[39:53, 19:61].any()


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_what_was_not_scanned_does_not_move_the_threshold(
    method: str, colour: tuple[int, int, int]
) -> None:
    grain = np.random.default_rng(0).normal(0, 12, (64, 64, 1))
    rough = np.clip(tissue_image(64) + grain, 20, 245).astype(np.uint8)
    padded = np.full((64, 256, 3), colour, np.uint8)
    padded[:, :64] = rough
    options = {"method": method, "pen": False, "between": (0.001, 2.0)}
    assert tissue_of(padded, **options).threshold == tissue_of(rough, **options).threshold


def test_stains_are_not_taken_for_ink() -> None:
    """Haematoxylin and eosin, DAB, blood; each a patch on pink."""
    for colour in ((95, 65, 130), (150, 120, 185), (230, 90, 160), (140, 90, 60), (190, 80, 95)):
        stained = tissue_image(64)
        stained[40:52, 20:60] = colour
        assert not tissue_of(stained).ink.cell_shares.any(), colour


def test_small_islands_and_holes_are_smoothed_away() -> None:
    spotted = tissue_image(64)
    spotted[5:9, 5:9] = PINK  # 16 of the 64 cells of a tile
    spotted[40:44, 40:44] = GLASS
    result = tissue_of(spotted).region.cell_shares
    assert np.array_equal(result > 0, tissue_image(64)[..., 1] == PINK[1])
    exact = tissue_of(spotted, smallest_island=0, smallest_hole=0).region.cell_shares
    assert exact[5:9, 5:9].all() and not exact[40:44, 40:44].any()


def test_a_threshold_of_the_study_counts_as_it_stands() -> None:
    assert tissue_of(tissue_image(64), threshold=0.2).threshold == 0.2
    assert reason(tissue_of, tissue_image(64), threshold=0.9) == "no_tissue"


def test_the_overview_is_the_mean_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    rough = np.kron(rng.integers(0, 255, (128, 128, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    write_slide(tmp_path / "s.svs", rough, downsamples=(1,))
    with open_reader(tmp_path / "s.svs") as reader:
        full = np.asarray(reader.slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"), float)
        whole = overview.read_overview(reader, (0, 0, 1024, 1024), 16.0).pixels
        monkeypatch.setattr(overview, "BLOCK", 100)
        pieces = overview.read_overview(reader, (0, 0, 1024, 1024), 16.0).pixels
    assert np.abs(whole - full.reshape(64, 16, 64, 16, 3).mean(axis=(1, 3))).max() <= 1
    assert np.array_equal(whole, pieces)
