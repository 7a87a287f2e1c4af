"""Laying a thorax pattern over a film: everywhere and in many sizes, then fitted closer.

The search is a normalised cross-correlation by Fourier transforms on a small copy of the film; the
fit is a simplex search for the five numbers of a place, (x, top, width, height, tilt), in pixels of
a copy that is FINE pixels long.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import minimize
from skimage.exposure import equalize_hist

from pgdose.images.rendering import resize_box
from pgdose.xray.thorax_patterns import BOTTOM, PATTERNS, REACH, TOP, draw_pattern

FINE, COARSE = 96, 48  # pixels of the longer side: for the fit, and for the search before it
# What the search tries: widths from a third to all of the film, heights over widths.
WIDTHS = np.geomspace(18, 50, 12)
RATIOS = np.geomspace(0.7, 1.5, 7)  # heights over widths, times a pattern's usual one
FLAT, TALL, UPRIGHTNESS = 0.5, 0.12, 0.3  # the cost of an unusual height or tilt
CANVAS = 72  # pixels a side: COARSE, and room for patterns that reach beyond the film
LEAST_VARIANCE = 0.1  # of the flattened film under a pattern; an even area matches nothing


def flatten(image: np.ndarray) -> np.ndarray:
    """The film, FINE pixels long, with local mean 0 and local deviation 1 (0 where it is even).

    This removes the effect of exposure, collimation and the air round the body.
    """
    scale = FINE / max(image.shape)
    rows, columns = image.shape
    shape = max(1, round(rows * scale)), max(1, round(columns * scale))
    tones = equalize_hist(resize_box(image, (0, 0, columns, rows), shape)).astype(np.float32)
    tones -= _blur(tones)
    return np.clip(tones / (np.sqrt(_blur(tones**2)) + 0.05), -2.5, 2.5)


def _blur(values: np.ndarray) -> np.ndarray:
    return gaussian_filter(values, FINE / 5, mode="nearest", truncate=2.5)


def unusualness(width: float, height: float, pattern: str) -> float:
    """The cost of an unusual height: a misplaced diaphragm is likelier than very long lungs."""
    off = np.log(max(height / width, 1e-3) / PATTERNS[pattern].ratio)
    return float((TALL if off > 0 else FLAT) * off**2)


class Bank(NamedTuple):
    """A pattern in all sizes; `penalties` and `total`, the sums of weights, are n x 1 x 1.

    `values` and `weights` are the conjugate Fourier transforms of values times weights and of
    weights (origin: midline at the apices).
    """

    sizes: np.ndarray  # n x 2: width, height
    penalties: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    total: np.ndarray


@lru_cache
def _bank(pattern: str) -> Bank:
    ratios = PATTERNS[pattern].ratio * RATIOS
    sizes = np.array([(w, w * r) for w in WIDTHS for r in ratios if 16 <= w * r <= 52])
    planes = np.zeros((len(sizes), 2, CANVAS, CANVAS), np.float32)
    for plane, (width, height) in zip(planes, sizes, strict=True):
        columns, rows = round(REACH * width), round((BOTTOM - TOP) * height)
        _, _, values, weights = draw_pattern(pattern, columns, rows)
        values -= np.average(values, weights=weights)
        values /= np.sqrt((weights * values**2).sum())
        y = (np.arange(rows) + round(TOP * height)) % CANVAS
        x = (np.arange(columns) - columns // 2) % CANVAS
        plane[(slice(None), *np.ix_(y, x))] = weights * values, weights
    penalties = np.array([unusualness(w, h, pattern) for w, h in sizes])[:, None, None]
    values, weights = np.ascontiguousarray(np.moveaxis(fft.rfft2(planes).conj(), 1, 0))
    total = planes[:, 1].sum(axis=(1, 2))[:, None, None]
    return Bank(sizes, penalties, values, weights, total)


def search(small: np.ndarray, pattern: str) -> tuple[float, float, float, float, float]:
    """The best correlation with a flattened film at any place and size.

    Returns its value, x, top, width and height, see the module.
    """
    bank = _bank(pattern)
    half = np.asarray(Image.fromarray(small).reduce(FINE // COARSE))
    film = np.zeros((2, CANVAS, CANVAS), np.float32)
    rows, columns = half.shape
    film[0, :rows, :columns] = half
    film[1] = film[0] ** 2
    spectrum, spectrum_of_squares = fft.rfft2(film)

    def correlate(spectra: np.ndarray) -> np.ndarray:
        # As irfft2, to the last bit, but only for the rows of the film.
        lines = fft.ifft(spectra, axis=1, norm="forward", overwrite_x=True)[:, :rows]
        across = fft.irfft(lines, CANVAS, norm="forward")[:, :, :columns]
        return across * np.float32(1 / CANVAS**2)

    # In place: new arrays for each step would cost as much as the steps.
    mean = correlate(spectrum * bank.weights)
    mean **= 2
    mean /= bank.total
    variance = correlate(spectrum_of_squares * bank.weights)
    variance -= mean
    np.maximum(variance, LEAST_VARIANCE * bank.total, out=variance)
    similarity = correlate(spectrum * bank.values)
    similarity /= np.sqrt(variance, out=variance)
    similarity -= bank.penalties
    best, y, x = map(int, np.unravel_index(similarity.argmax(), similarity.shape))
    zoom = FINE // COARSE
    width, height = (zoom * bank.sizes[best]).tolist()
    return float(similarity[best, y, x]), (x + 0.5) * zoom, y * zoom, width, height


@lru_cache
def _points(half: int) -> tuple[np.ndarray, ...]:
    """x, y, values (times weights) and weights of the frontal pattern, or of its left (-1) or right
    (1) half; scaled so that their products with a film's greys are means and correlations."""
    x, y, values, weights = draw_pattern("frontal", 28, 26)
    used = (weights > 0) & (half * x > -0.2)
    weights = weights[used] / weights[used].sum()
    values = weights * (values[used] - weights @ values[used])
    return x[used], y[used], values / np.sqrt((values**2 / weights).sum()), weights


def likeness_at(place: tuple | np.ndarray, small: np.ndarray, half: int = 0) -> float:
    """Weighted correlation of the frontal pattern (or a half) with a flattened film, at a place."""
    x, top, width, height, tilt = place
    across, down, values, weights = _points(half)
    across, down = across * (width / 2), down * height
    cos, sin = np.cos(tilt), np.sin(tilt)
    rows = top - 0.5 + sin * across + cos * down
    columns = x - 0.5 + cos * across - sin * down
    greys = map_coordinates(small, [rows, columns], order=1, mode="constant")
    variance = weights @ greys**2 - (weights @ greys) ** 2
    return float(values @ greys / np.sqrt(max(variance, LEAST_VARIANCE)))


def fit(small: np.ndarray, start: list[float]) -> np.ndarray:
    """(x, top, width, height, tilt) of the best fit near (x, top, width, height)."""

    def cost(place: np.ndarray) -> float:
        _, _, width, height, tilt = place
        penalty = unusualness(width, height, "frontal") + UPRIGHTNESS * tilt**2
        return penalty - likeness_at(place, small)

    first = np.array([*start, 0.0])
    _, _, width, height, _ = first
    steps = np.diag([0.04 * width, 0.04 * height, 0.08 * width, 0.08 * height, 0.05])
    simplex = np.vstack([first, first + steps])
    options = {"initial_simplex": simplex, "maxfev": 110, "xatol": 0.02, "fatol": 5e-4}
    return minimize(cost, first, method="Nelder-Mead", options=options).x
