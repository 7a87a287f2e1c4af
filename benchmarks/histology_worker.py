"""One way to read the tiles of a slide into a .npy file, in whatever interpreter has it.

    PYTHON benchmarks/histology_worker.py WAY SLIDE PLACES STORE ROUNDS

PLACES is a JSON file with [x, y] of each tile at level 0. Prints a JSON list of the seconds of each
round, after one that does not count. Importing and opening are not in them, but that pgdose opens
the slide within. Histology_peers.py starts this.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

TILE = 256
Places = list[tuple[int, int]]
Pass = Callable[[], None]  # from an opened slide to the store


def pgdose(path: str, places: Places, store: Path) -> Callable[[], Pass]:
    import pandas as pd

    from pgdose.histology.slides.tiles import read_slide_tiles
    from pgdose.images.stores import new_store

    table = pd.DataFrame(places, columns=["x", "y"]).assign(level=0, extent=float(TILE))

    def once() -> None:
        with new_store(store, len(places), TILE, 3) as tiles:
            failed = read_slide_tiles(Path(path), table, TILE, tiles.put)
            assert not failed, failed

    return lambda: once


def by_hand(store: Path, tiles: Iterable[np.ndarray], n: int) -> None:
    shape = (n, TILE, TILE, 3)
    array = np.lib.format.open_memmap(store, mode="w+", dtype=np.uint8, shape=shape)
    for number, tile in enumerate(tiles):
        array[number] = tile
    array.flush()


def dlup(path: str, places: Places, store: Path, backend: str, bare: bool) -> Callable[[], Pass]:
    """`bare`: its backend alone, without the resampling that its slides have even at level 0."""
    import openslide
    from dlup import SlideImage
    from dlup.utils.backends import ImageBackend

    # It opens no slide without a scale; reading at level 0 does not use it.
    has_scale = "openslide.mpp-x" in openslide.OpenSlide(path).properties
    scale: dict[str, Any] = {} if has_scale else {"overwrite_mpp": (0.25, 0.25)}

    def open_slide() -> Pass:
        size = (TILE, TILE)
        if bare:
            source = ImageBackend[backend](path)
            tiles = (source.read_region(at, 0, size).to_numpy() for at in places)
        else:
            slide = SlideImage.from_file_path(path, backend=backend, **scale)
            tiles = (slide.read_region(at, 1.0, size).to_numpy() for at in places)
        return lambda: by_hand(store, tiles, len(places))

    return open_slide


def tiatoolbox(path: str, places: Places, store: Path, way: str) -> Callable[[], Pass]:
    from tiatoolbox.wsicore.wsireader import WSIReader

    level = {"resolution": 0, "units": "level"}

    def open_slide() -> Pass:
        slide = WSIReader.open(path)
        if way == "rect":
            tiles = (slide.read_rect(at, (TILE, TILE), **level) for at in places)
        else:
            tiles = (slide.read_bounds((x, y, x + TILE, y + TILE), **level) for x, y in places)
        return lambda: by_hand(store, tiles, len(places))

    return open_slide


WAYS: dict[str, Callable[..., Callable[[], Pass]]] = {
    "pgdose": pgdose,
    "tiatoolbox read_rect": partial(tiatoolbox, way="rect"),
    "tiatoolbox read_bounds": partial(tiatoolbox, way="bounds"),
    "dlup OpenSlide": partial(dlup, backend="OPENSLIDE", bare=False),
    "dlup OpenSlide backend": partial(dlup, backend="OPENSLIDE", bare=True),
    "dlup FastSlide": partial(dlup, backend="FASTSLIDE", bare=False),
    "dlup FastSlide backend": partial(dlup, backend="FASTSLIDE", bare=True),
}


def main(way: str, path: str, places: str, store: str, rounds: str) -> None:
    warnings.simplefilter("ignore")
    corners = [(x, y) for x, y in json.loads(Path(places).read_text())]
    open_slide = WAYS[way](path, corners, Path(store))
    seconds = []
    for _ in range(int(rounds) + 1):
        Path(store).unlink(missing_ok=True)
        act = open_slide()
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
