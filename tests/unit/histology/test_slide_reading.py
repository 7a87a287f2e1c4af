"""Slides that are damaged in places, and colours by a slide's profile."""

import io
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers.rejections import reason
from helpers.slide_files import write_slide
from helpers.slide_surveys import PINK, places_at, read_all, survey, tissue_image
from PIL import Image, ImageCms

from pgdose.histology.slides.overview import thumbnail
from pgdose.histology.slides.reading import open_reader

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def damage(path: Path, numbers: list[int]) -> Path:
    """Some JPEG tiles of a slide, in the order of the file, made unreadable."""
    content = bytearray(path.read_bytes())
    starts = [i for i in range(len(content)) if content[i : i + 3] == b"\xff\xd8\xff"]
    for number in numbers:
        content[starts[number] : starts[number] + 200] = bytes(200)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("downsamples", [(1,), (1, 4)])
def test_a_damaged_place_costs_the_tiles_there(
    downsamples: tuple[int, ...], tmp_path: Path
) -> None:
    """Of one level, the survey's is the tiles'; of two, it is the other, and nobody knows."""
    full = np.full((2048, 2048, 3), PINK, np.uint8)
    whole = survey(write_slide(tmp_path / "w.svs", full, downsamples, tile=256), None, "norm")
    assert whole.facts["unreadable_share"] == 0
    damaged = write_slide(tmp_path / "d.svs", full, downsamples, tile=256)
    # Level 0 has 64 tiles; the other level 4, of which one is a quarter of the slide.
    damage(damaged, [9, 20] if len(downsamples) == 1 else [9])
    result = survey(damaged, None, "norm")
    if len(downsamples) == 1:
        assert 2 / 64 <= result.facts["unreadable_share"] <= 3 / 64
        lost = len(whole.tiles) - len(result.tiles)
        assert 2 * 4 <= lost <= 2 * 16
        at = [
            (x // 256, y // 256) for x, y in zip(result.tiles["x"], result.tiles["y"], strict=True)
        ]
        assert (1, 1) not in at and (4, 2) not in at
        tiles = result.tiles.assign(level=0, extent=128.0)
        assert all(abs(tile.mean() - np.mean(PINK)) < 2 for tile in read_all(damaged, tiles, 128))
    else:
        assert len(result.tiles) == len(whole.tiles) and result.facts["unreadable_share"] == 0


@pytest.mark.parametrize("tile", [100, 800])
def test_no_tile_touches_a_damaged_place_and_it_is_no_tissue(tile: int, tmp_path: Path) -> None:
    """Neither by a corner, nor where the place is small enough for a hole in the tissue."""
    full = np.full((2048, 2048, 3), PINK, np.uint8)
    path = damage(write_slide(tmp_path / "a.svs", full, (1,), tile=256), [9])
    found = survey(path, None, "norm", tile=tile)
    x, y = found.tiles["x"], found.tiles["y"]
    assert len(found.tiles) > 0
    assert not ((x < 512) & (x + tile > 256) & (y < 512) & (y + tile > 256)).any()
    assert found.facts["tissue_share"] <= 1 - 1 / 64


def test_a_slide_of_which_too_much_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    full = np.full((2048, 2048, 3), PINK, np.uint8)
    path = write_slide(tmp_path / "a.svs", full, (1,), tile=256)
    assert reason(survey, damage(path, list(range(30))), None, "norm") == "unreadable_slide"


def test_a_damaged_block_is_read_in_part(tmp_path: Path) -> None:
    full = np.full((1024, 1024, 3), PINK, np.uint8)
    path = damage(write_slide(tmp_path / "a.svs", full, (1,), tile=256), [5])
    with open_reader(path) as reader:
        pixels, damaged = reader.readable_region((0, 0), 0, (1024, 1024))
        assert reader.readable_region((512, 512), 0, (256, 256))[1] is None
    assert damaged is not None and damaged[256:512, 256:512].all()
    assert damaged.sum() == 256 * 256
    assert (pixels[damaged] == 255).all() and abs(pixels[~damaged].mean() - np.mean(PINK)) < 1


# --- area means ---------------------------------------------------------------------------------


@pytest.mark.parametrize("extent", [300.0, 213.7, 128.9, 1000.3, 777.77])
def test_a_tile_at_any_scale_is_the_mean_of_its_area(extent: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rough = rng.integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rough, photometric="rgb", tile=(256, 256), metadata=None)
    place = pd.DataFrame({"x": [11], "y": [5], "level": [0], "extent": [extent]})
    tile = read_all(path, place, 128)[0]
    edges = np.linspace(0, extent, 129)
    part = rough[5:, 11:].astype(np.float64)
    for _ in range(2):  # rows, then columns
        sums = np.concatenate([np.zeros_like(part[:1]), np.cumsum(part, axis=0)])
        below = np.minimum(edges.astype(int), len(part) - 1)
        at_edges = sums[below] + (edges - below)[:, None, None] * part[below]
        part = (np.diff(at_edges, axis=0) / (extent / 128)).swapaxes(0, 1)
    assert np.abs(tile - part).max() <= 0.501


# --- colours ------------------------------------------------------------------------------------


def with_profile(path: Path, profile: bytes | None, picture: np.ndarray) -> Path:
    tags = [(34675, 7, len(profile), profile, True)] if profile else []
    with tifffile.TiffWriter(path) as file:
        for n, level in enumerate((picture, picture[::4, ::4])):
            file.write(
                level,
                photometric="rgb",
                tile=(256, 256),
                metadata=None,
                extratags=tags,
                subfiletype=n,
            )
    return path


def wide_profile() -> bytes:
    """A profile unlike sRGB: the gamma of its channels is 1, as raw scanners have it."""
    raw = bytearray(SRGB)
    count = int.from_bytes(raw[128:132], "big")
    for n in range(count):
        name, at, _ = (
            raw[132 + 12 * n : 136 + 12 * n],
            *np.frombuffer(raw[136 + 12 * n : 144 + 12 * n], ">u4"),
        )
        if bytes(name) in (b"rTRC", b"gTRC", b"bTRC"):
            raw[at : at + 14] = b"curv" + bytes(4) + struct.pack(">IH", 1, 256)  # gamma 1.0
    return bytes(raw)


def test_colours_are_converted_from_the_slides_profile_where_the_study_says_so(
    tmp_path: Path,
) -> None:
    picture = tissue_image()
    path = with_profile(tmp_path / "a.tif", wide_profile(), picture)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(wide_profile()))
    expected = ImageCms.profileToProfile(
        Image.fromarray(picture), profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert expected is not None
    at = places_at((512, 0))
    with open_reader(path, "srgb") as reader:
        tile = reader.region((512, 0), 0, (256, 256))
    assert np.abs(tile.astype(int) - np.asarray(expected)[:256, 512:768]).max() <= 1
    assert np.array_equal(read_all(path, at, 256)[0], picture[:256, 512:768])
    stored, converted = (survey(path, None, "norm", colour=c) for c in ("as_stored", "srgb"))
    assert (stored.facts["colour"], converted.facts["colour"]) == ("as_stored", "srgb")
    small = [thumbnail(path, 64, colour).pixels for colour in ("as_stored", "srgb")]
    assert np.array_equal(small[0], picture[8::16, 8::16])
    assert np.abs(small[1].astype(int) - np.asarray(expected)[8::16, 8::16]).max() <= 1


def test_a_slide_without_a_profile_is_as_stored_and_a_damaged_one_is_rejected(
    tmp_path: Path,
) -> None:
    picture = tissue_image()
    plain = with_profile(tmp_path / "a.tif", None, picture)
    assert survey(plain, None, "norm", colour="srgb").facts["colour"] == "as_stored"
    same = with_profile(tmp_path / "s.tif", SRGB, picture)
    with open_reader(same, "srgb") as reader:
        tile = reader.region((512, 0), 0, (64, 64))
    assert np.abs(tile.astype(int) - PINK).max() <= 1
    broken = with_profile(tmp_path / "b.tif", b"no profile" * 20, picture)
    assert reason(survey, broken, None, "norm", colour="srgb") == "damaged_profile"
    assert survey(broken, None, "norm").facts["colour"] == "as_stored"
