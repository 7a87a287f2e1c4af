"""Opening a DICOM file safely. Headers (`headers`) and pixels (`films`) both start here.

A file may have a preamble and file meta information (Part 10), the one without the other, or none.
Where it does not say its transfer syntax, its first elements and its compressed pixels show it.
"""

import logging
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar, cast

import pydicom
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import _read_file_meta_info, read_dataset

from pgdose.errors import Rejected
from pgdose.tables.packed_files import archive_format, unpack_advice
from pgdose.xray.codestream import coding_of
from pgdose.xray.data_set_start import bare_encoding, encoding_of
from pgdose.xray.film_checks import LARGEST

PREAMBLE = 132  # bytes of a file before its first element
START = 4096  # bytes of a file that show what it is
LARGEST_HEADER = 2**26  # bytes that are read of a file for its header
LARGEST_META = 2**20  # bytes: the file meta information, which stands before all else
LARGEST_FILE = 2 * LARGEST + LARGEST_HEADER  # bytes
MOST_READS = 10**6  # of a file; an element takes two to four, and half a kilobyte of memory
INFLATED_HEADER = 2**20  # bytes of a deflated file that are inflated for its header
CODESTREAM_START = 2**18  # bytes; profiles and comments of 64 KB stand before what tells the coding
LARGEST_NUMBER = 1e12  # in a header; larger ones are typing errors, and sums of them overflow

SOP_CLASS = 0x00080016
UNDEFINED = 0xFFFFFFFF  # the length of compressed pixels
FIRST_PIXEL_TAG, PIXEL_DATA = 0x7FE00008, 0x7FE00010
PIXEL_TAGS = (FIRST_PIXEL_TAG, 0x7FE00009, PIXEL_DATA)  # of floats, doubles and integers
ITEM, END_OF_ITEMS = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of the file
warnings.filterwarnings("ignore", module="pydicom")


ENDS = "the file ends before its pixels"
BREAKS_OFF = "the file ends within an element"
Content = TypeVar("Content")


class PixelElement(NamedTuple):
    """The element of the pixels, and where its value begins."""

    tag: int
    vr: str | None
    length: int
    place: int


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
        self._short, self._empty = 0, 0

    @property
    def breaks_off(self) -> bool:
        """Whether more was asked for than there is, but for one look whether there is more."""
        return self._short > 0 or self._empty > 1

    def read(self, size: int = -1) -> bytes:
        there = max(self._end - self._file.tell(), 0)
        if size > there:
            self._short += there > 0
            self._empty += there == 0
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


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes: names may be wrong."""
    with path.open("rb") as file:
        start = file.read(START)
    return start[128:PREAMBLE] == b"DICM" or bare_encoding(start, path.stat().st_size) is not None


def read_dicom(path: Path, *, pixels: bool) -> pydicom.Dataset:
    """The data set of a file up to its pixels, with them or without.

    Nothing behind the pixels is read. `file_meta` has a TransferSyntaxUID even if the file does not
    say it, but for compressed pixels whose coding is unknown.

    Raises Rejected: archive, not_dicom, unreadable_header, no_image (of a report, a plan),
    absurd_size, unreadable_pixels (with pixels), file_missing, no_permission.
    """

    def read(file: BinaryIO, meta: FileMetaDataset) -> pydicom.Dataset:
        if pixels and os.fstat(file.fileno()).st_size > LARGEST_FILE:
            raise Rejected("absurd_size", f"over {LARGEST_FILE} bytes")
        inflated = LARGEST_FILE if pixels else INFLATED_HEADER
        most_bytes = 2 * LARGEST_FILE if pixels else LARGEST_HEADER
        return _read_data_set(_limited(file, meta, most_bytes, inflated, pixels), meta, pixels)

    return _with_meta(path, read)


def sop_class(path: Path) -> str:
    """The SOP class of a file, by its first elements; "" if it does not say it.

    Raises Rejected as `read_dicom` does, but for what concerns pixels.
    """

    def read(file: BinaryIO, meta: FileMetaDataset) -> str:
        if kind := meta.get("MediaStorageSOPClassUID"):
            return str(kind)
        limited = _limited(file, meta, LARGEST_HEADER, INFLATED_HEADER, whole=False)
        ds = _read_elements(limited, meta, lambda tag, vr, length: tag > SOP_CLASS)
        return str(ds.get("SOPClassUID") or "")

    return _with_meta(path, read)


def read_document(path: Path, most_bytes: int) -> pydicom.Dataset:
    """The whole data set of a file that is a document; none is read that breaks off.

    Raises Rejected as `read_dicom` does, but for what concerns pixels; BREAKS_OFF is its detail
    for a file that breaks off.
    """

    def read(file: BinaryIO, meta: FileMetaDataset) -> pydicom.Dataset:
        limited = _limited(file, meta, 2 * most_bytes, most_bytes, whole=True)
        try:
            ds = _read_elements(limited, meta)
        except Exception:
            if not limited.breaks_off:
                raise
        if limited.breaks_off:
            raise Rejected("unreadable_header", BREAKS_OFF)
        return ds

    return _with_meta(path, read)


def _with_meta(path: Path, read: Callable[[BinaryIO, FileMetaDataset], Content]) -> Content:
    """What `read` makes of a file, which stands where its data set begins, and of its meta."""
    try:
        with path.open("rb") as file:
            file.seek(_data_place(file, file.seek(0, SEEK_END)))
            meta = _read_meta(file)
            if not meta.get("TransferSyntaxUID"):
                meta.TransferSyntaxUID = _native_syntax(file)
            return read(file, meta)
    except Rejected:
        raise
    except FileNotFoundError:
        raise Rejected("file_missing", "") from None
    except PermissionError:
        raise Rejected("no_permission", "") from None
    except (EOFError, struct.error):
        raise Rejected("unreadable_header", ENDS) from None
    except Exception as error:
        raise Rejected("unreadable_header", type(error).__name__) from None


def _limited(
    file: BinaryIO, meta: FileMetaDataset, most_bytes: int, inflated: int, whole: bool
) -> LimitedFile:
    """The data set's bytes, at most so many, or so many `inflated` ones of a deflated file."""
    if meta.TransferSyntaxUID != uid.DeflatedExplicitVRLittleEndian:
        return LimitedFile(file, most_bytes)
    return LimitedFile(BytesIO(_inflated(file, inflated, whole)), 2 * inflated)


def _read_elements(
    file: LimitedFile,
    meta: FileMetaDataset,
    stop: Callable[[int, str | None, int], bool] | None = None,
) -> pydicom.Dataset:
    syntax = meta.TransferSyntaxUID
    ds = read_dataset(
        cast(BinaryIO, file),
        is_implicit_VR=syntax == uid.ImplicitVRLittleEndian,
        is_little_endian=syntax != uid.ExplicitVRBigEndian,
        stop_when=stop,
    )
    ds.file_meta = meta
    return ds


def _data_place(file: BinaryIO, size: int) -> int:
    """Where the first element of the file stands. Raises Rejected: archive, not_dicom."""
    file.seek(0)
    start = file.read(START)
    if start[128:PREAMBLE] == b"DICM":
        return PREAMBLE
    if bare_encoding(start, size) is not None:
        return 0
    if name := archive_format(start):
        raise Rejected("archive", unpack_advice(name))
    raise Rejected("not_dicom", "neither a DICOM preamble nor a data set")


def _native_syntax(file: BinaryIO) -> uid.UID:
    """The encoding that the next element shows; `file` stays where it is."""
    place = file.tell()
    start = file.read(8)
    file.seek(place)
    syntax = encoding_of(start)
    if syntax is None:
        raise Rejected("unreadable_header", "no transfer syntax, and no element that shows it")
    return syntax


def _read_meta(file: BinaryIO) -> FileMetaDataset:
    """The file meta information by dcmread's own parser; empty if there is none.

    Afterwards `file` stands where the information ends.
    """
    return _read_file_meta_info(cast(BinaryIO, LimitedFile(file, LARGEST_META)))


def _inflated(file: BinaryIO, limit: int, whole: bool) -> bytes:
    """The rest of a deflated file, up to a limit: a few bytes can inflate to more than the memory.

    Unless the file is read as a whole, only its start is inflated.
    """
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(limit), limit)
    if whole and len(inflated) == limit:
        raise Rejected("absurd_size", "the decompressed file is too large")
    return inflated


def _read_data_set(file: LimitedFile, meta: FileMetaDataset, pixels: bool) -> pydicom.Dataset:
    """The data set that begins where `file` stands."""
    syntax, found = meta.TransferSyntaxUID, list[PixelElement]()
    ds = _read_elements(file, meta, _stop_at_pixels(file, found))
    if not found or found[-1].tag not in PIXEL_TAGS:
        raise _without_pixels(ds)
    element = found[-1]
    file.seek(element.place)
    if element.length == UNDEFINED and not _is_compressed(syntax):
        meta.TransferSyntaxUID = coding_of(_first_item(file)) or uid.UID("")
        file.seek(element.place)
    if pixels and element.tag == PIXEL_DATA:
        value = _items(file) if element.length == UNDEFINED else file.read(element.length)
        ds.add_new(PIXEL_DATA, element.vr if element.vr in ("OB", "OW") else "OW", value)
    return ds


def _stop_at_pixels(
    file: LimitedFile, found: list[PixelElement]
) -> Callable[[int, str | None, int], bool]:
    """For `read_dataset`: stop at the pixels, or behind where they should be, and keep what was."""

    def stop(tag: int, vr: str | None, length: int) -> bool:
        if tag < FIRST_PIXEL_TAG:
            return False
        found.append(PixelElement(int(tag), vr, length, file.tell()))
        return True

    return stop


def _is_compressed(syntax: uid.UID) -> bool:
    return not syntax.is_transfer_syntax or syntax.is_encapsulated


def _without_pixels(ds: pydicom.Dataset) -> Rejected:
    """Why a data set has no pixels: it is a report or the like, or the file breaks off."""
    kind = uid.UID(str(ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID") or ""))
    if kind in uid.UID_dictionary and "Image" not in kind.name:
        return Rejected("no_image", kind.name)
    return Rejected("unreadable_header", ENDS)


def _first_item(file: LimitedFile) -> bytes:
    """The first bytes of the first codestream, behind the table of offsets."""
    tag, length = file.read(4), int.from_bytes(file.read(4), "little")
    if tag != ITEM:
        return b""
    file.seek(length, 1)
    return file.read(8 + CODESTREAM_START)[8:]


def _items(file: LimitedFile) -> bytes:
    """The items of compressed pixels, which must be whole; what stands behind them is not read."""
    start = place = file.tell()
    while (head := file.read(8))[:4] == ITEM and len(head) == 8:
        place = file.seek(int.from_bytes(head[4:], "little"), 1)
    if head[:4] != END_OF_ITEMS:
        raise Rejected("unreadable_pixels", "the compressed pixels break off")
    file.seek(start)
    return file.read(place - start)


def transfer_syntax(ds: pydicom.Dataset) -> uid.UID:
    """Empty if compressed pixels of an unknown coding have none."""
    return uid.UID(str(ds.file_meta.get("TransferSyntaxUID", "")))


def first_number(
    ds: pydicom.Dataset, keyword: str, absent: float | None = None, place: int = 0
) -> float | None:
    """The first number of an attribute; `absent` if the file lacks it, None if it is no number.

    place: 1 for the second of several numbers.
    """
    try:
        value = ds.get(keyword)
        if isinstance(value, bytes):
            return None
        if not isinstance(value, str | float | int) and value is not None:
            value = value[min(place, len(value) - 1)] if len(value) else None
        if value is None or value == "":
            return absent
        number = float(value)
    except Exception:  # pydicom's converters raise errors of all kinds
        return None
    return number if abs(number) <= LARGEST_NUMBER else None  # None for NaN too
