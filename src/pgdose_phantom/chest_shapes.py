"""Shapes and textures on the working grid of a chest film.

The grid covers *thorax units*: x to the right of the image, y downwards, the midline at x = 0, half
a film to the unit. Every function gives float arrays of (GRID, GRID), or that broadcast to it.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

GRID = 336  # pixels a side
REACH = 1.25  # the grid covers -REACH..REACH thorax units both ways

AXIS = np.linspace(-REACH, REACH, GRID, dtype=np.float32)
X = AXIS[None, :]
Y = AXIS[:, None]


def step(values: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1, a cubic over -1..1: cheaper than a logistic and as smooth."""
    t = np.clip(0.5 + 0.5 * values, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def profile(heights: Any, widths: Any) -> np.ndarray:
    """A smooth curve through points, given for every row of the grid; float32 (GRID, 1)."""
    curve = np.interp(AXIS, heights, widths)
    ends = np.pad(curve, 8, mode="edge")
    return np.convolve(ends, np.hanning(19)[1:-1] / np.hanning(19).sum(), "valid").astype(
        np.float32
    )[:, None]


_PHASE = np.linspace(0, 1, 256, endpoint=False, dtype=np.float32)


def rib_bands(phase: np.ndarray, share: float) -> np.ndarray:
    """Bands of width `share` in every unit of `phase`, with brighter edges (the hard rim)."""
    off = np.abs(_PHASE - 0.5) / (share / 2)
    table = step((1 - off) / 0.22) * (0.7 + 0.5 * np.exp(-(((off - 0.85) / 0.2) ** 2)))
    return table[(phase * 256).astype(np.int32) & 255]


def spot(x: float, y: float, width: float, height: float) -> np.ndarray:
    """A Gaussian patch, 0..1."""
    return np.exp(-(((X - x) / width) ** 2)) * np.exp(-(((Y - y) / height) ** 2))


def clouds(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise of mean 0 and deviation about 0.7, `cells` random values a side."""
    small = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(small).resize((GRID, GRID), Image.Resampling.BICUBIC))


def net(rng: np.random.Generator, cells: int) -> np.ndarray:
    """A net of thin lines (the zero crossings of smooth noise), 0..1."""
    return np.exp(-((clouds(rng, cells) / 0.2) ** 2))


def streaks(rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` strands a side running outwards from the hila, 0..1."""
    image = Image.new("L", (GRID, GRID))
    pen = ImageDraw.Draw(image)
    for sign in (-1, 1):
        start = rng.uniform(0.15, 0.5, count)
        angle = rng.uniform(-1.4, 1.4, count)
        length = rng.uniform(0.12, 0.4, count)
        for s, a, n, y in zip(start, angle, length, rng.uniform(-0.2, 0.1, count), strict=True):
            t = np.linspace(s, s + n, 4)
            xs = sign * (0.12 + t * np.cos(a))
            ys = y + t * np.sin(a) + 0.03 * np.sin(8 * t + a)
            pen.line(to_grid(xs, ys), fill=220, width=2)
    return to_mask(image, 0.9)


def to_grid(xs: Any, ys: Any) -> list[tuple[float, float]]:
    """Thorax units to points of the grid."""
    scale = (GRID - 1) / (2 * REACH)
    return [((x + REACH) * scale, (y + REACH) * scale) for x, y in zip(xs, ys, strict=True)]


def to_mask(image: Image.Image, blur: float) -> np.ndarray:
    """A drawing as float32 in 0..1, softened by `blur` pixels."""
    soft = image.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(soft, dtype=np.float32) / 255
