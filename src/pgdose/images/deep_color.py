"""Pictures with 16 bits a colour channel, read in full: Pillow would keep the high 8 bits."""

from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from pgdose.errors import Rejected
from pgdose.images import grey_levels

OPAQUE = 2**16 - 1
LARGEST_FILE = 10**9  # bytes; a sparse one may be a few kilobytes on disk
BAND = 256  # rows converted at a time
LEAST_USED = 1 / 8  # of the range; a camera with the bits that the study states uses more

_DEPTH = 24  # the byte of a PNG that states the bits of a channel
_PLANES, _PREMULTIPLIED = 2, 1  # values of TIFF's PlanarConfiguration and ExtraSamples


class Colours(NamedTuple):
    """The stored colours of a file."""

    values: np.ndarray  # uint16, rows x columns x 3 (or 1: grey beside an alpha)
    alpha: np.ndarray | None  # uint16, rows x columns x 1
    premultiplied: bool  # the values are multiplied by alpha already
    orientation: int  # 1 (upright) to 8, as EXIF has it


def is_deep(image: Image.Image, path: Path) -> bool:
    """Whether the file that Pillow has opened is a TIFF or PNG with 16 bits a colour channel."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))) > 8
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(_DEPTH + 1)[_DEPTH] == 16
    return False


def read(image: Image.Image, path: Path) -> Colours:
    """The colours of a file that `is_deep`; the first page of a TIFF. Raises the codecs' errors.

    Rejects a file that is larger than any such picture (absurd_size): it is read as a whole.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise Rejected("absurd_size", f"the file has over {LARGEST_FILE} bytes")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _read_tiff(image, path)
    values = imagecodecs.png_decode(path.read_bytes())
    if values.shape[-1] == 3:
        return Colours(values, None, False, 1)
    return Colours(values[..., :-1], values[..., -1:], False, 1)


def _read_tiff(image: TiffImagePlugin.TiffImageFile, path: Path) -> Colours:
    tags = image.tag_v2
    values = imagecodecs.tiff_decode(path.read_bytes())  # by libtiff, twice as fast as tifffile
    if tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == _PLANES:
        values = np.moveaxis(values, 0, -1)
    return Colours(
        values[..., :3],
        values[..., 3:] if image.mode == "RGBA" else None,
        _PREMULTIPLIED in tags.get(TiffImagePlugin.EXTRASAMPLES, ()),
        tags.get(ExifTags.Base.Orientation, 1),
    )


def to_8_bits(colours: Colours, bits: int) -> np.ndarray:
    """255 * value / (2**bits - 1), rounded, on a white ground: uint8, rows x columns x 3.

    `bits` (9 to 16) are those of the 16 that the camera uses.

    Raises Rejected: over_bits (a value that `bits` cannot hold), under_bits (all values lie under
    1/8 of their range), transparent (all of the picture).
    """
    values, alpha = colours.values, colours.alpha
    top, brightest = 2**bits - 1, int(values.max())
    if brightest > top:
        raise Rejected(
            "over_bits", f"a value is {brightest}, more than {bits} bits can hold; correct 'bits'"
        )
    if brightest < LEAST_USED * top:
        hint = "does its camera have fewer bits? (bits: 12)"
        raise Rejected("under_bits", f"the brightest value is {brightest} of {top}; {hint}")
    if alpha is None or alpha.min() == OPAQUE:
        table = np.rint(255 * np.arange(top + 1) / top).astype(np.uint8)
        pixels = grey_levels.look_up(table, np.ascontiguousarray(values))
    elif alpha.max() == 0:
        raise Rejected("transparent", "all of it")
    else:
        pixels = np.empty(values.shape, np.uint8)
        for row in range(0, len(values), BAND):  # all of a large picture would not fit as floats
            band = slice(row, row + BAND)
            light = values[band] * np.float32(255 / top)
            share = alpha[band] * np.float32(1 / OPAQUE)
            if not colours.premultiplied:
                light *= share
            pixels[band] = np.rint(light + 255 * (1 - share)).clip(0, 255)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
