"""The texture of a whole slide of breast tissue, stained with haematoxylin and eosin.

The two tissues differ all over, tile by tile: tumour is crowded with large dark uneven nuclei,
normal tissue is pink stroma with few nuclei, fat and ducts.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from shapely.geometry import Polygon

from pgdose_phantom.stain import (
    EOSIN,
    HAEMATOXYLIN,
    Cells,
    add_layers,
    contour_direction,
    draw_cells,
    draw_fibres,
    new_layer,
    render_dyes,
    sample,
    scatter_points,
    smooth_noise,
    smooth_step,
    soften,
    upsample,
)

REDUCE = 8  # the grids of the drawing are so much smaller than the slide


def draw_staining(rng: np.random.Generator) -> dict[str, float]:
    """How a patient's slide was stained and lit: factors about 1."""
    return {
        "blue": round(float(np.clip(rng.normal(1, 0.12), 0.7, 1.3)), 3),
        "pink": round(float(np.clip(rng.normal(1, 0.15), 0.6, 1.4)), 3),
        "light": round(float(np.clip(rng.normal(1, 0.012), 0.97, 1.02)), 3),
        "size": round(float(np.clip(rng.normal(1, 0.05), 0.88, 1.12)), 3),
    }


@dataclass(frozen=True)
class _Anatomy:
    """What lies where on the slide: grids REDUCE times smaller than it, float32."""

    side: int  # pixels of the slide
    tissue: np.ndarray  # 0..1
    tumour: np.ndarray  # 0..1
    fat: np.ndarray  # 0..1: the clear inside of its cells
    duct: np.ndarray  # 0 outside .. 1 at the lumen
    swirl: np.ndarray  # the direction of stroma, radians
    unevenness: np.ndarray  # of the crowding of cells, about 0
    septa: np.ndarray  # 0..1: stroma that runs through the tumour

    def sample(self, grid: np.ndarray, points: np.ndarray) -> np.ndarray:
        return sample(grid, points, REDUCE)

    def is_normal(self, points: np.ndarray) -> np.ndarray:
        """Which points lie in the tissue, outside the tumour."""
        inside = self.sample(self.tissue, points) > 0.5
        return inside & (self.sample(self.tumour, points) < 0.5)

    def noise(self, rng: np.random.Generator, cell: float) -> np.ndarray:
        return smooth_noise(rng, self.side, self.side, cell, REDUCE)

    def scatter(self, rng: np.random.Generator, spacing: float, jitter: float) -> np.ndarray:
        return scatter_points(rng, self.side, self.side, spacing, jitter)


def draw_slide(
    rng: np.random.Generator,
    side: int,
    tissue: Polygon,
    tumour: list[Polygon],
    staining: dict[str, float],
) -> np.ndarray:
    """The whole slide at level 0: RGB, uint8 (side, side, 3)."""
    anatomy = _draw_anatomy(rng, side, tissue, tumour)
    nuclei, pen = new_layer(side, side)
    for draw in (_tumour_nuclei, _stroma_nuclei, _inflammation, _duct_lining):
        draw_cells(rng, pen, draw(rng, anatomy, staining["size"]))
    blue, pink = _draw_layers(rng, anatomy, nuclei)
    light = (np.array([242, 241, 243]) * staining["light"]).tolist()
    return render_dyes(
        rng,
        [
            (blue, np.multiply(HAEMATOXYLIN, 1.35 * staining["blue"]).tolist()),
            (pink, np.multiply(EOSIN, 0.85 * staining["pink"]).tolist()),
        ],
        light=light,
        grain=2.0,
    )


def _draw_anatomy(
    rng: np.random.Generator, side: int, tissue: Polygon, tumour: list[Polygon]
) -> _Anatomy:
    inside, sick = _mask([tissue], side), _mask(tumour, side)
    # Outlines are drawn generously: islands of normal tissue lie within them.
    sick = sick * smooth_step((1.0 - smooth_noise(rng, side, side, 330, REDUCE)) / 0.06)
    fat, duct = _normal_parts(rng, side, inside * (1 - sick))
    swirl = 2 * smooth_noise(rng, side, side, 420, REDUCE)
    unevenness = smooth_noise(rng, side, side, 130, REDUCE)
    # Septa of stroma run through the tumour; here and there they are so wide that they take a tile.
    wide = np.clip(0.2 + 0.25 * smooth_noise(rng, side, side, 350, REDUCE), 0.08, 0.8)
    septa = np.exp(-((smooth_noise(rng, side, side, 190, REDUCE) / wide) ** 2))
    return _Anatomy(side, inside, sick, fat, duct, swirl, unevenness, septa)


def _tumour_nuclei(rng: np.random.Generator, anatomy: _Anatomy, size: float) -> Cells:
    points = anatomy.scatter(rng, 19.5 * size, 0.42)
    place = anatomy.sample(anatomy.tumour, points)
    crowd = anatomy.sample(anatomy.unevenness, points)
    crowd = crowd - 2.2 * anatomy.sample(anatomy.septa, points)
    points = points[(place > 0.5) & (crowd + rng.normal(0, 0.6, len(points)) > -1.2)]
    n = len(points)
    radius = size * np.clip(rng.lognormal(np.log(9.0), 0.25, n), 5, 18)
    return Cells(
        points, length=radius, breadth=radius * rng.uniform(0.6, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.2, ink=rng.normal(200, 38, n),
    )  # fmt: skip


def _stroma_nuclei(rng: np.random.Generator, anatomy: _Anatomy, size: float) -> Cells:
    points = anatomy.scatter(rng, 38 * size, 0.48)
    empty = anatomy.sample(np.maximum(anatomy.fat, anatomy.duct), points) > 0.3
    thinned = rng.uniform(size=len(points)) < 0.7
    points = points[anatomy.is_normal(points) & ~empty & thinned]
    n = len(points)
    return Cells(
        points, length=size * rng.uniform(7, 12, n), breadth=size * rng.uniform(2.5, 4.5, n),
        angle=anatomy.sample(anatomy.swirl, points) + rng.normal(0, 0.2, n), ragged=0.1,
        ink=rng.normal(170, 28, n),
    )  # fmt: skip


def _inflammation(rng: np.random.Generator, anatomy: _Anatomy, size: float) -> Cells:
    """Crowds of small round nuclei, easily mistaken for tumour."""
    points = anatomy.scatter(rng, 15 * size, 0.4)
    inflamed = anatomy.noise(rng, 240) - anatomy.fat - anatomy.duct
    crowd = anatomy.sample(inflamed, points) + rng.normal(0, 0.25, len(points)) > 0.75
    points = points[crowd & anatomy.is_normal(points)]
    n = len(points)
    radius = size * rng.normal(5.3, 0.5, n)
    return Cells(
        points, length=radius, breadth=radius * rng.uniform(0.85, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.05, ink=rng.normal(205, 20, n),
    )  # fmt: skip


def _duct_lining(rng: np.random.Generator, anatomy: _Anatomy, size: float) -> Cells:
    points = anatomy.scatter(rng, 14 * size, 0.25)
    points = points[np.abs(anatomy.sample(anatomy.duct, points) - 0.55) < 0.25]
    n = len(points)
    return Cells(
        points, length=size * rng.uniform(6, 8, n), breadth=size * rng.uniform(4.5, 6, n),
        angle=anatomy.sample(contour_direction(anatomy.duct), points) + np.pi / 2, ragged=0.08,
        ink=rng.normal(185, 22, n),
    )  # fmt: skip


def _draw_layers(
    rng: np.random.Generator, anatomy: _Anatomy, nuclei: Image.Image
) -> tuple[np.ndarray, np.ndarray]:
    """The layers of haematoxylin and eosin, uint8 (side, side)."""
    side, inside, sick, duct = anatomy.side, anatomy.tissue, anatomy.tumour, anatomy.duct
    fibres = draw_fibres(rng, side, side, anatomy.swirl, spacing=34, length=120, reduce=REDUCE)
    body = inside * (1 - np.clip(anatomy.fat + smooth_step((duct - 0.75) / 0.08), 0, 1))
    cuff = np.exp(-(((duct - 0.5) / 0.25) ** 2)) * inside
    haze = body * (0.05 + 0.2 * sick * (1 - anatomy.septa) + 0.1 * cuff)
    blue = add_layers((soften(nuclei, 1.1), 1), (upsample(haze, side, side), 1))
    stroma = body * (0.52 - 0.2 * sick * (1 - anatomy.septa) + 0.09 * anatomy.unevenness)
    # Fibres are visible in stroma only, and stay on the tissue.
    visible = upsample(body * (1 - 0.75 * sick), side, side)
    pink = add_layers(
        (upsample(stroma, side, side), 1),
        ((fibres.astype(np.uint16) * visible // 255).astype(np.uint8), 0.3),
    )
    return blue, pink


def _normal_parts(
    rng: np.random.Generator, side: int, where: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fat and ducts of normal tissue, which lies `where` the grid is near 1; see `_Anatomy`."""
    lobules = smooth_noise(rng, side, side, 300, REDUCE)
    fat = _draw_fat(rng, side, lobules, where)
    duct = _draw_ducts(rng, side, lobules, where)
    return fat * (1 - duct > 0.9), duct * (where > 0.5)


def _draw_fat(
    rng: np.random.Generator, side: int, lobules: np.ndarray, where: np.ndarray
) -> np.ndarray:
    scale = REDUCE / 2  # drawn on a finer grid than it is kept on
    n = round(side / scale)
    image, pen = new_layer(n, n)
    points = scatter_points(rng, side, side, 62, 0.2)
    points = points[
        (sample(lobules, points, REDUCE) > 0.45) & (sample(where, points, REDUCE) > 0.9)
    ]
    m = len(points)
    radius = rng.uniform(21, 30, m) / scale
    draw_cells(rng, pen, Cells(
        points / scale, length=radius, breadth=radius * rng.uniform(0.8, 1, m),
        angle=rng.uniform(0, np.pi, m), ragged=0.08, ink=np.full(m, 255),
    ))  # fmt: skip
    return np.asarray(image.reduce(2), dtype=np.float32) / 255


def _draw_ducts(
    rng: np.random.Generator, side: int, lobules: np.ndarray, where: np.ndarray
) -> np.ndarray:
    centres = scatter_points(rng, side, side, 290, 0.35)
    far = (sample(lobules, centres, REDUCE) < 0.1) & (sample(where, centres, REDUCE) > 0.9)
    ys, xs = np.mgrid[0 : side // REDUCE, 0 : side // REDUCE].astype(np.float32)
    duct = np.zeros_like(xs)
    for x, y in centres[far] / REDUCE:
        flat, turn = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
        reach = rng.uniform(45, 75) / REDUCE
        top, left = max(0, int(y - 2 * reach)), max(0, int(x - 2 * reach))
        part = np.s_[top : int(y + 2 * reach) + 1, left : int(x + 2 * reach) + 1]
        dx, dy = xs[part] - x, ys[part] - y
        u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        distance = np.hypot(u, v / flat) / reach
        duct[part] = np.maximum(duct[part], np.clip(1.45 - distance, 0, 1))
    return duct


def _mask(regions: list[Polygon], side: int) -> np.ndarray:
    """Polygons on the reduced grid, 0..1, with soft edges."""
    image = Image.new("L", (side // REDUCE * 2, side // REDUCE * 2))
    pen = ImageDraw.Draw(image)
    for polygon in regions:
        for ring, fill in [(polygon.exterior, 255), *((hole, 0) for hole in polygon.interiors)]:
            pen.polygon([(x / REDUCE * 2, y / REDUCE * 2) for x, y in ring.coords], fill=fill)
    return np.asarray(image.reduce(2), dtype=np.float32) / 255
