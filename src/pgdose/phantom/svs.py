"""Writing a slide file as an Aperio scanner does: a TIFF with one image a level, in JPEG tiles.

A TIFF is a chain of directories, each a table of (tag, type, count, value) entries. That little
is written here by hand: common libraries either don't write tiles or want a codec package for it.
"""

import io
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

TILE = 256
QUALITY = 85
GLASS = (242, 241, 243)  # fills what the last tiles have beyond the picture
SHORT, LONG, ASCII = 3, 4, 2  # types of TIFF values
SIZES = {SHORT: 2, LONG: 4, ASCII: 1}


def write_svs(
    picture: np.ndarray, path: Path, *, mpp: float, power: int, downsamples: tuple[int, ...]
) -> None:
    """Write RGB, uint8 (rows, columns, 3), as a pyramid whose first downsample is 1.

    `mpp`: micrometres to a pixel at level 0; `power`: magnification of the objective. Every
    downsample is a multiple of the one before it. Files over 4 GiB raise struct.error.
    """
    level = Image.fromarray(picture)
    width, height = level.size
    before = 1
    with path.open("wb") as file:
        file.write(b"II*\0" + bytes(4))
        pointer = 4  # where the offset of the next directory goes
        for downsample in downsamples:
            text = f"Aperio Image Library v11.2.1\n{width}x{height} [0,0 {width}x{height}] "
            text += f"({TILE}x{TILE})"
            if downsample > 1:
                level = level.reduce(downsample // before)
                text += f" -> {level.width}x{level.height}"
            text += f" JPEG/RGB Q={QUALITY}|AppMag = {power}|MPP = {mpp:.4f}"
            pointer = _write_level(file, level, text, pointer)
            before = downsample


def _write_level(file: BinaryIO, level: Image.Image, text: str, pointer: int) -> int:
    """Append the tiles of a level and its directory; returns where the next offset goes."""
    tiles = [
        _jpeg(level, left, top)
        for top in range(0, level.height, TILE)
        for left in range(0, level.width, TILE)
    ]
    offsets = []
    for tile in tiles:
        offsets.append(file.tell())
        file.write(tile)
    description = text.encode() + b"\0"
    entries: list[tuple[int, int, list[int] | bytes]] = [
        (256, LONG, [level.width]),
        (257, LONG, [level.height]),
        (258, SHORT, [8, 8, 8]),
        (259, SHORT, [7]),  # JPEG
        (262, SHORT, [6]),  # YCbCr
        (270, ASCII, description),
        (277, SHORT, [3]),
        (284, SHORT, [1]),
        (322, LONG, [TILE]),
        (323, LONG, [TILE]),
        (324, LONG, offsets),
        (325, LONG, [len(tile) for tile in tiles]),
        (530, SHORT, [1, 1]),  # no chroma subsampling
    ]
    table = struct.pack("<H", len(entries))
    outside = bytearray()  # values of more than four bytes follow the directory
    start = file.tell() + file.tell() % 2
    end = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        raw = value if isinstance(value, bytes) else b"".join(
            v.to_bytes(SIZES[kind], "little") for v in value
        )  # fmt: skip
        count = len(raw) // SIZES[kind]
        if len(raw) > 4:
            place = end + len(outside)
            outside += raw + bytes(len(raw) % 2)
            raw = struct.pack("<I", place)
        table += struct.pack("<HHI", tag, kind, count) + raw.ljust(4, b"\0")
    file.write(bytes(start - file.tell()) + table + bytes(4) + outside)
    file.seek(pointer)
    file.write(struct.pack("<I", start))
    file.seek(0, io.SEEK_END)
    return end - 4


def _jpeg(level: Image.Image, left: int, top: int) -> bytes:
    """One tile, a JPEG file of its own."""
    tile = Image.new("RGB", (TILE, TILE), GLASS)
    right, bottom = min(left + TILE, level.width), min(top + TILE, level.height)
    tile.paste(level.crop((left, top, right, bottom)))
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
