"""The textures of microscope fields of ovary and thyroid, D2-40 stained.

D2-40 marks lymph vessels (and some tumour cells) brown; haematoxylin makes nuclei blue. The four
classes differ in texture all over the field, so that every tile of a field shows its class:

- `ovary_norm`: swirling spindle stroma with thin long nuclei;
- `ovary_tumour`: nests and papillae of large, dark, ragged nuclei, brown vessels between them;
- `thyroid_norm`: follicles, pale pink colloid with a ring of small round nuclei;
- `thyroid_tumour`: crowded ribbons of large pale nuclei round thin cores, little colloid.

Tumour fields keep remnants of normal tissue, so no classifier of tiles is perfect.
"""

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from pgdose_phantom.stain import (
    DAB,
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

CLASSES = ("ovary_tumour", "ovary_norm", "thyroid_tumour", "thyroid_norm")
PALE = (0.14, 0.75, 0.42)  # of proteins without eosin: a faint pinkish beige


def draw_staining(rng: np.random.Generator) -> dict[str, float]:
    """How one patient's sections are stained and lit, the same for all of their fields.

    Returns:
        blue, brown, pink, light and size: factors about 1; warmth: a difference about 0.
    """
    return {
        "blue": round(float(np.clip(rng.normal(1, 0.11), 0.7, 1.3)), 3),
        "brown": round(float(np.clip(rng.normal(1, 0.15), 0.6, 1.4)), 3),
        "pink": round(float(np.clip(rng.normal(1, 0.2), 0.5, 1.5)), 3),
        "light": round(float(np.clip(rng.normal(1, 0.025), 0.93, 1.04)), 3),
        "warmth": round(float(rng.normal(0, 0.012)), 3),
        "size": round(float(np.clip(rng.normal(1, 0.06), 0.85, 1.15)), 3),
    }


def draw_field(
    rng: np.random.Generator,
    label: str,
    staining: dict[str, float],
    width: int,
    height: int,
) -> np.ndarray:
    """One field of view: RGB, uint8, (height, width, 3).

    Args:
        rng: source of all that is drawn.
        label: a name in CLASSES, such as ovary_norm.
        staining: of `draw_staining`.
        width, height: in pixels.

    Raises:
        KeyError: another label.
    """
    layers = TEXTURES[label](rng, width, height, staining["size"])
    if label.endswith("_tumour"):
        # A tumour seldom fills its field: tiles with remnants of normal tissue stay ambiguous.
        normal = TEXTURES[label.replace("tumour", "norm")](rng, width, height, staining["size"])
        amount = rng.uniform(0.55, 1.35)  # the lower, the more of it: about 3 to 25 % of the field
        left = smooth_step((smooth_noise(rng, width, height, 420) - amount) / 0.05)
        remnant = Image.fromarray(upsample(left, width, height))
        layers = tuple(
            np.asarray(Image.composite(Image.fromarray(over), Image.fromarray(under), remnant))
            for over, under in zip(normal, layers, strict=True)
        )
    blue, brown, pink = layers
    warmth = staining["warmth"]
    light = np.array([244, 243, 240]) * staining["light"] * [1 + warmth, 1, 1 - warmth]
    return render_dyes(
        rng,
        [
            (blue, np.multiply(HAEMATOXYLIN, 1.25 * staining["blue"]).tolist()),
            (brown, np.multiply(DAB, 1.5 * staining["brown"]).tolist()),
            (pink, np.multiply(PALE, 0.36 * staining["pink"]).tolist()),
        ],
        light=light.tolist(),
    )


Layers = tuple[np.ndarray, ...]  # blue, brown, pink: uint8 (height, width)


def _ovary_norm(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    swirl = 2.2 * smooth_noise(rng, width, height, 380) + rng.uniform(0, np.pi)
    fibres = draw_fibres(rng, width, height, swirl, spacing=17, length=80)
    image, pen = new_layer(width, height)
    points = scatter_points(rng, width, height, 25 * size, 0.45)
    crowd = smooth_noise(rng, width, height, 160)
    points = points[sample(crowd, points) + rng.normal(0, 0.5, len(points)) > -0.9]
    n = len(points)
    draw_cells(rng, pen, Cells(
        points,
        length=size * rng.uniform(10, 17, n), breadth=size * rng.uniform(3.2, 5.5, n),
        angle=sample(swirl, points) + rng.normal(0, 0.16, n), ragged=0.08,
        ink=rng.normal(185, 28, n),
    ))  # fmt: skip
    base = upsample(0.16 + 0.05 * crowd, width, height)
    blue = add_layers((soften(image, 1.3), 1), (base, 1), (fibres, 0.16))
    pink = add_layers((upsample(0.3 + 0.07 * crowd, width, height), 1), (fibres, 0.5))
    brown = _vessels(rng, width, height, 260, (14, 30), swirl)
    return blue, brown, pink


def _ovary_tumour(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    nest = smooth_noise(rng, width, height, 95) + 0.45 * smooth_noise(rng, width, height, 40) + 0.3
    image, pen = new_layer(width, height)
    points = scatter_points(rng, width, height, 23 * size, 0.42)
    inside = sample(nest, points) > 0
    cells = points[inside]
    n = len(cells)
    radius = size * np.clip(rng.lognormal(np.log(11), 0.24, n), 6, 20)
    draw_cells(rng, pen, Cells(
        cells, length=radius, breadth=radius * rng.uniform(0.65, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.2, ink=rng.normal(215, 35, n),
    ))  # fmt: skip
    between = points[~inside][::3]
    m = len(between)
    across = contour_direction(nest)
    draw_cells(rng, pen, Cells(
        between, length=12.0 * size, breadth=3.6 * size,
        angle=sample(across, between) + rng.normal(0, 0.3, m), ragged=0.1,
        ink=rng.normal(170, 25, m),
    ))  # fmt: skip
    solid = smooth_step(nest / 0.12)
    chromatin = smooth_noise(rng, width, height, 7, reduce=2)
    shade = upsample(0.82 + 0.18 * chromatin, width, height)
    nuclei = (soften(image, 1.2).astype(np.uint16) * shade // 255).astype(np.uint8)
    blue = add_layers((nuclei, 1), (upsample(0.07 + 0.2 * solid, width, height), 1))
    fibres = draw_fibres(rng, width, height, across, spacing=26, length=50)
    stroma = upsample(0.42 * (1 - solid) + 0.16, width, height)
    pink = add_layers((stroma, 1), (fibres, 0.15))
    rim = upsample(0.3 * np.exp(-((nest / 0.16) ** 2)), width, height)
    brown = np.maximum(_vessels(rng, width, height, 150, (14, 34), across, nest < -0.1), rim)
    return blue, brown, pink


def _thyroid_norm(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    # Follicles are the cells of a Voronoi diagram: what is much nearer to one centre than to the
    # next one is colloid, what is about as near to two is the wall between them.
    centres = scatter_points(rng, width, height, 165 * size, 0.36)
    centres = centres[rng.uniform(size=len(centres)) < 0.93]
    ys, xs = np.mgrid[0:height:4, 0:width:4]
    grid = np.stack([xs.ravel(), ys.ravel()], axis=1) + 6 * rng.normal(size=2)
    nearest, _ = cKDTree(centres).query(grid, k=2)
    gap = (nearest[:, 1] - nearest[:, 0]).reshape(xs.shape)
    wall = (gap + 7 * smooth_noise(rng, width, height, 50)).astype(np.float32)
    image, pen = new_layer(width, height)
    points = scatter_points(rng, width, height, 16.5 * size, 0.3)
    depth = sample(wall, points)
    ring = points[(depth > 9) & (depth < 36)]
    n = len(ring)
    radius = size * rng.normal(7.2, 0.7, n)
    draw_cells(rng, pen, Cells(
        ring, length=radius, breadth=radius * rng.uniform(0.82, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.06, ink=rng.normal(205, 22, n),
    ))  # fmt: skip
    thin = points[depth < 5][::2]
    m = len(thin)
    draw_cells(rng, pen, Cells(
        thin, length=9.0 * size, breadth=3.0 * size, angle=rng.uniform(0, np.pi, m),
        ragged=0.1, ink=rng.normal(170, 25, m),
    ))  # fmt: skip
    colloid = smooth_step((wall - 48) / 5)
    cells = smooth_step((wall - 4) / 5) * (1 - smooth_step((wall - 42) / 5))
    streak = smooth_noise(rng, width, height, 90)
    blue = add_layers((soften(image, 1.2), 1), (upsample(0.03 + 0.17 * cells, width, height), 1))
    pink = upsample(0.08 + colloid * (0.62 + 0.1 * streak) + 0.22 * cells, width, height)
    pink = add_layers((pink, 1), (upsample(0.25 * (wall < 5), width, height), 1))
    brown = _vessels(rng, width, height, 330, (9, 18), streak, wall < 8)
    return blue, brown, pink


def _thyroid_tumour(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    fold = smooth_noise(rng, width, height, 105) + 0.3 * smooth_noise(rng, width, height, 40)
    image, pen = new_layer(width, height)
    points = scatter_points(rng, width, height, 18.5 * size, 0.4)
    height_at = sample(fold, points)
    ribbon = points[np.abs(height_at) < 0.42]
    n = len(ribbon)
    radius = size * rng.normal(10.2, 1.3, n)
    rim = rng.normal(195, 25, n)
    draw_cells(rng, pen, Cells(
        ribbon, length=radius, breadth=radius * rng.uniform(0.65, 0.95, n),
        angle=sample(contour_direction(fold), ribbon) + rng.normal(np.pi / 2, 0.5, n), ragged=0.13,
        ink=rim, core=rim * rng.uniform(0.42, 0.75, n),
    ))  # fmt: skip
    core = points[height_at > 0.5][::4]
    m = len(core)
    draw_cells(rng, pen, Cells(
        core, length=10.0 * size, breadth=3.4 * size,
        angle=sample(contour_direction(fold), core), ragged=0.1, ink=rng.normal(165, 25, m),
    ))  # fmt: skip
    cells = smooth_step((0.46 - np.abs(fold)) / 0.06)
    stroma = smooth_step((fold - 0.46) / 0.06)
    lumen = smooth_step((-0.46 - fold) / 0.06)
    drop = smooth_step((smooth_noise(rng, width, height, 130) - 0.75) / 0.1) * lumen
    blue = add_layers((soften(image, 1.2), 1), (upsample(0.04 + 0.16 * cells, width, height), 1))
    pink = upsample(0.05 + 0.22 * cells + 0.45 * stroma + 0.5 * drop, width, height)
    brown = _vessels(rng, width, height, 150, (8, 18), contour_direction(fold), fold > 0.6)
    return blue, brown, pink


TEXTURES = {
    "ovary_norm": _ovary_norm,
    "ovary_tumour": _ovary_tumour,
    "thyroid_norm": _thyroid_norm,
    "thyroid_tumour": _thyroid_tumour,
}


def _vessels(
    rng: np.random.Generator,
    width: int,
    height: int,
    spacing: float,
    radii: tuple[float, float],
    angles: np.ndarray,
    where: np.ndarray | None = None,
) -> np.ndarray:
    """Brown rings, flattened along `angles`, about `spacing` apart and only `where` allowed."""
    image, pen = new_layer(width, height)
    points = scatter_points(rng, width, height, spacing, 0.45)
    if where is not None:
        # Of several places near each point, the first that is allowed.
        for _ in range(4):
            away = ~sample(where, points)
            points[away] += rng.normal(0, spacing / 3, (int(away.sum()), 2))
        points = points[sample(where, points)]
    n = len(points)
    length = rng.uniform(*radii, n)
    draw_cells(rng, pen, Cells(
        points, length=length, breadth=length * rng.uniform(0.3, 0.7, n),
        angle=sample(angles, points), ragged=0.15, ink=rng.normal(215, 25, n), core=np.zeros(n),
    ))  # fmt: skip
    return soften(image, 1.6)
