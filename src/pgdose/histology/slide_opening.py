"""Opening a whole slide safely, and the part of it that was scanned."""

import re
from pathlib import Path

import numpy as np
import openslide
import tifffile

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds
from pgdose.histology.slide_companions import check_companions
from pgdose.images.tiff_pages import first_pages

LARGEST_TILE = 2**13  # pixels; the side of a tile of the file: OpenSlide takes 4 bytes for each
TILE_SIZES = r"openslide\.level\[\d+\]\.tile-(width|height)|mirax\..*\.DIGITIZER_(WIDTH|HEIGHT)"
LARGEST_SLIDE = 2**37  # pixels of level 0: four whole glasses at 0.25 um; more is not plausible


def open_slide(path: Path) -> openslide.OpenSlide:
    """A slide to read from.

    Rejects a file that OpenSlide cannot open (unreadable_slide), an absurd_size, and a slide whose
    other files may lie elsewhere (outside_root).
    """
    if not path.is_file():
        raise Rejected("unreadable_slide", "the file is missing")
    _check_tiff(path)
    try:
        check_companions(path)
        slide = openslide.OpenSlide(path)
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None
    sides = np.ravel(slide.level_dimensions)
    if sides.min() < 1 or not np.isfinite(slide.level_downsamples).all():
        raise Rejected("unreadable_slide", "a level has no pixels")
    tiles = [size for name, size in slide.properties.items() if re.fullmatch(TILE_SIZES, name)]
    if any(not size.isdecimal() or int(size) > LARGEST_TILE for size in tiles):
        raise Rejected("absurd_size", f"its tiles are over {LARGEST_TILE} pixels wide or high")
    width, height = slide.dimensions
    if width * height > LARGEST_SLIDE:
        raise Rejected("absurd_size", f"{width}x{height}")
    return slide


def _check_tiff(path: Path) -> None:
    """Reject tiles larger than their file: OpenSlide runs out of memory, which ends the process."""
    size, longest, side = path.stat().st_size, 0, 0
    try:
        with tifffile.TiffFile(path) as file:
            for page in first_pages(file.pages):
                longest = max(longest, *page.databytecounts)
                if page.keyframe is not None:
                    side = max(side, page.keyframe.tilewidth, page.keyframe.tilelength)
    except Rejected:
        raise
    except Exception:
        return  # no TIFF, or one that OpenSlide may understand
    if longest > size or side > LARGEST_TILE:
        raise Rejected("unreadable_slide", "it is cut off: a part is larger than the file")


def scanned_bounds(slide: openslide.OpenSlide) -> Bounds:
    """The scanned part of a slide, which is all of it unless openslide.bounds-* say otherwise."""
    whole = dict(zip(("x", "y", "width", "height"), (0, 0, *slide.dimensions), strict=True))
    stated = {name: slide.properties.get(f"openslide.bounds-{name}") for name in whole}
    x, y, width, height = (int(stated[name] or value) for name, value in whole.items())
    return x, y, width, height
