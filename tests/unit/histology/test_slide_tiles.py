"""Reading the tiles of a slide."""

from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import pytest
from helpers.rejections import reason
from helpers.slide_files import write_slide
from helpers.slide_surveys import (
    GLASS,
    PINK,
    places_at,
    read_all,
    tissue_image,
)

from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.images import stores


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slide") / "s.svs", tissue_image())


def test_a_tile_at_half_the_scale_is_the_mean_of_the_finer_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rough = rng.integers(60, 250, (1024, 1024, 3)).astype(np.uint8)
    write_slide(tmp_path / "s.svs", rough, downsamples=(1,), mpp=0.25, power=40)
    with openslide.OpenSlide(tmp_path / "s.svs") as slide:
        full = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"), float)
    place = pd.DataFrame({"x": [128], "y": [256], "level": [0], "extent": [256.0]})
    got = read_all(tmp_path / "s.svs", place, 128)[0]
    mean = full[256:512, 128:384].reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(got - mean).max() <= 1


def test_a_level_that_is_gone_costs_its_tiles(plain: Path) -> None:
    got: dict[int, np.ndarray] = {}
    places = places_at((0, 0), (256, 256)).assign(level=[0, 7])
    assert list(read_slide_tiles(plain, places, 256, got.__setitem__)) == [1] and list(got) == [0]


def test_tiles_of_a_slide_are_its_pixels(plain: Path) -> None:
    tiles = read_all(plain, places_at((0, 0), (512, 512), (384, 0)), 256)
    assert all(t.shape == (256, 256, 3) and t.dtype == np.uint8 for t in tiles)
    for tile, colour in zip(tiles, (GLASS, PINK), strict=False):
        off = np.abs(tile.astype(int) - colour)
        assert off.mean() < 1 and off.max() < 15  # JPEG rings where a tile meets another colour
    assert tiles[2][:, :120, 1].min() > 230 and tiles[2][:, 136:, 1].max() < 130


def test_what_was_not_scanned_is_white(plain: Path) -> None:
    tile = read_all(plain, places_at((896, 896)), 256)[0]
    assert (tile[128:] == 255).all() and (tile[:, 128:] == 255).all()
    assert (tile[:128, :128, 1] < 140).all()


def test_stores_are_equal_whatever_the_threads_and_the_shards(plain: Path, tmp_path: Path) -> None:
    places = places_at(
        *((x, y) for y in range(0, 1024, 128) for x in range(0, 1024, 128)), extent=128.0
    )

    def store(name: str, places: pd.DataFrame, threads: int) -> bytes:
        with stores.new_store(tmp_path / name, len(places), 128, 3) as new:
            read_slide_tiles(plain, places, 128, new.put, threads)
        return (tmp_path / name).read_bytes()

    one = store("1.npy", places, 1)
    assert store("2.npy", places, 4) == one
    half = [store(f"{i}.npy", places.iloc[i : i + 32], 2) for i in (0, 32)]
    split = np.concatenate([np.load(tmp_path / "0.npy"), np.load(tmp_path / "32.npy")])
    assert np.array_equal(split, np.load(tmp_path / "1.npy"))
    marks = [part[part.index(stores.MARK) + len(stores.MARK) :] for part in (*half, one)]
    assert marks[0] + marks[1] == marks[2]


def test_a_damaged_place_costs_its_tiles_alone(plain: Path, tmp_path: Path) -> None:
    """After an error OpenSlide's handle is of no use: the rest is read through a new one."""
    content = bytearray(plain.read_bytes())
    starts = [i for i in range(len(content)) if content[i : i + 3] == b"\xff\xd8\xff"]
    content[starts[5] : starts[5] + 200] = bytes(200)  # one JPEG tile of level 0
    (tmp_path / "s.svs").write_bytes(content)
    places = places_at(
        *((x, y) for y in range(0, 1024, 128) for x in range(0, 1024, 128)), extent=128.0
    )
    for threads in (1, 3):
        got: dict[int, np.ndarray] = {}
        failed = read_slide_tiles(tmp_path / "s.svs", places, 128, got.__setitem__, threads)
        assert 1 <= len(failed) <= 9 and len(got) == 64 - len(failed)
        assert {r.reason for r in failed.values()} == {"unreadable_tile"}
        whole = read_all(plain, places, 128)
        assert all(np.array_equal(tile, whole[i]) for i, tile in got.items())


def test_a_slide_that_vanished_is_rejected(tmp_path: Path) -> None:
    assert reason(read_all, tmp_path / "gone.svs", places_at((0, 0)), 256) == "unreadable_slide"
