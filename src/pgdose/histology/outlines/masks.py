"""Masks: images whose pixel values are classes, at any scale of their slide.

A mask may be as large as its slide, so it is read block by block; `mask_counting` keeps a raster.
"""

import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import BmpImagePlugin, Image, PngImagePlugin

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Classes
from pgdose.histology.outlines.mask_counting import Blocks, ClassCounter, Placement, words_in
from pgdose.histology.regions import Bounds, Region, Size
from pgdose.images.tiff_pages import first_pages

# Image.open would refuse anything over 179 million pixels.
PILLOW_FORMATS = {".png": PngImagePlugin.PngImageFile, ".bmp": BmpImagePlugin.BmpImageFile}
TIFF_SUFFIXES = (".tif", ".tiff")
LARGEST = 400_000_000  # pixels of a picture as a mask: it is decoded once, 4 bytes at most for each
LARGEST_CHUNK = 10**9  # bytes of a tile or strip of a TIFF, which is decoded at once
PIXELS_PER_TILE = 32  # of a mask along a side, at least, if it has a level with as many
BLOCK_PIXELS = 2**22  # handed over for counting at a time
READ_BYTES = 2**24  # read from a file at a time
ORIENTATION = 274  # the tag of TIFF and EXIF
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def read_mask(
    path: Path, classes: Classes, size: Size, bounds: Bounds | None, tile: float
) -> dict[str, Region]:
    """The region of each class of a mask; for the arguments see `outlines.read_outlines`."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with tifffile.TiffFile(path) as file:
            return _read_tiff(file, classes, size, bounds, tile)
    _check_whole(path)
    with PILLOW_FORMATS[path.suffix.lower()](path) as image:
        placement = _place(image.size, size, bounds)
        _check_upright(image.getexif().get(ORIENTATION))
        if image.width * image.height > LARGEST:
            raise _too_large(image.size)
        counter = ClassCounter(image.size, placement, tile, classes, _transparent_entries(image))
        return counter.count(_pillow_blocks(image))


def mask_words(path: Path) -> set[str]:
    """The words of all values that stand in a mask, at its finest level."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with tifffile.TiffFile(path) as file:
            return words_in(_tiff_blocks(_levels(file)[0]))
    _check_whole(path)
    with PILLOW_FORMATS[path.suffix.lower()](path) as image:
        _check_upright(image.getexif().get(ORIENTATION))
        if image.width * image.height > LARGEST:
            raise _too_large(image.size)
        return words_in(_pillow_blocks(image))


def _too_large(mask: Size) -> Rejected:
    return Rejected(
        "absurd_size",
        f"the mask is {mask[0]}x{mask[1]}; save it at a smaller scale, or as a tiled TIFF",
    )


def _check_whole(path: Path) -> None:
    """Reject a PNG whose checksums do not fit, and a BMP that is longer or shorter than it says.

    Pillow looks at neither, and reads other values than were drawn.
    """
    with path.open("rb") as file:
        whole = _is_whole_png(file) if path.suffix.lower() == ".png" else _is_whole_bmp(file)
    if not whole:
        raise Rejected(
            "unreadable_outlines", "the mask's file is damaged or cut off; export it again"
        )


def _is_whole_png(file: BinaryIO) -> bool:
    if file.read(8) != PNG_HEAD:
        return False
    while len(head := file.read(8)) == 8:
        left, check = int.from_bytes(head[:4], "big"), zlib.crc32(head[4:])
        while left:
            part = file.read(min(left, READ_BYTES))
            if not part:
                return False
            left, check = left - len(part), zlib.crc32(part, check)
        if file.read(4) != check.to_bytes(4, "big"):
            return False
        if head[4:] == b"IEND":
            return True
    return False


def _is_whole_bmp(file: BinaryIO) -> bool:
    stated = int.from_bytes(file.read(6)[2:], "little")
    return stated in (0, file.seek(0, os.SEEK_END))  # some programs do not say it


def _check_upright(orientation: object) -> None:
    """Viewers turn a picture by its Orientation, others take it as it is: no one knows which."""
    if orientation not in (None, 0, 1):
        raise Rejected(
            "unreadable_outlines",
            "the mask is stored turned (its Orientation says so); save it upright, without one",
        )


def _place(mask: Size, size: Size, bounds: Bounds | None) -> Placement:
    """The part of the slide under the mask: all of it, or the scanned part if only that fits."""
    if mask[0] * mask[1] > max(LARGEST, size[0] * size[1]):  # finer than its slide
        raise _too_large(mask)
    whole = (0, 0, *size)
    for placement in (whole, bounds or whole):
        if _same_proportions(mask, placement[2:]):
            return placement
    raise Rejected(
        "wrong_aspect",
        f"the mask is {mask[0]}x{mask[1]}, but the slide is {size[0]}x{size[1]}; "
        "give a mask of the same proportions",
    )


def _same_proportions(mask: Size, size: Size) -> bool:
    """Up to a pixel of rounding."""
    return abs(mask[0] * size[1] - mask[1] * size[0]) <= sum(size)


def _pillow_blocks(image: Image.Image) -> Blocks:
    rows = max(1, BLOCK_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield top, 0, np.asarray(image.crop((0, top, image.width, bottom)))


def _transparent_entries(image: Image.Image) -> list[int]:
    """The fully transparent entries of a palette."""
    transparency = image.info.get("transparency") if image.mode == "P" else None
    if isinstance(transparency, int):
        return [transparency]
    return [entry for entry, alpha in enumerate(transparency or b"") if alpha == 0]


def _read_tiff(
    file: tifffile.TiffFile, classes: Classes, size: Size, bounds: Bounds | None, tile: float
) -> dict[str, Region]:
    """Read the coarsest level that is fine enough."""
    levels = _levels(file)
    placement = _place((levels[0].imagewidth, levels[0].imagelength), size, bounds)
    fine_enough = [
        level for level in levels if level.imagewidth * tile >= PIXELS_PER_TILE * placement[2]
    ]
    for level in reversed(fine_enough[1:]):
        try:
            return _count(level, placement, tile, classes)
        except Rejected as error:
            # An averaged pyramid has values between the classes, but not at its finest level.
            if error.reason != "unmapped_class":
                raise
    return _count(levels[0], placement, tile, classes)


def _count(
    level: tifffile.TiffPage, placement: Placement, tile: float, classes: Classes
) -> dict[str, Region]:
    counter = ClassCounter((level.imagewidth, level.imagelength), placement, tile, classes)
    return counter.count(_tiff_blocks(level))


def _levels(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """The first page and its smaller copies (pages after it, or its SubIFDs), finest first.

    Rejects a page for each class, and a mask that is stored turned.
    """
    first = file.pages.first
    levels = [first]
    _check_upright(first.tags.valueof(ORIENTATION))
    for page in (*first_pages(first.pages or ()), *first_pages(file.pages)[1:]):
        size = (page.imagewidth, page.imagelength)
        if size == (first.imagewidth, first.imagelength):
            raise Rejected(
                "unreadable_outlines",
                "the mask has several pages of one size, for classes or planes perhaps; save it as "
                "one page whose values are the classes",
            )
        last = levels[-1]
        if (
            page.imagewidth < last.imagewidth
            and _same_proportions(size, (first.imagewidth, first.imagelength))
            and (page.dtype, page.samplesperpixel) == (first.dtype, first.samplesperpixel)
        ):
            levels.append(page)
    return levels


def _tiff_blocks(page: tifffile.TiffPage) -> Blocks:
    if page.samplesperpixel > 1 and page.planarconfig != tifffile.PLANARCONFIG.CONTIG:
        raise Rejected(
            "unreadable_outlines",
            "the mask has separate colour planes; save it with interleaved ones",
        )
    if not any(page.databytecounts):
        raise Rejected("unreadable_outlines", "the mask has no pixels; export it again")
    rows, columns = page.chunks[:2]
    chunk_bytes = rows * columns * page.samplesperpixel * (page.bitspersample + 7) // 8
    if rows * columns > LARGEST or chunk_bytes > LARGEST_CHUNK:
        raise _too_large((page.imagewidth, page.imagelength))
    for data, (_, _, top, left, _), shape in page.segments(maxworkers=1, buffersize=READ_BYTES):
        # A segment that is not in the file stands for zeros.
        pixels = np.zeros(shape[1:], page.dtype) if data is None else data[0]
        pixels = pixels[: page.imagelength - top, : page.imagewidth - left]
        if page.samplesperpixel == 1:
            pixels = pixels[..., 0]
        step = max(1, BLOCK_PIXELS // pixels.shape[1])
        for row in range(0, len(pixels), step):
            yield top + row, left, pixels[row : row + step]
