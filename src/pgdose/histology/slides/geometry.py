"""What outlines need to know of their slide, and the three ways in which files count places."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite

from pgdose.errors import Rejected
from pgdose.histology.regions import Bounds, Size


class Frame(Enum):
    """From where, and in what, a file counts its coordinates."""

    PIXELS = "pixels of level 0"
    BOUNDS = "pixels of level 0, from the corner of the slide's bounds"
    NANOMETRES = "nanometres from the middle of the glass"


@dataclass(frozen=True)
class SlideGeometry:
    """The size of a slide and where it lies on its glass.

    size:    width, height of level 0
    bounds:  openslide.bounds-x, -y, -width, -height; None: the whole slide
    mpp:     micrometres per pixel of level 0, x and y
    offsets: Hamamatsu's X- and YOffsetFromSlideCentre, nanometres from the middle of the glass to
             that of the scan
    """

    size: Size
    bounds: Bounds | None = None
    mpp: tuple[float, float] | None = None
    offsets: tuple[float, float] | None = None

    @property
    def origin(self) -> tuple[int, int]:
        """The corner of the bounds, x and y."""
        return self.bounds[:2] if self.bounds else (0, 0)

    def to_pixels(self, frame: Frame) -> tuple[float, float, float, float]:
        """Factors of x and y, and what is then added: from a frame to pixels of level 0.

        Rejects no_scale: nanometres for a slide that states no mpp or no offsets.
        """
        if frame is Frame.PIXELS:
            return 1, 1, 0, 0
        if frame is Frame.BOUNDS:
            return 1, 1, *self.origin
        if self.mpp is None or self.offsets is None:
            raise Rejected(
                "no_scale",
                "the outlines are in nanometres from the middle of the glass, and the slide does "
                "not say where it lies there; use them with the .ndpi that they were drawn on",
            )
        factors = [1 / (1000 * mpp) for mpp in self.mpp]
        middles = [side / 2 for side in self.size]
        across, down = (
            middle - offset * factor
            for middle, offset, factor in zip(middles, self.offsets, factors, strict=True)
        )
        return factors[0], factors[1], across, down


def slide_geometry(
    size: Size, bounds: Bounds, properties: Mapping[str, str], mpp: float | None = None
) -> SlideGeometry:
    """The geometry of a slide by its OpenSlide properties; `mpp`: where they state none."""
    offsets = _pair(properties, "hamamatsu.{}OffsetFromSlideCentre", "XY")
    stated = _pair(properties, "openslide.mpp-{}", "xy")
    if stated is None or not all(1e-3 < value < 1e3 for value in stated):
        stated = (mpp, mpp) if mpp else None
    return SlideGeometry(size, bounds, stated, offsets)


def _pair(properties: Mapping[str, str], name: str, axes: str) -> tuple[float, float] | None:
    with contextlib.suppress(KeyError, ValueError):
        x, y = (float(properties[name.format(axis)].replace(",", ".")) for axis in axes)
        if isfinite(x) and isfinite(y):
            return x, y
    return None
