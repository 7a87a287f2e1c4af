"""The regions of a slide: its tissue, and the tumour as a pathologist would draw it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label
from shapely.geometry import MultiPolygon, Polygon, box

from pgdose_phantom.outlines import GRID, polygons

TUMOUR_SHARE = 0.45  # of the tissue


def draw_regions(
    rng: np.random.Generator, side: int, *, island: bool = False
) -> tuple[Polygon, np.ndarray]:
    """The outline of the tissue (55-65 % of the slide) and the tumour inside it.

    The tumour is one or two regions, as a mask with cells of GRID pixels: bool (side / GRID both
    ways). `island`: the larger one has a hole of normal tissue, 2-5 % of the slide.
    """
    share = rng.uniform(0.56, 0.64)
    glass = box(0, 0, side, side).buffer(-0.015 * side)
    form = _blob(rng, 0.09)
    tissue = _scaled(lambda scale: form(side / 2, side / 2, scale).intersection(glass),
                     share * side**2, side)  # fmt: skip
    inside = tissue.buffer(-0.02 * side)
    forms = [_blob(rng, 0.16) for _ in range(int(rng.integers(1, 3)))]
    heading = rng.uniform(0, 2 * np.pi)
    away = side * (0.06 if len(forms) == 1 else 0.25)
    places = [
        (side / 2 + away * np.cos(heading + turn), side / 2 + away * np.sin(heading + turn))
        for turn in (0.0, np.pi)
    ]

    def grown(scale: float) -> Polygon | MultiPolygon:
        regions = Polygon()
        for draw, (x, y) in zip(forms, places, strict=False):
            region = draw(x, y, scale).intersection(inside)
            # Two regions stay apart: a pathologist would draw touching ones as one.
            regions = regions.union(region.difference(regions.buffer(0.03 * side)))
        return regions

    tumour = _scaled(grown, TUMOUR_SHARE * tissue.area, side)
    whole = [Polygon(p.exterior) for p in shapely.get_parts(tumour) if p.area > 0.01 * side**2]
    masks = [_snapped(piece, side) for piece in whole]
    if island:
        largest = max(masks, key=np.count_nonzero)
        largest &= ~_draw_island(rng, largest)
    return shapely.set_precision(tissue, 0.5), np.any(masks, axis=0)


def _draw_island(rng: np.random.Generator, region: np.ndarray) -> np.ndarray:
    """The mask of a smooth form well inside a region, where that is widest."""
    side = len(region) * GRID
    y, x = divmod(int(distance_transform_edt(region).argmax()), len(region))
    inside = polygons(region)[0].buffer(-0.03 * side)
    form, share = _blob(rng, 0.12), rng.uniform(0.025, 0.045)
    island = _scaled(
        lambda scale: form((x + 0.5) * GRID, (y + 0.5) * GRID, scale).intersection(inside),
        share * side**2,
        side,
    )
    return _snapped(island, side)


def _snapped(region: Polygon | MultiPolygon, side: int) -> np.ndarray:
    """The cells of GRID pixels whose centres lie in a region: one connected piece without holes."""
    centres = (np.arange(side // GRID) + 0.5) * GRID
    cells, _ = label(shapely.contains_xy(region, *np.meshgrid(centres, centres)))
    return binary_fill_holes(cells == np.bincount(cells[cells > 0]).argmax())


def _blob(rng: np.random.Generator, unevenness: float) -> Callable[[float, float, float], Polygon]:
    """A smooth irregular form; call it with centre x, y and mean radius to get its polygon."""
    angles = np.linspace(0, 2 * np.pi, 181)[:-1]
    reach = np.ones_like(angles)
    for wave in range(2, 8):
        reach += rng.normal(0, unevenness / wave**0.7) * np.cos(
            wave * angles + rng.uniform(0, 2 * np.pi)
        )
    reach = np.clip(reach, 0.45, 1.6)

    def polygon(x: float, y: float, scale: float) -> Polygon:
        return Polygon(
            np.stack(
                [x + scale * reach * np.cos(angles), y + scale * reach * np.sin(angles)], axis=1
            )
        )

    return polygon


def _scaled(form: Callable[[float], Any], area: float, side: int) -> Any:
    """`form(scale)` at the scale that gives it the area asked for (by bisection)."""
    low, high = 0.0, float(side)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if form(middle).area < area else (low, middle)
    return form(high)
