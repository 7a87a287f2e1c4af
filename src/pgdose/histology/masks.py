"""Masks: pictures whose pixels tell the class of a place, at any scale of the slide.

They may be as large as the slide itself, so they are read block by block and kept as cells: for
each class, how much of a small square it covers.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import BmpImagePlugin, Image, PngImagePlugin

from pgdose.errors import Rejected
from pgdose.histology.areas import Area, Cells
from pgdose.images.codecs import LARGEST

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its warnings may name the file

Place = tuple[float, float, float, float]  # left, top, width, height in pixels of level 0
Classes = Mapping[str, Sequence[str]]
Blocks = Iterator[tuple[int, int, np.ndarray]]  # top, left, pixels (rows, columns[, samples])

# Not Image.open, which refuses what has more than 179 million pixels.
PICTURES = {".png": PngImagePlugin.PngImageFile, ".bmp": BmpImagePlugin.BmpImageFile}
TIFFS = (".tif", ".tiff")
ALONG = 32  # pixels of a mask along a tile, at least, where it has them
CELLS = 16  # along a tile, likewise; they are counted, so that fewer do
BLOCK = 2**22  # pixels that are looked at in one go
READ = 2**24  # bytes that are read in one go
NOTHING, UNMAPPED = 255, 254  # beside the places of the classes in their order


def read(
    path: Path,
    classes: Classes,
    size: tuple[int, int],
    bounds: tuple[int, int, int, int] | None,
    tile: float,
) -> dict[str, Area]:
    """What each class of a mask covers; see `outlines.read`."""
    if path.suffix.lower() in TIFFS:
        with tifffile.TiffFile(path) as file:
            return _read_tiff(file, classes, size, bounds, tile)
    with PICTURES[path.suffix.lower()](path) as image:
        place = _place(image.size, size, bounds)
        if image.width * image.height > LARGEST:
            raise _too_large(image.width, image.height)
        cells = _Cells(image.size, place, tile, classes, _transparent(image))
        return cells.count(_bands(image))


def unmapped(shown: str, classes: Classes) -> Rejected:
    known = ", ".join(classes)
    return Rejected("unmapped_class", f"{shown} is in none of the study's classes ({known})")


def _too_large(width: int, height: int) -> Rejected:
    way = "save it at a smaller scale, or as a tiled TIFF"
    return Rejected("absurd_size", f"a mask of {width}x{height}; {way}")


def _place(
    mask: tuple[int, int], size: tuple[int, int], bounds: tuple[int, int, int, int] | None
) -> Place:
    """What the mask lies on: the whole slide, or what was scanned of it if only that fits."""
    if mask[0] * mask[1] > max(LARGEST, size[0] * size[1]):  # finer than its slide
        raise _too_large(*mask)
    whole = (0, 0, *size)
    for place in (whole, bounds or whole):
        if _fits(mask, place[2:]):
            return place
    told = f"the mask is {mask[0]}x{mask[1]}, the slide {size[0]}x{size[1]}"
    raise Rejected("wrong_aspect", told)


def _fits(mask: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether both have the same proportions, but for a pixel of rounding."""
    return abs(mask[0] * size[1] - mask[1] * size[0]) <= sum(size)


# --- reading ----------------------------------------------------------------------------------


def _bands(image: Image.Image) -> Blocks:
    rows = max(1, BLOCK // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield top, 0, np.asarray(image.crop((0, top, image.width, bottom)))


def _transparent(image: Image.Image) -> list[int]:
    """The entries of a palette that are not seen."""
    told = image.info.get("transparency") if image.mode == "P" else None
    if isinstance(told, int):
        return [told]
    return [entry for entry, alpha in enumerate(told or b"") if alpha == 0]


def _read_tiff(
    file: tifffile.TiffFile,
    classes: Classes,
    size: tuple[int, int],
    bounds: tuple[int, int, int, int] | None,
    tile: float,
) -> dict[str, Area]:
    levels = _levels(file)
    place = _place((levels[0].imagewidth, levels[0].imagelength), size, bounds)
    enough = [level for level in levels if level.imagewidth * tile >= ALONG * place[2]]
    for level in reversed(enough[1:]):
        try:
            return _count(level, place, tile, classes)
        except Rejected as rejected:
            # A pyramid that was averaged has values between the classes, but at its finest level.
            if rejected.reason != "unmapped_class":
                raise
    return _count(levels[0], place, tile, classes)


def _count(
    level: tifffile.TiffPage, place: Place, tile: float, classes: Classes
) -> dict[str, Area]:
    cells = _Cells((level.imagewidth, level.imagelength), place, tile, classes)
    return cells.count(_segments(level))


def _levels(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """The first page and its smaller copies, which follow it or hang on it, finest first."""
    first = file.pages.first
    levels = [first]
    for page in (*(first.pages or ()), *file.pages[1:]):
        size = (page.imagewidth, page.imagelength)
        last = levels[-1]
        if (
            page.imagewidth < last.imagewidth
            and _fits(size, (first.imagewidth, first.imagelength))
            and (page.dtype, page.samplesperpixel) == (first.dtype, first.samplesperpixel)
        ):
            levels.append(page)
    return levels


def _segments(page: tifffile.TiffPage) -> Blocks:
    if page.samplesperpixel > 1 and page.planarconfig != tifffile.PLANARCONFIG.CONTIG:
        raise Rejected("unreadable_outlines", "colours are stored apart from each other")
    rows, columns = page.chunks[:2]
    if rows * columns > LARGEST:
        raise _too_large(page.imagewidth, page.imagelength)
    for data, (_, _, top, left, _), shape in page.segments(maxworkers=1, buffersize=READ):
        # A segment that is not in the file stands for zeros.
        pixels = np.zeros(shape[1:], page.dtype) if data is None else data[0]
        pixels = pixels[: page.imagelength - top, : page.imagewidth - left]
        if page.samplesperpixel == 1:
            pixels = pixels[..., 0]
        step = max(1, BLOCK // pixels.shape[1])
        for row in range(0, len(pixels), step):
            yield top + row, left, pixels[row : row + step]


# --- counting ---------------------------------------------------------------------------------


class _Cells:
    """Counts in cells of some mask pixels each, block by block, how many belong to each class."""

    def __init__(
        self,
        mask: tuple[int, int],
        place: Place,
        tile: float,
        classes: Classes,
        transparent: Sequence[int] = (),
    ) -> None:
        """`mask`: width, height; `place`: what it lies on; `tile`: side in pixels of level 0;
        `transparent`: values that say nothing unless a class names them, beside 0.
        """
        self.mask, self.place, self.classes = mask, place, classes
        self.hidden = [0, *transparent]
        self.step = max(1, int(tile * mask[0] / (CELLS * place[2])))
        self.shape = -(-mask[1] // self.step), -(-mask[0] // self.step)
        self.counts: dict[int, np.ndarray] = {}

    def count(self, blocks: Blocks) -> dict[str, Area]:
        table = None
        for top, left, pixels in blocks:
            codes, seen = _codes(pixels)
            colour = codes.dtype == np.uint32
            if table is None:
                table = self._table(colour)
            even = codes.min() == codes.max()  # most blocks are, and looking up takes the time
            kinds = np.full(codes.shape, table[codes[0, 0]]) if even else table[codes]
            if seen is not None:
                kinds[~seen] = NOTHING
            if (kinds == UNMAPPED).any():
                raise unmapped(f"'{_word(int(codes[kinds == UNMAPPED][0]), colour)}'", self.classes)
            self._add(top, left, kinds)
        return self._areas()

    def _table(self, colour: bool) -> np.ndarray:
        """The class's place in their order, NOTHING or UNMAPPED for each code of a pixel."""
        table = np.full(2**24 if colour else 2**16, UNMAPPED, np.uint8)
        table[self.hidden] = NOTHING
        for kind, words in reversed(list(enumerate(self.classes.values()))):
            codes = [_code(word.strip().casefold(), colour) for word in words]
            table[[code for code in codes if code is not None]] = kind
        return table

    def _add(self, top: int, left: int, kinds: np.ndarray) -> None:
        """Count a block, uint8 (rows, columns), that need not begin where a cell does."""
        step = self.step
        row, above = divmod(top, step)
        column, before = divmod(left, step)
        rows, columns = (
            -(-(gap + length) // step)
            for gap, length in zip((above, before), kinds.shape, strict=True)
        )
        framed = np.full((rows * step, columns * step), NOTHING, np.uint8)
        framed[above : above + kinds.shape[0], before : before + kinds.shape[1]] = kinds
        for kind in range(len(self.classes)):
            here = framed == kind
            if here.any():
                tall = here.reshape(rows, step, -1).sum(axis=1, dtype=np.uint16)
                counts = tall.reshape(rows, columns, step).sum(axis=2, dtype=np.float32)
                # Zeros that nobody writes to cost no memory, and most of a slide is not drawn on.
                if kind not in self.counts:
                    self.counts[kind] = np.zeros(self.shape, np.float32)
                self.counts[kind][row : row + rows, column : column + columns] += counts

    def _areas(self) -> dict[str, Area]:
        left, top, width, height = self.place
        step = self.step
        across, down = step * width / self.mask[0], step * height / self.mask[1]
        # The last cells may hold fewer pixels.
        tall, wide = (
            np.minimum(step, length - step * np.arange(cells)).astype(np.float32)
            for cells, length in zip(self.shape, reversed(self.mask), strict=True)
        )
        areas: dict[str, Area] = {}
        for kind, name in enumerate(self.classes):
            if kind not in self.counts:
                continue
            counts = self.counts.pop(kind)
            used = [np.flatnonzero(counts.any(axis=axis)) for axis in (1, 0)]
            rows, columns = (slice(cells[0], cells[-1] + 1) for cells in used)
            covered = counts[rows, columns]
            covered /= tall[rows, None]
            covered /= wide[columns]
            areas[name] = Cells(
                covered,
                across,
                down,
                left=left + columns.start * across,
                top=top + rows.start * down,
                right=left + width,
                bottom=top + height,
            )
        return areas


def _codes(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A number for each pixel (uint32 0xRRGGBB of colours, else its value) and which are seen."""
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)  # not a view: Pillow's True may be 255
    if pixels.dtype.kind not in "iu" or (pixels.ndim == 3 and pixels.dtype != np.uint8):
        raise Rejected("unreadable_outlines", f"a mask of {pixels.dtype}, not of 8 or 16 bits")
    if pixels.dtype.kind == "i" or pixels.dtype.itemsize > 2:
        if pixels.min() < 0 or pixels.max() >= 2**16:
            raise Rejected("unreadable_outlines", "a mask with values outside 0 to 65535")
        pixels = pixels.astype(np.uint16)
    if pixels.ndim == 2:
        return pixels, None
    seen = pixels[..., -1] > 0 if pixels.shape[2] in (2, 4) else None
    if pixels.shape[2] < 3:
        return pixels[..., 0], seen
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue, seen


def _code(word: str, colour: bool) -> int | None:
    """The code of the pixels that a word of the study means, as `_codes` numbers them."""
    if re.fullmatch(r"[0-9]{1,5}", word):
        value = int(word)
        if colour:
            return value * 0x010101 if value < 2**8 else None
        return value if value < 2**16 else None
    return int(word[1:], 16) if colour and re.fullmatch(r"#[0-9a-f]{6}", word) else None


def _word(code: int, colour: bool) -> str:
    grey = code == (code & 0xFF) * 0x010101
    return f"#{code:06x}" if colour and not grey else str(code & 0xFF if colour else code)
