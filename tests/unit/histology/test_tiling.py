"""Cutting the tiles of a shard of fields or slides into a store."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.slide_files import write_slide
from helpers.slide_surveys import tissue_image
from PIL import Image

from pgdose.histology.tiling import TileReader, field_reader, fill_store, slide_reader
from pgdose.images.stores import Store, new_store
from pgdose.tables.private_paths import stat_file
from pgdose.tables.screening_schemas import SCREEN

TILE = 128


def records(*parents: str) -> pd.DataFrame:
    """Four tiles of each parent."""
    rows = [(parent, x, y) for parent in parents for y in (0, TILE) for x in (0, TILE)]
    table = pd.DataFrame(rows, columns=["parent", "x", "y"]).assign(level=0, extent=float(TILE))
    table["record_id"] = table["parent"] + table.index.astype(str)
    return table.assign(row=range(len(table)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two fields and two slides that differ."""
    for number, name in enumerate("ab"):
        pixels = np.roll(tissue_image(2 * TILE), 40 * number, axis=0)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        write_slide(tmp_path / f"{name}.svs", pixels, downsamples=(1,))
    return tmp_path


READERS = [("png", field_reader(TILE, bits=16)), ("svs", slide_reader(TILE, threads=2))]


@pytest.mark.parametrize(("suffix", "read"), READERS)
def test_each_tile_lies_in_its_row_with_its_hash(
    folder: Path, suffix: str, read: TileReader
) -> None:
    table = records("a", "b").assign(row=[7, 1, 2, 3, 4, 5, 6, 0])
    files = {name: stat_file(folder / f"{name}.{suffix}") for name in "ab"}
    with new_store(folder / "s.npy", 8, TILE, 3) as store:
        screen, seconds = fill_store(store, table.groupby("parent", sort=False), files, read)
    assert list(screen) == SCREEN.names and screen["usable"].all()
    assert screen["record_id"].tolist() == table["record_id"].tolist()
    assert seconds["record_id"].tolist() == ["a", "b"] and (seconds["seconds"] >= 0).all()
    images = Store(folder / "s.npy")
    for tile, hashed in zip(table.to_dict("records"), screen["pixel_hash"], strict=True):
        with Image.open(folder / f"{tile['parent']}.png") as image:
            corner = (tile["x"], tile["y"], tile["x"] + TILE, tile["y"] + TILE)
            expected = np.asarray(image.crop(corner))
        stored = np.load(folder / "s.npy")[tile["row"]]
        assert np.abs(stored.astype(int) - expected).mean() < (2 if suffix == "svs" else 1e-9)
        again = new_store_hash(folder / "again.npy", stored)
        assert hashed == again
    assert images.path == folder / "s.npy"  # whole


def new_store_hash(path: Path, image: np.ndarray) -> str:
    with new_store(path, 1, TILE, 3) as store:
        return store.put(0, image)


@pytest.mark.parametrize(("suffix", "read"), READERS)
@pytest.mark.parametrize("damage", ["gone", "changed", "broken"])
def test_a_file_that_cannot_be_used_costs_its_own_tiles(
    folder: Path, suffix: str, read: TileReader, damage: str
) -> None:
    path = folder / f"a.{suffix}"
    if damage == "broken":
        path.write_text("no image")
    files = {name: stat_file(folder / f"{name}.{suffix}") for name in "ab"}
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        os.utime(path, (1, 1))
    with new_store(folder / "s.npy", 8, TILE, 3) as store:
        screen, _ = fill_store(store, records("a", "b").groupby("parent"), files, read)
    broken = "unreadable_slide" if suffix == "svs" else "not_an_image"
    reason = {"gone": "file_missing", "changed": "file_changed", "broken": broken}[damage]
    assert screen["usable"].tolist() == [False] * 4 + [True] * 4
    assert screen["reason"].tolist()[:4] == [reason] * 4
    assert screen["pixel_hash"].notna().tolist() == [False] * 4 + [True] * 4
    assert screen["perceptual_hash"].notna().equals(screen["pixel_hash"].notna())
    assert not np.load(folder / "s.npy")[:4].any()


def test_a_tile_that_cannot_be_read_costs_itself_alone(folder: Path) -> None:
    table = records("a").assign(level=[0, 0, 9, 0])
    with new_store(folder / "s.npy", 4, TILE, 3) as store:
        screen, _ = fill_store(
            store,
            table.groupby("parent"),
            {"a": stat_file(folder / "a.svs")},
            slide_reader(TILE, threads=1),
        )
    assert screen["usable"].tolist() == [True, True, False, True]
    assert screen["reason"].tolist()[2] == "unreadable_tile"


@pytest.mark.parametrize(("suffix", "read"), READERS)
def test_a_tile_out_of_focus_is_rejected_and_all_tell_their_focus(
    folder: Path, suffix: str, read: TileReader
) -> None:
    """Tiles with an edge of tissue in them are sharper than those of one colour."""
    files = {"a": stat_file(folder / f"a.{suffix}")}
    parents = list(records("a").groupby("parent"))

    def fill(least: float | None) -> pd.DataFrame:
        with new_store(folder / "s.npy", 4, TILE, 3) as store:
            return fill_store(store, parents, files, read, least)[0]

    assert fill(None)["usable"].all() and fill(None).get("focus", pd.Series()).isna().all()
    values = fill(1e-9)["focus"]
    least = float(values.iloc[0]) + 1
    screen = fill(least)
    assert screen["focus"].tolist() == values.tolist()
    assert screen["usable"].tolist() == (values >= least).tolist()
    blurred = screen[~screen["usable"]]
    assert set(blurred["reason"]) == {"out_of_focus"} and blurred["pixel_hash"].isna().all()
    assert (
        blurred["detail"].iloc[0]
        == f"its focus is {values.iloc[0]:.1f}, below least_focus {least:g}"
    )
    stored = np.load(folder / "s.npy")
    assert (stored.reshape(4, -1).any(axis=1) == screen["usable"]).all()
