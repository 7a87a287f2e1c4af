"""The pathology laboratory, second half: whole slides of breast tissue with outlines of tumour.

A slide is a pyramidal tiled TIFF as an Aperio scanner writes it (`.svs`): a piece of tissue on
glass, stained with haematoxylin and eosin, with one or two tumour regions or none. Beside the
slides lies what pathologists drew, each in the format of their viewer. The two tissues differ all
over, tile by tile: tumour is crowded with large dark uneven nuclei, normal tissue is pink stroma
with few nuclei, fat and ducts. Some slides bear pen marks, some don't tell their scale, and some
can't be used.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label
from shapely.geometry import LineString, MultiPolygon, Polygon, box

from pgdose.tables.keyed import generator
from pgdose.tables.output_files import atomic
from pgdose.tables.result_csv import write_csv
from pgdose_phantom.folder import fresh_folder
from pgdose_phantom.outlines import CLASS, FORMATS, GRID, feature, polygons, write_features
from pgdose_phantom.stain import (
    EOSIN,
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
from pgdose_phantom.svs import pyramid, write_svs

MPP = 0.499  # micrometres to a pixel
POWER = 20  # magnification of the objective
LEVELS = (1, 4, 16)  # downsamples
REDUCE = 8  # grids of the drawing are so much smaller than the slide
TUMOUR_SHARE = 0.45  # of the tissue
NO_MPP, NO_SCALE = 3, 4  # slides, counted from 0, that tell only their power, or nothing
GREEN, BLUE, BLACK = (30, 130, 70), (25, 70, 170), (35, 35, 40)
PENS = {1: (GREEN,), 4: (BLUE, BLACK)}  # slides, counted from 0, and the inks on them
# What is wrong with a broken slide, and the reason why pgdose leaves it out.
BROKEN = {
    "cut": "unreadable_slide",
    "text": "unreadable_slide",
    "foreign": "outlines_outside",
}
BROKEN_SIDE = 1024  # pixels; its outlines, of another slide, span four times as much


def write_slides(
    root: Path,
    table: Path,
    truth: Path,
    *,
    seed: int,
    slides: int,
    side: int = 4096,
    broken: int = 0,
) -> None:
    """Write slides under the folder `root`, and `truth` and `table` (CSV files).

    `side`: pixels of a slide both ways, at least 512, a multiple of 16. Every seventh slide is
    normal tissue throughout. Each slide has a patient of its own, but for the last two, which
    share theirs where there are eight or more. `broken` more slides can't be used: cut off, no
    slide at all, or with the outlines of another slide, in turn.

    `root`/outlines/<format>/ holds the tumour regions of each slide that has some, the same in
    every one of pgdose.phantom.outlines.FORMATS. `table`: slide, patient, outlines (file names
    relative to `root`, the formats in turn; empty for normal slides), class (`norm` for these,
    else empty). `truth`: the same and, for slides that are not broken, the format of the outlines,
    the shares of tissue and tumour, the hand of the stain, and the name of a GeoJSON file (in a
    folder beside `truth`, named like it) with the polygons of tissue, tumour and pen marks;
    `expected` is the reason to leave a broken one out.

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    if side < 512 or side % GRID:
        raise ValueError(f"side must be a multiple of {GRID} from 512, not {side}")
    for file in (truth, table):
        file.unlink(missing_ok=True)
    fresh_folder(root)
    shapes = fresh_folder(truth.with_suffix(""))
    rows = [_write_good(root, shapes, seed, number, side) for number in range(slides)]
    if slides >= 8:
        rows[-1]["patient"] = rows[-2]["patient"]
    rows += [_write_broken(root, seed, number) for number in range(broken)]
    columns = ["slide", "patient", "outlines", "class"]
    everything = pd.DataFrame(rows, columns=None if rows else columns)
    write_csv(everything, truth)
    write_csv(everything[columns], table)


def _write_good(root: Path, shapes: Path, seed: int, number: int, side: int) -> dict[str, Any]:
    """Write a slide, its outlines and its shapes; returns its row of the truth."""
    name = f"B{number + 1:03d}"
    rng = generator(seed, "slide", name)
    normal = number % 7 == 6
    # Not simply every second: each format of outlines is to have holes now and then.
    tissue, tumour = draw_regions(rng, side, island=(number + number // len(FORMATS)) % 2 == 1)
    if normal:
        tumour = np.zeros_like(tumour)
    regions = polygons(tumour)
    hand = draw_hand(rng)
    picture = draw_slide(rng, side, tissue, regions, hand)
    marks = draw_marks(generator(seed, "pen", name), side, tissue, PENS.get(number, ()))
    for stroke, ink in marks:
        draw_ink(picture, stroke, ink)
    with atomic(root / f"{name}.svs") as beside:
        write_svs(
            pyramid(picture, LEVELS),
            beside,
            mpp=None if number in (NO_MPP, NO_SCALE) else MPP,
            power=None if number == NO_SCALE else POWER,
        )
    if not normal:
        for kind in FORMATS:
            _write_outlines(root, kind, name, tumour)
    everything = [
        feature(tissue, "Tissue", (200, 200, 0)),
        *(feature(region, CLASS) for region in regions),
        *(feature(stroke, "Pen", ink) for stroke, ink in marks),
    ]
    write_features(everything, shapes / f"{name}.geojson")
    kind = "" if normal else list(FORMATS)[number % len(FORMATS)]
    return {
        "slide": f"{name}.svs",
        "patient": name,
        "outlines": "" if normal else _outlines_name(kind, name),
        "class": "norm" if normal else "",
        "outlines_kind": kind,
        "normal": normal,
        "expected": "",
        "regions": f"{shapes.name}/{name}.geojson",
        "tissue_share": round(tissue.area / side**2, 4),
        "tumour_share": round(sum(region.area for region in regions) / tissue.area, 4),
        **hand,
    }


def _write_broken(root: Path, seed: int, number: int) -> dict[str, Any]:
    """Write a slide that can't be used; returns its row of the truth."""
    name = f"X{number + 1:03d}"
    path = root / f"{name}.svs"
    kind = list(BROKEN)[number % len(BROKEN)]
    rng = generator(seed, "broken slide", name)
    _, elsewhere = draw_regions(rng, 4 * BROKEN_SIDE)
    _write_outlines(root, "geojson", name, elsewhere)
    if kind == "text":
        path.write_text("The slide is on the other disk, ask the archive.\n")
    else:
        tissue, tumour = draw_regions(rng, BROKEN_SIDE)
        picture = draw_slide(rng, BROKEN_SIDE, tissue, polygons(tumour), draw_hand(rng))
        with atomic(path) as beside:
            write_svs(pyramid(picture, LEVELS), beside, mpp=MPP, power=POWER)
            if kind == "cut":
                os.truncate(beside, round(0.55 * beside.stat().st_size))
    return {
        "slide": path.name,
        "patient": name,
        "outlines": _outlines_name("geojson", name),
        "class": "",
        "outlines_kind": "geojson",
        "normal": False,
        "expected": BROKEN[kind],
    }


def _outlines_name(kind: str, name: str) -> str:
    """The file of a slide's outlines, relative to the folder of slides."""
    return f"outlines/{kind}/{name}{FORMATS[kind][0]}"


def _write_outlines(root: Path, kind: str, name: str, tumour: np.ndarray) -> None:
    FORMATS[kind][1](tumour, root / _outlines_name(kind, name))


# --- regions ----------------------------------------------------------------------------------


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


def _mask(regions: list[Polygon], side: int) -> np.ndarray:
    """Polygons on the reduced grid, 0..1, with soft edges."""
    image = Image.new("L", (side // REDUCE * 2, side // REDUCE * 2))
    pen = ImageDraw.Draw(image)
    for polygon in regions:
        for ring, fill in [(polygon.exterior, 255), *((hole, 0) for hole in polygon.interiors)]:
            pen.polygon([(x / REDUCE * 2, y / REDUCE * 2) for x, y in ring.coords], fill=fill)
    return np.asarray(image.reduce(2), dtype=np.float32) / 255


# --- pen marks --------------------------------------------------------------------------------

Colour = tuple[int, int, int]


def draw_marks(
    rng: np.random.Generator, side: int, tissue: Polygon, inks: Sequence[Colour]
) -> list[tuple[Polygon, Colour]]:
    """A stroke for each ink: from the glass of some corner across the tissue's edge into it."""
    corners = rng.permutation(4)[: len(inks)]
    middle = np.array([side / 2, side / 2])
    marks = []
    for corner, ink in zip(corners, inks, strict=True):
        heading = np.pi / 4 + corner * np.pi / 2 + rng.uniform(-0.1, 0.1)
        ray = LineString([middle, middle + side * np.array([np.cos(heading), np.sin(heading)])])
        edge = ray.intersection(tissue).length
        t = np.linspace(0, 1, 60)
        bend = heading + rng.uniform(0.1, 0.2) * np.sin(2 * np.pi * t + rng.uniform(0, np.pi))
        reach = edge + side * np.linspace(0.1, -0.14, 60)
        line = np.stack([np.cos(bend), np.sin(bend)], axis=1) * reach[:, None] + middle
        stroke = LineString(line).buffer(side * rng.uniform(60, 120) / 4096 / 2)
        stroke = stroke.intersection(box(0, 0, side, side))
        marks.append((shapely.set_precision(stroke, 0.5), ink))
    return marks


def draw_ink(picture: np.ndarray, stroke: Polygon, ink: Colour) -> None:
    """Cover part of a slide, RGB uint8, in place; the ink is flat and nearly opaque."""
    left, top, right, bottom = (int(value) for value in stroke.bounds)
    part = Image.fromarray(picture[top : bottom + 1, left : right + 1])
    cover, pen = layer(*part.size)
    pen.polygon([(x - left, y - top) for x, y in stroke.exterior.coords], fill=240)
    part.paste(ink, mask=Image.fromarray(soften(cover, 1.5)))
    picture[top : bottom + 1, left : right + 1] = part


# --- tissue -----------------------------------------------------------------------------------


def draw_hand(rng: np.random.Generator) -> dict[str, float]:
    """How a patient's slide was stained and lit: factors about 1."""
    return {
        "blue": round(float(np.clip(rng.normal(1, 0.12), 0.7, 1.3)), 3),
        "pink": round(float(np.clip(rng.normal(1, 0.15), 0.6, 1.4)), 3),
        "light": round(float(np.clip(rng.normal(1, 0.012), 0.97, 1.02)), 3),
        "size": round(float(np.clip(rng.normal(1, 0.05), 0.88, 1.12)), 3),
    }


def draw_slide(
    rng: np.random.Generator,
    side: int,
    tissue: Polygon,
    tumour: list[Polygon],
    hand: dict[str, float],
) -> np.ndarray:
    """The whole slide at level 0: RGB, uint8 (side, side, 3)."""
    size = hand["size"]
    inside, sick = _mask([tissue], side), _mask(tumour, side)
    # Outlines are drawn generously: islands of normal tissue lie within them.
    sick = sick * step((1.0 - smooth_noise(rng, side, side, 330, REDUCE)) / 0.06)
    fat, duct = _normal_parts(rng, side, inside * (1 - sick))
    swirl = 2 * smooth_noise(rng, side, side, 420, REDUCE)
    uneven = smooth_noise(rng, side, side, 130, REDUCE)
    # Septa of stroma run through the tumour; here and there they are so wide that they take a tile.
    wide = np.clip(0.2 + 0.25 * smooth_noise(rng, side, side, 350, REDUCE), 0.08, 0.8)
    septa = np.exp(-((smooth_noise(rng, side, side, 190, REDUCE) / wide) ** 2))
    nuclei, pen = layer(side, side)

    points = scatter(rng, side, side, 19.5 * size, 0.42)
    place = at(sick, points, REDUCE)
    crowd = at(uneven, points, REDUCE) - 2.2 * at(septa, points, REDUCE)
    cells = points[(place > 0.5) & (crowd + rng.normal(0, 0.6, len(points)) > -1.2)]
    n = len(cells)
    radius = size * np.clip(rng.lognormal(np.log(9.0), 0.25, n), 5, 18)
    draw_cells(
        rng, pen, cells, length=radius, breadth=radius * rng.uniform(0.6, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.2, ink=rng.normal(200, 38, n),
    )  # fmt: skip

    points = scatter(rng, side, side, 38 * size, 0.48)
    allowed = (at(inside, points, REDUCE) > 0.5) & (at(sick, points, REDUCE) < 0.5)
    empty = at(np.maximum(fat, duct), points, REDUCE) > 0.3
    sparse = points[allowed & ~empty & (rng.uniform(size=len(points)) < 0.7)]
    n = len(sparse)
    draw_cells(
        rng, pen, sparse, length=size * rng.uniform(7, 12, n),
        breadth=size * rng.uniform(2.5, 4.5, n),
        angle=at(swirl, sparse, REDUCE) + rng.normal(0, 0.2, n), ragged=0.1,
        ink=rng.normal(170, 28, n),
    )  # fmt: skip

    # Inflammation: crowds of small round nuclei, which a hasty look takes for tumour.
    points = scatter(rng, side, side, 15 * size, 0.4)
    inflamed = smooth_noise(rng, side, side, 240, REDUCE) - fat - duct
    cells = points[
        (at(inflamed, points, REDUCE) + rng.normal(0, 0.25, len(points)) > 0.75)
        & (at(inside, points, REDUCE) > 0.5)
        & (at(sick, points, REDUCE) < 0.5)
    ]
    n = len(cells)
    radius = size * rng.normal(5.3, 0.5, n)
    draw_cells(
        rng, pen, cells, length=radius, breadth=radius * rng.uniform(0.85, 1, n),
        angle=rng.uniform(0, np.pi, n), ragged=0.05, ink=rng.normal(205, 20, n),
    )  # fmt: skip

    points = scatter(rng, side, side, 14 * size, 0.25)
    lining = points[np.abs(at(duct, points, REDUCE) - 0.55) < 0.25]
    n = len(lining)
    draw_cells(
        rng, pen, lining, length=size * rng.uniform(6, 8, n), breadth=size * rng.uniform(4.5, 6, n),
        angle=at(along(duct), lining, REDUCE) + np.pi / 2, ragged=0.08, ink=rng.normal(185, 22, n),
    )  # fmt: skip

    fibres = draw_fibres(rng, side, side, swirl, spacing=34, length=120, reduce=REDUCE)
    body = inside * (1 - np.clip(fat + step((duct - 0.75) / 0.08), 0, 1))
    cuff = np.exp(-(((duct - 0.5) / 0.25) ** 2)) * inside
    blue = pile(
        (soften(nuclei, 1.1), 1),
        (enlarge(body * (0.05 + 0.2 * sick * (1 - septa) + 0.1 * cuff), side, side), 1),
    )
    stroma = body * (0.52 - 0.2 * sick * (1 - septa) + 0.09 * uneven)
    # Fibres show where there is stroma, and stay on the tissue.
    shown = enlarge(body * (1 - 0.75 * sick), side, side)
    pink = pile(
        (enlarge(stroma, side, side), 1),
        ((fibres.astype(np.uint16) * shown // 255).astype(np.uint8), 0.3),
    )
    light = (np.array([242, 241, 243]) * hand["light"]).tolist()
    return dye(
        rng,
        [
            (blue, np.multiply(HAEMATOXYLIN, 1.35 * hand["blue"]).tolist()),
            (pink, np.multiply(EOSIN, 0.85 * hand["pink"]).tolist()),
        ],
        light=light,
        grain=2.0,
    )


def _normal_parts(
    rng: np.random.Generator, side: int, where: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fat (0..1: the clear inside of its cells) and ducts (0 outside .. 1 at the lumen)."""
    scale = REDUCE / 2  # drawn on a finer grid than it is kept on
    n = round(side / scale)
    image, pen = layer(n, n)
    lobules = smooth_noise(rng, side, side, 300, REDUCE)
    points = scatter(rng, side, side, 62, 0.2)
    keep = (at(lobules, points, REDUCE) > 0.45) & (at(where, points, REDUCE) > 0.9)
    points = points[keep]
    m = len(points)
    radius = rng.uniform(21, 30, m) / scale
    draw_cells(
        rng, pen, points / scale, length=radius, breadth=radius * rng.uniform(0.8, 1, m),
        angle=rng.uniform(0, np.pi, m), ragged=0.08, ink=np.full(m, 255),
    )  # fmt: skip
    fat = np.asarray(image.reduce(2), dtype=np.float32) / 255

    centres = scatter(rng, side, side, 290, 0.35)
    far = (at(lobules, centres, REDUCE) < 0.1) & (at(where, centres, REDUCE) > 0.9)
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
    return fat * (1 - duct > 0.9), duct * (where > 0.5)
