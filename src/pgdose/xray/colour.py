"""Greys that are stored as colours: three equal planes, neutral YBR, or a palette of greys.

Only the pixels show it. Three planes are grey if in each pixel they differ by at most MOST_APART of
the range that the film's values take, or if its two colour differences (YBR) are as near to
neutral; whatever the header calls them, since files that say RGB often hold YBR, and the reverse.
JPEG, JPEG-LS and JPEG 2000 keep equal planes equal and neutral ones neutral, with loss, too; the
limit leaves room for roundings of earlier conversions. Coloured letters or arrows on a grey film
differ by far more.
"""

import numpy as np
from pydicom import Dataset

from pgdose.errors import Rejected
from pgdose.xray.film_checks import PALETTE, WordLayout, photometric_of
from pgdose.xray.lookup_tables import read_table

MOST_APART = 1 / 32  # of the range of the values
FEWEST_BITS = 8  # of that range: a dark film has few values, and roundings stay
CHUNK = 256  # rows that are compared at once, to save memory


def to_one_plane(
    words: np.ndarray, layout: WordLayout, ds: Dataset
) -> tuple[np.ndarray, WordLayout]:
    """(words of one grey plane, their layout) of a film, see `grey.to_grey`.

    words: uint8 or uint16, rows x columns or rows x columns x 3. Raises Rejected: not_grey (the
    planes or the palette hold colours), bad_lut (of a palette).
    """
    if words.ndim == 3:
        return _grey_plane(words, layout), layout
    if photometric_of(ds) == PALETTE:
        return _by_palette(words, layout, ds)
    return words, layout


def _grey_plane(words: np.ndarray, layout: WordLayout) -> np.ndarray:
    most = _most_apart(2**layout.stored - 1, layout.stored)
    shift = layout.high - layout.stored + 1
    middle = 2 ** (layout.stored - 1)
    largest = 0  # value
    apart = coloured = 0  # the largest differences: of planes, and of YBR from its neutral value
    for row in range(0, len(words), CHUNK):
        values = words[row : row + CHUNK].astype(np.int32) >> shift & (2**layout.stored - 1)
        highest = values.max(axis=2)
        largest = max(largest, int(highest.max()))
        apart = max(apart, int((highest - values.min(axis=2)).max()))
        coloured = max(coloured, int(np.abs(values[..., 1:] - middle).max()))
        if min(apart, coloured) > most:
            raise Rejected("not_grey", "its colour planes differ")
    most = _most_apart(largest, layout.stored)
    if min(apart, coloured) > most:
        raise Rejected("not_grey", "its colour planes differ")
    # Of RGB green, which lossy coding spares most; of YBR the brightness.
    return np.ascontiguousarray(words[..., 1 if apart <= most else 0])


def _most_apart(largest: int, bits: int) -> int:
    """How far planes of grey may differ, by the bits that values up to `largest` take.

    Those that the header states may be more: 8 bits of colour are often stored as 16.
    """
    used = min(max(largest.bit_length(), FEWEST_BITS), bits)
    return int(MOST_APART * 2**used)


def _by_palette(
    words: np.ndarray, layout: WordLayout, ds: Dataset
) -> tuple[np.ndarray, WordLayout]:
    """The greys of a palette in place of its indices; only entries that the film uses count."""
    values = layout.values()
    planes = []
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        if f"{name}Descriptor" not in ds or f"{name}Data" not in ds:
            raise Rejected("bad_lut", "a table of the palette is missing, or in segments")
        entries, first, bits = read_table(
            ds[f"{name}Descriptor"].value, ds[f"{name}Data"].value, layout.signed, ds
        )
        planes.append(entries[np.clip(values - first, 0, len(entries) - 1)])
    used = np.bincount(words.reshape(-1), minlength=len(values)) > 0
    shown = np.stack(planes, axis=1)[used]
    most = _most_apart(int(shown.max()), bits)
    if (shown.max(axis=1) - shown.min(axis=1)).max() > most:
        raise Rejected("not_grey", "its palette holds colours")
    greys = planes[1].astype(np.uint8 if bits <= 8 else np.uint16)
    return greys[words], WordLayout(greys.itemsize * 8, bits, bits - 1, signed=False)
