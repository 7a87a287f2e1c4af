"""A pathologist's outlines of a slide, as one region for each class of the study.

The parsers of the viewers' file formats are in `outline_formats`, masks in `masks`.
"""

from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.class_words import Classes, class_by_word, describe, normalize, unmapped
from pgdose.histology.masks import PILLOW_FORMATS, TIFF_SUFFIXES, read_mask
from pgdose.histology.outline_formats import EMPTY, Drawing, read_drawing
from pgdose.histology.regions import Bounds, PolygonRegion, Region, Size, keep_polygons

OVERHANG = 0.01  # of the slide's longer side: an outline may reach so far beyond it,
LEAST_OVERHANG = 16  # or so many pixels


@dataclass(frozen=True)
class Outlines:
    """What was drawn on a slide.

    `regions`: by class of the study, in order of precedence, each without the part that an earlier
    one covers; a class without a region is absent. `mended`: polygons that crossed themselves.
    `dropped`: outlines without an area, such as points, lines, arrows, detections.
    """

    regions: dict[str, Region]
    mended: int
    dropped: int


def read_outlines(
    path: Path, classes: Classes, size: Size, bounds: Bounds | None, tile: float
) -> Outlines:
    """Read an outline file; its suffix and its content tell the format.

    `classes`: for each class of the study its words in the files, in order of precedence; words
    are compared stripped and without case. An outline without a class has the word "unnamed", a
    mask's pixel its value or "#rrggbb". `size`: width, height of level 0. `bounds`: the slide's
    openslide.bounds-x, -y, -width, -height; QuPath counts from there, and a mask may cover that
    part instead of the whole slide. `tile`: side of a tile in pixels of level 0; a mask is reduced
    to cells of at most 1/16 of it.

    Rejects unknown_outlines, unreadable_outlines, invalid_outline (a coordinate is not finite),
    unmapped_class, outlines_outside (they belong to another slide), wrong_aspect (so does the
    mask) and absurd_size (a mask too large to be read at once).
    """
    try:
        if path.suffix.lower() in (*TIFF_SUFFIXES, *PILLOW_FORMATS):
            return Outlines(read_mask(path, classes, size, bounds, tile), mended=0, dropped=0)
        drawing = read_drawing(path, (bounds or (0, 0))[:2])
        return Outlines(_regions(drawing, classes, size), drawing.mended, drawing.dropped)
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_outlines", type(error).__name__) from None


def _regions(drawing: Drawing, classes: Classes, size: Size) -> dict[str, Region]:
    """Outlines by class, cut at the slide's edge, each without what an earlier class covers."""
    names = class_by_word(classes)
    shapes_of: dict[str, list[BaseGeometry]] = {name: [] for name in classes}
    for word, shape in drawing.outlines:
        if (name := names.get(normalize(word))) is None:
            shown = "" if word in drawing.private_words else word.strip()
            raise unmapped(describe(shown), classes)
        shapes_of[name].append(shape)
    _check_inside([shape for _, shape in drawing.outlines], size)
    regions: dict[str, Region] = {}
    earlier: BaseGeometry = EMPTY
    for name, shapes in shapes_of.items():
        whole = keep_polygons(shapely.union_all(shapes).intersection(box(0, 0, *size)))
        rest = keep_polygons(whole.difference(earlier))
        earlier = earlier.union(whole)
        if not rest.is_empty:
            regions[name] = PolygonRegion(rest)
    return regions


def _check_inside(shapes: list[BaseGeometry], size: Size) -> None:
    left, top, right, bottom = shapely.GeometryCollection(shapes).bounds
    overhang = max(OVERHANG * max(size), LEAST_OVERHANG)
    if min(left, top) < -overhang or right > size[0] + overhang or bottom > size[1] + overhang:
        x = left if left < -overhang else right
        y = top if top < -overhang else bottom
        raise Rejected(
            "outlines_outside",
            f"the outlines reach ({x:.0f}, {y:.0f}), but the slide is {size[0]}x{size[1]}; "
            "give this slide's own outlines",
        )
