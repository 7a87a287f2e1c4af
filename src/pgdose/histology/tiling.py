"""Cutting the tiles of a shard of fields or slides into a store."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.fields import read_field_tiles
from pgdose.histology.focus import focus, out_of_focus
from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.images.perceptual_hash import perceptual_hash
from pgdose.images.stores import NewStore
from pgdose.tables.private_paths import SourceFile
from pgdose.tables.screening_schemas import SCREEN
from pgdose.tables.source_files import unchanged

Put = Callable[[int, np.ndarray], object]
# (file, positions, put) -> the numbers of the tiles that could not be read, and why
TileReader = Callable[[Path, pd.DataFrame, Put], dict[int, Rejected]]


def field_reader(tile: int, bits: int) -> TileReader:
    """Reads tiles of `tile` pixels from microscope fields; see `fields.read_field_tiles`."""

    def read(path: Path, positions: pd.DataFrame, put: Put) -> dict[int, Rejected]:
        for number, pixels in enumerate(read_field_tiles(path, positions, tile, bits)):
            put(number, pixels)
        return {}

    return read


def slide_reader(tile: int, threads: int, colour: str = "as_stored") -> TileReader:
    """Reads tiles of `tile` pixels from slides; see `slides.tiles.read_slide_tiles`."""

    def read(path: Path, positions: pd.DataFrame, put: Put) -> dict[int, Rejected]:
        return read_slide_tiles(path, positions, tile, put, threads, colour)

    return read


def fill_store(
    store: NewStore,
    parents: Iterable[tuple[str, pd.DataFrame]],
    files: Mapping[str, SourceFile],
    read: TileReader,
    least_focus: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put all tiles of a shard into its store; returns SCREEN of the tiles, seconds of the parents.

    `parents`: each field's or slide's record_id, and the records of its tiles (record_id, row and
    their place); `files`: the file of each; `least_focus`: of a tile, see `focus`. A file that is
    gone, was changed since the index, or cannot be read costs its own tiles alone.
    """
    screen: list[dict] = []
    seconds = []
    for parent, tiles in parents:
        start = time.perf_counter()
        screen += _cut_parent(store, files[parent], tiles, read, least_focus)
        seconds.append((parent, round(time.perf_counter() - start, 3)))
    return (
        pd.DataFrame(screen, columns=SCREEN.names),
        pd.DataFrame(seconds, columns=["record_id", "seconds"]),
    )


def _cut_parent(
    store: NewStore,
    file: SourceFile,
    tiles: pd.DataFrame,
    read: TileReader,
    least_focus: float | None,
) -> list[dict]:
    """Put the tiles of one field or slide into the store; a row of SCREEN each."""
    rows = tiles["row"].tolist()
    seen: dict[int, dict] = {}
    blurred: dict[int, Rejected] = {}

    def put(number: int, pixels: np.ndarray) -> None:
        sharpness = {}
        if least_focus is not None:
            sharpness = {"focus": focus(pixels)}
            if sharpness["focus"] < least_focus:
                blurred[number] = out_of_focus(sharpness["focus"], least_focus)
                seen[number] = sharpness
                return
        hashes = {"pixel_hash": store.put(rows[number], pixels)}
        seen[number] = hashes | {"perceptual_hash": perceptual_hash(pixels)} | sharpness

    try:
        failed = read(unchanged(file), tiles, put) | blurred
    except Rejected as r:
        failed = dict.fromkeys(range(len(tiles)), r)
    screen = []
    for number, record_id in enumerate(tiles["record_id"]):
        row = {"record_id": record_id, "usable": number not in failed}
        if number in failed:
            row |= {"reason": failed[number].reason, "detail": failed[number].detail}
            row |= {"focus": seen[number]["focus"]} if number in blurred else {}
        else:
            row |= seen[number]
        screen.append(row)
    return screen
