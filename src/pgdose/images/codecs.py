"""Reading pictures: PNG, TIFF, JPEG, BMP and the like as uint8."""

from pathlib import Path

import numpy as np
from PIL import Image

from pgdose.errors import Rejected
from pgdose.images import deep_values, grey_levels
from pgdose.images.picture_header import FORMATS, Header, read_header

TURNS = {  # by EXIF's Orientation; from 5 on rows are stored as columns
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, see `read_header`."""
    header = read_header(path)
    return header.width, header.height


def read_image(path: Path, channels: int, bits: int = 16, *, window: str = "full") -> np.ndarray:
    """A picture as uint8, rows x columns (1 channel) or rows x columns x 3; 0 is black.

    The picture is turned upright by its Orientation; of several pages the largest is read.

    bits:   how many bits of channels with more than 8 are in use; they become
            255 * value / (2**bits - 1), rounded, see `deep_values.to_8_bits`
    window: `full`, or for 1 channel also `percentile`: the 0.5 and 99.5 percentiles of the values,
            whatever their bits, become 0 and 255, as those of DICOM films do

    Pillow converts palettes, CMYK and the like. In RGB transparent areas become white, as glass
    is; in grey alpha is ignored.

    Raises Rejected: the codes of `read_header` and `deep_values.read`, unreadable_pixels,
    over_bits and under_bits (with `full`), transparent (all of the picture), blank (no contrast,
    with `percentile`).
    """
    header = read_header(path)
    stretched = window == "percentile" and channels == 1
    try:
        if deep_values.is_deep(header):
            pixels = _deep(path, header, channels, bits, stretched)
        else:
            pixels = _of_8_bits(path, header, channels)
            pixels = stretch(pixels) if stretched else pixels
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_pixels", type(error).__name__) from None
    if channels == 3 and pixels.ndim == 2:
        return np.broadcast_to(pixels[..., None], (*pixels.shape, 3))
    return pixels


def _deep(path: Path, header: Header, channels: int, bits: int, stretched: bool) -> np.ndarray:
    stored = deep_values.read(path, header)
    if stretched:
        pixels = stretch(deep_values.to_grey(stored))
    else:
        pixels = deep_values.to_8_bits(stored, bits, alpha=channels == 3)
    if header.orientation == 1 and (channels == 3 or pixels.ndim == 2):
        return pixels
    image = Image.fromarray(pixels)
    upright = _turned(image.convert("L") if channels == 1 else image, header.orientation)
    return np.asarray(upright)


def _of_8_bits(path: Path, header: Header, channels: int) -> np.ndarray:
    if header.format == "PNG":
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()  # checksums of the chunks, which decoding does not look at
    # Opened by name, some TIFFs are mapped into memory, and Pillow turns those wrongly.
    with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
        if header.page:
            image.seek(header.page.number)
        # Pillow turns a TIFF by itself.
        upright = image if header.page else _turned(image, header.orientation)
        return np.asarray(upright.convert("L") if channels == 1 else _on_white(upright))


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned upright by EXIF's Orientation."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _on_white(image: Image.Image) -> Image.Image:
    """The picture in RGB on a white ground; rejects one that is transparent all over."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")  # convert copies
    image = image.convert("RGBA")
    faintest, strongest = image.getchannel("A").getextrema()
    if strongest == 0:
        raise Rejected("transparent", "all of it")
    if faintest == 255:
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


def stretch(stored: np.ndarray) -> np.ndarray:
    """uint8 or uint16 greys to uint8: the 0.5 and 99.5 percentiles become 0 and 255, as in films.

    Raises Rejected: not_grey, blank.
    """
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.uint16):
        raise Rejected("not_grey", f"{stored.ndim} dimensions of {stored.dtype}")
    counts = grey_levels.count(stored)
    values = np.arange(len(counts))
    table = grey_levels.linear(*grey_levels.percentiles(values, counts))(values)
    return grey_levels.look_up(np.rint(table).astype(np.uint8), np.ascontiguousarray(stored))
