"""Where the thorax is on a chest film, where the aorta is in it, and whether a film is lateral.

Two lung fields with the mediastinum between them, the chest wall beside and the diaphragm below
are a pattern (`thorax_patterns`) that hardly any disease hides. `pattern_fit` finds where it
matches the film best. The window round the ascending aorta, arch and knob is in fixed proportion
to that place, and the correlation is the measure of confidence. Nothing here is learned.
"""

from typing import NamedTuple

import numpy as np

from pgdose.xray.pattern_fit import FINE, fit, flatten, likeness_at, search, unusualness
from pgdose.xray.thorax_patterns import PATTERNS

# The aorta's window in parts of the thorax' width, from the midline at the apices: to the patient's
# left and down; and in parts of its height: a deep breath moves the aorta less than the diaphragm.
LEFTWARDS, DOWNWARDS, DEEPER, SIDE = 0.03, 0.11, 0.2, 0.46
SIDE_MM = 120.0  # the window where the pixel spacing is known
THORAX_MM = (180.0, 380.0)  # width of adults' lungs together; otherwise the spacing is wrong
NO_CONFIDENCE, FULL_CONFIDENCE = 0.5, 0.85  # likenesses
UPRIGHT = 0.42  # likeness where the pattern fits as well upside down

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
    or of the worse half, reduced if the pattern also fits upside down or is unusually flat.
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
        mm_per_px: pixel spacing, None or NaN if unknown. If it makes the thorax as wide as
            an adult's, the window's side is SIDE_MM; else the spacing is wrong and the side is
            SIDE of the width.

    The confidence is low if no two equal lung fields stand upright in the picture, or if the
    window leaves the picture.
    """
    thorax = find_thorax(image)
    side = SIDE * thorax.width
    if mm_per_px and THORAX_MM[0] <= thorax.width * mm_per_px <= THORAX_MM[1]:
        side = SIDE_MM / mm_per_px
    right = LEFTWARDS * thorax.width
    down = DOWNWARDS * thorax.width + DEEPER * thorax.height
    cos, sin = np.cos(thorax.tilt), np.sin(thorax.tilt)
    x, y = thorax.x + cos * right - sin * down, thorax.top + sin * right + cos * down
    confidence = np.clip(
        (thorax.likeness - NO_CONFIDENCE) / (FULL_CONFIDENCE - NO_CONFIDENCE), 0, 1
    )
    confidence *= _share_inside(x, y, side, image.shape) ** 2
    return AortaWindow(float(x), float(y), float(side), float(confidence))


def _share_inside(x: float, y: float, side: float, shape: tuple[int, ...]) -> float:
    """The share of a window that lies in an image of that shape, 0..1."""
    across, down = (
        min(middle + side / 2, length) - max(middle - side / 2, 0)
        for middle, length in ((x, shape[1]), (y, shape[0]))
    )
    return max(across, 0) * max(down, 0) / side**2


def looks_lateral(image: np.ndarray) -> float:
    """How much a film looks lateral rather than frontal: a score in [0, 1].

    It compares how well one large lung field, facing left or right, matches with how well two
    fields side by side match. `image` as for `aorta_window`; blank films score low.
    """
    small = flatten(image)
    frontal, left, right = (search(small, pattern)[0] for pattern in PATTERNS)
    return float(1 / (1 + np.exp(-(max(left, right) - frontal - LATERAL_MARGIN) / LATERAL_SPREAD)))


def find_thorax(image: np.ndarray) -> Thorax:
    """The best fit of the frontal pattern to a film (uint8, rows x columns)."""
    small = flatten(image)
    _, *start = search(small, "frontal")
    x, top, width, height, tilt = place = fit(small, start)
    whole, left, right = (likeness_at(place, small, half) for half in (0, -1, 1))
    upside_down = likeness_at((x, top + height, width, -height, tilt), small)
    likeness = min(whole, left, right, UPRIGHT + whole - upside_down)
    likeness -= unusualness(width, height, "frontal")
    scale = max(image.shape) / FINE
    return Thorax(x * scale, top * scale, width * scale, height * scale, tilt, likeness)
