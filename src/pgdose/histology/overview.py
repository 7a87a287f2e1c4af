"""A slide at low resolution, read in blocks, and its pixels as RGB."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds
from pgdose.histology.slide_opening import open_slide, scanned_bounds

BLOCK = 2048  # pixels; the side of what is read at a time


@dataclass(frozen=True)
class Overview:
    """A slide at low resolution: each pixel is the mean of a square of `cell` pixels of level 0."""

    pixels: np.ndarray  # RGB, uint8 rows x columns x 3
    cell: float
    left: int  # where the slide's bounds begin, pixels of level 0
    top: int


def read_overview(slide: openslide.OpenSlide, bounds: Bounds, cell: float) -> Overview:
    """The slide within `bounds`, from the coarsest level that is fine enough.

    It is read in blocks: a slide of one level would not fit into memory. Rejects unreadable_slide.
    """
    try:
        return _read_blocks(slide, bounds, cell)
    except openslide.OpenSlideError as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None


def thumbnail(path: Path, side: int) -> Overview:
    """The scanned part of a slide, `side` pixels along its longer side."""
    with open_slide(path) as slide:
        bounds = scanned_bounds(slide)
        return read_overview(slide, bounds, max(bounds[2:]) / side)


def _read_blocks(slide: openslide.OpenSlide, bounds: Bounds, cell: float) -> Overview:
    left, top, width, height = bounds
    columns, rows = ceil(width / cell - 1e-6), ceil(height / cell - 1e-6)
    level = slide.get_best_level_for_downsample(cell * 1.01)
    scale = cell / slide.level_downsamples[level]  # pixels of that level along a cell
    pixels = np.empty((rows, columns, 3), np.uint8)
    block_cells = max(1, int(BLOCK / scale))
    for row in range(0, rows, block_cells):
        for column in range(0, columns, block_cells):
            block = pixels[row : row + block_cells, column : column + block_cells]
            size = (block.shape[1], block.shape[0])
            corner = (round(left + column * cell), round(top + row * cell))
            far = (ceil(size[0] * scale), ceil(size[1] * scale))
            region = rgb(slide.read_region(corner, level, far))
            remaining = (left + width - corner[0], top + height - corner[1])
            image = Image.fromarray(_repeat_edge(region, remaining, cell / scale))
            box = (0.0, 0.0, *(min(n * scale, m) for n, m in zip(size, far, strict=True)))
            block[:] = np.asarray(image.resize(size, Image.Resampling.BOX, box=box))
    return Overview(pixels, cell, left, top)


def _repeat_edge(pixels: np.ndarray, remaining: tuple[int, int], downsample: float) -> np.ndarray:
    """Replace what lies beyond the slide by its edge: a last cell that is half glass would be lost.

    `remaining`: width, height from the block's corner to the end of the slide, level 0.
    """
    width, height = (max(1, int(n / downsample)) for n in remaining)
    inside = pixels[:height, :width]
    beyond = [(0, n - m) for n, m in zip(pixels.shape[:2], inside.shape[:2], strict=True)]
    return np.pad(inside, (*beyond, (0, 0)), mode="edge")


def rgb(region: Image.Image) -> np.ndarray:
    """RGBA as uint8 rows x columns x 3; transparent pixels were not scanned: they become white."""
    width, height = region.size
    if region.tobytes("raw", "A") != b"\xff" * (width * height):
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        region = Image.alpha_composite(white, region)
    # One copy; Pillow's conversion and numpy's make two.
    return np.frombuffer(region.tobytes("raw", "RGB"), np.uint8).reshape(height, width, 3)
