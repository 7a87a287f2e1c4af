"""Reading tiles of a slide at their level, resampled to the scale of the study."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.slides.reading import SlideReader
from pgdose.images.rendering import resize_box


def _tile(reader: SlideReader, at: Any, side: int) -> np.ndarray:
    level, extent = int(at.level), float(at.extent)
    corner = (int(at.x), int(at.y))
    if level >= len(reader.downsamples):
        raise Rejected("unreadable_tile", "the slide does not have the level any more")
    wide = extent / reader.downsamples[level]
    if abs(wide - side) < 0.5:
        return reader.region(corner, level, (side, side))
    pixels = ceil(wide - 1e-6)
    region = reader.region(corner, level, (pixels, pixels))
    return resize_box(region, (0, 0, min(wide, pixels), min(wide, pixels)), (side, side))


def read_slide_tiles(
    path: Path,
    positions: pd.DataFrame,
    tile: int,
    put: Callable[[int, np.ndarray], object],
    threads: int = 1,
    colour: str = "as_stored",
) -> dict[int, Rejected]:
    """Call `put(i, pixels)` for each of the positions (x, y, level, extent) of one slide.

    Pixels are RGB, uint8 tile x tile x 3. `put` is called from `threads` threads. Returns the
    numbers of the tiles that could not be read, and why. Rejects what `SlideReader` does.
    """
    reader = SlideReader(path, colour)
    failed: dict[int, Rejected] = {}

    def read(numbered: tuple[int, Any]) -> None:
        number, at = numbered
        try:
            put(number, _tile(reader, at, tile))
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
