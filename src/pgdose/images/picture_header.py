"""What the header of a picture says, without its pixels: size, bits, pages, which way is up."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, ImageFile

from pgdose.errors import Rejected
from pgdose.images.tiff_pages import SPLIT, TiffPage, picture_page
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

_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTED = ("JPEG", "MPO", "PNG", "WEBP")
_MOST_FRAMES = 100  # of a JPEG with previews
_MOST_CHUNKS = 1_000_000  # of a PNG; 100 million pixels in pieces of 8 KB have a tenth of it
_EXIF_CHUNK = 10**6  # bytes; it holds a few hundred


class Header(NamedTuple):
    """What the header says of the page that is the picture."""

    width: int  # upright
    height: int
    bits: int  # of a channel, as the file states them; a palette's colours have 8
    pages: int
    orientation: int  # 1 (upright) to 8, as EXIF has it
    format: str  # Pillow's name
    page: TiffPage | None  # of a TIFF


def read_header(path: Path) -> Header:
    """The header of a picture.

    Raises Rejected: not_an_image; archive; absurd_size (more than LARGEST pixels, of the picture or
    of a tile of a TIFF); several_pages; not_8_or_16_bit.
    """
    try:
        header = _read_header(path)
    except Rejected:
        raise
    except Image.DecompressionBombError:
        raise Rejected("absurd_size", f"over {2 * LARGEST} pixels") from None
    except Exception as error:
        if name := archive_format_of(path):
            raise Rejected("archive", unpack_advice(name)) from None
        raise Rejected("not_an_image", type(error).__name__) from None
    if header.width * header.height > LARGEST:
        raise Rejected("absurd_size", f"{header.width}x{header.height}")
    tile = header.page.tile if header.page else (0, 0)
    if tile[0] * tile[1] > LARGEST:  # libtiff takes memory for the whole tile
        raise Rejected("absurd_size", f"a tile of {tile[0]}x{tile[1]}")
    return header


def _read_header(path: Path) -> Header:
    with path.open("rb") as file:
        if file.read(4) in _TIFFS:
            return _tiff_header(path)
        file.seek(0)
        with Image.open(file, formats=FORMATS) as image:
            size, name = image.size, str(image.format)
            bits = _bits(file, image)
            orientation = _orientation(file, image)
            pages = _count_frames(image)
    if orientation >= 5:
        size = size[::-1]
    return Header(*size, bits, pages, orientation, name, None)


def _tiff_header(path: Path) -> Header:
    page, pages = picture_page(path)
    orientation = page.orientation if page.orientation in range(1, 9) else 1
    size = (page.width, page.height) if orientation < 5 else (page.height, page.width)
    if page.bits <= 8 and size[0] * size[1] <= LARGEST:
        with path.open("rb") as file, Image.open(file, formats=["TIFF"]) as image:
            image.seek(page.number)  # here, so that the index rejects what Pillow cannot read
    return Header(*size, page.bits, pages, orientation, "TIFF", page)


def _count_frames(image: Image.Image) -> int:
    """The number of pictures in a file other than a TIFF; rejects several of one size."""
    if not getattr(image, "is_animated", False):
        return 1
    if image.format != "MPO":
        raise Rejected("several_pages", f"an animation; {SPLIT}")
    width, height = image.size
    frames = min(int(getattr(image, "n_frames", 1)), _MOST_FRAMES)
    for frame in range(1, frames):  # previews, gain maps
        try:
            image.seek(frame)
        except (EOFError, ValueError, SyntaxError, OSError):
            break  # a program has kept the list of them and dropped the pictures
        if image.width * image.height > width * height / 2:
            raise Rejected("several_pages", f"a JPEG of several pictures; {SPLIT}")
    return frames


def _bits(file: BinaryIO, image: ImageFile.ImageFile) -> int:
    """Bits of a channel of what Pillow has opened, a TIFF apart."""
    if image.format == "PNG":
        file.seek(24)
        bits, colour = file.read(2)
        return 8 if colour == 3 else bits
    if image.format == "PPM":
        return _bits_of_ppm(image)
    if image.format == "JPEG2000":
        return _bits_of_jpeg_2000(file, image)
    if image.mode[0] in "IF":
        raise Rejected("not_8_or_16_bit", f"a {image.format} of other numbers")
    return 8


def _bits_of_ppm(image: ImageFile.ImageFile) -> int:
    """Up to 8 are left to Pillow, which makes 255 of the largest value."""
    decoder, _, _, arguments = image.tile[0]
    if decoder == "raw":
        largest = 65535 if image.mode[0] == "I" else 255
    else:
        largest = int(arguments[1]) if isinstance(arguments, tuple) and len(arguments) > 1 else 1
    if largest <= 255 and image.mode in ("1", "L", "RGB"):
        return 8
    if decoder in ("raw", "ppm") and largest & (largest + 1) == 0 and image.mode in ("I", "RGB"):
        return largest.bit_length()
    if decoder == "ppm_plain":
        raise Rejected("not_8_or_16_bit", "over 8 bits written as text; save it as binary (P5, P6)")
    raise Rejected("not_8_or_16_bit", "its largest value is none of 8 to 16 bits")


def _bits_of_jpeg_2000(file: BinaryIO, image: Image.Image) -> int:
    """By the SIZ of the codestream (ISO 15444-1 A.5.1); 8 where a palette makes colours of it."""
    file.seek(0)
    start = file.read(1 << 20)  # boxes before the codestream are far smaller
    soc = start.find(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack_from(">4I", start, soc + 8)
    channels, depth = struct.unpack_from(">HB", start, soc + 40)
    if soc < 0 or (right - left, bottom - top) != image.size:
        raise Rejected("not_an_image", "its headers disagree")
    of_each = struct.unpack_from(f">{3 * min(channels, 4)}B", start, soc + 42)
    if b"pclr" in start[:soc] or set(of_each[::3]) == {7}:
        return 8
    odd = set(of_each) != {depth, 1} or depth > 15  # the top bit: signed numbers
    if odd or channels not in (1, 3) or _is_ycc(start[:soc]):
        raise Rejected("not_8_or_16_bit", f"{channels} channels of uneven or other bits")
    return depth + 1


def _is_ycc(boxes: bytes) -> bool:
    at = boxes.find(b"colr\x01")  # the method: an enumerated colour space
    return at >= 0 and boxes[at + 7 : at + 11] == struct.pack(">I", 18)


def _orientation(file: BinaryIO, image: Image.Image) -> int:
    if image.format not in _ORIENTED:
        return 1
    if image.format == "PNG" and (exif := _exif_chunk(file)):
        image.info.setdefault("exif", exif)
    try:
        # Not the method of a PNG, which would read all pixels: the chunk may stand behind them.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged EXIF says nothing, and Pillow raises all kinds of errors
        return 1
    return orientation if orientation in range(1, 9) else 1


def _exif_chunk(file: BinaryIO) -> bytes | None:
    """The data of a PNG's eXIf chunk."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            break
        length, name = struct.unpack(">I4s", head)
        if name == b"eXIf" and length <= _EXIF_CHUNK:
            return file.read(length)
        at += 12 + length
    return None
