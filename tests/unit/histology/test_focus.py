"""How sharp a tile is."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import laplace

from pgdose.histology.focus import focus


def test_it_is_the_variance_of_the_laplacian() -> None:
    tile = np.random.default_rng(1).integers(0, 256, (97, 128, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(tile).convert("L"), np.float64)
    assert focus(tile) == pytest.approx(laplace(grey)[1:-1, 1:-1].var())
    assert focus(np.full((64, 64, 3), 200, np.uint8)) == 0


def test_a_blurred_tile_has_less_of_it() -> None:
    tile = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    sharp = Image.fromarray(tile).resize((128, 128), Image.Resampling.NEAREST)
    values = [focus(np.asarray(sharp.filter(ImageFilter.GaussianBlur(r)))) for r in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True) and values[0] > 10 * values[2]
