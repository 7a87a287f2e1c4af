"""Seconds and peak memory of the whole pass over slides of 40,000 x 40,000 pixels.

    .venv/bin/python benchmarks/histology_memory.py [--repeats 10]

The slide is a drawn one of 4,000 pixels, repeated, with levels of 1, 4 and 16 or with the first
alone; its outlines are GeoJSON or a mask of full resolution, a tiled TIFF of one level. The pass
takes 500 tiles of each of two classes: survey, selection, reading into a store. It and the drawing
have processes of their own; the peak is the process's, with Python and the libraries.
"""

import argparse
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from histology_timing import Clock, alone

from pgdose.histology.candidates import candidate_tiles
from pgdose.histology.slides.slide_table import slide_folders
from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.histology.survey import survey_row
from pgdose.histology.tile_selection import select_tiles
from pgdose.images.stores import new_store
from pgdose.study.sources import Slides
from pgdose_phantom.outlines import CLASS, GRID, feature, polygons, write_features
from pgdose_phantom.slide_regions import draw_regions
from pgdose_phantom.slide_texture import draw_slide, draw_staining
from pgdose_phantom.slides import LEVELS, MPP, POWER
from pgdose_phantom.svs import Mosaic, pyramid, write_svs

SIDE = 4000  # pixels of what is repeated
TILE = 256
PER_CLASS = 500
SLIDES = {"levels 1, 4, 16": "pyramid.svs", "one level": "flat.svs"}
OUTLINES = {"GeoJSON": "outlines.geojson", "mask": "mask.tif"}
Row = dict[str, Any]


def draw(folder: Path, repeats: int) -> None:
    """Write the slides and the outlines."""
    rng = np.random.default_rng(0)
    tissue, tumour = draw_regions(rng, SIDE)
    picture = draw_slide(rng, SIDE, tissue, polygons(tumour), draw_staining(rng))
    levels = [
        Mosaic(level, repeats * level.shape[0], repeats * level.shape[1])
        for level in pyramid(picture, LEVELS)
    ]
    write_svs(levels, folder / SLIDES["levels 1, 4, 16"], mpp=MPP, power=POWER)
    write_svs(levels[:1], folder / SLIDES["one level"], mpp=MPP, power=POWER)
    regions = polygons(np.tile(tumour, (repeats, repeats)))
    write_features([feature(region, CLASS) for region in regions], folder / OUTLINES["GeoJSON"])
    tifffile.imwrite(
        folder / OUTLINES["mask"], _mask_tiles(tumour, repeats),
        shape=(repeats * SIDE, repeats * SIDE), dtype=np.uint8, tile=(TILE, TILE),
        photometric="minisblack", compression="adobe_deflate", metadata=None, maxworkers=1,
    )  # fmt: skip


def _mask_tiles(tumour: np.ndarray, repeats: int) -> Iterator[np.ndarray]:
    """The tiles of the mask at full resolution, row by row: 1 is tumour."""
    cells = np.tile(tumour, (repeats, repeats)).astype(np.uint8)
    cells_per_tile = TILE // GRID
    for top in range(0, len(cells), cells_per_tile):
        for left in range(0, len(cells), cells_per_tile):
            part = (
                cells[top : top + cells_per_tile, left : left + cells_per_tile]
                .repeat(GRID, 0)
                .repeat(GRID, 1)
            )
            yield np.pad(part, [(0, TILE - side) for side in part.shape])


def whole_pass(folder: Path, slide: str, outlines: str) -> dict[str, float]:
    """Seconds of each step, and the peak memory of this process before and after, MB."""
    entry = {"kind": "slides", "root": str(folder), "table": "", "tiles_per_class": PER_CLASS}
    classes = {"ignore": ["ignore"], "tumour": [CLASS, "1"], "norm": ["norm"]}
    settings = Slides.model_validate({**entry, "classes": classes})
    row: Row = dict.fromkeys(("class", "mpp"), "")
    row |= {"record_id": "slide", "slide": slide, "patient": "1", "outlines": outlines}
    measured = {"before": _peak()}
    with Clock() as clock:
        survey = survey_row(row, slide_folders(folder), settings.to_dict())
    measured["survey"] = clock.seconds
    with Clock() as clock:
        tiles = candidate_tiles(survey, "slide", seed=0)
        facts = pd.DataFrame([row]).assign(reason=None)
        selected = select_tiles(tiles, facts, PER_CLASS, settings.tile_classes, "slides")
        selected = selected.assign(level=survey.grid.level, extent=survey.grid.extent)
    measured["selection"] = clock.seconds
    with Clock() as clock:
        _read(folder / slide, selected, folder / "store.npy")
    return measured | {"reading": clock.seconds, "peak": _peak(), "candidates": len(tiles)}


def _read(path: Path, selected: pd.DataFrame, file: Path) -> None:
    with new_store(file, len(selected), TILE, 3) as store:
        failed = read_slide_tiles(path, selected, TILE, store.put)
        assert not failed, failed


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def report(repeats: int) -> None:
    side = repeats * SIDE
    columns = ("survey, s", "selection, s", "reading, s", "candidates", "before, MB", "peak, MB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone(draw, folder, repeats)
        print(f"{f'{side} x {side} pixels':28}" + "".join(f"{column:>14}" for column in columns))
        for kind, slide in SLIDES.items():
            for drawn, outlines in OUTLINES.items():
                at = alone(whole_pass, folder, slide, outlines)
                print(
                    f"{f'{kind}; {drawn}':28}{at['survey']:14.1f}{at['selection']:14.2f}"
                    f"{at['reading']:14.1f}{at['candidates']:14}{at['before']:14.0f}"
                    f"{at['peak']:14.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10, help="of 4,000 pixels, both ways")
    report(parser.parse_args().repeats)
