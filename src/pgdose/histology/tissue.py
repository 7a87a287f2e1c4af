"""What of a slide is tissue: a mask from a low level, without glass, ink, black and white."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import openslide
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_holes, remove_small_objects

from pgdose.errors import Rejected
from pgdose.histology.areas import Cells

CELLS = 8  # cells of the mask along a tile
BLOCK = 2048  # pixels; the side of what is read at a time
BLACK = 0.04  # of the full range; where no channel reaches it, nothing was scanned
WHITE = 0.98  # where every channel reaches it, likewise
LEAST_INK = 0.25  # areas of a tile; what looks like ink and is smaller is none


@dataclass(frozen=True)
class Overview:
    """A slide in small: each cell is the mean of a square of `cell` pixels of level 0."""

    pixels: np.ndarray  # RGB, uint8 rows x columns x 3
    cell: float
    left: int  # where the slide's bounds begin, pixels of level 0
    top: int


def overview(
    slide: openslide.OpenSlide, bounds: tuple[int, int, int, int], cell: float
) -> Overview:
    """The slide within `bounds` (x, y, width, height), read in blocks from the coarsest level
    that is fine enough: a slide of one level would not fit into memory."""
    left, top, width, height = bounds
    columns, rows = ceil(width / cell - 1e-6), ceil(height / cell - 1e-6)
    level = slide.get_best_level_for_downsample(cell * 1.01)
    scale = cell / slide.level_downsamples[level]  # pixels of that level along a cell
    pixels = np.empty((rows, columns, 3), np.uint8)
    some = max(1, int(BLOCK / scale))
    for row in range(0, rows, some):
        for column in range(0, columns, some):
            block = pixels[row : row + some, column : column + some]
            size = (block.shape[1], block.shape[0])
            corner = (round(left + column * cell), round(top + row * cell))
            far = (ceil(size[0] * scale), ceil(size[1] * scale))
            there = rgb(slide.read_region(corner, level, far))
            there = _held(there, (left + width - corner[0], top + height - corner[1]), cell / scale)
            region = Image.fromarray(there)
            box = (0.0, 0.0, *(min(n * scale, m) for n, m in zip(size, far, strict=True)))
            block[:] = np.asarray(region.resize(size, Image.Resampling.BOX, box=box))
    return Overview(pixels, cell, left, top)


def _held(pixels: np.ndarray, left: tuple[int, int], downsample: float) -> np.ndarray:
    """Beyond the slide its edge repeats, since a last cell that is half glass would be none."""
    width, height = (max(1, int(n / downsample)) for n in left)
    inside = pixels[:height, :width]
    beyond = [(0, n - m) for n, m in zip(pixels.shape[:2], inside.shape[:2], strict=True)]
    return np.pad(inside, (*beyond, (0, 0)), mode="edge")


def rgb(region: Image.Image) -> np.ndarray:
    """RGBA as uint8 rows x columns x 3; what was not scanned is transparent: it is glass."""
    width, height = region.size
    if region.tobytes("raw", "A") != b"\xff" * (width * height):
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        region = Image.alpha_composite(white, region)
    # One copy, where Pillow's conversion and numpy's make two.
    return np.frombuffer(region.tobytes("raw", "RGB"), np.uint8).reshape(height, width, 3)


@dataclass(frozen=True)
class Tissue:
    """Cells of tissue, and what was found on the way."""

    cells: Cells
    ink: Cells
    threshold: float

    @cached_property
    def share(self) -> float:
        """Of the slide's bounds, in [0, 1]."""
        return float(self.cells.covered.mean())


def find_tissue(small: Overview, settings: dict[str, Any]) -> Tissue:
    """The tissue of a slide; `settings` are those of the study's `tissue`.

    Stained is what has more saturation, (max - min) / max of the channels, or more optical
    density, the mean of -log10(channel), than a threshold: Otsu's of this slide, unless the study
    gives one. Otsu's is kept within a range, since it cuts a slide of glass alone, or of tissue
    alone, in two as well.
    """
    light = small.pixels / np.float32(255)
    high, low = light.max(axis=2), light.min(axis=2)
    ink = _ink(light) if settings["pen"] else np.zeros(high.shape, bool)
    scanned = (high >= BLACK) & (low < WHITE) & ~ink
    if settings["method"] == "saturation":
        stain = (high - low) / np.maximum(high, 1 / 255)
    else:
        stain = -np.log10(np.maximum(light, 1 / 255)).mean(axis=2)
    threshold = settings["threshold"]
    if threshold is None:
        values = stain[scanned]
        otsu = threshold_otsu(values) if values.size and np.ptp(values) else 0.0
        threshold = float(np.clip(otsu, *settings["between"]))
    tissue = (stain > threshold) & scanned
    tissue = remove_small_objects(tissue, max_size=_cells(settings["smallest_island"]) - 1)
    tissue = remove_small_holes(tissue, max_size=_cells(settings["smallest_hole"]) - 1)
    tissue &= ~ink & (high >= BLACK)
    if not tissue.any():
        raise Rejected("no_tissue", f"nothing is over the threshold {threshold:.3f}")

    def cells(mask: np.ndarray) -> Cells:
        return Cells(mask.astype(np.float32), small.cell, small.cell, small.left, small.top)

    return Tissue(cells(tissue), cells(ink), threshold)


def _cells(tiles: float) -> int:
    """How many cells so many tiles have; at least one."""
    return max(1, round(tiles * CELLS**2))


def _ink(light: np.ndarray) -> np.ndarray:
    """Cells that a pen has marked: colours that no usual stain has, in areas of some size.

    Stains let red through more than green, and blue more than green; where green leads, or green
    and blue both lead red by far, it is ink. Red ink is told from blood by its depth only.
    """
    red, green, blue = np.moveaxis(light, -1, 0)
    high, low = light.max(axis=2), light.min(axis=2)
    marked = green - np.maximum(red, blue) > 0.04
    marked |= (blue - red > 0.25) & (green - red > 0.08)
    marked |= red - np.maximum(green, blue) > 0.45
    marked |= (high < 0.45) & (high - low < 0.08)
    marked &= high >= BLACK
    marked = remove_small_objects(marked, max_size=round(LEAST_INK * CELLS**2))
    return binary_dilation(marked, np.ones((3, 3)))  # a stroke's edge is half ink
