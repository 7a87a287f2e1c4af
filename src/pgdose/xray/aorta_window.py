"""The window round the ascending aorta, arch and knob of a frontal film.

It is in fixed proportion to the thorax that `chest_fit` finds, and how well the chest fits is the
measure of confidence.
"""

from typing import NamedTuple

import numpy as np

from pgdose.xray.chest_fit import ChestFit

# The aorta's window in parts of the thorax' width, from the midline at the apices: to the patient's
# left and down; and in parts of its height: a deep breath moves the aorta less than the diaphragm.
LEFTWARDS, DOWNWARDS, DEEPER, SIDE = 0.03, 0.11, 0.2, 0.46
SIDE_MM = 120.0  # the window where the pixel spacing is known
THORAX_MM = (180.0, 380.0)  # width of adults' lungs together; otherwise the spacing is wrong
NO_CONFIDENCE, FULL_CONFIDENCE = 0.5, 0.85  # likenesses


class AortaWindow(NamedTuple):
    """A square of a film: its centre and side in pixels of the film, confidence in [0, 1]."""

    x: float
    y: float
    side: float
    confidence: float


def aorta_window(
    image: np.ndarray, mm_per_px: float | None = None, chest: ChestFit | None = None
) -> AortaWindow:
    """The window round ascending aorta, arch and knob of a frontal film.

    Args:
        image: uint8, rows x columns, bright where dense.
        mm_per_px: pixel spacing, None or NaN if unknown. If it makes the thorax as wide as
            an adult's, the window's side is SIDE_MM; else the spacing is wrong and the side is
            SIDE of the width.
        chest: of the image, if it is there already.

    The confidence is low if no two equal lung fields stand upright in the picture, or if the
    window leaves the picture.
    """
    thorax = (chest or ChestFit(image)).thorax()
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
