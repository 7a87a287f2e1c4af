"""Fitting a chest to a film: where its thorax is, and whether the film is lateral.

Two lung fields with the mediastinum between them, the chest wall beside and the diaphragm below
are a pattern (`thorax_patterns`) that hardly any disease hides. `pattern_fit` finds where it
matches the film best. Nothing here is learned.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgdose.xray.pattern_fit import FINE, fit, flatten, likeness_at, search, unusualness

UPRIGHT = 0.42  # likeness where the pattern fits as well upside down
LATERAL_MARGIN, LATERAL_SPREAD = 0.04, 0.03
ONE_LUNG = 0.2  # so much better does a pattern of one lung fit a lateral film than that of two


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


class ChestFit:
    """The patterns laid over one film (uint8, rows x columns, bright where dense)."""

    def __init__(self, image: np.ndarray) -> None:
        self._image, self._scale = image, max(image.shape) / FINE

    @cached_property
    def _small(self) -> np.ndarray:
        return flatten(self._image)

    @cached_property
    def _frontal(self) -> tuple[float, float, float, float, float]:
        return search(self._small, "frontal")

    def lateral_score(self) -> float:
        """How much the film looks lateral rather than frontal: in [0, 1]; low for a blank one.

        It compares how well one large lung field, facing left or right, matches with how well two
        fields side by side match, or one of them where the other may be opaque: without that, a
        frontal film with an opaque lung looks lateral.
        """
        facing, one_lung = (
            max(search(self._small, f"{way} {side}")[0] for side in ("left", "right"))
            for way in ("facing", "only")
        )
        frontal = max(self._frontal[0], one_lung - ONE_LUNG)
        margin = facing - frontal - LATERAL_MARGIN
        return float(1 / (1 + np.exp(-margin / LATERAL_SPREAD)))

    def thorax(self) -> Thorax:
        """The best fit of the frontal pattern."""
        _, *start = self._frontal
        x, top, width, height, tilt = place = fit(self._small, start)
        whole, left, right = (likeness_at(place, self._small, half) for half in (0, -1, 1))
        upside_down = likeness_at((x, top + height, width, -height, tilt), self._small)
        likeness = min(whole, left, right, UPRIGHT + whole - upside_down)
        likeness -= unusualness(width, height, "frontal")
        scale = self._scale
        return Thorax(x * scale, top * scale, width * scale, height * scale, tilt, likeness)
