"""The tissue mask: cells of an overview that are neither glass, ink, black nor white."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import binary_dilation
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_holes, remove_small_objects

from pgdose.errors import Rejected
from pgdose.histology.regions import RasterRegion
from pgdose.histology.settings import TissueSettings
from pgdose.histology.slides.overview import Overview

CELLS_PER_TILE = 8  # cells of the mask along a side of a tile
BLACK = 0.04  # of the full range; a cell without a channel above it was not scanned
WHITE = 0.98  # a cell with every channel above it was not scanned either
BRIGHT = 0.5  # of the full range, mean of the channels; glass and most stained tissue are above
LEAST_BRIGHT = 0.25  # of the scanned cells of a slide in bright field; usual ones have 0.8
LEAST_INK = 0.25  # tiles; smaller areas of the colours of ink are not taken for ink


@dataclass(frozen=True)
class Tissue:
    """The tissue mask of a slide, what lies beside it, and the threshold of the stain."""

    region: RasterRegion
    ink: RasterRegion
    unreadable: RasterRegion
    threshold: float
    is_dark: bool  # no bright field: the rules of tissue may not hold

    @cached_property
    def share(self) -> float:
        """Of the slide's bounds, in [0, 1]."""
        return float(self.region.cell_shares.mean())


def find_tissue(overview: Overview, settings: TissueSettings) -> Tissue:
    """The tissue of a slide; Rejects no_tissue.

    A cell is stained if its saturation, (max - min) / max of the channels, or its optical density,
    the mean of -log10(channel), exceeds a threshold: the study's, or Otsu's of this slide. Otsu's
    is kept within a range, since it also divides a slide of glass alone, or of tissue alone.
    """
    light = overview.pixels / np.float32(255)
    high, low = light.max(axis=2), light.min(axis=2)
    ink = _ink(light) if settings["pen"] else np.zeros(high.shape, bool)
    ink &= ~overview.unreadable
    scanned = (high >= BLACK) & (low < WHITE) & ~ink & ~overview.unreadable
    lit = (high >= BLACK) & ~overview.unreadable
    bright = np.count_nonzero((light.mean(axis=2) > BRIGHT) & lit)
    is_dark = bool(bright < LEAST_BRIGHT * np.count_nonzero(lit))
    if settings["method"] == "saturation":
        stain = (high - low) / np.maximum(high, 1 / 255)
    else:
        stain = -np.log10(np.maximum(light, 1 / 255)).mean(axis=2)
    threshold = settings["threshold"]
    if threshold is None:
        values = stain[scanned]
        otsu = threshold_otsu(values) if values.size and np.ptp(values) else 0.0
        threshold = float(np.clip(otsu, *settings["between"]))
    mask = (stain > threshold) & scanned
    mask = remove_small_objects(mask, max_size=_cells(settings["smallest_island"]) - 1)
    mask = remove_small_holes(mask, max_size=_cells(settings["smallest_hole"]) - 1)
    mask &= ~ink & (high >= BLACK) & ~overview.unreadable
    if not mask.any():
        raise Rejected("no_tissue", f"no cell exceeds the threshold {threshold:.3f}")
    cell = overview.cell
    unreadable = RasterRegion(overview.unreadable, cell, cell, overview.left, overview.top)
    return Tissue(_region(mask, overview), _region(ink, overview), unreadable, threshold, is_dark)


def _region(mask: np.ndarray, overview: Overview) -> RasterRegion:
    cell = overview.cell
    return RasterRegion(mask.astype(np.float32), cell, cell, overview.left, overview.top)


def _cells(tiles: float) -> int:
    """An area in tiles as a number of cells, at least one."""
    return max(1, round(tiles * CELLS_PER_TILE**2))


def _ink(light: np.ndarray) -> np.ndarray:
    """Cells that a pen has marked: colours of no usual stain, in areas of some size.

    Stains transmit more red than green, and more blue than green; if green leads, or green and
    blue both lead red by far, it is ink. Only its depth tells red ink from blood.
    """
    red, green, blue = np.moveaxis(light, -1, 0)
    high, low = light.max(axis=2), light.min(axis=2)
    ink = green - np.maximum(red, blue) > 0.04
    ink |= (blue - red > 0.25) & (green - red > 0.08)
    ink |= red - np.maximum(green, blue) > 0.45
    ink |= (high < 0.45) & (high - low < 0.08)
    ink &= high >= BLACK
    ink = remove_small_objects(ink, max_size=round(LEAST_INK * CELLS_PER_TILE**2))
    return binary_dilation(ink, np.ones((3, 3)))  # a stroke's edge is half ink
