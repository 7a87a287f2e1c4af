"""What a chest looks like: the lung fields of a frontal and a lateral film, as patterns.

A pattern says for each place whether it is dark (lung or air) or bright, and what weight it has.
Places are in units of half the width (x from -1 to 1, the midline at 0) and of the height (y from
0 at the apices to 1 at the base).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
REACH, TOP, BOTTOM = 1.4, -0.1, 1.3  # how far a pattern extends: to the sides, up and down


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
    beyond = np.maximum(front - x, x - back)  # distance from the lung
    walls = (beyond >= 0) & (beyond < 0.16) & (y > 0) & (y < 1)
    air = (beyond > 0.16) & (y > 0.1) & (y < 1)
    below = (y >= floor) & (np.abs(x) < 0.9)
    above = (y <= 0.02) & (np.abs(x) < 0.6) & ~walls
    lung = inside & ~heart & ~spine
    bright = 0.8 * (heart | walls | (below & ~air)) + 0.6 * above + 0.5 * spine
    return lung | air, 1.0 * lung + 0.3 * air + bright


def _facing_right(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _facing_left(-x, y)


def _only_left(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frontal chest with one lung: the field on the right may be opaque, and has no weight."""
    lung, weights = _frontal(x, y)
    return lung, np.where(lung & (x > 0), 0, weights)


def _only_right(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lung, weights = _frontal(x, y)
    return lung, np.where(lung & (x < 0), 0, weights)


class ThoraxPattern(NamedTuple):
    pattern: Pattern
    ratio: float  # usual height over width


PATTERNS = {
    "frontal": ThoraxPattern(_frontal, 0.88),
    "facing left": ThoraxPattern(_facing_left, 1.1),
    "facing right": ThoraxPattern(_facing_right, 1.1),
    "only left": ThoraxPattern(_only_left, 0.88),
    "only right": ThoraxPattern(_only_right, 0.88),
}


def draw_pattern(name: str, columns: int, rows: int) -> tuple[np.ndarray, ...]:
    """Places x and y, values (-1 dark, 1 bright) and weights of a pattern, rows x columns each."""
    x, y = np.meshgrid(
        ((np.arange(columns) + 0.5) / columns * 2 - 1) * REACH,
        TOP + (np.arange(rows) + 0.5) / rows * (BOTTOM - TOP),
    )
    dark, weights = PATTERNS[name].pattern(x, y)
    return x, y, np.where(dark, -1.0, 1.0), weights
