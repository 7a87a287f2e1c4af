"""What speaks against the outlines of a file: shapes that were lost, other slides, other units."""

from collections.abc import Collection, Iterator, Sequence

import shapely
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Classes, Label, unmapped
from pgdose.histology.outlines.drawing import OBJECT, Drawing
from pgdose.histology.regions import Size
from pgdose.study.class_patterns import ClassWords

MOST_LINES = 1000  # that are measured; of more each counts as uncovered
OVERHANG = 0.01  # of the slide's longer side: an outline may reach so far beyond it,
LEAST_OVERHANG = 16  # or so many pixels
CORNER = (180, 100)  # degrees and percent are below; pixels of a whole slide hardly are
CORNER_SHARE = 0.01  # of the slide's shorter side


def check_lost(drawing: Drawing, classes: Classes, rest: str, tile: float) -> None:
    """Reject outlines whose lost shapes would turn tissue of a class into `rest` without a word.

    A class other than `rest` is lost if only points, lines, arrows or the like name it
    (undrawn_class). So is what an open line or a shape of an unknown type goes round outside of all
    outlines, if that is the area of a tile or more (open_outline; of a word of no class
    unmapped_class). What programs found (detections, cells) and smaller shapes are only counted.
    """
    words = ClassWords(classes)
    drawn = {label.class_of(words) for label, _ in drawing.outlines}
    named = {label.class_of(words) for label, kind in drawing.lost if kind != OBJECT}
    for name in classes:
        if name in named - drawn - {rest}:
            raise Rejected(
                "undrawn_class",
                f"only points, lines, arrows or other shapes without an area stand for class "
                f"{name}; draw it as an area, or remove them",
            )
    for label in _uncovered_lines(drawing, tile**2):
        line_class = label.class_of(words)
        if line_class is None and label.word:
            raise unmapped(label.shown(), classes)
        if line_class not in (None, rest):
            raise Rejected(
                "open_outline",
                f"a shape of class {line_class} that is no closed area (an open line, an unknown "
                "type, a negative width, a region inside of a negative one) goes round more than "
                "a tile outside of all outlines; close it, or draw it again, or remove it",
            )


def _uncovered_lines(drawing: Drawing, area: float) -> Iterator[Label]:
    """The labels of lines that go round an area, or more, outside of all outlines."""
    lines = [line for line in drawing.lines if line.hull.area >= area]
    if not lines:
        return
    outlined = shapely.union_all([shape for _, shape in drawing.outlines])
    shapely.prepare(outlined)
    covered = shapely.covers(outlined, [line.hull for line in lines])
    partly = [line for line, is_covered in zip(lines, covered, strict=True) if not is_covered]
    for count, (label, hull) in enumerate(partly):
        # Each takes time in proportion to all outlines.
        if count >= MOST_LINES or hull.difference(outlined).area >= area:
            yield label


def check_inside(shapes: Sequence[BaseGeometry], size: Size) -> None:
    """Reject outlines that reach beyond the slide (outlines_outside)."""
    left, top, right, bottom = shapely.GeometryCollection(shapes).bounds
    beyond = overhang(size)
    if min(left, top) < -beyond or right > size[0] + beyond or bottom > size[1] + beyond:
        x = left if left < -beyond else right
        y = top if top < -beyond else bottom
        raise Rejected(
            "outlines_outside",
            f"the outlines reach ({x:.0f}, {y:.0f}), but the slide is {size[0]}x{size[1]}; "
            "give this slide's own outlines",
        )


def overhang(size: Size) -> float:
    """How far outlines may reach beyond a slide, in pixels."""
    return max(OVERHANG * max(size), LEAST_OVERHANG)


def check_corner(shapes: Collection[BaseGeometry], size: Size) -> None:
    """Reject outlines in degrees, percent or shares: all of them lie in one corner's few pixels."""
    if not shapes:
        return
    bounds = shapely.GeometryCollection(list(shapes)).bounds
    across, down = (max(abs(bounds[axis]), abs(bounds[axis + 2])) for axis in (0, 1))
    if across <= CORNER[0] and down <= CORNER[1] and max(across, down) < CORNER_SHARE * min(size):
        raise Rejected(
            "not_in_pixels",
            "all outlines lie within a few pixels in the slide's corner, as if they were degrees, "
            "percent or shares; export them in pixels of the slide",
        )
