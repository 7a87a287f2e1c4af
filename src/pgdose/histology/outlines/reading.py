"""A pathologist's outlines of a slide, as one region for each class of the study.

The parsers of the viewers' file formats are in `formats`, masks in `masks`.
"""

from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.checks import check_corner, check_inside, check_lost
from pgdose.histology.outlines.class_words import Classes, unmapped
from pgdose.histology.outlines.drawing import EMPTY, Drawing
from pgdose.histology.outlines.formats import NOT_OPENED, read_drawing
from pgdose.histology.outlines.masks import PILLOW_FORMATS, TIFF_SUFFIXES, read_mask
from pgdose.histology.regions import PolygonRegion, Region, keep_polygons
from pgdose.histology.slides.geometry import Frame, SlideGeometry
from pgdose.study.class_patterns import ClassWords


@dataclass(frozen=True)
class Outlines:
    """What was drawn on a slide.

    regions: by class of the study, in order of precedence, each without the part that an earlier
             one covers; a class without a region is absent
    mended:  polygons that crossed themselves
    dropped: shapes without an area, such as points, lines, arrows, detections
    notes:   what was guessed
    frame:   from where and in what the file counts
    """

    regions: dict[str, Region]
    mended: int = 0
    dropped: int = 0
    notes: tuple[str, ...] = ()
    frame: Frame = Frame.PIXELS


def is_mask(path: Path) -> bool:
    """Whether a file is a picture whose pixel values are classes, by its suffix."""
    return path.suffix.lower() in (*TIFF_SUFFIXES, *PILLOW_FORMATS)


def read_outlines(
    path: Path, classes: Classes, slide: SlideGeometry, tile: float, rest: str = ""
) -> Outlines:
    """Read an outline file; its suffix and its content tell the format.

    `classes`: for each class of the study its words in the files, in order of precedence
    (`class_patterns` says how they are compared, `class_words.Label` which of them goes first). An
    outline without a class has the word "unnamed", a mask's pixel its value or "#rrggbb". `tile`:
    side of a tile in pixels of level 0; a mask is reduced to cells of at most 1/16 of it. `rest`:
    the class of what lies outside of all outlines.

    Rejects unknown_outlines, unreadable_outlines, invalid_outline (a coordinate is not finite),
    unmapped_class, undrawn_class and open_outline (see `check_lost`), outlines_outside (they belong
    to another slide), not_in_pixels, no_scale (nanometres on a slide without a scale), wrong_aspect
    (another slide's mask) and absurd_size (a mask too large to be read at once).
    """
    try:
        if is_mask(path):
            return Outlines(read_mask(path, classes, slide.size, slide.bounds, tile))
        drawing = read_drawing(path)
        drawing.place(slide)
        regions = _regions(drawing, classes, slide)
        check_lost(drawing, classes, rest, tile)
        notes = tuple(_notes(drawing, slide))
        return Outlines(regions, drawing.mended, drawing.dropped, notes, drawing.frame)
    except Rejected:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise Rejected("unreadable_outlines", NOT_OPENED) from None
    except MemoryError:
        raise Rejected("absurd_size", "the outlines need too much memory; export fewer") from None
    except Exception:
        raise Rejected(
            "unreadable_outlines",
            "the file is damaged, or not what its suffix says; export the outlines again",
        ) from None


def _notes(drawing: Drawing, slide: SlideGeometry) -> list[str]:
    at_corner = drawing.frame is Frame.BOUNDS and slide.origin == (0, 0)
    return [] if at_corner else drawing.notes


def _regions(drawing: Drawing, classes: Classes, slide: SlideGeometry) -> dict[str, Region]:
    """Outlines by class, cut at the slide's edge, each without what an earlier class covers."""
    words = ClassWords(classes)
    shapes_of: dict[str, list[BaseGeometry]] = {name: [] for name in classes}
    for label, shape in drawing.outlines:
        if (name := label.class_of(words)) is None:
            raise unmapped(label.shown(), classes)
        shapes_of[name].append(shape)
    shapes = [shape for _, shape in drawing.outlines]
    check_inside(shapes, slide.size)
    if drawing.frame is not Frame.NANOMETRES:
        check_corner(shapes, slide.size)
    regions: dict[str, Region] = {}
    earlier: BaseGeometry = EMPTY
    for name, shapes in shapes_of.items():
        whole = keep_polygons(shapely.union_all(shapes).intersection(box(0, 0, *slide.size)))
        rest = keep_polygons(whole.difference(earlier))
        earlier = earlier.union(whole)
        if not rest.is_empty:
            regions[name] = PolygonRegion(rest)
    return regions
