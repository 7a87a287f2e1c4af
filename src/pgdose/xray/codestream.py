"""The size that a compressed codestream states, read from its own markers."""

import struct
from typing import NamedTuple

from pydicom import uid

# SOF0 to SOF15 without DHT, JPG and DAC, which stand among them; JPEG-LS's SOF55
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


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


def _jpeg_size(stream: bytes) -> CodestreamSize:
    """Of JPEG (ISO 10918-1 B.2.2) and JPEG-LS (ISO 14495-1 C.2.2)."""
    at = 2  # after SOI
    while True:
        fill, marker, length = struct.unpack_from(">BBH", stream, at)
        if fill != 0xFF or length < 2:
            raise ValueError
        if marker in FRAME_MARKERS:
            depth, rows, columns, planes = struct.unpack_from(">BHHB", stream, at + 4)
            return CodestreamSize(rows, columns, planes, depth)
        at += 2 + length


def _jpeg_2000_size(stream: bytes) -> CodestreamSize:
    """Of JPEG 2000 and HTJ2K (ISO 15444-1 A.5.1)."""
    soc = stream.find(b"\xff\x4f\xff\x51")  # a JP2 header may stand before it
    if soc < 0:
        raise ValueError
    right, bottom, left, top = struct.unpack_from(">4I", stream, soc + 8)
    planes, depth = struct.unpack_from(">HB", stream, soc + 40)
    return CodestreamSize(bottom - top, right - left, planes, (depth & 0x7F) + 1)
