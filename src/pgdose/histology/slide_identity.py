"""What a slide is, whichever name, copy, link or file of its series it is opened by."""

import hashlib

import numpy as np
import openslide

from pgdose.errors import Rejected
from pgdose.histology.slide_opening import scanned_bounds
from pgdose.histology.slide_reading import SlideReader

SAMPLES = 4  # squares along each side of the slide
SIDE = 64  # pixels of a square
PIECES = 64  # of a file
PIECE = 2**16  # bytes


def slide_digest(reader: SlideReader) -> str:
    """Equal for two names of one slide, and for two files of one series.

    It is made of OpenSlide's quickhash-1 (of the metadata and the coarsest level; a TIFF with a
    large coarsest level has none, and pieces of the file stand for it), the sizes of the levels,
    and some squares of level 0: the coarsest level of two slides may be a few white pixels.
    """
    slide = reader.slide
    digest = hashlib.sha256(repr(slide.level_dimensions).encode())
    digest.update(slide.properties.get("openslide.quickhash-1", "").encode())
    if "openslide.quickhash-1" not in slide.properties:
        _add_pieces(digest, reader)
    left, top, width, height = scanned_bounds(slide)
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    for y in shares:
        for x in shares:
            corner = (left + int(x * width), top + int(y * height))
            try:
                digest.update(reader.region(corner, 0, (SIDE, SIDE)).tobytes())
            except (openslide.OpenSlideError, Rejected):
                digest.update(b"not readable")
    return digest.hexdigest()


def _add_pieces(digest: "hashlib._Hash", reader: SlideReader) -> None:
    size = reader.path.stat().st_size
    digest.update(str(size).encode())
    with reader.path.open("rb") as file:
        for start in np.linspace(0, max(size - PIECE, 0), PIECES).astype(int).tolist():
            file.seek(start)
            digest.update(file.read(PIECE))
