"""Opening a whole slide safely, and the part of it that was scanned."""

import re
from pathlib import Path

import numpy as np
import openslide

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds
from pgdose.histology.slides.companions import check_companions
from pgdose.histology.slides.formats import LARGEST_TILE, check_format, refusal

TILE_SIZES = r"openslide\.level\[\d+\]\.tile-(width|height)|mirax\..*\.DIGITIZER_(WIDTH|HEIGHT)"
LARGEST_SLIDE = 2**37  # pixels of level 0: four whole glasses at 0.25 um; more is not plausible


def open_slide(path: Path) -> openslide.OpenSlide:
    """A slide to read from.

    Rejects a file that OpenSlide cannot open (unreadable_slide, unsupported_slide), an absurd_size,
    and a slide whose other files may lie elsewhere (outside_root).
    """
    if not path.is_file():
        raise Rejected("unreadable_slide", "the file is missing")
    check_format(path)
    try:
        check_companions(path)
        slide = openslide.OpenSlide(path)
    except Rejected:
        raise
    except Exception as error:
        raise refusal(path, error) from None
    sides = np.ravel(slide.level_dimensions)
    if sides.min() < 1 or not np.isfinite(slide.level_downsamples).all():
        raise Rejected("unreadable_slide", "a level has no pixels")
    # OpenSlide lists names that are no UTF-8, and does not find them again: "" is no size.
    names = [name for name in slide.properties if re.fullmatch(TILE_SIZES, name)]
    tiles = [slide.properties.get(name, "") for name in names]
    if any(not size.isdecimal() or int(size) > LARGEST_TILE for size in tiles):
        raise Rejected("absurd_size", f"its tiles are over {LARGEST_TILE} pixels wide or high")
    width, height = slide.dimensions
    if width * height > LARGEST_SLIDE:
        raise Rejected("absurd_size", f"{width}x{height}")
    return slide


def scanned_bounds(slide: openslide.OpenSlide) -> Bounds:
    """The scanned part of a slide, which is all of it unless openslide.bounds-* say otherwise."""
    whole = dict(zip(("x", "y", "width", "height"), (0, 0, *slide.dimensions), strict=True))
    stated = {name: slide.properties.get(f"openslide.bounds-{name}") for name in whole}
    x, y, width, height = (int(stated[name] or value) for name, value in whole.items())
    return x, y, width, height
