"""Microscope fields from file to store, against decoding plus one copy.

    .venv/bin/python benchmarks/histology_fields.py [--rounds 7]

A field is 2048x1536, cut into 48 tiles. Decoding is Pillow's, to RGB; the copy, cut into tiles as
well, goes to memory that is already there, or to a new .npy file through np.lib.format.open_memmap.
Pgdose makes a store, checksums among it. Last, TIFFs of 16 bits a channel: planes against channels
side by side, both by pgdose.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from histology_timing import Clock, alone, in_turn
from PIL import Image

from pgdose.histology.fields import read_field_tiles
from pgdose.images.stores import new_store
from pgdose_phantom.field_textures import draw_field, draw_staining

TILE = 256
WIDTH, HEIGHT = 2048, 1536
DOWN, ACROSS = HEIGHT // TILE, WIDTH // TILE
FIELDS = 8  # in a round, all of them the same file
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("jpg", {"quality": 92}),
    "PNG": ("png", {}),
    "TIFF, raw": ("raw.tif", {}),
    "TIFF, deflate": ("tif", {"compression": "tiff_adobe_deflate"}),
    "BMP": ("bmp", {}),
}


def copy(path: Path, target: np.ndarray) -> None:
    """Decode each field and copy it into its tiles of the target."""
    for field in target.reshape(FIELDS, DOWN, ACROSS, TILE, TILE, 3):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        field[:] = pixels.reshape(DOWN, TILE, ACROSS, TILE, 3).swapaxes(1, 2)


def to_memory(path: Path, target: np.ndarray) -> float:
    with Clock() as clock:
        copy(path, target)
    return clock.seconds


def to_map(path: Path, file: Path, shape: tuple[int, ...]) -> float:
    file.unlink(missing_ok=True)
    with Clock() as clock:
        target = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        copy(path, target)
        del target
    return clock.seconds


def to_store(path: Path, file: Path, places: pd.DataFrame) -> float:
    file.unlink(missing_ok=True)
    n = len(places)
    with Clock() as clock, new_store(file, FIELDS * n, TILE, 3) as store:
        for first in range(0, FIELDS * n, n):
            for number, tile in enumerate(read_field_tiles(path, places, TILE, bits=16)):
                store.put(first + number, tile)
    return clock.seconds


def compare(path: Path, rounds: int) -> dict[str, float]:
    """Seconds to a field by route."""
    y, x = np.mgrid[:HEIGHT:TILE, :WIDTH:TILE]
    places = pd.DataFrame({"x": x.ravel(), "y": y.ravel()})
    target = np.ones((FIELDS * len(places), TILE, TILE, 3), np.uint8)
    mapped, stored = path.parent / "map.npy", path.parent / "store.npy"
    routes: dict[str, Callable[[], float]] = {
        "memory": lambda: to_memory(path, target),
        "map": lambda: to_map(path, mapped, target.shape),
        "pgdose": lambda: to_store(path, stored, places),
    }
    times = in_turn(routes, rounds)
    assert np.array_equal(np.load(stored), target)
    return {name: seconds / FIELDS for name, seconds in times.items()}


def compare_planes(interleaved: Path, planar: Path, rounds: int) -> dict[str, float]:
    """Seconds to a field of 16 bits by how its channels lie."""
    y, x = np.mgrid[:HEIGHT:TILE, :WIDTH:TILE]
    places = pd.DataFrame({"x": x.ravel(), "y": y.ravel()})
    store = planar.parent / "store.npy"
    routes: dict[str, Callable[[], float]] = {
        "interleaved": lambda: to_store(interleaved, store, places),
        "planar": lambda: to_store(planar, store, places),
    }
    return {name: seconds / FIELDS for name, seconds in in_turn(routes, rounds).items()}


def report_planes(field: np.ndarray, folder: Path, rounds: int) -> None:
    deep = field * np.uint16(257)
    planes = np.ascontiguousarray(np.moveaxis(deep, -1, 0))
    named: dict[str, Any] = {"photometric": "rgb", "metadata": None}
    for name, compression in (("raw", None), ("deflate", "zlib")):
        interleaved, planar = folder / "interleaved.tif", folder / "planar.tif"
        tifffile.imwrite(interleaved, deep, compression=compression, **named)
        tifffile.imwrite(planar, planes, compression=compression, planarconfig="separate", **named)
        times = alone(compare_planes, interleaved, planar, rounds)
        print(
            f"16 bits, {name:13}"
            + "".join(f"{way} {1e3 * seconds:.1f} ms   " for way, seconds in times.items())
            + f"planar/interleaved {times['planar'] / times['interleaved']:.3f}",
            flush=True,
        )


def report(rounds: int) -> None:
    columns = ("memory, ms", "map, ms", "pgdose, ms", "memory/pgdose", "map/pgdose")
    print(f"{'a field to':22}" + "".join(f"{name:>15}" for name in columns))
    rng = np.random.default_rng(0)
    field = Image.fromarray(draw_field(rng, "ovary_tumour", draw_staining(rng), WIDTH, HEIGHT))
    with tempfile.TemporaryDirectory() as folder:
        for name, (ending, options) in FORMATS.items():
            path = Path(folder, f"field.{ending}")
            field.save(path, **options)
            times = alone(compare, path, rounds)
            ours = times["pgdose"]
            print(
                f"{name:22}" + "".join(f"{1e3 * seconds:15.1f}" for seconds in times.values()),
                f"{times['memory'] / ours:14.3f}{times['map'] / ours:15.3f}",
                flush=True,
            )
        report_planes(np.asarray(field), Path(folder), rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    report(parser.parse_args().rounds)
