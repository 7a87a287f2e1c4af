"""The scale on which rates are pooled: the arcsine of their square root.

There a rate of n independent images has the standard error 1 / (2 sqrt n) whatever the rate is,
also where no image or every image flips (Roever & Friede 2022). A log-odds has none there, and its
weights depend on the rate itself.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

ARCSINE, IDENTITY = "arcsine", "identity"  # names of scales in shared tables
END = math.pi / 2  # of the arcsine scale: a rate of 1
ROUNDING = 1e-6  # of estimates, which are shared with six digits
_Z = float(special.ndtri(0.975))


def arcsine(rate: float) -> float:
    """A rate of 0 to 1 on the scale, 0 to pi / 2."""
    return math.asin(math.sqrt(rate))


def rate_of(value: ArrayLike) -> np.ndarray:
    """Back to a rate; values beyond the ends of the scale are its ends."""
    return np.asarray(np.sin(np.clip(np.asarray(value, float), 0.0, END)) ** 2)


def arcsine_error(images: float) -> float:
    """The standard error on the scale, of a rate of so many independent images."""
    return 0.5 / math.sqrt(images)


def independent_images(rate: float, low: float, high: float) -> float:
    """How many independent images would have this 95 % score interval, with the normal quantile.

    The intervals of `asr.csv` are by patients and with Student's t: both make the number smaller.
    NaN where there is no interval.
    """
    half = (high - low) / 2
    if not 0 < half < 0.5:
        return math.nan
    # half (1 + c) = sqrt(c rate (1 - rate) + c^2 / 4), where c is quantile^2 / number.
    a, b, c = half**2 - 0.25, 2 * half**2 - rate * (1 - rate), half**2
    root = math.sqrt(max(b**2 - 4 * a * c, 0.0))
    return _Z**2 / ((-b - root) / (2 * a))


def interval(estimate: ArrayLike, error: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the 95 % interval of estimates on a scale, with the normal quantile."""
    middle, half = np.asarray(estimate, float), _Z * np.asarray(error, float)
    return middle - half, middle + half


def half_width_error(low: float, high: float) -> float:
    """A standard error from a 95 % interval, as if its quantile were the normal one."""
    return (high - low) / (2 * _Z)
