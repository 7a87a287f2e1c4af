"""Fitting a chest to a film: where its thorax is, and whether the film is lateral.

Two lung fields with the mediastinum between them, the chest wall beside and the diaphragm below
are a pattern (`thorax_patterns`) that hardly any disease hides. `pattern_fit` finds where it
matches the film best. Nothing here is learned.
"""

from typing import NamedTuple

import numpy as np

from pgdose.xray.pattern_fit import FINE, fit, flatten, likeness_at, search, unusualness
from pgdose.xray.thorax_patterns import PATTERNS

UPRIGHT = 0.42  # likeness where the pattern fits as well upside down
LATERAL_MARGIN, LATERAL_SPREAD = 0.04, 0.03


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


def looks_lateral(image: np.ndarray) -> float:
    """How much a film looks lateral rather than frontal: a score in [0, 1].

    It compares how well one large lung field, facing left or right, matches with how well two
    fields side by side match. `image`: uint8, rows x columns, bright where dense; a blank one
    scores low.
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
