"""The shapes of an outline file as its parser finds them, before they become regions of classes.

A shape without an area is lost as one of four kinds, and `undrawn` decides what that costs:

    OBJECT   what a program found: detections, cells, tiles, cores
    MARK     what was never meant as an area: points, arrows, rulers, pins
    LINE     what may have been: open lines, collapsed polygons, regions inside of negative ones
    UNKNOWN  shapes of a type that is not known, whose points may be corners
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import shapely
from shapely.affinity import affine_transform, scale
from shapely.errors import ShapelyError
from shapely.geometry import MultiPoint, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Label
from pgdose.histology.slides.geometry import Frame, SlideGeometry

EMPTY = Polygon()
PAIRS_AT_ONCE = 10**6
NEIGHBOURS = 20  # edges that an edge of an ordinary outline may lie close to
MOST_TANGLES = 300_000  # pairs of edges, beyond those, of the outlines that must be mended
FARTHEST = 1e9  # of a coordinate, in pixels or nanometres: a metre
ANYWHERE = box(-FARTHEST, -FARTHEST, FARTHEST, FARTHEST)
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,5})?")
NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
OBJECT, MARK, LINE, UNKNOWN = "object", "mark", "line", "unknown"

Ring = Iterable[Sequence[float]]


class OpenLine(NamedTuple):
    """A shape that may have been meant as an area: what it says of its class, and its hull.

    Of an unknown type, the rectangle round its points; without points it may be anywhere.
    """

    label: Label
    hull: BaseGeometry


class Drawing:
    """The shapes of a file, in the file's own coordinates until `place` moves them.

    outlines: valid polygons with what the file says of their class
    lost:     shapes without an area, counted by label and kind
    lines:    those of the kinds LINE and UNKNOWN
    mended:   polygons that crossed themselves
    """

    def __init__(self) -> None:
        self.outlines: list[tuple[Label, BaseGeometry]] = []
        self.lost: Counter[tuple[Label, str]] = Counter()
        self.lines: list[OpenLine] = []
        self.mended = 0
        self.useless_holes = 0  # negative regions that cut nothing out
        self.frame = Frame.PIXELS
        self.notes: list[str] = []  # what was guessed
        self._tangles = 0

    @property
    def dropped(self) -> int:
        return self.lost.total() + self.useless_holes

    def add(self, label: Label, shape: BaseGeometry, points: Ring = ()) -> None:
        """Add a valid shape; `points` are those of one that may have no area."""
        if shape.area == 0:
            self.lose(label, LINE, points)
        else:
            self.outlines.append((label, shape))

    def lose(self, label: Label, kind: str, points: Ring = ()) -> None:
        self.lost[label, kind] += 1
        ends = as_points(points)
        if kind == LINE and len(ends):
            self.lines.append(OpenLine(label, MultiPoint(ends).convex_hull))
        elif kind == UNKNOWN:
            hull = rectangle(points) if len(ends) else ANYWHERE
            self.lines.append(OpenLine(label, hull))

    def rectangle(self, points: Ring) -> BaseGeometry:
        """A rectangle by two opposite corners, or by four in any order; of others the polygon."""
        ends = as_points(points)
        corners = np.unique(ends, axis=0)
        if len(corners) == 2:
            return rectangle(corners.tolist())
        if len(corners) == 4 and not Polygon(ends).is_valid:
            return MultiPoint(corners).convex_hull
        return self.polygon([points])

    def polygon(self, rings: Sequence[Ring]) -> BaseGeometry:
        """A shell and its holes as a valid polygon; empty if there is none."""
        if not rings:
            return EMPTY
        shell, *holes = (as_points(ring) for ring in rings)
        if len(shell) < 3:
            return EMPTY
        shape = Polygon(shell, [hole for hole in holes if len(hole) >= 3])
        if shape.is_valid:
            return shape
        self._tangles += _tangles(shape)
        if self._tangles > MOST_TANGLES:
            raise Rejected(
                "invalid_outline",
                "outlines cross themselves at too many places to be mended; draw them again",
            )
        # By structure: if the pen crossed its own line, the inside of the loop stays inside.
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        self.mended += not mended.is_empty
        return mended

    def place(self, slide: SlideGeometry) -> None:
        """Move all shapes to pixels of the slide's level 0. Rejects no_scale."""
        across, down, x, y = slide.to_pixels(self.frame)
        if (across, down, x, y) == (1, 1, 0, 0):
            return
        matrix = [across, 0, 0, down, x, y]
        self.outlines = [(label, affine_transform(s, matrix)) for label, s in self.outlines]
        self.lines = [OpenLine(label, affine_transform(h, matrix)) for label, h in self.lines]


@contextmanager
def reading(shape: int) -> Iterator[None]:
    """Reject a file whose shape of this number is not as its format has it (unreadable_outlines).

    Other rejections get the number.
    """
    try:
        yield
    except Rejected as rejected:
        raise Rejected(rejected.reason, f"shape {shape}: {rejected.detail}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, ShapelyError):
        raise Rejected(
            "unreadable_outlines",
            f"shape {shape} is damaged or incomplete; correct it, or export the outlines again",
        ) from None


def as_points(ring: Ring) -> np.ndarray:
    """float64 (n, 2). Rejects coordinates that are not finite (invalid_outline)."""
    points = [point[:2] for point in ring]
    if not all(type(n) in (int, float) for point in points for n in point):
        raise TypeError
    if not points:
        return np.empty((0, 2))
    array = np.array(points, np.float64)
    if array.shape[1] != 2:
        raise ValueError
    if not np.isfinite(array).all() or np.abs(array).max() > FARTHEST:
        raise Rejected("invalid_outline", "a coordinate is not a finite number; correct it")
    return array


def number(text: str) -> float:
    """A number as programs write it; some locales write a decimal comma."""
    text = text.strip()
    if not NUMBER.fullmatch(text) and not NOT_FINITE.fullmatch(text):
        raise ValueError
    return float(text.replace(",", "."))


def corners_of(points: Ring) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of some points."""
    ends = as_points(points)
    return (*ends.min(axis=0).tolist(), *ends.max(axis=0).tolist())


def rectangle(points: Ring) -> BaseGeometry:
    """The rectangle round some points."""
    return box(*corners_of(points))


def ellipse(points: Ring) -> BaseGeometry:
    """The ellipse in the rectangle round some points."""
    left, top, right, bottom = corners_of(points)
    circle = Point((left + right) / 2, (top + bottom) / 2).buffer(1, quad_segs=64)
    return scale(circle, (right - left) / 2, (bottom - top) / 2)


def _tangles(shape: Polygon) -> int:
    """How many pairs of a polygon's edges could cross, beyond those of an ordinary outline.

    Mending takes time and memory in proportion: 2000 points at random are two million pairs,
    18 seconds and a gigabyte. Counts no further than MOST_TANGLES.
    """
    rings = (shapely.get_coordinates(ring) for ring in (shape.exterior, *shape.interiors))
    ends = np.concatenate([np.hstack([ring[:-1], ring[1:]]) for ring in rings])
    edges = shapely.box(
        np.minimum(ends[:, 0], ends[:, 2]),
        np.minimum(ends[:, 1], ends[:, 3]),
        np.maximum(ends[:, 0], ends[:, 2]),
        np.maximum(ends[:, 1], ends[:, 3]),
    )
    tree = shapely.STRtree(edges)
    step = max(1, PAIRS_AT_ONCE // len(edges))
    pairs = -NEIGHBOURS * len(edges)
    for first in range(0, len(edges), step):
        pairs += tree.query(edges[first : first + step]).shape[1]
        if pairs > MOST_TANGLES:
            break
    return max(pairs, 0)
