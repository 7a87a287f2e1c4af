"""Where the thorax is on a chest film, where the aorta is in it, and whether a film is lateral.

Two lung fields with the mediastinum between them, the chest wall beside and the diaphragm below
are a pattern that hardly any disease hides. It is laid over the film at every place and in many
widths and heights by normalised cross-correlation, then fitted closer. The window round the
ascending aorta, arch and knob stands in fixed proportion to the best fit, and the correlation
says how sure it is. No weights, nothing learned.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import minimize
from skimage.exposure import equalize_hist

from pgdose.errors import UserError
from pgdose.tables.user_columns import listed

FINE, COARSE = 96, 48  # pixels of the longer side: for the fit, and for the search before it
# What the search tries: widths from a third to all of the film, heights over widths.
WIDTHS = np.geomspace(18, 50, 12)
RATIOS = np.geomspace(0.7, 1.5, 7)  # heights over widths, times a pattern's usual one
FLAT, TALL, UPRIGHTNESS = 0.5, 0.12, 0.3  # what a strange height or tilt costs

# The aorta's window in parts of the thorax' width, from the midline at the apices: to the patient's
# left and down; and in parts of its height: a deep breath moves the aorta less than the diaphragm.
LEFTWARDS, DOWNWARDS, DEEPER, SIDE = 0.03, 0.11, 0.2, 0.46
SIDE_MM = 120.0  # the window where the pixel spacing is known
THORAX_MM = (180.0, 380.0)  # how wide adults' lungs are together; else the spacing is wrong
UNLIKE, ALIKE = 0.5, 0.85  # likenesses that mean no confidence and full confidence
UPRIGHT = 0.42  # likeness where the pattern fits upside down as well

LATERAL_MARGIN, LATERAL_SPREAD = 0.04, 0.03


class AortaWindow(NamedTuple):
    """A square of a film: its centre and side in pixels of the film, confidence in [0, 1]."""

    x: float
    y: float
    side: float
    confidence: float


class Thorax(NamedTuple):
    """The two lung fields of a film, in its pixels.

    `x`, `top`: where the midline meets the height of the apices; `width` of both lungs together;
    `height` from the apices to the base; `tilt` in radians, positive if the patient's head leans
    to the right of the picture; `likeness`, at most 1: correlation with the pattern, of the whole
    or of the worse half, less if the pattern fits upside down as well or is strangely flat.
    """

    x: float
    top: float
    width: float
    height: float
    tilt: float
    likeness: float


def aorta_window(image: np.ndarray, mm_per_px: float | None = None) -> AortaWindow:
    """The window round ascending aorta, arch and knob of a frontal film.

    Args:
        image: uint8, rows x columns, bright where dense.
        mm_per_px: pixel spacing, None or NaN if unknown. Where it makes the thorax as wide as
            people's are, the window's side is SIDE_MM; else (headers lie) it goes by the width.

    The confidence is low where no two equal lung fields stand upright in the picture, or where
    the window leaves it.
    """
    thorax = find_thorax(image)
    side = SIDE * thorax.width
    if mm_per_px and THORAX_MM[0] <= thorax.width * mm_per_px <= THORAX_MM[1]:
        side = SIDE_MM / mm_per_px
    right = LEFTWARDS * thorax.width
    down = DOWNWARDS * thorax.width + DEEPER * thorax.height
    cos, sin = np.cos(thorax.tilt), np.sin(thorax.tilt)
    x, y = thorax.x + cos * right - sin * down, thorax.top + sin * right + cos * down
    sure = np.clip((thorax.likeness - UNLIKE) / (ALIKE - UNLIKE), 0, 1)
    sure *= _share_inside(x, y, side, image.shape) ** 2
    return AortaWindow(float(x), float(y), float(side), float(sure))


def _share_inside(x: float, y: float, side: float, shape: tuple[int, ...]) -> float:
    """How much of a window lies in an image of that shape, 0..1."""
    across, down = (
        min(middle + side / 2, length) - max(middle - side / 2, 0)
        for middle, length in ((x, shape[1]), (y, shape[0]))
    )
    return max(across, 0) * max(down, 0) / side**2


def looks_lateral(image: np.ndarray) -> float:
    """How much a film looks lateral rather than frontal: a score in [0, 1].

    It compares the likeness to one large lung field, seen from the left or the right, with that
    to two fields side by side. `image` as for `aorta_window`; blank films score low.
    """
    small = _flattened(image)
    frontal, left, right = (_search(small, pattern)[0] for pattern in PATTERNS)
    return float(1 / (1 + np.exp(-(max(left, right) - frontal - LATERAL_MARGIN) / LATERAL_SPREAD)))


def find_thorax(image: np.ndarray) -> Thorax:
    """The best fit of the frontal pattern to a film (uint8, rows x columns)."""
    small = _flattened(image)
    _, *start = _search(small, "frontal")
    x, top, width, height, tilt = place = _fit(small, start)
    whole, left, right = (_likeness(place, small, half) for half in (0, -1, 1))
    headlong = _likeness((x, top + height, width, -height, tilt), small)
    likeness = min(whole, left, right, UPRIGHT + whole - headlong)
    likeness -= _strangeness(width, height, "frontal")
    scale = max(image.shape) / FINE
    return Thorax(x * scale, top * scale, width * scale, height * scale, tilt, likeness)


def read_boxes(path: str | Path) -> pd.DataFrame:
    """A person's (or another program's) windows of the aorta: `x y side` (pixels) by `record_id`.

    The CSV file has the columns record_id, x, y (the centre) and side; others are left out.

    What a person wrote there is not quoted: the message goes into a log beside the results.

    Raises:
        UserError: a column is missing, a number is none, a side is not above 0, an id comes twice.
    """
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"boxes: not a readable CSV file ({type(error).__name__})") from error
    for column in ("record_id", "x", "y", "side"):
        if column not in table:
            raise UserError(
                f"boxes: no column {column!r}; {listed(list(table.columns))}. "
                "Wanted are record_id, x, y and side"
            )
    again = table["record_id"].duplicated().to_numpy()
    if again.any():
        row = again.argmax() + 2
        raise UserError(f"boxes: the record_id of row {row} stands there twice; once is wanted")
    boxes = table.set_index("record_id")[["x", "y", "side"]]
    numbers = boxes.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    for column, wanted in (("x", "a number"), ("y", "a number"), ("side", "a number above 0")):
        good = np.isfinite(numbers[column]) & (numbers[column].gt(0) | (column != "side"))
        if not good.all():
            row = (~good).to_numpy().argmax() + 2  # the first is the names of the columns
            raise UserError(f"boxes: {column} in row {row}: {wanted} is wanted, in pixels")
    return numbers


# --- the patterns -----------------------------------------------------------------------------
#
# In units of half the width (x, from -1 to 1, the midline at 0) and of the height (y, from the
# apices at 0 to the base at 1). A pattern gives where it is dark and what each place weighs.

Pattern = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
REACH, TOP, BOTTOM = 1.4, -0.1, 1.3  # of a pattern: sidewards, and its first and last height


def _frontal(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across = np.abs(x)
    outer = np.interp(y, [0, 0.03, 0.1, 0.2, 0.35, 0.6, 1.2], [0.3, 0.45, 0.6, 0.74, 0.88, 0.98, 1])
    inner = np.where(
        x < 0,
        np.interp(y, [0, 0.3, 0.6, 0.8, 1.2], [0.17, 0.2, 0.24, 0.32, 0.34]),
        np.interp(y, [0, 0.3, 0.5, 0.7, 0.9, 1.2], [0.17, 0.2, 0.28, 0.46, 0.56, 0.58]),
    )
    floor = 0.86 + 0.9 * np.maximum(across - 0.5, 0) ** 2 + 0.03 * (x > 0)
    lung = (across > inner) & (across < outer) & (y > 0) & (y < floor)
    middle = across <= inner
    wall = (across >= outer) & (across < outer + 0.16) & (y > 0) & (y < 0.95)
    below = (y >= floor) & (across < 1) & ~middle
    above = (y <= 0) & (across < 0.6) & ~middle
    return lung, 1.0 * (lung | middle | above) + 0.8 * (wall | below)


def _facing_left(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    front = np.interp(y, [0, 0.15, 0.35, 0.65, 1.2], [-0.3, -0.45, -0.72, -0.95, -1])
    back = np.interp(y, [0, 0.25, 0.55, 0.9, 1.2], [0.35, 0.7, 0.95, 0.95, 0.9])
    floor = 0.82 + 0.12 * (x + 0.6) + 0.08 * np.maximum(x, 0) ** 2
    inside = (x > front) & (x < back) & (y > 0.02) & (y < floor)
    heart = inside & (((x + 0.42) / 0.42) ** 2 + ((y - 0.72) / 0.24) ** 2 < 1)
    along = np.interp(y, [0, 0.3, 0.6, 1.2], [0.3, 0.55, 0.72, 0.6])
    spine = inside & (np.abs(x - along) < 0.13)
    beyond = np.maximum(front - x, x - back)  # how far from the lung
    walls = (beyond >= 0) & (beyond < 0.16) & (y > 0) & (y < 1)
    air = (beyond > 0.16) & (y > 0.1) & (y < 1)
    below = (y >= floor) & (np.abs(x) < 0.9)
    above = (y <= 0.02) & (np.abs(x) < 0.6) & ~walls
    lung = inside & ~heart & ~spine
    bright = 0.8 * (heart | walls | (below & ~air)) + 0.6 * above + 0.5 * spine
    return lung | air, 1.0 * lung + 0.3 * air + bright


def _facing_right(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _facing_left(-x, y)


PATTERNS: dict[str, tuple[Pattern, float]] = {  # each with its usual height over width
    "frontal": (_frontal, 0.88),
    "facing left": (_facing_left, 1.1),
    "facing right": (_facing_right, 1.1),
}


def _drawn(pattern: str, columns: int, rows: int) -> tuple[np.ndarray, ...]:
    """Places x and y, values (-1 dark, 1 bright) and weights of a pattern, rows x columns."""
    x, y = np.meshgrid(
        ((np.arange(columns) + 0.5) / columns * 2 - 1) * REACH,
        TOP + (np.arange(rows) + 0.5) / rows * (BOTTOM - TOP),
    )
    dark, weights = PATTERNS[pattern][0](x, y)
    return x, y, np.where(dark, -1.0, 1.0), weights


# --- the search -------------------------------------------------------------------------------

CANVAS = 72  # pixels a side: COARSE, and room for patterns that reach beyond the film
LEAST_VARIANCE = 0.1  # of the flattened film under a pattern; where it is even, nothing is alike


def _flattened(image: np.ndarray) -> np.ndarray:
    """The film, FINE pixels long, with local mean 0 and local deviation 1 (0 where it is even).

    So neither exposure nor collimation nor the air round the body counts.
    """
    scale = FINE / max(image.shape)
    rows, columns = (max(1, round(side * scale)) for side in image.shape)
    shrunk = Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX)
    tones = equalize_hist(np.asarray(shrunk)).astype(np.float32)
    tones -= _blurred(tones)
    return np.clip(tones / (np.sqrt(_blurred(tones**2)) + 0.05), -2.5, 2.5)


def _blurred(values: np.ndarray) -> np.ndarray:
    return gaussian_filter(values, FINE / 5, mode="nearest", truncate=2.5)


def _strangeness(width: float, height: float, pattern: str) -> float:
    """What a pattern's height costs; a diaphragm mistaken is more likely than long lungs."""
    off = np.log(max(height / width, 1e-3) / PATTERNS[pattern][1])
    return float((TALL if off > 0 else FLAT) * off**2)


@lru_cache
def _bank(pattern: str) -> tuple[np.ndarray, ...]:
    """The pattern in all sizes: n x 2 (width, height), the conjugate Fourier transforms of values
    times weights and of weights (origin: midline at the apices), and the sums of weights."""
    ratios = PATTERNS[pattern][1] * RATIOS
    sizes = np.array([(w, w * r) for w in WIDTHS for r in ratios if 16 <= w * r <= 52])
    planes = np.zeros((len(sizes), 2, CANVAS, CANVAS), np.float32)
    for plane, (width, height) in zip(planes, sizes, strict=True):
        columns, rows = round(REACH * width), round((BOTTOM - TOP) * height)
        _, _, values, weights = _drawn(pattern, columns, rows)
        values -= np.average(values, weights=weights)
        values /= np.sqrt((weights * values**2).sum())
        y = (np.arange(rows) + round(TOP * height)) % CANVAS
        x = (np.arange(columns) - columns // 2) % CANVAS
        plane[(slice(None), *np.ix_(y, x))] = weights * values, weights
    spectra = fft.rfft2(planes).conj()
    return sizes, spectra[:, 0], spectra[:, 1], planes[:, 1].sum(axis=(1, 2))[:, None, None]


def _search(small: np.ndarray, pattern: str) -> tuple[float, float, float, float, float]:
    """The best correlation at any place and size: its value, x, top, width and height."""
    sizes, values, weights, total = _bank(pattern)
    half = np.asarray(Image.fromarray(small).reduce(FINE // COARSE))
    film = np.zeros((2, CANVAS, CANVAS), np.float32)
    rows, columns = half.shape
    film[0, :rows, :columns] = half
    film[1] = film[0] ** 2
    spectrum, of_squares = fft.rfft2(film)

    def correlate(spectra: np.ndarray) -> np.ndarray:
        return fft.irfft2(spectra, (CANVAS, CANVAS))[:, :rows, :columns]

    variance = correlate(of_squares * weights) - correlate(spectrum * weights) ** 2 / total
    likeness = correlate(spectrum * values) / np.sqrt(np.maximum(variance, LEAST_VARIANCE * total))
    likeness -= np.array([_strangeness(w, h, pattern) for w, h in sizes])[:, None, None]
    best, y, x = np.unravel_index(likeness.argmax(), likeness.shape)
    zoom = FINE // COARSE
    width, height = zoom * sizes[best]
    return float(likeness[best, y, x]), (x + 0.5) * zoom, y * zoom, width, height


# --- the fit ----------------------------------------------------------------------------------


@lru_cache
def _points(half: int) -> tuple[np.ndarray, ...]:
    """x, y, values (times weights) and weights of the frontal pattern, or of its left (-1) or
    right (1) half; scaled so that their products with what is seen are means and correlations."""
    x, y, values, weights = _drawn("frontal", 28, 26)
    used = (weights > 0) & (half * x > -0.2)
    weights = weights[used] / weights[used].sum()
    values = weights * (values[used] - weights @ values[used])
    return x[used], y[used], values / np.sqrt((values**2 / weights).sum()), weights


def _likeness(place: tuple | np.ndarray, small: np.ndarray, half: int = 0) -> float:
    """Weighted correlation of the pattern at (x, top, width, height, tilt) with the film."""
    x, top, width, height, tilt = place
    across, down, values, weights = _points(half)
    across, down = across * (width / 2), down * height
    cos, sin = np.cos(tilt), np.sin(tilt)
    rows = top - 0.5 + sin * across + cos * down
    columns = x - 0.5 + cos * across - sin * down
    seen = map_coordinates(small, [rows, columns], order=1, mode="constant")
    variance = weights @ seen**2 - (weights @ seen) ** 2
    return float(values @ seen / np.sqrt(max(variance, LEAST_VARIANCE)))


def _fit(small: np.ndarray, start: list[float]) -> np.ndarray:
    """(x, top, width, height, tilt) of the best fit near (x, top, width, height)."""

    def cost(place: np.ndarray) -> float:
        _, _, width, height, tilt = place
        strange = _strangeness(width, height, "frontal") + UPRIGHTNESS * tilt**2
        return strange - _likeness(place, small)

    first = np.array([*start, 0.0])
    _, _, width, height, _ = first
    steps = np.diag([0.04 * width, 0.04 * height, 0.08 * width, 0.08 * height, 0.05])
    simplex = np.vstack([first, first + steps])
    options = {"initial_simplex": simplex, "maxfev": 110, "xatol": 0.02, "fatol": 5e-4}
    return minimize(cost, first, method="Nelder-Mead", options=options).x
