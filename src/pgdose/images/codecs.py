"""Reading pictures: PNG, TIFF, JPEG, BMP and the like as uint8."""

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from pgdose.errors import Rejected
from pgdose.images import deep_color, grey_levels
from pgdose.tables.packed_files import archive_format_of, unpack_advice

# Pixels of a picture. At their peak the decoders hold up to 24 bytes for each: 16-bit RGBA 8 as it
# is stored, 8 in the decoder's or converted copies, 6 in RGB; JPEG 2000 4 for each channel, and
# two pictures of Pillow with 4. That is 2.4 GB; with what a job imports it fits into the 4 GB that
# the profiles give a job.
LARGEST = 100_000_000
Image.MAX_IMAGE_PIXELS = LARGEST  # Pillow has no other setting
# A choice of what Pillow reads: it would run an EPS, which is a program, in Ghostscript.
FORMATS = ("PNG", "TIFF", "JPEG", "BMP", "JPEG2000", "WEBP", "PPM", "GIF")
Image.init()  # else Pillow registers some of them only later
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
    """(width, height) in pixels of the upright picture, from its header.

    Raises Rejected: not_an_image; archive (such as ZIP); absurd_size (more than LARGEST pixels, of
    the picture or of a tile of a TIFF).
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if _jpeg_orientation(image) in (5, 6, 7, 8):
                width, height = height, width
            tile = _tile_size(image)
    except Image.DecompressionBombError:
        raise Rejected("absurd_size", f"over {2 * LARGEST} pixels") from None
    except Exception as error:
        if name := archive_format_of(path):
            raise Rejected("archive", unpack_advice(name)) from None
        raise Rejected("not_an_image", type(error).__name__) from None
    if width * height > LARGEST:
        raise Rejected("absurd_size", f"{width}x{height}")
    if tile[0] * tile[1] > LARGEST:  # libtiff takes memory for the whole tile
        raise Rejected("absurd_size", f"a tile of {tile[0]}x{tile[1]}")
    return width, height


def _tile_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a TIFF's tiles, which may be larger than the picture; else (0, 0)."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0, 0
    tags = image.tag_v2
    return (
        int(tags.get(TiffImagePlugin.TILEWIDTH, 0)),
        int(tags.get(TiffImagePlugin.TILELENGTH, 0)),
    )


def read_image(path: Path, channels: int, bits: int = 16) -> np.ndarray:
    """A picture as uint8, rows x columns (1 channel) or rows x columns x 3; 0 is black.

    The picture is turned upright by the Orientation of a JPEG or TIFF; of several pages the first
    is read. Colours of 16 bits become 255 * value / (2**bits - 1), rounded, see
    `deep_color.to_8_bits`. Greys of more than 8 bits are stretched between percentiles, as those
    of DICOM films are. Pillow converts palettes, CMYK and the like. In RGB transparent areas
    become white, as glass is; in grey alpha is ignored.

    Raises Rejected: the codes of `image_size`, unreadable_pixels, not_8_or_16_bit, over_bits,
    under_bits, transparent (all of the picture).
    """
    image_size(path)
    try:
        # Opened by name, some TIFFs are mapped into memory, and Pillow turns those wrongly.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if deep_color.is_deep(image, path):
                colours = deep_color.read(image, path)
                pixels = deep_color.to_8_bits(colours, bits)
                if channels == 3 and colours.orientation == 1:
                    return pixels
                upright = _turned(Image.fromarray(pixels), colours.orientation)
            else:
                image8 = _stretched(image) if image.mode[0] in "IF" else image
                upright = _turned(image8, _jpeg_orientation(image))
            return np.asarray(upright.convert("L") if channels == 1 else _on_white(upright))
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_pixels", type(error).__name__) from None


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned upright by EXIF's Orientation."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _jpeg_orientation(image: Image.Image) -> int:
    """The Orientation of a JPEG, else 1: Pillow turns a TIFF by itself."""
    if image.format not in ("JPEG", "MPO"):
        return 1
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _stretched(image: Image.Image) -> Image.Image:
    """Greys of up to 16 bits as 8 bits; rejects other values (not_8_or_16_bit)."""
    deep_greys = np.asarray(image)
    if image.mode[0] == "F" or deep_greys.min() < 0 or deep_greys.max() >= 2**16:
        raise Rejected("not_8_or_16_bit", image.mode)
    return Image.fromarray(stretch(deep_greys.astype(np.uint16)))


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
    return grey_levels.look_up(np.rint(table).astype(np.uint8), stored)
