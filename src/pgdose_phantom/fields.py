"""The pathology laboratory, first half: microscope fields of ovary and thyroid, D2-40 stained.

D2-40 marks lymph vessels (and some tumour cells) brown; haematoxylin makes nuclei blue. The four
classes differ in texture all over the field, so that every tile of a field carries its class:

- `ovary_norm`: swirling spindle stroma with thin long nuclei;
- `ovary_tumour`: nests and papillae of large, dark, ragged nuclei, brown vessels between them;
- `thyroid_norm`: follicles, pale pink colloid with a ring of small round nuclei;
- `thyroid_tumour`: crowded ribbons of large pale nuclei round thin cores, little colloid.

Tumour fields keep remnants of normal tissue, so no classifier of tiles is perfect.
"""

from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import tifffile
from PIL import Image
from scipy.spatial import cKDTree

from pgdose.tables.keyed import generator
from pgdose.tables.result_csv import write_csv
from pgdose_phantom.folder import fresh_folder
from pgdose_phantom.stain import (
    DAB,
    HAEMATOXYLIN,
    along,
    at,
    draw_cells,
    draw_fibres,
    dye,
    enlarge,
    layer,
    pile,
    scatter,
    smooth_noise,
    soften,
    step,
)

WIDTH, HEIGHT = 2048, 1536
PALE = (0.14, 0.75, 0.42)  # what proteins look like without eosin: a faint pinkish beige
ORGANS = ("ovary", "thyroid")
CLASSES = ("ovary_tumour", "ovary_norm", "thyroid_tumour", "thyroid_norm")
# In turn; their number is odd, so that the two kinds of tissue meet each format alike.
FORMATS = (
    "jpg", "jpg", "tif", "jpg", "png", "bmp", "jpg", "tif_16", "jpg", "png_rgba", "jpg", "png_16",
    "jpg",
)  # fmt: skip


def write_fields(
    root: Path,
    table: Path,
    truth: Path,
    *,
    seed: int,
    patients_per_organ: int,
    fields_per_patient: int = 1,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> None:
    """Write fields under the folder `root`, and the tables `truth` and `table` (CSV files).

    Every patient of each of ORGANS gives `fields_per_patient` fields of the tumour and as many of
    normal tissue, `width` x `height` pixels: half of them JPEG, the rest TIFF and PNG (of 8 or 16
    bits, PNG with an opaque alpha channel, too) and BMP. `table`: file (relative to `root`),
    patient, class. `truth`: the same and the hand that the patient's stain had.

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    for old in (truth, table):
        old.unlink(missing_ok=True)
    fresh_folder(root)
    rows = []
    for organ, first in zip(ORGANS, (0, 6), strict=True):  # of FORMATS
        for number in range(patients_per_organ):
            patient = f"{organ[0].upper()}{number + 1:03d}"
            hand = draw_hand(generator(seed, "field stain", patient))
            for turn, kind in enumerate(("tumour", "norm")):
                for repeat in range(fields_per_patient):
                    name = f"{patient} {kind} {repeat}"
                    label = f"{organ}_{kind}"
                    picture = draw_field(generator(seed, "field", name), label, hand, width, height)
                    form = FORMATS[(first + 2 * (number + repeat) + turn) % len(FORMATS)]
                    ending = form.split("_")[0]
                    file = f"{organ}/{patient}_{kind}_{repeat + 1}.{ending}"
                    _save(picture, root / file, form)
                    rows.append({"file": file, "patient": patient, "class": label, **hand})
    columns = ["file", "patient", "class"]
    everything = pd.DataFrame(rows, columns=None if rows else columns)
    write_csv(everything, truth)
    write_csv(everything[columns], table)


def draw_hand(rng: np.random.Generator) -> dict[str, float]:
    """How one patient's sections were stained and lit: factors about 1, the same for all fields."""
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
    hand: dict[str, float],
    width: int = WIDTH,
    height: int = HEIGHT,
) -> np.ndarray:
    """One field of the class `label` (of CLASSES): RGB, uint8 (height, width, 3)."""
    layers = DRAWINGS[label](rng, width, height, hand["size"])
    if label.endswith("_tumour"):
        # A tumour seldom fills its field: remnants of normal tissue keep their tiles ambiguous.
        normal = DRAWINGS[label.replace("tumour", "norm")](rng, width, height, hand["size"])
        amount = rng.uniform(0.55, 1.35)  # the lower, the more of it: about 3 to 25 % of the field
        left = step((smooth_noise(rng, width, height, 420) - amount) / 0.05)
        remnant = Image.fromarray(enlarge(left, width, height))
        layers = tuple(
            np.asarray(Image.composite(Image.fromarray(there), Image.fromarray(here), remnant))
            for there, here in zip(normal, layers, strict=True)
        )
    blue, brown, pink = layers
    light = np.array([244, 243, 240]) * hand["light"] * [1 + hand["warmth"], 1, 1 - hand["warmth"]]
    return dye(
        rng,
        [
            (blue, np.multiply(HAEMATOXYLIN, 1.25 * hand["blue"]).tolist()),
            (brown, np.multiply(DAB, 1.5 * hand["brown"]).tolist()),
            (pink, np.multiply(PALE, 0.36 * hand["pink"]).tolist()),
        ],
        light=light.tolist(),
    )


Layers = tuple[np.ndarray, ...]  # blue, brown, pink: uint8 (height, width)


def _ovary_norm(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    swirl = 2.2 * smooth_noise(rng, width, height, 380) + rng.uniform(0, np.pi)
    fibres = draw_fibres(rng, width, height, swirl, spacing=17, length=80)
    image, pen = layer(width, height)
    points = scatter(rng, width, height, 25 * size, 0.45)
    crowd = smooth_noise(rng, width, height, 160)
    points = points[at(crowd, points) + rng.normal(0, 0.5, len(points)) > -0.9]
    n = len(points)
    draw_cells(
        rng, pen, points,
        length=size * rng.uniform(10, 17, n), breadth=size * rng.uniform(3.2, 5.5, n),
        angle=at(swirl, points) + rng.normal(0, 0.16, n), ragged=0.08,
        ink=rng.normal(185, 28, n),
    )  # fmt: skip
    base = enlarge(0.16 + 0.05 * crowd, width, height)
    blue = pile((soften(image, 1.3), 1), (base, 1), (fibres, 0.16))
    pink = pile((enlarge(0.3 + 0.07 * crowd, width, height), 1), (fibres, 0.5))
    brown = _vessels(rng, width, height, 260, (14, 30), swirl)
    return blue, brown, pink


def _ovary_tumour(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    nest = smooth_noise(rng, width, height, 95) + 0.45 * smooth_noise(rng, width, height, 40) + 0.3
    image, pen = layer(width, height)
    points = scatter(rng, width, height, 23 * size, 0.42)
    inside = at(nest, points) > 0
    cells = points[inside]
    n = len(cells)
    radius = size * np.clip(rng.lognormal(np.log(11), 0.24, n), 6, 20)
    draw_cells(
        rng, pen, cells, length=radius, breadth=radius * rng.uniform(0.65, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.2, ink=rng.normal(215, 35, n),
    )  # fmt: skip
    between = points[~inside][::3]
    m = len(between)
    across = along(nest)
    draw_cells(
        rng, pen, between, length=12.0 * size, breadth=3.6 * size,
        angle=at(across, between) + rng.normal(0, 0.3, m), ragged=0.1, ink=rng.normal(170, 25, m),
    )  # fmt: skip
    solid = step(nest / 0.12)
    chromatin = smooth_noise(rng, width, height, 7, reduce=2)
    shade = enlarge(0.82 + 0.18 * chromatin, width, height)
    nuclei = (soften(image, 1.2).astype(np.uint16) * shade // 255).astype(np.uint8)
    blue = pile((nuclei, 1), (enlarge(0.07 + 0.2 * solid, width, height), 1))
    fibres = draw_fibres(rng, width, height, across, spacing=26, length=50)
    stroma = enlarge(0.42 * (1 - solid) + 0.16, width, height)
    pink = pile((stroma, 1), (fibres, 0.15))
    rim = enlarge(0.3 * np.exp(-((nest / 0.16) ** 2)), width, height)
    brown = np.maximum(_vessels(rng, width, height, 150, (14, 34), across, nest < -0.1), rim)
    return blue, brown, pink


def _thyroid_norm(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    # Follicles are the cells of a Voronoi diagram: what is much nearer to one centre than to the
    # next one is colloid, what is about as near to two is the wall between them.
    centres = scatter(rng, width, height, 165 * size, 0.36)
    centres = centres[rng.uniform(size=len(centres)) < 0.93]
    ys, xs = np.mgrid[0:height:4, 0:width:4]
    grid = np.stack([xs.ravel(), ys.ravel()], axis=1) + 6 * rng.normal(size=2)
    nearest, _ = cKDTree(centres).query(grid, k=2)
    gap = (nearest[:, 1] - nearest[:, 0]).reshape(xs.shape)
    wall = (gap + 7 * smooth_noise(rng, width, height, 50)).astype(np.float32)
    image, pen = layer(width, height)
    points = scatter(rng, width, height, 16.5 * size, 0.3)
    depth = at(wall, points)
    ring = points[(depth > 9) & (depth < 36)]
    n = len(ring)
    radius = size * rng.normal(7.2, 0.7, n)
    draw_cells(
        rng, pen, ring, length=radius, breadth=radius * rng.uniform(0.82, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.06, ink=rng.normal(205, 22, n),
    )  # fmt: skip
    thin = points[depth < 5][::2]
    m = len(thin)
    draw_cells(
        rng, pen, thin, length=9.0 * size, breadth=3.0 * size, angle=rng.uniform(0, np.pi, m),
        ragged=0.1, ink=rng.normal(170, 25, m),
    )  # fmt: skip
    colloid = step((wall - 48) / 5)
    cells = step((wall - 4) / 5) * (1 - step((wall - 42) / 5))
    streak = smooth_noise(rng, width, height, 90)
    blue = pile((soften(image, 1.2), 1), (enlarge(0.03 + 0.17 * cells, width, height), 1))
    pink = enlarge(0.08 + colloid * (0.62 + 0.1 * streak) + 0.22 * cells, width, height)
    pink = pile((pink, 1), (enlarge(0.25 * (wall < 5), width, height), 1))
    brown = _vessels(rng, width, height, 330, (9, 18), streak, wall < 8)
    return blue, brown, pink


def _thyroid_tumour(rng: np.random.Generator, width: int, height: int, size: float) -> Layers:
    fold = smooth_noise(rng, width, height, 105) + 0.3 * smooth_noise(rng, width, height, 40)
    image, pen = layer(width, height)
    points = scatter(rng, width, height, 18.5 * size, 0.4)
    height_at = at(fold, points)
    ribbon = points[np.abs(height_at) < 0.42]
    n = len(ribbon)
    radius = size * rng.normal(10.2, 1.3, n)
    rim = rng.normal(195, 25, n)
    draw_cells(
        rng, pen, ribbon, length=radius, breadth=radius * rng.uniform(0.65, 0.95, n),
        angle=at(along(fold), ribbon) + rng.normal(np.pi / 2, 0.5, n), ragged=0.13,
        ink=rim, core=rim * rng.uniform(0.42, 0.75, n),
    )  # fmt: skip
    core = points[height_at > 0.5][::4]
    m = len(core)
    draw_cells(
        rng, pen, core, length=10.0 * size, breadth=3.4 * size,
        angle=at(along(fold), core), ragged=0.1, ink=rng.normal(165, 25, m),
    )  # fmt: skip
    cells = step((0.46 - np.abs(fold)) / 0.06)
    stroma = step((fold - 0.46) / 0.06)
    lumen = step((-0.46 - fold) / 0.06)
    drop = step((smooth_noise(rng, width, height, 130) - 0.75) / 0.1) * lumen
    blue = pile((soften(image, 1.2), 1), (enlarge(0.04 + 0.16 * cells, width, height), 1))
    pink = enlarge(0.05 + 0.22 * cells + 0.45 * stroma + 0.5 * drop, width, height)
    brown = _vessels(rng, width, height, 150, (8, 18), along(fold), fold > 0.6)
    return blue, brown, pink


DRAWINGS = {
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
    image, pen = layer(width, height)
    points = scatter(rng, width, height, spacing, 0.45)
    if where is not None:
        # Of several places near each point, the first that is allowed.
        for _ in range(4):
            away = ~at(where, points)
            points[away] += rng.normal(0, spacing / 3, (int(away.sum()), 2))
        points = points[at(where, points)]
    n = len(points)
    length = rng.uniform(*radii, n)
    draw_cells(
        rng, pen, points, length=length, breadth=length * rng.uniform(0.3, 0.7, n),
        angle=at(angles, points), ragged=0.15, ink=rng.normal(215, 25, n), core=np.zeros(n),
    )  # fmt: skip
    return soften(image, 1.6)


def _save(picture: np.ndarray, file: Path, form: str) -> None:
    """Write RGB, uint8, in one of FORMATS."""
    file.parent.mkdir(parents=True, exist_ok=True)
    deep = picture.astype(np.uint16) * 257  # 255 becomes 65535
    if form == "tif_16":
        tifffile.imwrite(
            file, deep, photometric="rgb", compression="adobe_deflate", metadata=None,
            software=False,
        )  # fmt: skip
    elif form == "png_16":
        file.write_bytes(imagecodecs.png_encode(deep, level=3))
    elif form == "jpg":
        Image.fromarray(picture).save(file, quality=92)
    elif form == "tif":
        Image.fromarray(picture).save(file, compression="tiff_lzw")
    elif form == "bmp":
        Image.fromarray(picture).save(file)
    else:
        mode = "RGBA" if form == "png_rgba" else "RGB"
        Image.fromarray(picture).convert(mode).save(file, compress_level=3)
