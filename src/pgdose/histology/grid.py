"""The grid of a slide: at which scale its tiles are read, and where they may lie."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import openslide

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds
from pgdose.histology.settings import SurveySettings
from pgdose.histology.slides.formats import BY_VIPS
from pgdose.histology.slides.scale import read_scale

COARSEST = 1 / 0.9  # times the study's mpp; a coarser slide is rejected rather than enlarged
MOST_TILES = 20_000_000  # of a grid; a header that promises more is not plausible


@dataclass(frozen=True)
class Grid:
    """Where the tiles of a slide may lie, and how they are read."""

    level: int  # that tiles are read from
    extent: float  # of a tile, pixels of level 0
    step: int  # from one tile to the next, pixels of level 0
    um_per_px: float | None  # of a tile
    scale_from: str | None  # see `slides.scale.Scale`

    def corners(self, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """x and y of all tiles that lie wholly in the bounds, row by row.

        Rejects too_small (for one tile) and absurd_size.
        """
        left, top, width, height = bounds
        extent = _round_up(self.extent)
        across, down = ((side - extent) // self.step + 1 for side in (width, height))
        if across < 1 or down < 1:
            raise Rejected(
                "too_small",
                f"the slide is {width}x{height}, smaller than a tile of {extent}x{extent}",
            )
        if across * down > MOST_TILES:
            raise Rejected("absurd_size", f"{width}x{height}")
        y, x = np.mgrid[:down, :across]
        return left + x.ravel() * self.step, top + y.ravel() * self.step


def _round_up(pixels: float) -> int:
    """Except for the error of floating point."""
    return ceil(pixels - 1e-6)


def plan_grid(slide: openslide.OpenSlide, settings: SurveySettings, table_mpp: str) -> Grid:
    """The grid of a slide under the study's `tile`, `level` or `mpp`, and `overlap`.

    Rejects no_level, no_scale, uneven_scale, wrong_mpp and too_coarse.
    """
    scale = read_scale(slide.properties, table_mpp)
    mpp = scale.um_per_px
    if settings["mpp"] is None:
        level = settings["level"] or 0
        if level >= slide.level_count:
            raise Rejected("no_level", _no_level(slide.level_count))
        downsample = slide.level_downsamples[level]
        um_per_px = mpp and mpp * downsample
    else:
        if not scale.is_square:
            raise Rejected(
                "uneven_scale",
                f"the file says that its pixels are {scale.across:.4g} x {scale.down:.4g} um; give "
                "mpp in the table if they are square",
            )
        if mpp is None:
            raise Rejected(
                "no_scale", "the slide has neither mpp nor objective power; give mpp in the table"
            )
        downsample = settings["mpp"] / mpp
        if downsample * COARSEST < 1:
            raise Rejected("too_coarse", f"a pixel of the slide is {mpp:.3f} um; use a larger mpp")
        level = slide.get_best_level_for_downsample(downsample * 1.01)
        um_per_px = settings["mpp"]
    extent = settings["tile"] * downsample
    step = _round_up(extent * (1 - settings["overlap"]))
    return Grid(level, extent, step, um_per_px, scale.source if mpp else None)


def _no_level(levels: int) -> str:
    if levels > 1:
        return f"the slide has levels 0 to {levels - 1}"
    return (
        "the slide has level 0 alone (OpenSlide reads no pyramid in SubIFDs, as OME-TIFF has it); "
        f"use mpp, or {BY_VIPS}"
    )
