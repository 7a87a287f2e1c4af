"""What all sources need of files: staying inside a root, reading pictures, ages and sexes."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

from pgdose.errors import Rejected, UserError

OLDEST = 120.0  # years; an age above is a slip of the pen
PERCENTILES = (0.5, 99.5)  # of the stored values; they become black and white
LARGEST = 400_000_000  # pixels; a header that promises more is not believed


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their names."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path


def inside(root: Path, name: str) -> Path:
    """The file `name` below `root`; rejects what is missing or leads out of it."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise Rejected("outside_root", "the table names a file outside the source's root")
    if not name or not path.is_file():
        raise Rejected("file_missing", "the table names a file that is not there")
    return path


def check_folder(root: Path, field: str) -> None:
    if not root.is_dir():
        raise UserError(f"{field}: there is no such folder; give the one that holds the files")


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels from the header of a picture."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Exception as error:
        raise Rejected("not_an_image", type(error).__name__) from None
    if width * height > LARGEST:
        raise Rejected("absurd_size", f"{width}x{height}")
    return width, height


def read_image(path: Path, channels: int) -> np.ndarray:
    """A picture as uint8, rows x columns (1 channel) or rows x columns x 3; 0 is black.

    Greys of more than 8 bits are stretched as those of DICOM files are.
    """
    image_size(path)
    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                grey = np.asarray(image)
                if image.mode[0] == "F" or grey.min() < 0 or grey.max() >= 2**16:
                    raise Rejected("not_8_or_16_bit", image.mode)
                image8 = Image.fromarray(stretch(grey.astype(np.uint16), inverted=False))
            else:
                image8 = image
            return np.asarray(image8.convert("L" if channels == 1 else "RGB"))
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_pixels", type(error).__name__) from None


_AGE = re.compile(r"^([YMWD]?)(\d{1,3}(?:\.\d+)?)([YMWD]?)$")
_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def parse_age(text: object, born: str = "", examined: str = "") -> float | None:
    """Age in years from `045Y`, `Y045`, `45`, `018M`, or from two dates YYYYMMDD; else None."""
    match = _AGE.match(str(text or "").strip().upper())
    age = None
    if match:
        age = float(match[2]) / _PER_YEAR[match[1] or match[3]]
    elif not str(text or "").strip():
        try:
            age = _years(date.fromisoformat(born), date.fromisoformat(examined))
        except ValueError:
            return None
    return age if age is not None and 0 <= age <= OLDEST else None


def _years(born: date, day: date) -> float:
    """Full years, and the days since the last birthday as a part of a year."""
    full = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    last = date(born.year + full, born.month, min(born.day, 28))
    return full + min(max((day - last).days, 0) / 366, 0.999)


def parse_sex(text: object) -> str | None:
    """F or M from the usual spellings, else None."""
    word = str(text or "").strip().upper()
    return {"F": "F", "FEMALE": "F", "Ж": "F", "M": "M", "MALE": "M", "М": "M"}.get(word)


def stretch(stored: np.ndarray, inverted: bool) -> np.ndarray:
    """Integers of any depth up to 16 bits to uint8 by the 0.5 and 99.5 percentiles.

    By way of a table of all values, which is faster than arithmetic on every pixel.
    """
    if stored.ndim != 2 or stored.dtype.itemsize > 2:
        raise Rejected("not_grey", f"{stored.ndim} dimensions of {stored.dtype}")
    lowest = int(stored.min())
    offset = stored.astype(np.int32) - lowest
    counts = np.bincount(offset.ravel())
    below = np.cumsum(counts) / offset.size
    low, high = np.searchsorted(below, [p / 100 for p in PERCENTILES])
    if high <= low:
        raise Rejected("blank", "no contrast between the 0.5 and 99.5 percentiles")
    table = np.clip((np.arange(len(counts)) - low) * (255 / (high - low)), 0, 255)
    table = np.rint(255 - table if inverted else table).astype(np.uint8)
    return table[offset]
