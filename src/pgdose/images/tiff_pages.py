"""The pages of a TIFF that somebody gave, and which of them is its picture."""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import tifffile

from pgdose.errors import Rejected

MOST_PAGES = 1000  # levels, label, macro and focal planes of a slide are far fewer
CLEARLY_SMALLER = 0.5  # of the pixels of the largest page; a level of a pyramid has a quarter
SPLIT = "save each one as a file of its own"

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
_REDUCED = 1  # the bit of NewSubfileType for a smaller copy of another page
_UNSIGNED = (1, 4)  # values of SampleFormat: whole numbers, and numbers of unstated kind
_ALPHA = (1, 2)  # values of ExtraSamples: premultiplied alpha, and alpha
_PLANES = 2  # PlanarConfiguration


class TiffPage(NamedTuple):
    """What the tags of a page say."""

    number: int  # among the pages of its file
    width: int  # as it is stored, before Orientation
    height: int
    tile: tuple[int, int]  # width and height of its tiles, (0, 0) without any
    bits: int  # of a sample
    samples: int  # of a pixel
    photometric: int
    alpha: bool  # the last sample is one
    premultiplied: bool  # the others are multiplied by alpha already
    planar: bool  # samples are stored in planes
    orientation: int  # 1 (upright) to 8
    packed_backwards: bool  # 9 to 15 bits in big-endian order: programs write them in two ways


def first_pages(pages: Iterable[Any]) -> list[Any]:
    """The pages (of a file, or SubIFDs of a page). Rejects absurd_size.

    tifffile goes round for ever where each page names the next and the last names the first.
    """
    listed = list(islice(pages, MOST_PAGES + 1))
    if len(listed) > MOST_PAGES:
        raise Rejected("absurd_size", f"the TIFF has over {MOST_PAGES} pages, or a ring of them")
    return listed


def picture_page(path: Path) -> tuple[TiffPage, int]:
    """The page of a TIFF that is its picture, and the number of pages.

    It is the largest one: thumbnails, labels and levels of a pyramid are smaller. Raises Rejected
    (absurd_size; several_pages: others are as large; not_an_image and not_8_or_16_bit, see
    `_check_kind`), and the errors of tifffile.
    """
    with tifffile.TiffFile(path) as file:
        pages = first_pages(file.pages)
        full = [page for page in pages if not page.subfiletype & _REDUCED] or pages
        largest = max(full, key=_area)
        as_large = sum(_area(page) > CLEARLY_SMALLER * _area(largest) for page in full)
        if as_large > 1:
            planes = "focal planes, channels, times or pictures"
            raise Rejected("several_pages", f"{as_large} pages are {planes}; {SPLIT}")
        if any(_area(page) >= _area(largest) for page in first_pages(largest.pages or ())):
            raise Rejected("several_pages", f"a page lies below a smaller one; {SPLIT}")
        stack = re.search(r"^images=(\d+)", largest.description, re.MULTILINE)
        if largest.description.startswith("ImageJ=") and stack and int(stack[1]) > len(pages):
            raise Rejected("several_pages", f"a stack of {stack[1]} images; {SPLIT}")
        page = _described(largest, pages.index(largest))
        _check_kind(page, largest.tags.valueof("SampleFormat", default=1))
        return page, len(pages)


def _area(page: tifffile.TiffPage) -> int:
    return page.imagewidth * page.imagelength


def _described(page: tifffile.TiffPage, number: int) -> TiffPage:
    tags = page.tags
    bits = _numbers(tags.valueof("BitsPerSample", default=1))
    extra = _numbers(tags.valueof("ExtraSamples", default=()))
    return TiffPage(
        number=number,
        width=int(page.imagewidth),
        height=int(page.imagelength),
        tile=(int(page.tilewidth), int(page.tilelength)),
        bits=bits[0] if len(set(bits)) == 1 else 0,
        samples=int(tags.valueof("SamplesPerPixel", default=1)),
        photometric=int(tags.valueof("PhotometricInterpretation", default=-1)),
        alpha=bool(extra) and extra[0] in _ALPHA,
        premultiplied=bool(extra) and extra[0] == _ALPHA[0],
        planar=tags.valueof("PlanarConfiguration", default=1) == _PLANES,
        orientation=int(tags.valueof("Orientation", default=_xmp_orientation(tags))),
        packed_backwards=page.parent.byteorder == ">" and 9 <= bits[0] <= 15,
    )


def _xmp_orientation(tags: tifffile.TiffTags) -> int:
    """The Orientation that XMP says, which counts if there is no tag, as it does for Pillow."""
    xmp = tags.valueof("XMP", default=b"")
    found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp) if isinstance(xmp, bytes) else None
    return int(found[1]) if found else 1


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)


def _check_kind(page: TiffPage, formats: Any) -> None:
    """Reject a page of other numbers (not_8_or_16_bit) or of other channels (not_an_image).

    Pictures of up to 8 bits are left to Pillow, which knows which it can read.
    """
    numbers = set(_numbers(formats))
    if page.photometric == -1:
        raise Rejected("not_an_image", "the TIFF lacks PhotometricInterpretation")
    if numbers <= {2} and page.bits in (16, 32) and page.photometric == BLACK_IS_ZERO:
        return  # signed, but perhaps no value is negative
    if not numbers <= set(_UNSIGNED):
        raise Rejected("not_8_or_16_bit", "its numbers are signed or real")
    if 1 <= page.bits <= 8:
        return
    if page.bits == 32 and page.photometric == BLACK_IS_ZERO and page.samples == 1:
        return  # perhaps no value takes more than 16 bits
    if not 9 <= page.bits <= 16:
        raise Rejected("not_8_or_16_bit", f"BitsPerSample is {page.bits or 'uneven'}")
    if page.packed_backwards:
        raise Rejected("not_8_or_16_bit", f"{page.bits} bits, packed in big-endian order")
    colours = page.samples - (1 if page.alpha else 0)
    if page.photometric == RGB:
        is_readable = colours == 3 or (page.samples == 4 and not page.alpha)
    else:
        is_readable = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) and colours == 1
    if not is_readable:
        raise Rejected(
            "not_an_image",
            f"{page.samples} channels of {page.bits} bits with PhotometricInterpretation "
            f"{page.photometric}; {SPLIT}",
        )
