"""Whether outlines that are read as pixels were exported in micrometres.

At 0.25 um to a pixel they lie in the sixteenth of the slide at its upper left corner, inside of it,
and so no other check notices them. Outlines in pixels may lie there too. Two things tell them
apart: what they enclose, as the one and as the other; and that pixels times the slide's mpp are
multiples of the mpp, which pixels as such are not.
"""

import numpy as np
import pandas as pd
import shapely
from shapely.affinity import scale
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.checks import overhang
from pgdose.histology.outlines.reading import Outlines
from pgdose.histology.regions import PolygonRegion
from pgdose.histology.slides.geometry import Frame, SlideGeometry
from pgdose.names import IGNORE

MOST_UM = 0.9  # per pixel; beyond it micrometres and pixels are about the same
MOSTLY_TISSUE, HARDLY_TISSUE = 0.5, 0.2  # of what is enclosed, as micrometres and as pixels
TIMES = 4  # as much tissue as micrometres than as pixels, at least
LEAST_POINTS = 20  # to tell whether coordinates are multiples of the mpp
NEAR = 0.05  # of a multiple
ON_LATTICE, ON_HALVES = 0.95, 0.7  # shares of the coordinates
MORE = 0.2  # share of tissue by which micrometres fit better; less is not worth a note
DOUBT = (
    "the outlines would enclose more of the tissue if they were in micrometres: look at the "
    "slide's thumbnail"
)


def check_units(
    outlines: Outlines, tiles: pd.DataFrame, extent: float, slide: SlideGeometry
) -> tuple[str, ...]:
    """Notes on the unit of outlines; rejects those that must be in micrometres (not_in_pixels).

    tiles:  x, y of all tiles in pixels of level 0, and their tissue_share
    extent: side of a tile in pixels of level 0
    """
    shapes = [
        region.shape
        for name, region in outlines.regions.items()
        if name != IGNORE and isinstance(region, PolygonRegion)
    ]
    across, down = mpp = slide.mpp or (1, 1)
    if not shapes or max(mpp) > MOST_UM or outlines.frame is Frame.NANOMETRES:
        return ()
    as_pixels = shapely.union_all(shapes)
    origin = slide.origin if outlines.frame is Frame.BOUNDS else (0, 0)
    as_um = scale(as_pixels, 1 / across, 1 / down, origin=(*origin, 0))
    right, bottom = as_um.bounds[2:]
    beyond = overhang(slide.size)
    if right > slide.size[0] + beyond or bottom > slide.size[1] + beyond:
        return ()
    pixels, um = (_tissue_share(shape, tiles, extent) for shape in (as_pixels, as_um))
    if um >= MOSTLY_TISSUE and pixels < min(HARDLY_TISSUE, um / TIMES):
        raise Rejected(
            "not_in_pixels",
            "the outlines seem to be in micrometres: as such they enclose tissue, as pixels hardly "
            "any; export them in pixels of level 0, or give this slide's own outlines",
        )
    if um >= MOSTLY_TISSUE and _are_multiples(as_pixels, origin, mpp):
        raise Rejected(
            "not_in_pixels",
            "the outlines are in micrometres: their coordinates are multiples of the slide's mpp; "
            "export them in pixels of level 0",
        )
    return (DOUBT,) if um > pixels + MORE else ()


def _tissue_share(shape: BaseGeometry, tiles: pd.DataFrame, extent: float) -> float:
    """The share of a shape that is tissue; 0 if no tile lies under it."""
    x, y = tiles["x"].to_numpy(), tiles["y"].to_numpy()
    shares = PolygonRegion(shape).coverage(x, y, extent)
    total = shares.sum()
    return float(shares @ tiles["tissue_share"].to_numpy() / total) if total else 0.0


def _are_multiples(shape: BaseGeometry, origin: tuple[int, int], mpp: tuple[float, float]) -> bool:
    """Whether the coordinates are multiples of the mpp, and not of half pixels too."""
    points = (shapely.get_coordinates(shape) - origin).ravel()
    if len(points) < 2 * LEAST_POINTS:
        return False
    pixels = (shapely.get_coordinates(shape) - origin) / mpp
    on_lattice = np.mean(np.abs(pixels - np.round(pixels)) < NEAR)
    on_halves = np.mean(np.abs(2 * points - np.round(2 * points)) < 2 * NEAR)
    return bool(on_lattice > ON_LATTICE and on_halves < ON_HALVES)
