"""What a slide is, whichever name, copy, link or file of its series it is opened by."""

import hashlib

import numpy as np
import openslide

from pgdose.errors import Rejected
from pgdose.histology.slides.opening import scanned_bounds
from pgdose.histology.slides.reading import SlideReader

SMALL = 64  # pixels; the coarsest level of two slides may be a few white pixels
SAMPLES = 4  # squares along each side of the slide
SIDE = 64  # pixels of a square
PIECES = 64  # of a file
PIECE = 2**16  # bytes


def slide_digest(reader: SlideReader) -> str:
    """Equal for two names of one slide, for two files of one series, and mostly for damaged copies.

    It is made of the sizes of the levels and OpenSlide's quickhash-1, of the metadata and the
    coarsest level. Where that level is SMALL, squares of level 0 count, too. A TIFF with a large
    coarsest level has no quickhash, and pieces of the file stand for it.
    """
    slide = reader.slide
    digest = hashlib.sha256(repr(slide.level_dimensions).encode())
    quickhash = slide.properties.get("openslide.quickhash-1")
    if quickhash is None:
        _add_pieces(digest, reader)
    else:
        digest.update(quickhash.encode())
    if min(slide.level_dimensions[-1]) < SMALL:
        _add_squares(digest, reader)
    return digest.hexdigest()


def _add_squares(digest: "hashlib._Hash", reader: SlideReader) -> None:
    left, top, width, height = scanned_bounds(reader.slide)
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    for y in shares:
        for x in shares:
            corner = (left + int(x * width), top + int(y * height))
            try:
                digest.update(reader.region(corner, 0, (SIDE, SIDE)).tobytes())
            except (openslide.OpenSlideError, Rejected):
                digest.update(b"not readable")


def _add_pieces(digest: "hashlib._Hash", reader: SlideReader) -> None:
    size = reader.path.stat().st_size
    digest.update(str(size).encode())
    with reader.path.open("rb") as file:
        for start in np.linspace(0, max(size - PIECE, 0), PIECES).astype(int).tolist():
            file.seek(start)
            digest.update(file.read(PIECE))
