"""A pathologist's outlines: the same region covers the same in every format."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from helpers.outline_files import (
    CLASSES,
    SEEN,
    SIZE,
    WRITERS,
    asap,
    feature,
    geojson,
    grid,
    imagescope,
    png,
    read,
    reason,
    shares_of,
    stairs,
)
from shapely.affinity import translate
from shapely.geometry import Polygon, box, mapping, shape

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import ADVICE
from pgdose.histology.outlines.reading import Outlines


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_region_covers_the_same_in_every_format(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "outlines")
    x, y = grid()
    for tile in (256, 512):  # 512 takes the coarser levels of a pyramid
        result = read(path, SEEN, SIZE, tile=tile)
        assert list(result.regions) == ["tumour", "norm"] and result.dropped == 0
        for name, area in stairs().items():
            squares = shapely.box(x, y, x + 96, y + 96)
            expected = shapely.area(shapely.intersection(squares, area)) / 96**2
            got = result.regions[name].coverage(x, y, 96)
            assert got.dtype == np.float64 and got.shape == x.shape
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
            assert np.count_nonzero((expected > 0) & (expected < 1)) > 0


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("Necrosis", "'Necrosis'"),
        ("  Некроз ", "'Некроз'"),
        ("Immune cells: CD8", "a word not shown here"),
        ("Tumor: Positive", "'Tumor: Positive'"),
        ("Ivanova", "a word not shown here"),
        ("Region 17", "a word not shown here"),
        ("n" * 41, "a word not shown here"),
        ("a\u202eb", "a word not shown here"),
        ("a\nb", "a word not shown here"),
    ],
)
def test_a_word_that_no_class_lists(word: str, shown: str, tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(0, 0, 9, 9), {"name": word}))
    expected = f"{shown} is in none of the study's classes (ignore, tumour, norm); {ADVICE}"
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", expected)


def test_the_first_class_that_covers_a_place_wins(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "a.geojson",
        feature(box(0, 0, 300, 100), {"name": "Normal"}),
        feature(box(100, 0, 200, 100), {"name": "Tumor"}),
        feature(box(150, 0, 250, 100), {"name": "Ignore*"}),
        feature(box(50, 0, 120, 50), {"name": "Tumor"}),
    )
    assert shares_of(read(path, CLASSES, SIZE)) == {"ignore": 1e4, "tumour": 7500, "norm": 12500}
    turned = dict(reversed(CLASSES.items()))
    assert shares_of(read(path, turned, SIZE)) == {"norm": 3e4}
    # A word of two classes is the first one's.
    both = {"a": ["normal", "tumor", "ignore*"], "b": ["normal"]}
    assert list(read(path, both, SIZE).regions) == ["a"]
    mask = png(tmp_path / "a.png", np.ones((64, 80), np.uint8))
    assert list(read(mask, {"a": ["1"], "b": ["1"]}, SIZE).regions) == ["a"]


def test_outlines_that_cross_themselves_are_mended(tmp_path: Path) -> None:
    bow = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    loop = [
        (200, 0),
        (400, 0),
        (400, 200),
        (300, 200),
        (300, -0.0),
        (350, 50),
        (250, 50),
        (200, 50),
    ]
    spike = Polygon([(500, 0), (600, 0), (600, 100), (600, 300), (600, 100), (500, 100)])
    path = geojson(
        tmp_path / "a.geojson",
        feature(bow, {"name": "Tumor"}),
        feature(Polygon(loop), {"name": "Normal"}),
        feature(spike, {"name": "ignore*"}),
        feature(Polygon([(0, 0), (50, 50), (100, 100)]), {"name": "Tumor"}),
        feature(box(700, 0, 800, 100), {"name": "ignore*"}),
    )
    result = read(path, CLASSES, SIZE)
    assert (result.mended, result.dropped) == (3, 1)
    assert shares_of(result)["tumour"] == 5000 and shares_of(result)["ignore"] == 2e4
    assert all(shape(mapping(a.shape)).is_valid for a in result.regions.values())  # type: ignore[attr-defined]


def test_what_the_pen_went_round_twice_is_no_hole(tmp_path: Path) -> None:
    turns = np.linspace(0, 4 * np.pi, 100, endpoint=False)
    twice = 500 + np.stack([np.cos(turns), np.sin(turns)], axis=1) * (200 + 10 * turns[:, None])
    path = geojson(tmp_path / "a.geojson", feature(Polygon(twice), {"name": "Tumor"}))
    result = read(path, CLASSES, SIZE)
    assert result.mended == 1
    assert result.regions["tumour"].coverage(np.array([490]), np.array([490]), 20)[0] == 1


def test_outlines_of_another_slide_are_rejected(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(9, 9, 2000, 99), {"name": "Tumor"}))
    expected = (
        "outlines_outside",
        "the outlines reach (2000, 99), but the slide is 1280x1024; give this slide's own outlines",
    )
    assert reason(path, CLASSES, SIZE) == expected
    # 16 pixels on a slide of 1280, 1 % of a large one.
    for side, beyond in ((1280, 16), (10_000, 100)):
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            for over in (beyond, beyond + 1):
                moved = translate(box(0, 0, side, side), dx * over, dy * over)
                geojson(path, feature(moved, {"name": "Tumor"}))
                if over > beyond:
                    assert reason(path, CLASSES, (side, side))[0] == "outlines_outside"
                    continue
                area = read(path, CLASSES, (side, side)).regions["tumour"]
                ends = np.concatenate(area.contours())
                assert ends.min() >= 0 and ends.max() <= side


def test_no_outlines_are_no_areas(tmp_path: Path) -> None:
    nothing = Outlines({})
    assert read(asap(tmp_path / "a.xml"), CLASSES, SIZE) == nothing
    assert read(imagescope(tmp_path / "a.xml"), CLASSES, SIZE) == nothing
    assert read(geojson(tmp_path / "a.geojson"), CLASSES, SIZE).regions == {}
    assert read(png(tmp_path / "a.png", np.zeros((64, 80), np.uint8)), CLASSES, SIZE).regions == {}


@pytest.mark.parametrize("kind", WRITERS)
def test_broken_files_are_rejected_and_nothing_else(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "name of a patient")
    whole = path.read_bytes()
    rng = np.random.default_rng(len(whole))
    broken = [whole[: int(len(whole) * share)] for share in (0, 0.01, 0.3, 0.6, 0.9, 0.999)]
    broken += [rng.bytes(1000), b"\0" * 1000, whole[:8] + rng.bytes(1000)]
    for _ in range(20):
        damaged = bytearray(whole)
        for _ in range(int(rng.integers(1, 20))):
            damaged[rng.integers(min(len(whole), 3000))] = rng.integers(256)
        broken.append(bytes(damaged))
    rejected = 0
    for content in broken:
        path.write_bytes(content)
        try:
            read(path, SEEN | {"norm": ["unnamed", "normal"]}, SIZE)
        except Rejected as error:
            rejected += 1
            assert "patient" not in error.detail
    assert rejected >= 4
    path.unlink()
    code, detail = reason(path, CLASSES, SIZE)
    assert code == "unreadable_outlines" and "missing" in detail
