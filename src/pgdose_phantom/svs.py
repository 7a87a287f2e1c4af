"""Writing a slide file as an Aperio scanner does: a TIFF with one image a level, in JPEG tiles."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile
from PIL import Image

TILE = 256
QUALITY = 85
GLASS = (242, 241, 243)  # fills the last tiles beyond the picture
TIFF_LIMIT = 2**32  # bytes: offsets of a plain TIFF reach no further


class Level(Protocol):
    """The source of a level's pixels, RGB, uint8: an array, or an object that computes them."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # rows, columns, 3

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray: ...


class Mosaic:
    """A picture, RGB uint8 (r, c, 3), repeated over rows x columns; it is never held whole."""

    def __init__(self, picture: np.ndarray, rows: int, columns: int) -> None:
        self.picture = picture
        self.shape = (rows, columns, 3)

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (
            range(*cut.indices(length)) for cut, length in zip(part, self.shape, strict=False)
        )
        return self.picture.take(rows, 0, mode="wrap").take(columns, 1, mode="wrap")


def pyramid(picture: np.ndarray, downsamples: Sequence[int]) -> list[np.ndarray]:
    """The levels of RGB, uint8 (rows, columns, 3), by averaging.

    Every downsample is a multiple of the one before it; the first is 1 or more. Sides that are
    no multiple of a downsample are rounded up.
    """
    levels, level, before = [], Image.fromarray(picture), 1
    for downsample in downsamples:
        level, before = level.reduce(downsample // before), downsample
        levels.append(np.asarray(level))
    return levels


def write_svs(levels: Sequence[Level], path: Path, *, mpp: float | None, power: int | None) -> None:
    """Write a pyramid, the largest level first; a level is read tile by tile.

    `mpp`: micrometres to a pixel of the first level; `power`: magnification of the objective;
    None leaves them out. Equal levels give equal bytes.
    """
    rows, columns = levels[0].shape[:2]
    # JPEG tiles are never larger than their pixels.
    large = sum(level.shape[0] * level.shape[1] * 3 for level in levels) >= TIFF_LIMIT
    with tifffile.TiffWriter(path, bigtiff=large) as file:
        for level in levels:
            text = f"Aperio Image Library v11.2.1\n{columns}x{rows} [0,0 {columns}x{rows}] "
            text += f"({TILE}x{TILE})"
            if level is not levels[0]:
                text += f" -> {level.shape[1]}x{level.shape[0]}"
            text += f" JPEG/RGB Q={QUALITY}"
            text += f"|AppMag = {power}" if power is not None else ""
            text += f"|MPP = {mpp:.4f}" if mpp is not None else ""
            file.write(
                _tiles(level),
                shape=level.shape,
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="rgb",
                compression="jpeg",  # as YCbCr
                compressionargs={"level": QUALITY},
                subsampling=(1, 1),
                description=text,
                metadata=None,
                software=False,
                maxworkers=1,
            )


def _tiles(level: Level) -> Iterator[np.ndarray]:
    """The tiles row by row."""
    rows, columns = level.shape[:2]
    glass = np.full((TILE, TILE, 3), GLASS, dtype=np.uint8)
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            part = level[top : min(top + TILE, rows), left : min(left + TILE, columns)]
            tile = glass.copy()
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile
