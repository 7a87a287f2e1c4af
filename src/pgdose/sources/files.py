"""What all sources need of files: staying inside a root, reading pictures, ages, sexes, codes."""

import os
import re
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from pgdose.errors import Rejected, UserError
from pgdose.records import Listed, listed, opaque
from pgdose.sources import deep, grey

OLDEST = 120.0  # years; an age above is a slip of the pen
LARGEST = 400_000_000  # pixels; a header that promises more is not believed
Image.MAX_IMAGE_PIXELS = LARGEST  # Pillow stops at 179 million of its own, and asks nowhere else
# Of all that Pillow knows: an EPS is a program, which it would hand to Ghostscript.
FORMATS = ("PNG", "TIFF", "JPEG", "BMP", "JPEG2000", "WEBP", "PPM", "GIF")
Image.init()  # else Pillow knows some of them only later
FRONTAL = ("PA", "AP")  # as ViewPosition has them
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")
OTHER = "OTHER"  # a code that the study has no use for
TURNS = {  # by EXIF's Orientation; from 5 on rows are stored as columns
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder, folder by folder in the order of their names.

    Links to folders are not followed; a link to a file may lead out, see `check_inside`. Raises
    UserError where a folder cannot be read: what it holds would be missing without a word.
    """

    def stop(error: OSError) -> None:
        raise UserError(f"a folder below the source's root cannot be read: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=stop):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                yield path


def list_files(root: Path, *, key: bytes, source: str) -> Iterator[dict]:
    """{record_id, path} of every file below `root`; the id depends on its place below it."""
    for path in walk(root):
        name = os.fsencode(path.relative_to(root).as_posix()).decode("latin-1")
        yield {"record_id": opaque(key, source, name), "path": str(path)}


def inside(root: Path, name: str) -> Path:
    """The file `name` below `root`; rejects what is missing or leads out of it."""
    try:
        path = (root / name).resolve()
        there = bool(name) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long a name, a NUL in it, a ring of links
        raise Rejected("file_missing", "the table names a file that cannot be") from None
    if not path.is_relative_to(root.resolve()):
        raise Rejected("outside_root", "a file outside the source's root")
    if not there:
        raise Rejected("file_missing", "the table names a file that is not there")
    return path


def unchanged(file: Listed) -> Path:
    """Its path; rejects a file that is gone, or another one than when its source was indexed."""
    now = listed(file.path)
    if now.size is None:
        raise Rejected("file_missing", "it is not there, or not any more")
    if now != file:
        raise Rejected("file_changed", "its size or date is another than when it was indexed")
    return file.path


def check_inside(root: Path, path: Path) -> None:
    """Rejects a file that `walk` found below `root`, if it is a link that leads out of it."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise Rejected("outside_root", "a link out of the source's root")


def check_folder(root: Path, field: str) -> None:
    if not root.is_dir():
        raise UserError(f"{field}: there is no such folder; give the one that holds the files")


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, from its header.

    Rejects what is no picture (not_an_image) and more than LARGEST pixels (absurd_size).
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if _jpeg_orientation(image) in (5, 6, 7, 8):
                width, height = height, width
    except Image.DecompressionBombError:
        raise Rejected("absurd_size", f"over {2 * LARGEST} pixels") from None
    except Exception as error:
        raise Rejected("not_an_image", type(error).__name__) from None
    if width * height > LARGEST:
        raise Rejected("absurd_size", f"{width}x{height}")
    return width, height


def read_image(path: Path, channels: int, bits: int = 16) -> np.ndarray:
    """A picture as uint8, rows x columns (1 channel) or rows x columns x 3; 0 is black.

    The Orientation of a JPEG or TIFF turns it; of several pages the first is read. Colours of 16
    bits become 255 * value / (2**bits - 1), rounded, see `deep.to_8_bits`. Greys of more than 8
    bits are stretched as those of DICOM files are. Palettes, CMYK and the like convert as Pillow
    does. In RGB what is transparent is white, as glass is; in grey alpha is left out.

    Rejects what `image_size` does and: unreadable_pixels, not_8_or_16_bit, over_bits, under_bits,
    and transparent where all of it is.
    """
    image_size(path)
    try:
        # Opened by name, some TIFFs are mapped into memory, and Pillow turns those wrongly.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if deep.is_deep(image, path):
                colours = deep.read(image, path)
                pixels = deep.to_8_bits(colours, bits)
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
    """The picture as EXIF's Orientation says that it was seen."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _jpeg_orientation(image: Image.Image) -> int:
    """The Orientation of a JPEG, else 1: Pillow turns a TIFF by itself."""
    if image.format not in ("JPEG", "MPO"):
        return 1
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _stretched(image: Image.Image) -> Image.Image:
    """Greys of more than 8 bits as those of 8."""
    deep_greys = np.asarray(image)
    if image.mode[0] == "F" or deep_greys.min() < 0 or deep_greys.max() >= 2**16:
        raise Rejected("not_8_or_16_bit", image.mode)
    return Image.fromarray(stretch(deep_greys.astype(np.uint16)))


def _on_white(image: Image.Image) -> Image.Image:
    """The picture in RGB, laid on white; rejects one that is transparent all over."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")  # which would copy
    image = image.convert("RGBA")
    faintest, strongest = image.getchannel("A").getextrema()
    if strongest == 0:
        raise Rejected("transparent", "all of it is")
    if faintest == 255:
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


_AGE = re.compile(r"([YMWD]?)(-?\d{1,3}(?:[.,]\d+)?)([YMWD]?)")
_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def parse_age(text: object, born: str = "", *examined: str) -> float | None:
    """Age in years from `045Y`, `Y045`, `45`, `018M`, else from two dates YYYYMMDD, else None.

    `examined` are dates in order of preference. The first age of all that is possible counts;
    rejects one that is impossible where there is nothing better (impossible_age).
    """
    match = _AGE.fullmatch(re.sub(r"\s", "", str(text or "")).upper())
    ages = [_years(born, day) for day in examined]
    if match:
        years = float(match[2].replace(",", ".")) / _PER_YEAR[match[1] or match[3]]
        # 000Y stands for unknown as often as for a newborn: dates know better.
        ages.insert(0 if years else len(ages), years)
    known = [age for age in ages if age is not None]
    possible = [age for age in known if 0 <= age <= OLDEST]
    if known and not possible:
        raise Rejected("impossible_age", f"under 0 or over {OLDEST:.0f} years")
    return possible[0] if possible else None


def _years(born: str, examined: str) -> float | None:
    """Full years, and the days since the last birthday as a part of a year."""
    try:
        birth, day = (date.fromisoformat(d.strip().replace(".", "-")) for d in (born, examined))
    except ValueError:
        return None
    full = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    if full < 0:
        return float(full)
    last = date(birth.year + full, birth.month, min(birth.day, 28))
    return full + min(max((day - last).days, 0) / 366, 0.999)


def parse_sex(text: object) -> str | None:
    """F or M from the usual spellings, else None."""
    word = str(text or "").strip().upper()
    women = ("F", "FEMALE", "W", "WOMAN", "Ж", "ЖЕН", "ЖЕНСКИЙ")
    men = ("M", "MALE", "MAN", "М", "МУЖ", "МУЖСКОЙ")  # Latin M and Cyrillic М
    return "F" if word in women else "M" if word in men else None


def parse_view(text: object, asked: Collection[str]) -> str | None:
    """A usual ViewPosition or one that is `asked` for, else OTHER: people type into such fields."""
    code = str(text or "").strip().upper()
    return (code if code in (*FRONTAL, *LATERAL, *asked) else OTHER) if code else None


def stretch(stored: np.ndarray) -> np.ndarray:
    """uint8 or uint16 to uint8 by the 0.5 and 99.5 percentiles, as those of films."""
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.uint16):
        raise Rejected("not_grey", f"{stored.ndim} dimensions of {stored.dtype}")
    counts = grey.count(stored)
    values = np.arange(len(counts))
    table = grey.linear(*grey.percentiles(values, counts))(values)
    return grey.look_up(np.rint(table).astype(np.uint8), stored)
