"""Stored values to grey, by one table a film: an entry for each word that a pixel can be.

The way of a value, each step on the at most 65,536 entries of the table and not on the pixels:

1. word -> stored value: the BitsStored bits that end at HighBit, signed by PixelRepresentation;
   other bits of the word are no part of it (PS3.5 8.1.1)
2. -> modality value: Modality LUT Sequence, else RescaleSlope and RescaleIntercept (PS3.3 C.11.1)
3. -> grey 0..255, by the `window` of the whole group:
   - `voi`: what the file offers. VOI LUT Sequence, else WindowCenter and WindowWidth with
     VOILUTFunction LINEAR (default), LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2, C.11.2.1.3); the
     first of several. A width that is empty, no number, not positive, or under 1 for LINEAR, and
     a function of another name, count as no window.
   - `percentile`: the 0.5 and 99.5 percentiles of the film's modality values to 0 and 255
   - `full`: all that the stored bits can hold, after step 2, to 0..255
4. -> inverted if the film is MONOCHROME1 or its PresentationLUTShape INVERSE. The two say the
   same thing, so that both together invert once.

Percentiles of a large film are those of every k-th row, so that about COUNTED pixels are counted.
Pixel padding (PixelPaddingValue to PixelPaddingRangeLimit) is left out of them and black in the
end. Padding that would cover more than PADDED of a film is not believed.

"""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset, uid
from scipy.special import expit

from pgdose.errors import Rejected
from pgdose.images.grey_levels import Curve, count, linear, look_up, percentiles

WINDOWS = ("voi", "percentile", "full")
PADDED = 0.9  # of the pixels; what covers more of a film is the film
LARGEST_NUMBER = 1e12  # in a header; what is beyond is a slip, and sums of it would overflow


@dataclass(frozen=True)
class Layout:
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


def to_grey(
    words: np.ndarray, layout: Layout, ds: Dataset, window: str
) -> tuple[np.ndarray, str, str | None]:
    """(pixels, applied, offered) of a film, see `dicom.Film`.

    `words` is uint8 or uint16, rows x columns; `ds` holds the attributes named above. Rejects a
    film without contrast (blank), without a window where `window` is voi (no_window), and with
    tables or factors that cannot be (bad_lut, bad_rescale).
    """
    values = layout.values()
    modality = _modality(values, layout.signed, ds)
    try:
        offered, curve = _voi(ds, modality)
    except Rejected:
        if window == "voi":
            raise
        offered = curve = None
    counts = count(words)
    padding = _padding(values, layout, ds)
    if counts[padding].sum() > PADDED * counts.sum():
        padding[:] = False
    counts[padding] = 0

    def table(curve: Curve) -> np.ndarray:
        grey = curve(modality)
        if _inverted(ds):
            grey = 255 - grey
        grey[padding] = 0
        greys = np.rint(grey).astype(np.uint8)
        percentiles(greys, counts)  # of the greys themselves: a window may show a single one
        return greys

    if window == "voi":
        if curve is None:
            raise Rejected("no_window", "neither a VOI LUT nor a window that can be used")
        return look_up(table(curve), words), f"voi {offered}", offered
    ends = percentiles(modality, counts) if window == "percentile" else _ends(modality)
    if curve is not None:
        try:
            table(curve)
        except Rejected:  # it would show nothing
            offered = None
    return look_up(table(linear(*ends)), words), window, offered


def _ends(modality: np.ndarray) -> tuple[float, float]:
    low, high = float(modality.min()), float(modality.max())
    if not low < high:
        raise Rejected("blank", "the modality transformation makes all values the same")
    return low, high


def _modality(values: np.ndarray, signed: bool, ds: Dataset) -> np.ndarray:
    """The modality value of each stored value: float64."""
    if ds.get("ModalityLUTSequence"):
        entries, first, _ = _lut(ds.ModalityLUTSequence[0], signed, _order(ds))
        return entries[np.clip(values - first, 0, len(entries) - 1)].astype(np.float64)
    slope = number(ds, "RescaleSlope", absent=1.0)
    intercept = number(ds, "RescaleIntercept", absent=0.0)
    if slope is None or intercept is None or slope == 0:
        raise Rejected("bad_rescale", "RescaleSlope or RescaleIntercept is zero or no number")
    return values * slope + intercept


def _voi(ds: Dataset, modality: np.ndarray) -> tuple[str, Curve] | tuple[None, None]:
    """The file's own way from modality values to grey, with its name; None if it has none."""
    if ds.get("VOILUTSequence"):
        entries, first, bits = _lut(ds.VOILUTSequence[0], modality.min() < 0, _order(ds))
        grey = entries * (255 / (2**bits - 1))
        last = len(entries) - 1
        return "lut", lambda x: grey[np.clip(np.rint(x) - first, 0, last).astype(np.int64)]
    center, width = number(ds, "WindowCenter"), number(ds, "WindowWidth")
    name = str(ds.get("VOILUTFunction") or "LINEAR").strip().lower()
    if center is None or width is None or width <= 0:
        return None, None
    if name == "linear" and width > 1:
        middle, half = center - 0.5, (width - 1) / 2
        return name, linear(middle - half, middle + half)
    if name == "linear" and width == 1:
        return name, lambda x: np.where(x <= center - 0.5, 0.0, 255.0)
    if name == "linear_exact":
        return name, linear(center - width / 2, center + width / 2)
    if name == "sigmoid":
        return name, lambda x: 255 * expit(4 * (x - center) / width)
    return None, None


def _order(ds: Dataset) -> str:
    """The order of the bytes in a file's words, as NumPy writes it."""
    return ">" if ds.file_meta.get("TransferSyntaxUID") == uid.ExplicitVRBigEndian else "<"


def _lut(item: Dataset, signed: bool, order: str) -> tuple[np.ndarray, int, int]:
    """(entries, first value mapped, bits of an entry) of a LUT's item (PS3.3 C.11.1.1)."""
    length, first, bits = (int(number) & 0xFFFF for number in item.LUTDescriptor)
    length = length or 2**16
    if signed and first >= 2**15:
        first -= 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        packed = np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2")
    else:
        packed = np.asarray(data).reshape(-1).astype(np.uint16)
    if bits <= 8 and len(packed) < length:  # two entries to a word
        packed = packed.astype("<u2").view(np.uint8)
    entries = packed[:length].astype(np.int32)
    if not 1 <= bits <= 16 or len(entries) < length or entries.max() >= 2**bits:
        raise Rejected("bad_lut", "a lookup table contradicts its LUTDescriptor")
    return entries, first, bits


def _padding(values: np.ndarray, layout: Layout, ds: Dataset) -> np.ndarray:
    """Which words are padding: bool, one for each."""
    first = number(ds, "PixelPaddingValue")
    if first is None:
        return np.zeros(values.size, bool)
    last = number(ds, "PixelPaddingRangeLimit", absent=first)
    ends = sorted((int(first), int(first if last is None else last)))
    if values.min() <= ends[0] and ends[1] <= values.max():
        return (values >= ends[0]) & (values <= ends[1])
    # No value of these bits: a whole word, or one of the other sign.
    return np.arange(values.size) == int(first) % 2**layout.allocated


def _inverted(ds: Dataset) -> bool:
    shape = str(ds.get("PresentationLUTShape") or "").strip().upper()
    return ds.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def number(ds: Dataset, keyword: str, absent: float | None = None) -> float | None:
    """The first number of an attribute; `absent` if there is none, None if it cannot be one."""
    try:
        value = ds.get(keyword)
        if isinstance(value, bytes):
            return None
        if not isinstance(value, str | float | int) and value is not None:
            value = value[0] if len(value) else None
        if value is None or value == "":
            return absent
        found = float(value)
    except Exception:  # pydicom's converters raise of all kinds
        return None
    return found if abs(found) <= LARGEST_NUMBER else None  # None for NaN too
