"""Tools for drawing stained tissue: smooth noise, cells, fibres, and dyes turned into colours.

Tissue is drawn as one layer per dye, uint8, 255 for the deepest colour of the dye;
`render_dyes` turns the layers into RGB by the law of Lambert and Beer. Lengths are pixels, angles
radians.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pgdose.images.grey_levels import look_up

# Optical densities in red, green and blue, after Ruifrok and Johnston (2001).
HAEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.09, 0.95, 0.28)
DAB = (0.27, 0.57, 0.78)

_CORNERS = np.linspace(0, 2 * np.pi, 11)[:-1]


def smooth_noise(
    rng: np.random.Generator, width: int, height: int, cell: float, reduce: int = 4
) -> np.ndarray:
    """Smooth noise of mean 0 and deviation about 0.7 whose patches are about `cell` pixels wide.

    For a picture of width x height, on a grid `reduce` times smaller: float32, read with `sample`.
    """
    columns, rows = max(3, round(width / cell) + 3), max(3, round(height / cell) + 3)
    small = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    box = (1.0, 1.0, columns - 1.0, rows - 1.0)
    size = (-(-width // reduce), -(-height // reduce))
    return np.asarray(small.resize(size, Image.Resampling.BICUBIC, box=box))


def sample(grid: np.ndarray, points: np.ndarray, reduce: int = 4) -> np.ndarray:
    """The values of a reduced grid at points (n, 2) of the full picture, x first."""
    x = np.clip(points[:, 0] // reduce, 0, grid.shape[1] - 1).astype(int)
    y = np.clip(points[:, 1] // reduce, 0, grid.shape[0] - 1).astype(int)
    return grid[y, x]


def scatter_points(
    rng: np.random.Generator, width: int, height: int, spacing: float, jitter: float = 0.38
) -> np.ndarray:
    """Points (n, 2) about `spacing` apart: a shaken honeycomb, reaching over the edges a little."""
    xs = np.arange(-spacing, width + spacing, spacing)
    ys = np.arange(-spacing, height + spacing, spacing * 0.866)
    x, y = np.meshgrid(xs.astype(float), ys)
    x[1::2] += spacing / 2
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return points + rng.uniform(-jitter, jitter, points.shape) * spacing


def new_layer(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty layer and the pen to draw on it."""
    image = Image.new("L", (width, height))
    return image, ImageDraw.Draw(image)


def soften(image: Image.Image, radius: float) -> np.ndarray:
    """A layer with its edges softened, uint8."""
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))


@dataclass(frozen=True)
class Cells:
    """Oval bodies (nuclei, vessels, fat cells) at `points` (n, 2).

    `length`, `breadth`: half axes; `angle`: of the length; each a number or an array (n,).
    `ragged`: how much the outline is shaken, 0..1; `ink` (n,): 0..255; `core` (n,): refills all but
    the rim, for nuclei that look like ground glass.
    """

    points: np.ndarray
    length: float | np.ndarray
    breadth: float | np.ndarray
    angle: float | np.ndarray
    ragged: float
    ink: np.ndarray
    core: np.ndarray | None = None


def draw_cells(rng: np.random.Generator, pen: ImageDraw.ImageDraw, cells: Cells) -> None:
    """Draw cells in their order, later ones over earlier ones."""
    n = len(cells.points)
    reach = 1 + cells.ragged * rng.uniform(-1, 1, (n, len(_CORNERS)))
    along = np.cos(_CORNERS) * reach * np.broadcast_to(cells.length, n)[:, None]
    across = np.sin(_CORNERS) * reach * np.broadcast_to(cells.breadth, n)[:, None]
    turn = np.broadcast_to(cells.angle, n)[:, None]
    x = along * np.cos(turn) - across * np.sin(turn)
    y = along * np.sin(turn) + across * np.cos(turn)
    outlines = np.stack([x, y], axis=2)
    _fill(pen, outlines + cells.points[:, None], cells.ink)
    if cells.core is not None:
        _fill(pen, outlines * 0.68 + cells.points[:, None], cells.core)


def _fill(pen: ImageDraw.ImageDraw, outlines: np.ndarray, ink: np.ndarray) -> None:
    """Fill polygons (n, corners, 2) with their inks (n,)."""
    inks = np.clip(ink, 0, 255).astype(int).tolist()
    flat = outlines.reshape(len(outlines), 2 * len(_CORNERS)).tolist()
    for outline, fill in zip(flat, inks, strict=True):
        pen.polygon(outline, fill=fill)


def draw_fibres(
    rng: np.random.Generator,
    width: int,
    height: int,
    angles: np.ndarray,
    *,
    spacing: float,
    length: float,
    reduce: int = 4,
) -> np.ndarray:
    """Strands that follow `angles` (a reduced grid), as a uint8 layer of the full size.

    They are drawn at half size: strands are soft anyway.
    """
    image, pen = new_layer(-(-width // 2), -(-height // 2))
    points = scatter_points(rng, width, height, spacing, 0.5)
    angle = sample(angles, points, reduce) + rng.normal(0, 0.1, len(points))
    half = rng.uniform(0.6, 1.4, len(points)) * length / 2
    bend = rng.normal(0, 0.12, len(points)) * length
    dx, dy = np.cos(angle) * half, np.sin(angle) * half
    x, y = points[:, 0], points[:, 1]
    lines = np.stack(
        [x - dx, y - dy, x - dy / half * bend, y + dx / half * bend, x + dx, y + dy], 1
    )
    inks = rng.integers(50, 256, len(points)).tolist()
    wide = rng.integers(1, 4, len(points)).tolist()
    for line, ink, breadth in zip((lines / 2).tolist(), inks, wide, strict=True):
        pen.line(line, fill=ink, width=breadth)
    soft = image.filter(ImageFilter.GaussianBlur(1.0))
    return np.asarray(soft.resize((width, height), Image.Resampling.BILINEAR))


def upsample(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """A reduced grid in 0..1 as a uint8 layer of the full size."""
    small = Image.fromarray((np.clip(grid, 0, 1) * 255).astype(np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def add_layers(*parts: tuple[np.ndarray, float]) -> np.ndarray:
    """Layers on top of one another, each counted by its share; uint8."""
    total = np.zeros(parts[0][0].shape, dtype=np.float32)
    for part, share in parts:
        total += part if share == 1 else part * np.float32(share)
    return np.minimum(total, 255).astype(np.uint8)


def smooth_step(values: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1 over -1..1."""
    t = np.clip(0.5 + 0.5 * values, 0, 1)
    return t * t * (3 - 2 * t)


def contour_direction(hills: np.ndarray) -> np.ndarray:
    """The direction along the contours of a grid, radians."""
    down, right = np.gradient(hills)
    return np.arctan2(down, right) + np.pi / 2


def render_dyes(
    rng: np.random.Generator,
    layers: Sequence[tuple[np.ndarray, Sequence[float]]],
    *,
    light: Sequence[float] = (243, 242, 240),
    grain: float = 2.5,
) -> np.ndarray:
    """RGB, uint8 (rows, columns, 3), of layers of dyes; each with its density in R, G, B at 255.

    `light`: the colour of clear glass; `grain`: the camera's noise in grey levels.
    """
    rows, columns = layers[0][0].shape
    picture = np.empty((rows, columns, 3), dtype=np.uint8)
    strip = 128  # rows at a time: whole slides would not fit in the cache
    noise = rng.standard_normal((strip, columns), dtype=np.float32) * np.float32(grain)
    for top in range(0, rows, strip):
        bottom = min(top + strip, rows)
        noise = np.roll(noise, 37, axis=1)
        for channel in range(3):
            # One table per dye turns a layer into optical density without an exponential a pixel.
            shades = [
                look_up(
                    np.exp(-np.arange(256, dtype=np.float32) / 255 * np.float32(density[channel])),
                    inked[top:bottom],
                )
                for inked, density in layers
            ]
            value = shades[0] * np.float32(light[channel])
            for shade in shades[1:]:
                value *= shade
            value += noise[: bottom - top]
            picture[top:bottom, :, channel] = np.clip(value, 0, 255)
    return picture
