"""Whether an instance is whole, and which one it is, from its header and the extent of its pixels.

No pixel is decoded: an instance that was cut ends before its own lengths say.
"""

import math
import struct
import zlib
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pydicom
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import _read_file_meta_info, read_dataset

from pgdose.errors import Rejected
from pgdose.xray.dicom_file import (
    END_OF_ITEMS,
    ITEM,
    LARGEST_FILE,
    PIXEL_TAGS,
    PREAMBLE,
    UNDEFINED,
)

CUT = "cut_short"


class LastElement(NamedTuple):
    """The last element whose start was read, and where its value begins."""

    tag: int
    length: int
    place: int


def check_instance(file: BinaryIO, asked: str) -> None:
    """Raise Rejected unless a DICOM file is whole and is the instance `asked` (SOPInstanceUID).

    Reasons: cut_short, other_instance, not_fetched (it is no DICOM). `file` must be seekable.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    if file.read(PREAMBLE)[128:] != b"DICM":
        file.seek(0)
        if size < PREAMBLE:
            raise Rejected(CUT, f"{size} bytes arrive")
        raise Rejected("not_fetched", "what arrives is no DICOM")
    try:
        meta = _read_file_meta_info(file)
        syntax = uid.UID(str(meta.get("TransferSyntaxUID") or ""))
        if syntax == uid.DeflatedExplicitVRLittleEndian:
            file, size = _inflated(file)
        header, last = _read_header(file, syntax)
        _check_whole(file, size, header, last, meta)
    except Rejected:
        raise
    except (EOFError, struct.error, zlib.error):
        raise Rejected(CUT, "it ends within its header") from None
    except Exception as error:  # pydicom's parsers raise errors of all kinds
        raise Rejected(
            "not_fetched", f"its header cannot be read ({type(error).__name__})"
        ) from None
    arrived = str(header.get("SOPInstanceUID") or "").strip(" \0")
    if arrived != asked:
        raise Rejected("other_instance", "another instance arrives" if arrived else "it has no UID")


def check_file(path: Path, asked: str) -> int:
    """The size of a file; Rejected as for `check_instance`, OSError where it cannot be read."""
    with path.open("rb") as file:
        check_instance(file, asked)
        return file.seek(0, SEEK_END)


def _inflated(file: BinaryIO) -> tuple[BinaryIO, int]:
    """The inflated rest of a file. Raises Rejected if the compressed data break off."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(file.read(LARGEST_FILE), LARGEST_FILE)
    if not inflater.eof:
        raise Rejected(CUT, "its compressed data break off")
    return BytesIO(content), len(content)


def _read_header(file: BinaryIO, syntax: uid.UID) -> tuple[pydicom.Dataset, LastElement]:
    """The elements before the pixels; of an instance without pixels all of them."""
    last = LastElement(0, 0, file.tell())

    def is_behind(tag: int, vr: str | None, length: int) -> bool:
        nonlocal last
        last = LastElement(int(tag), length, file.tell())
        return tag in PIXEL_TAGS

    header = read_dataset(
        file,
        is_implicit_VR=syntax == uid.ImplicitVRLittleEndian,
        is_little_endian=syntax != uid.ExplicitVRBigEndian,
        stop_when=is_behind,
    )
    return header, last


def _check_whole(
    file: BinaryIO, size: int, header: pydicom.Dataset, last: LastElement, meta: FileMetaDataset
) -> None:
    if not len(header):
        raise Rejected(CUT, "it ends before its header")
    if last.tag not in PIXEL_TAGS:
        is_whole = last.length == UNDEFINED or last.place + last.length <= size
        if file.tell() != size or not is_whole:
            raise Rejected(CUT, "it ends within its header")
        if _is_image(header, meta):
            raise Rejected(CUT, "it ends before its pixels")
    elif last.length == UNDEFINED:
        file.seek(last.place)
        _check_items(file, size)
    else:
        there, stated = size - last.place, max(last.length, _pixel_bytes(header))
        if there < stated:
            raise Rejected(CUT, f"{there} of {stated} bytes of pixels arrive")


def _check_items(file: BinaryIO, size: int) -> None:
    """Step over the items of compressed pixels, to their end."""
    while (head := file.read(8))[:4] == ITEM and len(head) == 8:
        place = file.tell() + int.from_bytes(head[4:], "little")
        if place > size:
            break
        file.seek(place)
    if head[:4] != END_OF_ITEMS or len(head) < 8:
        raise Rejected(CUT, "its compressed pixels break off")


def _is_image(header: pydicom.Dataset, meta: FileMetaDataset) -> bool:
    kind = header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""
    return "Image Storage" in uid.UID(str(kind)).name


def _pixel_bytes(header: pydicom.Dataset) -> int:
    """Bytes of uncompressed pixels by the header; 0 if it does not tell."""
    try:
        if str(header.get("PhotometricInterpretation", "")).startswith("YBR_FULL_4"):
            return 0  # colours for every second pixel only
        sides = [int(header[key].value) for key in ("Rows", "Columns", "BitsAllocated")]
        others = [int(header.get(key) or 1) for key in ("SamplesPerPixel", "NumberOfFrames")]
        return math.prod([*sides, *others]) // 8
    except (KeyError, TypeError, ValueError):
        return 0
