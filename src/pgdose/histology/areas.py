"""What covers how much of a tile: polygons as they were drawn, or cells counted from a picture.

All places are in pixels of the slide's level 0, x to the right and y down.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from skimage.measure import block_reduce, find_contours

DRAWN = 2000  # cells along a side from which contours are drawn; more would not show


class Area(Protocol):
    """A part of a slide."""

    def shares(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        """The share of each square that is covered, float64 (n,) in [0, 1].

        `x`, `y`: upper left corners, (n,); `side`: of all the squares. What lies beyond the slide
        is not covered.
        """
        ...

    def rings(self) -> list[np.ndarray]:
        """Closed contours for drawing, each float64 (points, 2): x, y. Holes are rings too."""
        ...


@dataclass(frozen=True)
class Polygons:
    """What a valid shapely Polygon or MultiPolygon covers."""

    shape: BaseGeometry

    def shares(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        squares = shapely.box(x, y, x + side, y + side)
        shapely.prepare(self.shape)
        shares = shapely.covers(self.shape, squares).astype(np.float64)
        crossed = ~shapely.disjoint(self.shape, squares) & (shares == 0)
        # An outline may have 100,000 points: those of one band of squares are few.
        left, _, right, _ = self.shape.bounds
        bands = np.floor(y / side)
        for band in np.unique(bands[crossed]):
            here = crossed & (bands == band)
            slab = shapely.box(left, band * side, right, (band + 2) * side)
            part = surfaces(shapely.intersection(self.shape, slab))
            shares[here] = shapely.area(shapely.intersection(squares[here], part)) / side**2
        return np.clip(shares, 0, 1)

    def rings(self) -> list[np.ndarray]:
        lines = shapely.get_rings(shapely.get_parts(self.shape))
        return [shapely.get_coordinates(line) for line in lines]


@dataclass(frozen=True)
class Cells:
    """Even cells of which each is covered to a part, as those of a mask.

    `covered`: float32 (rows, columns) in [0, 1]; `width`, `height`: of a cell; `left`, `top`: where
    the first begins; `right`, `bottom`: where the slide ends, which may be within the last cells.
    """

    covered: np.ndarray
    width: float
    height: float
    left: float = 0.0
    top: float = 0.0
    right: float = np.inf
    bottom: float = np.inf

    def shares(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        """Exact for cells that are covered evenly. Builds the integral image at each call."""
        rows, columns = self.covered.shape
        integral = np.zeros((rows + 1, columns + 1))
        inner = integral[1:, 1:]
        np.cumsum(self.covered, axis=0, dtype=np.float64, out=inner)
        np.cumsum(inner, axis=1, out=inner)
        x0, x1 = (self._place(x + d, self.left, self.width, self.right, columns) for d in (0, side))
        y0, y1 = (self._place(y + d, self.top, self.height, self.bottom, rows) for d in (0, side))
        cells = (
            _interpolate(integral, y1, x1)
            - _interpolate(integral, y0, x1)
            - _interpolate(integral, y1, x0)
            + _interpolate(integral, y0, x0)
        )
        return np.clip(cells * self.width * self.height / side**2, 0, 1)

    def rings(self) -> list[np.ndarray]:
        step = -(-max(self.covered.shape) // DRAWN)
        small = np.pad(block_reduce(self.covered, (step, step), np.mean), 1)
        # Row and column 1 of the framed picture are the middle of its first cell.
        return [
            np.stack(
                [
                    np.minimum(self.left + (columns - 0.5) * step * self.width, self.right),
                    np.minimum(self.top + (rows - 0.5) * step * self.height, self.bottom),
                ],
                axis=1,
            )
            for rows, columns in (contour.T for contour in find_contours(small, 0.5))
        ]

    @staticmethod
    def _place(at: np.ndarray, start: float, cell: float, end: float, cells: int) -> np.ndarray:
        """Pixels of the slide as cells, held within what there is of them."""
        return np.clip((np.minimum(at, end) - start) / cell, 0, cells)


def surfaces(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of `shape` as one MultiPolygon, without points and lines where areas touch."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.get_dimensions(parts) == 2])


def _interpolate(integral: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear, which is exact: between its points an integral of even cells is bilinear."""
    top = np.minimum(rows.astype(np.intp), integral.shape[0] - 2)
    left = np.minimum(columns.astype(np.intp), integral.shape[1] - 2)
    down, across = rows - top, columns - left
    upper = integral[top, left] * (1 - across) + integral[top, left + 1] * across
    lower = integral[top + 1, left] * (1 - across) + integral[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down
