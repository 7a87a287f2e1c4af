"""Tiles from slide to store against bare OpenSlide, with the same number of threads.

    .venv/bin/python benchmarks/histology_slides.py [--slides FOLDER] [--rounds 7]

Bare is `read_region` at the same corners in the same order, its pictures dropped, from a slide that
was open before. Pgdose opens the slide and makes the whole store, checksums among it. Small slides
are enlarged by repeating their tiles as they are compressed: else OpenSlide would soon have all of
them decoded in its cache.
"""

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import tifffile
from histology_timing import Clock, alone, in_turn

from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.images.stores import new_store

SLIDES = Path(__file__).resolve().parents[2] / "shared/real/slides"
TILE = 256
ENOUGH = 600  # tiles


def find(folder: Path) -> Iterator[tuple[str, Path]]:
    """The slides of a folder, with what their tiles are compressed by."""
    for path in sorted(folder.glob("*.svs")):
        with openslide.OpenSlide(path) as slide:
            description = slide.properties.get("tiff.ImageDescription", "")
        yield "JPEG 2000" if "J2K" in description else "JPEG", path


def enlarge(path: Path, to: Path) -> None:
    """Write level 0 of an Aperio slide, its whole tiles repeated as they are to be ENOUGH."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        rows, columns = page.imagelength // page.tilelength, page.imagewidth // page.tilewidth
        across = ceil(page.imagewidth / page.tilewidth)
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        tiles = [_bytes(file.filehandle, *place) for place in places]
    times = ceil(sqrt(ENOUGH * TILE**2 / page.imagewidth / page.imagelength))
    height, width = times * rows, times * columns
    tifffile.imwrite(
        to,
        (tiles[y % rows * across + x % columns] for y in range(height) for x in range(width)),
        shape=(height * page.tilelength, width * page.tilewidth, 3),
        dtype=np.uint8,
        tile=(page.tilelength, page.tilewidth),
        photometric=page.photometric,
        compression=page.compression,
        compressionargs={"outcolorspace": "rgb"},  # or tifffile would call JPEG tiles YCbCr
        jpegtables=page.jpegtables,
        description=page.description,
        metadata=None,
    )


def _bytes(file: tifffile.FileHandle, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def grid(path: Path) -> pd.DataFrame:
    """All tiles of level 0, row by row: x, y, level, extent."""
    with openslide.OpenSlide(path) as slide:
        width, height = slide.dimensions
    y, x = np.mgrid[0 : height - TILE + 1 : TILE, 0 : width - TILE + 1 : TILE]
    return pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "level": 0, "extent": float(TILE)})


def bare(path: Path, places: pd.DataFrame, threads: int) -> float:
    """Seconds of read_region alone."""
    corners = list(zip(places["x"].tolist(), places["y"].tolist(), strict=True))
    with openslide.OpenSlide(path) as slide:

        def read(corner: tuple[int, int]) -> None:
            slide.read_region(corner, 0, (TILE, TILE))

        with Clock() as clock:
            if threads == 1:
                for corner in corners:
                    read(corner)
            else:
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(read, corners))
    return clock.seconds


def stored(path: Path, places: pd.DataFrame, threads: int, store: Path) -> float:
    """Seconds of pgdose from the slide to a store."""
    store.unlink(missing_ok=True)
    with Clock() as clock, new_store(store, len(places), TILE, 3) as tiles:
        failed = read_slide_tiles(path, places, TILE, tiles.put, threads)
    assert not failed, failed
    return clock.seconds


def compare(path: Path, threads: int, rounds: int) -> tuple[int, dict[str, float]]:
    """The number of tiles, and seconds to a tile by route."""
    with tempfile.TemporaryDirectory() as folder:
        slide, store = Path(folder, "slide.svs"), Path(folder, "store.npy")
        enlarge(path, slide)
        places = grid(slide)
        times = in_turn(
            {
                "bare": lambda: bare(slide, places, threads),
                "pgdose": lambda: stored(slide, places, threads, store),
            },
            rounds,
        )
    return len(places), {name: seconds / len(places) for name, seconds in times.items()}


def report(folder: Path, rounds: int) -> None:
    columns = ("tiles", "bare, ms", "pgdose, ms", "bare/pgdose")
    print(f"{'slide to store':34}" + "".join(f"{name:>12}" for name in columns))
    for kind, path in find(folder):
        for threads in (1, 2):
            tiles, times = alone(compare, path, threads, rounds)
            name = f"{kind}, {threads} thread{'s' * (threads > 1)}"
            print(
                f"{name:34}{tiles:12}{1e3 * times['bare']:12.3f}{1e3 * times['pgdose']:12.3f}"
                f"{times['bare'] / times['pgdose']:12.3f}",
                flush=True,
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slides", type=Path, default=SLIDES, help="a folder of Aperio's .svs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    report(arguments.slides, arguments.rounds)
