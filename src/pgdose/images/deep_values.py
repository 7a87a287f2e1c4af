"""Pictures of more than 8 bits a channel, read in full: Pillow would keep the high 8 bits."""

from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image

from pgdose.errors import Rejected
from pgdose.images import grey_levels
from pgdose.images.picture_header import Header
from pgdose.images.tiff_pages import WHITE_IS_ZERO

LARGEST_FILE = 10**9  # bytes; a sparse one may be a few kilobytes on disk
BAND = 256  # rows converted at a time
LUMA = (19595, 38470, 7471)  # of 65536: the weights of Pillow's convert("L")


class Stored(NamedTuple):
    """The values of a file as they are stored."""

    values: np.ndarray  # uint8 or uint16, rows x columns (x 3); planar: 3 x rows x columns
    bits: int  # of a channel, as the file states them
    alpha: np.ndarray | None = None  # like values, rows x columns x 1
    premultiplied: bool = False  # the values are multiplied by alpha already
    white_is_zero: bool = False
    planar: bool = False


def is_deep(header: Header) -> bool:
    """Whether `read` reads the file, and not Pillow."""
    return header.bits > 8 or (header.format == "JPEG2000" and header.bits < 8)


def read(path: Path, header: Header) -> Stored:
    """The values of a file that `is_deep`. Raises the codecs' errors.

    Rejects a file that is larger than any such picture (absurd_size): it is read as a whole;
    pixels of another shape than the header says (unreadable_pixels); numbers of 32 bits that take
    more than 16 of them, or are negative (not_8_or_16_bit).
    """
    if path.stat().st_size > LARGEST_FILE:
        raise Rejected("absurd_size", f"the file has over {LARGEST_FILE} bytes")
    if header.page:
        stored = _read_tiff(path, header)
    elif header.format == "PNG":
        values = imagecodecs.png_decode(path.read_bytes())
        values = values[..., None] if values.ndim == 2 else values
        alpha = values[..., -1:] if values.shape[-1] in (2, 4) else None
        stored = Stored(values[..., :3] if values.shape[-1] > 2 else values[..., 0], 16, alpha)
    elif header.format == "PPM":
        stored = Stored(_read_ppm(path), header.bits)
    else:
        stored = Stored(imagecodecs.jpeg2k_decode(path.read_bytes()), header.bits)
    shape = stored.values.shape[1:] if stored.planar else stored.values.shape[:2]
    expected = (header.width, header.height)
    if shape != (expected if header.orientation >= 5 else expected[::-1]):
        raise Rejected("unreadable_pixels", "the pixels are not those of the header")
    return stored


def _read_tiff(path: Path, header: Header) -> Stored:
    page = header.page
    assert page
    # By libtiff, twice as fast as tifffile.
    values = imagecodecs.tiff_decode(path.read_bytes(), index=page.number)
    bits = page.bits
    if values.dtype not in (np.uint8, np.uint16):
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= 2**16:
            raise Rejected("not_8_or_16_bit", f"numbers of {values.dtype}")
        values, bits = values.astype(np.uint16), 16
    white_is_zero = page.photometric == WHITE_IS_ZERO
    if page.samples == 1:
        return Stored(values, bits, white_is_zero=white_is_zero)
    if page.samples == 3:
        return Stored(values, bits, planar=page.planar)
    if page.planar:
        values = np.moveaxis(values, 0, -1)
    return Stored(
        values[..., 0] if page.samples == 2 else values[..., :3],
        bits,
        values[..., -1:] if page.alpha else None,
        page.premultiplied,
        white_is_zero,
    )


def _read_ppm(path: Path) -> np.ndarray:
    """A PGM or PPM whose largest value is of 9 to 16 bits."""
    with path.open("rb") as file, Image.open(file, formats=["PPM"]) as image:
        _, _, start, _ = image.tile[0]
        (columns, rows), channels = image.size, len(image.getbands())
    count = rows * columns * channels
    words = np.fromfile(path, ">u2", count, offset=start).astype(np.uint16)
    if len(words) < count:
        raise Rejected("unreadable_pixels", "it breaks off")
    return words.reshape(rows, columns, channels) if channels > 1 else words.reshape(rows, columns)


def to_grey(stored: Stored) -> np.ndarray:
    """The greys as they are stored, but 0 is black: rows x columns; alpha is ignored."""
    values = stored.values
    if values.ndim == 3:
        planes = values if stored.planar else np.moveaxis(values, -1, 0)
        # As Pillow's convert("L"), which gives the grey of three equal planes itself.
        total = np.full(planes.shape[1:], 2**15, np.uint32)
        for plane, weight in zip(planes, LUMA, strict=True):
            total += plane * np.uint32(weight)
        values = (total >> 16).astype(values.dtype)
    return 2**stored.bits - 1 - values if stored.white_is_zero else values


def to_8_bits(stored: Stored, bits: int, *, alpha: bool = True) -> np.ndarray:
    """255 * value / (2**bits - 1), rounded; uint8, rows x columns (x 3).

    `bits` (9 to 16) are those of the 16 that the camera uses; a file that states fewer has those.
    With `alpha` transparent areas become white.

    Raises Rejected: over_bits (a value that `bits` cannot hold), under_bits (all values fit into
    two bits fewer), transparent (all of the picture).
    """
    values, bits = stored.values, min(bits, stored.bits)
    if alpha and stored.alpha is not None and stored.alpha.max() == 0:
        raise Rejected("transparent", "all of it")
    _check_bits(int(values.max()), bits)
    top = 2**bits - 1
    opaque = 2**stored.bits - 1
    if not alpha or stored.alpha is None or stored.alpha.min() == opaque:
        table = np.rint(255 * np.arange(top + 1) / top).astype(np.uint8)
        table = 255 - table if stored.white_is_zero else table
        pixels = grey_levels.look_up(table, np.ascontiguousarray(values))
        if not stored.planar:
            return pixels
        interleaved = np.empty((*pixels.shape[1:], 3), np.uint8)
        for channel, plane in enumerate(pixels):
            interleaved[..., channel] = plane
        return interleaved
    pixels = np.empty(values.shape, np.uint8)
    shares = stored.alpha if values.ndim == 3 else stored.alpha[..., 0]
    for row in range(0, len(values), BAND):  # all of a large picture would not fit as floats
        band = slice(row, row + BAND)
        light = values[band] * np.float32(255 / top)
        share = shares[band] * np.float32(1 / opaque)
        if stored.white_is_zero:
            light = (share if stored.premultiplied else np.float32(1)) * 255 - light
        if not stored.premultiplied:
            light *= share
        pixels[band] = np.rint(light + 255 * (1 - share)).clip(0, 255)
    return pixels


def _check_bits(brightest: int, bits: int) -> None:
    top = 2**bits - 1
    if brightest > top:
        raise Rejected(
            "over_bits", f"a value is {brightest}, more than {bits} bits can hold; correct 'bits'"
        )
    if brightest < 2 ** (bits - 2):
        used = max(brightest.bit_length(), 9)
        raise Rejected(
            "under_bits",
            f"the brightest value is {brightest} of {top}, which takes {used} bits; if all "
            f"pictures of the source are like this, set 'bits: {used}', else it is too dark",
        )
