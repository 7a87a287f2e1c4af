"""What a compressed codestream states by its own markers: its size, and what coding it is."""

import struct
from typing import NamedTuple

from pydicom import uid

# SOF0 to SOF15 without DHT, JPG and DAC, which stand among them; JPEG-LS's SOF55
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
# One transfer syntax of each coding: those that it stands for are decoded alike.
BY_FRAME_MARKER = {
    0xC0: uid.JPEGBaseline8Bit,
    0xC1: uid.JPEGExtended12Bit,
    0xC3: uid.JPEGLossless,
    0xF7: uid.JPEGLSNearLossless,
}
SOC_SIZ = b"\xff\x4f\xff\x51"  # the start of JPEG 2000
CAP = 0xFF50  # the marker of its later parts, with the bit of Part 15 (HTJ2K)
PART_15 = 1 << (32 - 15)
RLE_SEGMENTS = 15  # at most, whose offsets fill the header of 64 bytes


class CodestreamSize(NamedTuple):
    rows: int
    columns: int
    planes: int
    depth: int  # bits


def codestream_size(stream: bytes, syntax: str) -> CodestreamSize | None:
    """The size that a codestream of this transfer syntax states; None for RLE, which states none.

    Raises ValueError if it is no such codestream.
    """
    if syntax == uid.RLELossless:
        return None
    try:
        if "JPEG 2000" in uid.UID(syntax).name:
            return _jpeg_2000_size(stream)
        return _jpeg_size(stream)
    except struct.error:
        raise ValueError("the codestream breaks off") from None


def coding_of(stream: bytes) -> uid.UID | None:
    """The transfer syntax of a codestream, by its first bytes; None if it is no known coding.

    Known are JPEG (baseline, extended, lossless), JPEG-LS, JPEG 2000, HTJ2K and RLE, whose header
    of 64 bytes states rising offsets, the first of them 64.
    """
    try:
        if stream[:2] == b"\xff\xd8":
            return BY_FRAME_MARKER.get(_frame_marker(stream)[0])
        soc = stream.find(SOC_SIZ, 0, 256)  # a JP2 header may stand before it
        if soc == 0 or (soc > 0 and stream[4:8] == b"jP  "):
            return _jpeg_2000_coding(stream, soc)
        return uid.RLELossless if _is_rle(stream) else None
    except (struct.error, ValueError):
        return None


def _jpeg_2000_coding(stream: bytes, soc: int) -> uid.UID:
    after_siz = soc + 4 + struct.unpack_from(">H", stream, soc + 4)[0]
    marker, _, parts = struct.unpack_from(">HHI", stream, after_siz)
    return uid.HTJ2K if marker == CAP and parts & PART_15 else uid.JPEG2000


def _is_rle(stream: bytes) -> bool:
    segments, *offsets = struct.unpack_from("<16I", stream)
    if not 1 <= segments <= RLE_SEGMENTS or offsets[0] != 64 or any(offsets[segments:]):
        return False
    used = offsets[:segments]
    return used == sorted(set(used))


def _jpeg_size(stream: bytes) -> CodestreamSize:
    """Of JPEG (ISO 10918-1 B.2.2) and JPEG-LS (ISO 14495-1 C.2.2)."""
    _, at = _frame_marker(stream)
    depth, rows, columns, planes = struct.unpack_from(">BHHB", stream, at + 4)
    return CodestreamSize(rows, columns, planes, depth)


def _frame_marker(stream: bytes) -> tuple[int, int]:
    """The marker of a JPEG's frame, without its 0xff, and where it stands."""
    at = 2  # after SOI
    while True:
        while stream[at + 1 : at + 2] == b"\xff":  # any number of them may stand before a marker
            at += 1
        fill, marker, length = struct.unpack_from(">BBH", stream, at)
        if fill != 0xFF or length < 2:
            raise ValueError
        if marker in FRAME_MARKERS:
            return marker, at
        at += 2 + length


def _jpeg_2000_size(stream: bytes) -> CodestreamSize:
    """Of JPEG 2000 and HTJ2K (ISO 15444-1 A.5.1)."""
    soc = stream.find(SOC_SIZ)  # a JP2 header may stand before it
    if soc < 0:
        raise ValueError
    right, bottom, left, top = struct.unpack_from(">4I", stream, soc + 8)
    planes, depth = struct.unpack_from(">HB", stream, soc + 40)
    return CodestreamSize(bottom - top, right - left, planes, (depth & 0x7F) + 1)
