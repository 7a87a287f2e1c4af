"""A slide at low resolution, read in blocks."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds
from pgdose.histology.slides.opening import scanned_bounds
from pgdose.histology.slides.reading import SlideReader, open_reader
from pgdose.images.rendering import resize_box

BLOCK = 2048  # pixels; the side of what is read at a time
MOST_UNREADABLE = 0.2  # of a slide; one of which more cannot be read is rejected


@dataclass(frozen=True)
class Overview:
    """A slide at low resolution: each pixel is the mean of a square of `cell` pixels of level 0."""

    pixels: np.ndarray  # RGB, uint8 rows x columns x 3
    cell: float
    left: int  # where the slide's bounds begin, pixels of level 0
    top: int
    unreadable: np.ndarray  # bool rows x columns: cells in which a pixel cannot be read; white


def read_overview(reader: SlideReader, bounds: Bounds, cell: float) -> Overview:
    """The slide within `bounds`, from the coarsest level that is fine enough.

    It is read in blocks: a slide of one level would not fit into memory. A place that cannot be
    read costs its cells alone; rejects unreadable_slide if that is over MOST_UNREADABLE of them.
    """
    left, top, width, height = bounds
    columns, rows = ceil(width / cell - 1e-6), ceil(height / cell - 1e-6)
    level = reader.slide.get_best_level_for_downsample(cell * 1.01)
    scale = cell / reader.downsamples[level]  # pixels of that level along a cell
    pixels = np.empty((rows, columns, 3), np.uint8)
    unreadable = np.zeros((rows, columns), bool)
    block_cells = max(1, int(BLOCK / scale))
    for row in range(0, rows, block_cells):
        for column in range(0, columns, block_cells):
            part = (slice(row, row + block_cells), slice(column, column + block_cells))
            block = pixels[part]
            size = (block.shape[1], block.shape[0])
            start = (left + column * cell, top + row * cell)
            corner = (int(start[0]), int(start[1]))
            # The first cell may begin within a pixel.
            offset = [(at - c) * scale / cell for at, c in zip(start, corner, strict=True)]
            ends = [o + n * scale for o, n in zip(offset, size, strict=True)]
            far = (ceil(ends[0] - 1e-6), ceil(ends[1] - 1e-6))
            region, damaged = reader.readable_region(corner, level, far)
            remaining = (left + width - corner[0], top + height - corner[1])
            image = _repeat_edge(region, remaining, cell / scale)
            box = (*offset, *(min(end, n) for end, n in zip(ends, far, strict=True)))
            block[:] = resize_box(image, box, block.shape[:2])
            if damaged is not None:
                unreadable[part] = resize_box(damaged * np.uint8(255), box, block.shape[:2]) > 0
                _check_readable(unreadable)
    return Overview(pixels, cell, left, top, unreadable)


def _check_readable(unreadable: np.ndarray) -> None:
    if unreadable.mean() > MOST_UNREADABLE:
        raise Rejected(
            "unreadable_slide",
            f"over {MOST_UNREADABLE:.0%} of it cannot be read; copy or export it again",
        )


def thumbnail(path: Path, side: int, colour: str) -> Overview:
    """The scanned part of a slide, `side` pixels along its longer side."""
    with open_reader(path, colour) as reader:
        bounds = scanned_bounds(reader.slide)
        return read_overview(reader, bounds, max(bounds[2:]) / side)


def _repeat_edge(pixels: np.ndarray, remaining: tuple[int, int], downsample: float) -> np.ndarray:
    """Replace what lies beyond the slide by its edge: a last cell that is half glass would be lost.

    `remaining`: width, height from the block's corner to the end of the slide, level 0.
    """
    width, height = (max(1, int(n / downsample)) for n in remaining)
    inside = pixels[:height, :width]
    beyond = [(0, n - m) for n, m in zip(pixels.shape[:2], inside.shape[:2], strict=True)]
    return np.pad(inside, (*beyond, (0, 0)), mode="edge")
