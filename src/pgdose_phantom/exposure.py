"""Exposing a film: position on the detector, grey scale and grain."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from pgdose_phantom.chest_shapes import GRID, REACH

UNIT_MM = 160.0  # a thorax unit of the usual patient: both lungs are some 24 cm wide
ToPixels = Callable[[float, float], tuple[float, float]]


def expose(
    rng: np.random.Generator, density: np.ndarray, rows: int, columns: int
) -> tuple[np.ndarray, ToPixels, float, float]:
    """Put the density of the grid onto a film of rows x columns: position, exposure and noise.

    Returns the film, float32 (rows, columns) in 0..1; the function from thorax units to pixels;
    the pixels per thorax unit; and the millimetres per pixel.
    """
    unit_mm = rng.uniform(0.95, 1.05) * UNIT_MM  # people are not all of a size
    units_per_px = 2 / (max(rows, columns) * np.clip(rng.normal(0.97, 0.03), 0.9, 1.05))
    angle = np.deg2rad(rng.normal(0, 1.6))
    shift = rng.normal(0, 0.03, 2)
    cos, sin = np.cos(angle), np.sin(angle)

    def to_pixels(x: float, y: float) -> tuple[float, float]:
        dx, dy = (x - shift[0]) / units_per_px, (y - shift[1]) / units_per_px
        return cos * dx + sin * dy + columns / 2, -sin * dx + cos * dy + rows / 2

    # PIL expects the map from pixels to the grid, by way of thorax units.
    to_grid = (GRID - 1) / (2 * REACH)
    a, b = cos * units_per_px * to_grid, -sin * units_per_px * to_grid
    centre_x, centre_y = ((shift + REACH) * to_grid + 0.5).tolist()
    matrix = (
        a, b, centre_x - a * columns / 2 - b * rows / 2,
        -b, a, centre_y + b * columns / 2 - a * rows / 2,
    )  # fmt: skip
    gamma, gain = rng.normal(1.0, 0.07), rng.normal(1.0, 0.05)
    exposed = np.clip((density - 0.02) / 0.92, 0.0, 1.2) ** gamma * gain
    tone = np.clip(exposed + rng.normal(0, 0.015), 0, 1).astype(np.float32)
    big = Image.fromarray(tone).transform(
        (columns, rows), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    film = np.array(big)
    # The detector's grain: one strip of numbers, laid over every row from a random start.
    strip = rng.standard_normal(columns * 8 + 4096, dtype=np.float32) * rng.uniform(0.008, 0.016)
    starts = rng.integers(0, len(strip) - columns, rows)
    for row, start in enumerate(starts):
        film[row] += strip[start : start + columns]
    film = np.clip(film, 0, 1, out=film)
    return film, to_pixels, 1 / units_per_px, round(float(unit_mm * units_per_px), 4)
