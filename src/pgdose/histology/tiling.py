"""Cutting the tiles of a shard of fields or slides into a store."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.fields import read_field_tiles
from pgdose.histology.slide_tiles import read_slide_tiles
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


def slide_reader(tile: int, threads: int) -> TileReader:
    """Reads tiles of `tile` pixels from slides; see `slide_tiles.read_slide_tiles`."""

    def read(path: Path, positions: pd.DataFrame, put: Put) -> dict[int, Rejected]:
        return read_slide_tiles(path, positions, tile, put, threads)

    return read


def fill_store(
    store: NewStore,
    parents: Iterable[tuple[str, pd.DataFrame]],
    files: Mapping[str, SourceFile],
    read: TileReader,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put all tiles of a shard into its store; returns SCREEN of the tiles, seconds of the parents.

    `parents`: each field's or slide's record_id, and the records of its tiles (record_id, row and
    their place); `files`: the file of each. A file that is gone, was changed since the index, or
    cannot be read costs its own tiles alone.
    """
    screen: list[dict] = []
    seconds = []
    for parent, tiles in parents:
        start = time.perf_counter()
        screen += _cut_parent(store, files[parent], tiles, read)
        seconds.append((parent, round(time.perf_counter() - start, 3)))
    return (
        pd.DataFrame(screen, columns=SCREEN.names),
        pd.DataFrame(seconds, columns=["record_id", "seconds"]),
    )


def _cut_parent(
    store: NewStore, file: SourceFile, tiles: pd.DataFrame, read: TileReader
) -> list[dict]:
    """Put the tiles of one field or slide into the store; a row of SCREEN each."""
    rows, hashes, looks = tiles["row"].tolist(), {}, {}

    def put(number: int, pixels: np.ndarray) -> None:
        hashes[number] = store.put(rows[number], pixels)
        looks[number] = perceptual_hash(pixels)

    try:
        failed = read(unchanged(file), tiles, put)
    except Rejected as r:
        failed = dict.fromkeys(range(len(tiles)), r)
    screen = []
    for number, record_id in enumerate(tiles["record_id"]):
        row = {"record_id": record_id, "usable": number not in failed}
        if number in failed:
            row |= {"reason": failed[number].reason, "detail": failed[number].detail}
        else:
            row |= {"pixel_hash": hashes[number], "perceptual_hash": looks[number]}
        screen.append(row)
    return screen
