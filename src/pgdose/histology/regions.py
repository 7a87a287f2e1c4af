"""Regions of a slide: how much of a tile a region covers, and its contours.

A region is kept as the polygons that were drawn, or as a raster counted from a mask. All places
are in pixels of the slide's level 0, x to the right and y down.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

CONTOUR_CELLS = 2000  # along a side of the raster that contours are taken from; finer adds nothing

Size = tuple[int, int]  # width, height
Bounds = tuple[int, int, int, int]  # left, top, width, height


class Region(Protocol):
    """A part of a slide."""

    def coverage(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        """The share of each square that the region covers, float64 (n,) in [0, 1].

        `x`, `y`: upper left corners, (n,); `side`: of all squares. The region ends where the slide
        ends.
        """
        ...

    def contours(self) -> list[np.ndarray]:
        """Closed contours, each float64 (points, 2): x, y. A hole is a contour of its own."""
        ...


@dataclass(frozen=True)
class PolygonRegion:
    """The inside of a valid shapely Polygon or MultiPolygon."""

    shape: BaseGeometry

    def coverage(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        squares = shapely.box(x, y, x + side, y + side)
        shapely.prepare(self.shape)
        shares = shapely.covers(self.shape, squares).astype(np.float64)
        crossed = ~shapely.disjoint(self.shape, squares) & (shares == 0)
        # An outline may have 100,000 points, but one band of squares has only a few of them.
        left, _, right, _ = self.shape.bounds
        bands = np.floor(y / side)
        for band in np.unique(bands[crossed]):
            in_band = crossed & (bands == band)
            slab = shapely.box(left, band * side, right, (band + 2) * side)
            part = keep_polygons(shapely.intersection(self.shape, slab))
            shares[in_band] = shapely.area(shapely.intersection(squares[in_band], part)) / side**2
        return np.clip(shares, 0, 1)

    def contours(self) -> list[np.ndarray]:
        rings = shapely.get_rings(shapely.get_parts(self.shape))
        return [shapely.get_coordinates(ring) for ring in rings]


@dataclass(frozen=True)
class RasterRegion:
    """A grid of equal cells, each of them covered in part, as counted from a mask.

    `cell_shares`: float32 or bool (rows, columns) in [0, 1]; `cell_width`, `cell_height`: of a
    cell; `left`, `top`: where the first cell begins; `right`, `bottom`: where the slide ends, which
    may be within the last cells.
    """

    cell_shares: np.ndarray
    cell_width: float
    cell_height: float
    left: float = 0.0
    top: float = 0.0
    right: float = np.inf
    bottom: float = np.inf

    def coverage(self, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
        """Exact if each cell is covered evenly. Builds the integral image at each call."""
        rows, columns = self.cell_shares.shape
        integral = np.zeros((rows + 1, columns + 1))
        inner = integral[1:, 1:]
        np.cumsum(self.cell_shares, axis=0, dtype=np.float64, out=inner)
        np.cumsum(inner, axis=1, out=inner)
        x0, x1 = (
            _to_cells(x + d, self.left, self.cell_width, self.right, columns) for d in (0, side)
        )
        y0, y1 = (
            _to_cells(y + d, self.top, self.cell_height, self.bottom, rows) for d in (0, side)
        )
        cells = (
            _interpolate(integral, y1, x1)
            - _interpolate(integral, y0, x1)
            - _interpolate(integral, y1, x0)
            + _interpolate(integral, y0, x0)
        )
        return np.clip(cells * self.cell_width * self.cell_height / side**2, 0, 1)

    def contours(self) -> list[np.ndarray]:
        # Imported here: it takes half a second, and only the pictures of slides show contours.
        from skimage.measure import block_reduce, find_contours

        step = -(-max(self.cell_shares.shape) // CONTOUR_CELLS)
        reduced = np.pad(block_reduce(self.cell_shares, (step, step), np.mean), 1)
        # With the frame of one cell, row and column 1 are the middle of the first cell.
        return [
            np.stack(
                [
                    np.minimum(self.left + (columns - 0.5) * step * self.cell_width, self.right),
                    np.minimum(self.top + (rows - 0.5) * step * self.cell_height, self.bottom),
                ],
                axis=1,
            )
            for rows, columns in (contour.T for contour in find_contours(reduced, 0.5))
        ]


def keep_polygons(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of `shape` as one MultiPolygon, without points and lines where areas touch."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.get_dimensions(parts) == 2])


def _to_cells(at: np.ndarray, start: float, cell: float, end: float, cells: int) -> np.ndarray:
    """Pixels of the slide in units of cells, clipped to the raster and to the slide."""
    return np.clip((np.minimum(at, end) - start) / cell, 0, cells)


def _interpolate(integral: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear, which is exact: between its points an integral of even cells is bilinear."""
    top = np.minimum(rows.astype(np.intp), integral.shape[0] - 2)
    left = np.minimum(columns.astype(np.intp), integral.shape[1] - 2)
    down, across = rows - top, columns - left
    upper = integral[top, left] * (1 - across) + integral[top, left + 1] * across
    lower = integral[top + 1, left] * (1 - across) + integral[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down
