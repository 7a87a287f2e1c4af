"""Reading tiles of a slide at their level, resampled to the scale of the study."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
from PIL import Image

from pgdose.errors import Rejected
from pgdose.histology.overview import rgb
from pgdose.histology.slide_opening import open_slide


class _Reader:
    """A slide that stays readable after an error, which ends an OpenSlide handle for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slide = open_slide(path)
        self.downsamples = self.slide.level_downsamples

    def region(self, corner: tuple[int, int], level: int, side: int) -> Image.Image:
        try:
            return self.slide.read_region(corner, level, (side, side))
        except openslide.OpenSlideError:
            fresh = open_slide(self.path)
            region = fresh.read_region(corner, level, (side, side))
            self.slide = fresh
            return region

    def tile(self, x: int, y: int, level: int, extent: float, side: int) -> np.ndarray:
        if level >= len(self.downsamples):
            raise Rejected("unreadable_tile", "the slide does not have the level any more")
        wide = extent / self.downsamples[level]
        if abs(wide - side) < 0.5:
            return rgb(self.region((x, y), level, side))
        region = Image.fromarray(rgb(self.region((x, y), level, ceil(wide))))
        resampling = Image.Resampling.BOX if wide > side else Image.Resampling.BILINEAR
        return np.asarray(region.resize((side, side), resampling, box=(0, 0, wide, wide)))


def read_slide_tiles(
    path: Path,
    positions: pd.DataFrame,
    tile: int,
    put: Callable[[int, np.ndarray], object],
    threads: int = 1,
) -> dict[int, Rejected]:
    """Call `put(i, pixels)` for each of the positions (x, y, level, extent) of one slide.

    Pixels are RGB, uint8 tile x tile x 3. `put` is called from `threads` threads. Returns the
    numbers of the tiles that could not be read, and why. Rejects what `open_slide` does.
    """
    slide = _Reader(path)
    failed: dict[int, Rejected] = {}

    def read(numbered: tuple[int, Any]) -> None:
        number, at = numbered
        try:
            put(number, slide.tile(int(at.x), int(at.y), int(at.level), float(at.extent), tile))
        except (openslide.OpenSlideError, Rejected) as error:
            failed[number] = Rejected("unreadable_tile", type(error).__name__)

    places = enumerate(positions.itertuples(index=False))
    if threads == 1:  # a second thread has slower memory than this one
        for place in places:
            read(place)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(read, places))  # so that an error in `put` is raised here
    return failed
