"""Runs of letters that are burned into the pixels of a picture: names, dates, words of a station.

It finds rows of shapes that have the size, the distances and the sharp edges of letters, and reads
none of them. First the cells of a coarse grid are searched for edges that rise and fall close
together, as those of strokes do; only there letters are cut out and put into rows. The picture may
be any; what this misses on films is measured by `benchmarks/burned_in_text.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

WORKING_SIDE = 800  # pixels; a larger picture is made smaller by a whole number first
CELL = 8  # pixels of a side
LEAST_CELLS = 5  # a row of letters with a cell of air on either side is as long
STEP = 28  # grey levels: how far a stroke stands out at least
LEAST_EDGES = 0.06  # of a cell's pixels that rise, and of those that fall
STROKE, STROKES_A_SIDE = 9, 56  # wider than a stroke: pixels at least, and a part of the side
LEVELS = (0.55, 0.3)  # of the strongest stroke: where ink begins
LOWEST, HIGHEST = 5, 1 / 12  # a letter: pixels, and of the picture's longer side; ribs are higher
LEAST_FILL, SOLID = 0.18, 0.85  # of a letter's box: a wire has less ink, a bar more
WIDEST = 1.4  # heights of one letter; what is wider is several letters that touch
LONGEST = 14.0  # heights of such a piece
PITCH = 0.6  # heights from one letter to the next where they touch
STROKES = 1.8  # of a letter, along a line through its middle
NARROW = 0.4  # heights: 1, I and l
LEAST_LETTERS = 3  # of a row; one or two mark a side or are its maker's initials
MOST_PIECES = 400  # in one place: that is texture
MOST_OF_RIM = 0.3  # of the ink's strength, right beside it
EIGHT = np.ones((3, 3))  # pixels or cells that touch at a corner belong together
WIDE = np.ones((5, 5))  # cells that are near


class Region(NamedTuple):
    """A row of letters, in pixels of the picture; `right` and `bottom` are beyond it."""

    left: int
    top: int
    right: int
    bottom: int


class _Box(NamedTuple):
    """The place of a connected piece of ink: along the way of its row, and across it."""

    start: int
    stop: int
    top: int
    bottom: int
    number: int  # its label

    @property
    def most_letters(self) -> int:
        return max(1, round((self.stop - self.start) / (self.bottom - self.top) / PITCH))


class _Ink(NamedTuple):
    """What the piece could be."""

    letters: int  # more than one that touch; 0: a bar, or a wire
    is_shaped: bool  # it has the form of a letter, not of a bar
    grey: float


def text_regions(pixels: np.ndarray) -> list[Region]:
    """The rows of at least LEAST_LETTERS letters, upright or turned by 90 degrees.

    Args:
        pixels: uint8, rows x columns, or x 3 (its greys are searched).
    """
    grey, scale = _working_copy(pixels)
    regions, side = [], max(grey.shape)
    for left, top, right, bottom in _candidates(grey):
        for row in _rows(grey[top:bottom, left:right], side):
            x, y = left + np.array(row[::2]), top + np.array(row[1::2])
            regions.append(Region(*(int(v) * scale for v in (x[0], y[0], x[1], y[1]))))
    return _merged(regions)


def _working_copy(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """The greys of a picture, made smaller by a whole number: averaged, and that number."""
    image = Image.fromarray(pixels)
    image = image if image.mode == "L" else image.convert("L")
    scale = -(-max(image.size) // WORKING_SIDE)
    return np.asarray(image.reduce(scale) if scale > 1 else image), scale


# --- where letters could be -------------------------------------------------------------------


def _candidates(grey: np.ndarray) -> list[Region]:
    """Boxes round the places where edges rise and fall close together."""
    if min(grey.shape) < 3:
        return []
    # Letters have strokes both ways, ribs and wires one way. Letters may lie two cells apart.
    down, across = (_alternating(grey, axis) for axis in (0, 1))
    near_both = ndimage.binary_dilation(down, WIDE) & ndimage.binary_dilation(across, WIDE)
    cells = ndimage.binary_dilation(down | across, EIGHT) & near_both
    labels, _ = ndimage.label(cells, EIGHT)
    return [
        Region(
            columns.start * CELL,
            rows.start * CELL,
            min(grey.shape[1], columns.stop * CELL),
            min(grey.shape[0], rows.stop * CELL),
        )
        for rows, columns in ndimage.find_objects(labels)
        if max(rows.stop - rows.start, columns.stop - columns.start) >= LEAST_CELLS
    ]


def _alternating(grey: np.ndarray, axis: int) -> np.ndarray:
    """The cells with edges that rise along an axis and edges that fall, a neighbour's included.

    Of the lines along the axis every other one is enough.
    """
    if axis == 0:
        lines, cell = grey[:, ::2], (CELL // 2, CELL)
        change = np.subtract(lines[2:], lines[:-2], dtype=np.int16)
    else:
        lines, cell = grey[::2], (CELL, CELL // 2)
        change = np.subtract(lines[:, 2:], lines[:, :-2], dtype=np.int16)
    rising, falling = (_share(edges, cell) for edges in (change > STEP, change < -STEP))
    if axis == 0:
        pairs = [share[1:] + share[:-1] for share in (rising, falling)]
    else:
        pairs = [share[:, 1:] + share[:, :-1] for share in (rising, falling)]
    both = np.minimum(*pairs) > 2 * LEAST_EDGES * 255
    cells = np.zeros([-(-side // CELL) for side in grey.shape], bool)
    rows, columns = both.shape
    down, right = (1, 0) if axis == 0 else (0, 1)
    cells[:rows, :columns] |= both
    cells[down : rows + down, right : columns + right] |= both
    return cells


def _share(mask: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """The share of each cell (columns, rows) that is true, of 255."""
    picture = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
    return np.asarray(picture.reduce(cell)).astype(np.int16)


# --- letters, and rows of them ----------------------------------------------------------------


def _rows(place: np.ndarray, side: int) -> Iterator[tuple[int, int, int, int]]:
    """left, top, right, bottom of each row of letters in a part of a picture.

    side: the longer one of the whole picture
    """
    stroke = max(STROKE, side // STROKES_A_SIDE | 1)  # odd, so that it has a middle
    for values in (place, 255 - place):  # bright letters, dark ones
        relief = _relief(values, stroke)
        strongest = int(relief.max())
        for level in sorted({max(STEP, int(share * strongest)) for share in LEVELS}):
            if level >= strongest:
                continue
            labels, _ = ndimage.label(relief > level, EIGHT)
            pieces = ndimage.find_objects(labels)
            if len(pieces) > MOST_PIECES:
                continue
            for axis in (0, 1):  # rows that run across, and those that run down
                for row in _rows_along(pieces, labels, values, axis, side * HIGHEST):
                    along = min(box.start for box in row), max(box.stop for box in row)
                    across = min(box.top for box in row), max(box.bottom for box in row)
                    x, y = (across, along) if axis else (along, across)
                    if _is_sharp(relief, labels, [box.number for box in row], x, y):
                        yield x[0], y[0], x[1], y[1]


def _relief(values: np.ndarray, stroke: int) -> np.ndarray:
    """By how much a pixel stands out of what is broader than a stroke: the white top-hat."""
    # As ndimage.white_tophat with a square, in a small part of its time on small arrays.
    darkest = _in_windows(np.minimum, values, stroke, beside=255)
    return values - _in_windows(np.maximum, darkest, stroke, beside=0)


def _in_windows(extreme: np.ufunc, values: np.ndarray, size: int, beside: int) -> np.ndarray:
    """The minimum or maximum of the square window round each pixel.

    size: of a side of the window in pixels, odd. beside: what stands beside the picture.
    """
    half = size // 2
    rows, columns = values.shape
    result = np.full((rows + 2 * half, columns + 2 * half), beside, np.uint8)
    result[half : half + rows, half : half + columns] = values
    covered = 1  # pixels that each one stands for, along both axes
    while covered < size:
        step = min(covered, size - covered)
        result = extreme(result[:-step], result[step:])
        result = extreme(result[:, :-step], result[:, step:])
        covered += step
    return result


def _rows_along(
    pieces: Sequence[tuple[slice, slice]],
    labels: np.ndarray,
    values: np.ndarray,
    axis: int,
    highest: float,
) -> Iterator[list[_Box]]:
    """The rows of letters among the pieces of ink; `axis` 1: those that run down."""
    boxes = []
    for number, slices in enumerate(pieces, 1):
        across, along = slices[axis], slices[1 - axis]
        height = across.stop - across.start
        if LOWEST <= height <= highest and along.stop - along.start <= LONGEST * height:
            boxes.append(_Box(along.start, along.stop, across.start, across.stop, number))
    # First by their boxes, since most are no letters, and looking at the ink takes long.
    for row in _neighbours(boxes, {}):
        if sum(box.most_letters for box in row) >= LEAST_LETTERS:
            inks = {box.number: _ink(labels, values, box, axis) for box in row}
            letters = [box for box in row if inks[box.number].letters]
            for part in _neighbours(letters, inks):
                if _is_text([inks[box.number] for box in part]):
                    yield part


def _neighbours(boxes: list[_Box], inks: Mapping[int, _Ink]) -> list[list[_Box]]:
    """The boxes as rows, each of neighbours of one height, and of one grey where it is known."""
    rows: list[list[_Box]] = []
    for box in sorted(boxes):
        before = [row for row in rows if _follows(row[-1], box, inks)]
        if before:
            max(before, key=lambda row: row[-1].stop).append(box)
        else:
            rows.append([box])
    return rows


def _follows(box: _Box, after: _Box, inks: Mapping[int, _Ink]) -> bool:
    low, high = sorted((box.bottom - box.top, after.bottom - after.top))
    return (
        -0.2 * low <= after.start - box.stop <= 0.9 * high
        and high <= 1.5 * low + 1
        and min(box.bottom, after.bottom) - max(box.top, after.top) >= 0.7 * low
        and (not inks or abs(inks[box.number].grey - inks[after.number].grey) <= 30)
    )


def _ink(labels: np.ndarray, values: np.ndarray, box: _Box, axis: int) -> _Ink:
    place = slice(box.top, box.bottom), slice(box.start, box.stop)
    lines, greys = (labels.T[place], values.T[place]) if axis else (labels[place], values[place])
    ink = lines == box.number
    height, length = ink.shape
    fill = np.count_nonzero(ink) / ink.size
    if fill < LEAST_FILL:
        return _Ink(0, False, 0.0)
    is_shaped = length > NARROW * height and fill < SOLID
    return _Ink(_letters(ink), is_shaped, float(greys[ink].mean()))


def _letters(ink: np.ndarray) -> int:
    """How many letters a piece of ink is; 0: it is a bar or a wire."""
    height, length = ink.shape
    if length <= WIDEST * height:
        return 1
    middle = ink[height // 4 : height - height // 4]
    begins = (middle[:, 1:] & ~middle[:, :-1]).sum(axis=1) + middle[:, 0]
    strokes = float(np.median(begins))
    if strokes < 0.9 * length / height:
        return 0
    return max(1, round(min(strokes / STROKES, length / height / PITCH)))


def _is_text(row: list[_Ink]) -> bool:
    letters = sum(ink.letters for ink in row)
    shaped = sum(ink.letters for ink in row if ink.is_shaped)
    return letters >= LEAST_LETTERS and shaped >= max(2, letters / 2)


def _is_sharp(
    relief: np.ndarray,
    labels: np.ndarray,
    numbers: list[int],
    columns: tuple[int, int],
    rows: tuple[int, int],
) -> bool:
    """Whether the ink of a row ends at its edges; that of ribs fades."""
    around = tuple(slice(max(0, start - 1), stop + 1) for start, stop in (rows, columns))
    ink = np.isin(labels[around], numbers)
    rim = ndimage.binary_dilation(ink, EIGHT) & ~ink
    share = relief[around][rim].mean() / relief[around][ink].mean()
    return share <= MOST_OF_RIM


def _merged(regions: list[Region]) -> list[Region]:
    """Regions that overlap as one, so that letters found twice count once."""
    merged: list[Region] = []
    for region in regions:
        for other in [r for r in merged if _overlap(r, region)]:
            merged.remove(other)
            region = Region(
                min(region.left, other.left),
                min(region.top, other.top),
                max(region.right, other.right),
                max(region.bottom, other.bottom),
            )
        merged.append(region)
    return sorted(merged)


def _overlap(one: Region, other: Region) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )
