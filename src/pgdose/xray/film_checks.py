"""Whether a data set holds one film, and how its words hold the stored values.

Where a compressed codestream contradicts the header, the header counts for sign and BitsStored, as
it does for uncompressed words; a codestream of another size is rejected.
"""

import re
from dataclasses import dataclass

import numpy as np
import pydicom

from pgdose.errors import Rejected

GREYS = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")  # may hold greys all the same
LARGEST = 100_000_000  # pixels of a film: all steps on them fit into 2 GB of memory


@dataclass(frozen=True)
class WordLayout:
    """How the words of a film hold its stored values."""

    allocated: int  # bits of a word, 8 or 16
    stored: int  # bits of a value
    high: int  # number of its most significant bit
    signed: bool

    def values(self) -> np.ndarray:
        """The stored value of each word: int32, 2**allocated."""
        words = np.arange(2**self.allocated, dtype=np.int32)
        values = (words >> (self.high - self.stored + 1)) & (2**self.stored - 1)
        if self.signed:
            values[values >= 2 ** (self.stored - 1)] -= 2**self.stored
        return values


def check_image(ds: pydicom.Dataset) -> None:
    """Reject a data set that holds no image, or one that is too large.

    Raises Rejected: no_image, absurd_size. Values that pydicom cannot convert raise what it raises.
    """
    rows, columns = int(ds.get("Rows") or 0), int(ds.get("Columns") or 0)
    if not rows or not columns:
        raise Rejected("no_image", "Rows or Columns is missing")
    if rows * columns > LARGEST:
        raise Rejected("absurd_size", f"{columns}x{rows}")


def check_film(ds: pydicom.Dataset) -> None:
    """Reject a data set that is not one film, by its header.

    Whether the planes of a colour image are grey all the same is seen in its pixels only, see
    `colour`. Raises Rejected: the codes of `check_image`, not_grey, multi_frame, not_16_bit,
    bad_bits, unreadable_header (no BitsStored). Values that pydicom cannot convert raise what it
    raises.
    """
    check_image(ds)
    photometric = photometric_of(ds)
    kinds = {1: (*GREYS, PALETTE), 3: COLOURS}
    if photometric not in kinds.get(samples_of(ds), ()):
        standard = re.fullmatch("RGB|PALETTE COLOR|YBR_[A-Z_0-9]{2,11}", photometric)
        raise Rejected("not_grey", photometric if standard else "")
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Rejected("multi_frame", str(int(ds.NumberOfFrames)))
    if ds.get("BitsAllocated") not in (8, 16):
        raise Rejected("not_16_bit", "BitsAllocated is neither 8 nor 16")
    if ds.get("BitsStored") is None:
        raise Rejected("unreadable_header", "BitsStored is missing")
    layout = word_layout(ds)
    if not 1 <= layout.stored <= layout.high + 1 <= layout.allocated:
        raise Rejected("bad_bits", f"{layout.stored} bits up to bit {layout.high}")
    if int(ds.get("PixelRepresentation") or 0) not in (0, 1):
        raise Rejected("bad_bits", "PixelRepresentation is neither 0 nor 1")


def photometric_of(ds: pydicom.Dataset) -> str:
    return str(ds.get("PhotometricInterpretation") or "")


def samples_of(ds: pydicom.Dataset) -> int:
    """Values of a pixel: 1, or 3 for colours."""
    return int(ds.get("SamplesPerPixel") or 1)


def word_layout(ds: pydicom.Dataset) -> WordLayout:
    stored = int(ds.BitsStored)
    high = ds.get("HighBit")
    return WordLayout(
        allocated=int(ds.BitsAllocated),
        stored=stored,
        high=stored - 1 if high is None else int(high),
        signed=bool(ds.get("PixelRepresentation") or 0),
    )
