"""Opening a DICOM file safely, and checking that it holds one film.

Headers (`headers`) and pixels (`films`) both start here. Where a compressed codestream contradicts
the header, the header counts for sign and BitsStored, as it does for uncompressed words; a
codestream of another size is rejected.
"""

import logging
import re
import warnings
import zlib
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_dataset

from pgdose.errors import Rejected

GREYS = ("MONOCHROME1", "MONOCHROME2")
PREAMBLE = 132  # bytes of a file before its first element
LARGEST = 100_000_000  # pixels of a film: all steps on them fit into 2 GB of memory
LARGEST_HEADER = 2**26  # bytes that are read of a file for its header
LARGEST_META = 2**20  # bytes: the file meta information, which stands before all else
LARGEST_FILE = 2 * LARGEST + LARGEST_HEADER  # bytes
MOST_READS = 10**6  # of a file; an element takes two to four, and half a kilobyte of memory
INFLATED_HEADER = 2**20  # bytes of a deflated file that are inflated for its header
LARGEST_NUMBER = 1e12  # in a header; larger ones are typing errors, and sums of them overflow

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of the file
warnings.filterwarnings("ignore", module="pydicom")


@dataclass(frozen=True)
class WordLayout:
    """How the words of a film hold its stored values."""

    allocated: int  # bits of a word, 8 or 16
    stored: int  # bits of a value
    high: int  # number of its most significant bit
    signed: bool

    def values(self) -> np.ndarray:
        """The stored value of each word: int32, 2**allocated."""
        words = np.arange(2**self.allocated, dtype=np.int32)
        values = (words >> (self.high - self.stored + 1)) & (2**self.stored - 1)
        if self.signed:
            values[values >= 2 ** (self.stored - 1)] -= 2**self.stored
        return values


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is DICOM: by its first bytes, or by its name's ending."""
    with path.open("rb") as file:
        start = file.read(PREAMBLE)
    return start[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")


def read_dicom(path: Path, *, pixels: bool) -> pydicom.Dataset:
    """The data set of a file, with its pixels or without.

    Raises Rejected: not_dicom, no_part10_header, unreadable_header, absurd_size, file_missing,
    no_permission.
    """
    try:
        with path.open("rb") as file:
            start = file.read(PREAMBLE)
            if start[128:] != b"DICM":
                bare = start[:1] == b"\x08" and start[1:2] == b"\x00" and start[3:4] == b"\x00"
                raise Rejected("no_part10_header" if bare else "not_dicom", "no DICOM preamble")
            if pixels and path.stat().st_size > LARGEST_FILE:
                raise Rejected("absurd_size", f"{path.stat().st_size} bytes")
            meta = _read_meta(file)
            if meta.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
                return _read_deflated(file, meta, pixels)
            file.seek(0)
            limited = LimitedFile(file, 2 * LARGEST_FILE if pixels else LARGEST_HEADER)
            return pydicom.dcmread(cast(BinaryIO, limited), stop_before_pixels=not pixels)
    except Rejected:
        raise
    except FileNotFoundError:
        raise Rejected("file_missing", "") from None
    except PermissionError:
        raise Rejected("no_permission", "") from None
    except InvalidDicomError:
        raise Rejected("not_dicom", "no DICOM preamble") from None
    except Exception as error:
        raise Rejected("unreadable_header", type(error).__name__) from None


class LimitedFile:
    """A file of which pydicom may read so much and no more: it would believe any stated length.

    A file that is a few bytes on disk can hold elements of gigabytes (a sparse one), or millions
    of empty ones. `read` raises Rejected (absurd_size) before it asks for memory.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._most_bytes = self._bytes_left = most_bytes
        self._reads_left = MOST_READS
        start = file.tell()
        self._end = file.seek(0, SEEK_END)
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        there = max(self._end - self._file.tell(), 0)
        size = there if size < 0 else min(size, there)
        self._bytes_left -= size
        self._reads_left -= 1
        if self._bytes_left < 0:
            raise Rejected("absurd_size", f"it has over {self._most_bytes} bytes")
        if self._reads_left < 0:
            raise Rejected("absurd_size", "too many elements")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _read_meta(file: BinaryIO) -> FileMetaDataset:
    """The file meta information by dcmread's own parser: only it says what dcmread will believe.

    Afterwards `file` stands where the information ends.
    """
    file.seek(PREAMBLE)
    return _read_file_meta_info(cast(BinaryIO, LimitedFile(file, LARGEST_META)))


def _read_deflated(file: BinaryIO, meta: FileMetaDataset, pixels: bool) -> pydicom.Dataset:
    """As dcmread, but with a limit: a few bytes can inflate to more than the memory.

    Without pixels only the start of the file is inflated.
    """
    limit = LARGEST_FILE if pixels else INFLATED_HEADER
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(limit), limit)
    if pixels and len(inflated) == limit:
        raise Rejected("absurd_size", "the decompressed file is too large")
    ds = read_dataset(
        cast(BinaryIO, LimitedFile(BytesIO(inflated), 2 * limit)),  # it reads some twice
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=None if pixels else lambda tag, *_: tag >= 0x7FE00008,
    )
    ds.file_meta = meta
    return ds


def check_film(ds: pydicom.Dataset) -> None:
    """Reject a data set that is not one film of one grey plane, by its header.

    Raises Rejected: no_image, absurd_size, not_grey, multi_frame, not_16_bit, bad_bits. Values
    that pydicom cannot convert raise what it raises.
    """
    rows, columns = int(ds.get("Rows") or 0), int(ds.get("Columns") or 0)
    photometric = str(ds.get("PhotometricInterpretation") or "")
    if not rows or not columns:
        raise Rejected("no_image", "Rows or Columns is missing")
    if rows * columns > LARGEST:
        raise Rejected("absurd_size", f"{columns}x{rows}")
    if photometric not in GREYS or int(ds.get("SamplesPerPixel") or 1) != 1:
        standard = re.fullmatch("RGB|PALETTE COLOR|YBR_[A-Z_0-9]{2,11}", photometric)
        raise Rejected("not_grey", photometric if standard else "")
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Rejected("multi_frame", str(int(ds.NumberOfFrames)))
    if ds.get("BitsAllocated") not in (8, 16):
        raise Rejected("not_16_bit", "BitsAllocated is neither 8 nor 16")
    layout = word_layout(ds)
    if not 1 <= layout.stored <= layout.high + 1 <= layout.allocated:
        raise Rejected("bad_bits", f"{layout.stored} bits up to bit {layout.high}")
    if int(ds.get("PixelRepresentation") or 0) not in (0, 1):
        raise Rejected("bad_bits", "PixelRepresentation is neither 0 nor 1")


def word_layout(ds: pydicom.Dataset) -> WordLayout:
    stored = int(ds.BitsStored)
    high = ds.get("HighBit")
    return WordLayout(
        allocated=int(ds.BitsAllocated),
        stored=stored,
        high=stored - 1 if high is None else int(high),
        signed=bool(ds.get("PixelRepresentation") or 0),
    )


def transfer_syntax(ds: pydicom.Dataset) -> uid.UID:
    return uid.UID(str(ds.file_meta.get("TransferSyntaxUID", "")))


def first_number(ds: pydicom.Dataset, keyword: str, absent: float | None = None) -> float | None:
    """The first number of an attribute; `absent` if the file lacks it, None if it is no number."""
    try:
        value = ds.get(keyword)
        if isinstance(value, bytes):
            return None
        if not isinstance(value, str | float | int) and value is not None:
            value = value[0] if len(value) else None
        if value is None or value == "":
            return absent
        number = float(value)
    except Exception:  # pydicom's converters raise errors of all kinds
        return None
    return number if abs(number) <= LARGEST_NUMBER else None  # None for NaN too
