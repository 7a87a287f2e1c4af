"""The pathology laboratory, second half: whole slides of breast tissue with outlines of tumour.

A slide is a pyramidal tiled TIFF as an Aperio scanner writes it (`.svs`): a piece of tissue on
glass, stained with haematoxylin and eosin, with one or two tumour regions or none. Beside the
slides lie the outlines that pathologists drew, each in the format of their viewer. Some slides have
pen marks, some do not state their scale, and some cannot be used.

`slide_regions` draws the outlines, `slide_texture` the tissue, `pen_marks` the ink.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.tables.keyed import generator
from pgdose.tables.output_files import atomic
from pgdose.tables.result_csv import write_csv
from pgdose_phantom.folder import fresh_folder
from pgdose_phantom.outlines import CLASS, FORMATS, GRID, feature, polygons, write_features
from pgdose_phantom.pen_marks import draw_ink, draw_marks
from pgdose_phantom.slide_regions import draw_regions
from pgdose_phantom.slide_texture import draw_slide, draw_staining
from pgdose_phantom.svs import pyramid, write_svs

MPP = 0.499  # micrometres to a pixel
POWER = 20  # magnification of the objective
LEVELS = (1, 4, 16)  # downsamples
NO_MPP, NO_SCALE = 3, 4  # slides, counted from 0, that state only their power, or no scale
GREEN, BLUE, BLACK = (30, 130, 70), (25, 70, 170), (35, 35, 40)
PENS = {1: (GREEN,), 4: (BLUE, BLACK)}  # slides, counted from 0, and the inks on them
# The kinds of broken slides, and the reason for which pgdose rejects each.
BROKEN = {
    "cut": "unreadable_slide",
    "text": "unreadable_slide",
    "foreign": "outlines_outside",
}
BROKEN_SIDE = 1024  # pixels; its outlines, of another slide, span four times as much


@dataclass(frozen=True)
class SlideAmounts:
    """How many slides are drawn, and their size."""

    slides: int
    side: int  # pixels of a slide both ways, at least 512, a multiple of 16
    broken: int  # more slides that cannot be used


def write_slides(root: Path, table: Path, truth: Path, *, seed: int, amounts: SlideAmounts) -> None:
    """Write slides under the folder `root`, and `truth` and `table` (CSV files).

    Every seventh slide is normal tissue throughout. Each slide has a patient of its own, except
    that the last two of eight or more share theirs. Broken slides are, in turn, cut off, no slide
    at all, or beside the outlines of another slide.

    `root`/outlines/<format>/ holds the tumour regions of each slide that has some, the same in
    every one of `outlines.FORMATS`. `table`: slide, patient, outlines (file names
    relative to `root`, the formats in turn; empty for normal slides), class (`norm` for these,
    else empty). `truth`: the same and, for slides that are not broken, the format of the outlines,
    the shares of tissue and tumour, the staining, and the name of a GeoJSON file (in a
    folder beside `truth`, named like it) with the polygons of tissue, tumour and pen marks;
    `expected` is the reason for which a broken one is rejected.

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    if amounts.side < 512 or amounts.side % GRID:
        raise ValueError(f"side must be a multiple of {GRID} from 512, not {amounts.side}")
    for file in (truth, table):
        file.unlink(missing_ok=True)
    fresh_folder(root)
    shapes = fresh_folder(truth.with_suffix(""))
    rows = [
        _write_usable(root, shapes, seed, number, amounts.side) for number in range(amounts.slides)
    ]
    if amounts.slides >= 8:
        rows[-1]["patient"] = rows[-2]["patient"]
    rows += [_write_broken(root, seed, number) for number in range(amounts.broken)]
    columns = ["slide", "patient", "outlines", "class"]
    all_columns = pd.DataFrame(rows, columns=None if rows else columns)
    write_csv(all_columns, truth, for_spreadsheets=False)
    write_csv(all_columns[columns], table, for_spreadsheets=False)


def _write_usable(root: Path, shapes: Path, seed: int, number: int, side: int) -> dict[str, Any]:
    """Write a slide, its outlines and its shapes; returns its row of the truth."""
    name = f"B{number + 1:03d}"
    rng = generator(seed, "slide", name)
    normal = number % 7 == 6
    # Not every second one, so that each format of outlines has a hole now and then.
    tissue, tumour = draw_regions(rng, side, island=(number + number // len(FORMATS)) % 2 == 1)
    if normal:
        tumour = np.zeros_like(tumour)
    regions = polygons(tumour)
    staining = draw_staining(rng)
    picture = draw_slide(rng, side, tissue, regions, staining)
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
    features = [
        feature(tissue, "Tissue", (200, 200, 0)),
        *(feature(region, CLASS) for region in regions),
        *(feature(stroke, "Pen", ink) for stroke, ink in marks),
    ]
    write_features(features, shapes / f"{name}.geojson")
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
        **staining,
    }


def _write_broken(root: Path, seed: int, number: int) -> dict[str, Any]:
    """Write a slide that cannot be used; returns its row of the truth."""
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
        picture = draw_slide(rng, BROKEN_SIDE, tissue, polygons(tumour), draw_staining(rng))
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
