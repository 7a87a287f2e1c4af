"""From the stored words of a film to grey, by a lookup table with an entry for each possible word.

Each step works on the table, at most 65,536 entries, and not on the pixels:

1. word -> stored value: the BitsStored bits that end at HighBit, signed by PixelRepresentation;
   other bits of the word do not count (PS3.5 8.1.1)
2. -> modality value: Modality LUT Sequence, else RescaleSlope and RescaleIntercept (PS3.3 C.11.1)
3. -> grey 0..255, by the `window` of the whole group:
   - `voi`: the window that the file offers. VOI LUT Sequence, else WindowCenter and WindowWidth
     with VOILUTFunction LINEAR (default), LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2, C.11.2.1.3);
     the first of several. The file has no window if the width is empty, no number, not positive,
     or under 1 for LINEAR, or if the function has another name.
   - `percentile`: the 0.5 and 99.5 percentiles of the film's modality values to 0 and 255
   - `full`: the whole range that the stored bits can hold, after step 2, to 0..255
4. -> inverted if the film is MONOCHROME1 or its PresentationLUTShape INVERSE. The two mean the
   same, so a film with both is inverted once.

Percentiles of a large film are taken of every k-th row, see `grey_levels.COUNTED`. Pixel padding
(PixelPaddingValue to PixelPaddingRangeLimit) does not count in them and becomes black. Padding
that would cover more than MOST_PADDING of a film is ignored.
"""

import numpy as np
from pydicom import Dataset
from scipy.special import expit

from pgdose.errors import Rejected
from pgdose.images.grey_levels import Curve, count, linear, look_up, percentiles
from pgdose.xray.dicom_file import first_number
from pgdose.xray.film_checks import WordLayout
from pgdose.xray.lookup_tables import read_table

WINDOWS = ("voi", "percentile", "full")
MOST_PADDING = 0.9  # of the pixels; a value that covers more of a film is the film itself


def to_grey(
    words: np.ndarray, layout: WordLayout, ds: Dataset, window: str
) -> tuple[np.ndarray, str, str | None]:
    """(pixels, applied, offered) of a film, see `films.Film`.

    `words` is uint8 or uint16, rows x columns; `ds` holds the attributes named above.

    Raises Rejected: blank (no contrast), no_window (`window` is voi and the file has none),
    bad_lut and bad_rescale (impossible tables or factors).
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
    if counts[padding].sum() > MOST_PADDING * counts.sum():
        padding[:] = False
    counts[padding] = 0

    def table(curve: Curve) -> np.ndarray:
        grey = curve(modality)
        if _inverted(ds):
            grey = 255 - grey
        grey[padding] = 0
        greys = np.rint(grey).astype(np.uint8)
        percentiles(greys, counts)  # rejects a window that shows a single grey
        return greys

    if window == "voi":
        if curve is None:
            raise Rejected("no_window", "neither a VOI LUT nor a usable window")
        return look_up(table(curve), words), f"voi {offered}", offered
    ends = percentiles(modality, counts) if window == "percentile" else _full_range(modality)
    if curve is not None:
        try:
            table(curve)
        except Rejected:  # the window would show nothing
            offered = None
    return look_up(table(linear(*ends)), words), window, offered


def _full_range(modality: np.ndarray) -> tuple[float, float]:
    low, high = float(modality.min()), float(modality.max())
    if not low < high:
        raise Rejected("blank", "the modality transformation makes all values the same")
    return low, high


def _modality(values: np.ndarray, signed: bool, ds: Dataset) -> np.ndarray:
    """The modality value of each stored value: float64."""
    if ds.get("ModalityLUTSequence"):
        table = ds.ModalityLUTSequence[0]
        entries, first, _ = read_table(table.LUTDescriptor, table.LUTData, signed, ds)
        return entries[np.clip(values - first, 0, len(entries) - 1)].astype(np.float64)
    slope = first_number(ds, "RescaleSlope", absent=1.0)
    intercept = first_number(ds, "RescaleIntercept", absent=0.0)
    if slope is None or intercept is None or slope == 0:
        raise Rejected(
            "bad_rescale", "RescaleSlope is zero, or it or RescaleIntercept is not a number"
        )
    return values * slope + intercept


def _voi(ds: Dataset, modality: np.ndarray) -> tuple[str, Curve] | tuple[None, None]:
    """The window that the file offers, its name and its curve; None if it has none."""
    if ds.get("VOILUTSequence"):
        table, signed = ds.VOILUTSequence[0], bool(modality.min() < 0)
        entries, first, bits = read_table(table.LUTDescriptor, table.LUTData, signed, ds)
        grey = entries * (255 / (2**bits - 1))
        last = len(entries) - 1
        return "lut", lambda x: grey[np.clip(np.rint(x) - first, 0, last).astype(np.int64)]
    center, width = first_number(ds, "WindowCenter"), first_number(ds, "WindowWidth")
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


def _padding(values: np.ndarray, layout: WordLayout, ds: Dataset) -> np.ndarray:
    """Which words are padding: bool, one for each."""
    first = first_number(ds, "PixelPaddingValue")
    if first is None:
        return np.zeros(values.size, bool)
    last = first_number(ds, "PixelPaddingRangeLimit", absent=first)
    ends = sorted((int(first), int(first if last is None else last)))
    if values.min() <= ends[0] and ends[1] <= values.max():
        return (values >= ends[0]) & (values <= ends[1])
    # Not a value that these bits can hold: a whole word, or one of the other sign.
    return np.arange(values.size) == int(first) % 2**layout.allocated


def _inverted(ds: Dataset) -> bool:
    shape = str(ds.get("PresentationLUTShape") or "").strip().upper()
    return ds.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"
