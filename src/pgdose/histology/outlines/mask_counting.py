"""Counting a mask's pixels by class, block by block, into the regions of the classes.

A mask may be as large as its slide, so only a raster of cells is kept: for each class, which share
of each small square it covers.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Classes, unmapped
from pgdose.histology.regions import RasterRegion, Region, Size
from pgdose.study.class_patterns import fold

Placement = tuple[float, float, float, float]  # left, top, width, height in pixels of level 0
Blocks = Iterator[tuple[int, int, np.ndarray]]  # top, left, pixels (rows, columns[, samples])

CELLS_PER_TILE = 16  # along a side, at least, if the mask has as many pixels
NO_CLASS, UNMAPPED = 255, 254  # beside the numbers of the classes in their order


class ClassCounter:
    """Counts how many pixels of each cell belong to each class."""

    def __init__(
        self,
        mask: Size,
        placement: Placement,
        tile: float,
        classes: Classes,
        transparent: Sequence[int] = (),
    ) -> None:
        """`placement`: the part of the slide under the mask; `tile`: side in pixels of level 0;
        `transparent`: values that, like 0, mean nothing unless a class names them.
        """
        self.mask, self.placement, self.classes = mask, placement, classes
        self.background = [0, *transparent]
        self.step = max(1, int(tile * mask[0] / (CELLS_PER_TILE * placement[2])))
        self.shape = -(-mask[1] // self.step), -(-mask[0] // self.step)
        self.counts: dict[int, np.ndarray] = {}

    def count(self, blocks: Blocks) -> dict[str, Region]:
        """The region of each class that occurs; rejects a value that no class names."""
        class_of = None
        for top, left, pixels in blocks:
            codes, visible = _codes(pixels)
            colour = codes.dtype == np.uint32
            if class_of is None:
                class_of = self._class_table(colour)
            # Most blocks are of one value, and looking up each pixel takes the time.
            if codes.min() == codes.max():
                numbers = np.full(codes.shape, class_of[codes[0, 0]])
            else:
                numbers = class_of[codes]
            if visible is not None:
                numbers[~visible] = NO_CLASS
            if (numbers == UNMAPPED).any():
                value = _word(int(codes[numbers == UNMAPPED][0]), colour)
                raise unmapped(f"'{value}'", self.classes)
            self._add(top, left, numbers)
        return self._regions()

    def _class_table(self, colour: bool) -> np.ndarray:
        """For each code of a pixel the number of its class, NO_CLASS or UNMAPPED."""
        table = np.full(2**24 if colour else 2**16, UNMAPPED, np.uint8)
        table[self.background] = NO_CLASS
        for number, words in reversed(list(enumerate(self.classes.values()))):
            codes = [_code(fold(word), colour) for word in words]
            table[[code for code in codes if code is not None]] = number
        return table

    def _add(self, top: int, left: int, numbers: np.ndarray) -> None:
        """Count a block, uint8 (rows, columns), that need not begin where a cell does."""
        step = self.step
        row, above = divmod(top, step)
        column, before = divmod(left, step)
        rows, columns = (
            -(-(gap + length) // step)
            for gap, length in zip((above, before), numbers.shape, strict=True)
        )
        block = np.full((rows * step, columns * step), NO_CLASS, np.uint8)
        block[above : above + numbers.shape[0], before : before + numbers.shape[1]] = numbers
        for number in range(len(self.classes)):
            belongs = block == number
            if belongs.any():
                by_row = belongs.reshape(rows, step, -1).sum(axis=1, dtype=np.uint16)
                counts = by_row.reshape(rows, columns, step).sum(axis=2, dtype=np.float32)
                # Zeros that nobody writes to cost no memory, and most of a slide is not drawn on.
                if number not in self.counts:
                    self.counts[number] = np.zeros(self.shape, np.float32)
                self.counts[number][row : row + rows, column : column + columns] += counts

    def _regions(self) -> dict[str, Region]:
        left, top, width, height = self.placement
        step = self.step
        cell_width, cell_height = step * width / self.mask[0], step * height / self.mask[1]
        # The last cells may hold fewer pixels.
        pixel_rows, pixel_columns = (
            np.minimum(step, length - step * np.arange(cells)).astype(np.float32)
            for cells, length in zip(self.shape, reversed(self.mask), strict=True)
        )
        regions: dict[str, Region] = {}
        for number, name in enumerate(self.classes):
            if number not in self.counts:
                continue
            counts = self.counts.pop(number)
            occupied = [np.flatnonzero(counts.any(axis=axis)) for axis in (1, 0)]
            rows, columns = (slice(cells[0], cells[-1] + 1) for cells in occupied)
            cell_shares = counts[rows, columns]
            cell_shares /= pixel_rows[rows, None]
            cell_shares /= pixel_columns[columns]
            regions[name] = RasterRegion(
                cell_shares,
                cell_width,
                cell_height,
                left=left + columns.start * cell_width,
                top=top + rows.start * cell_height,
                right=left + width,
                bottom=top + height,
            )
        return regions


def words_in(blocks: Blocks) -> set[str]:
    """The words of all values that stand in a mask, but for 0 and what is transparent."""
    words: set[str] = set()
    for _, _, pixels in blocks:
        codes, visible = _codes(pixels)
        values = np.unique(codes if visible is None else codes[visible])
        is_colour = codes.dtype == np.uint32
        words |= {_word(int(value), is_colour) for value in values if value}
    return words


def _codes(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A number for each pixel (uint32 0xRRGGBB for colours, else its value), and which are visible.

    The second is None if all are.
    """
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)  # not a view: Pillow's True may be 255
    if pixels.dtype.kind not in "iu" or (pixels.ndim == 3 and pixels.dtype != np.uint8):
        raise Rejected(
            "unreadable_outlines",
            f"the mask has pixels of type {pixels.dtype}; save it with 8 or 16 bits a pixel",
        )
    if pixels.dtype.kind == "i" or pixels.dtype.itemsize > 2:
        if pixels.min() < 0 or pixels.max() >= 2**16:
            raise Rejected(
                "unreadable_outlines",
                "the mask has values outside 0 to 65535; save it with 16 bits a pixel",
            )
        pixels = pixels.astype(np.uint16)
    if pixels.ndim == 2:
        return pixels, None
    visible = pixels[..., -1] > 0 if pixels.shape[2] in (2, 4) else None
    if pixels.shape[2] < 3:
        return pixels[..., 0], visible
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue, visible


def _code(word: str, colour: bool) -> int | None:
    """The code, as `_codes` numbers them, of the pixels that a word of the study stands for."""
    if re.fullmatch(r"[0-9]{1,5}", word):
        value = int(word)
        if colour:
            return value * 0x010101 if value < 2**8 else None
        return value if value < 2**16 else None
    return int(word[1:], 16) if colour and re.fullmatch(r"#[0-9a-f]{6}", word) else None


def _word(code: int, colour: bool) -> str:
    """The word that stands for a code: a grey value or #rrggbb."""
    grey = code == (code & 0xFF) * 0x010101
    return f"#{code:06x}" if colour and not grey else str(code & 0xFF if colour else code)
