"""Rows of letters in pictures: found however they lie, and not where other things lie in rows."""

import time

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from pgdose.images.burned_in_text import Region, _relief, text_regions

SIDE = 400


def background(side: int = SIDE, seed: int = 0) -> np.ndarray:
    """Soft clouds, as a chest is."""
    noise = np.random.default_rng(seed).normal(0, 1, (side // 20, side // 20))
    clouds = ndimage.zoom(noise, 20, order=3)
    return np.clip(110 + 30 * clouds / np.abs(clouds).max(), 0, 255).astype(np.uint8)


def lettered(
    text: str,
    height: int = 14,
    grey: int = 255,
    turned: int = 0,
    place: tuple[int, int] = (60, 200),
    film: np.ndarray | None = None,
) -> tuple[np.ndarray, Region]:
    """A film with a text in it, `height` being the font's size, and the text's box."""
    font = ImageFont.load_default(height)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    stencil = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(stencil).text((-left, -top), text, 255, font)
    stencil = stencil.rotate(turned, expand=True)
    picture = Image.fromarray(background() if film is None else film)
    picture.paste(grey, place, stencil)
    x, y = place
    return np.asarray(picture), Region(x, y, x + stencil.width, y + stencil.height)


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "text", ["IVANOV PETR", "12.05.1987", "Иванов Пётр", "ID 48392", "T L F T I L"]
)
def test_texts_are_found_where_they_are(text: str, turned: int, grey: int) -> None:
    picture, box = lettered(text, 18, grey, turned)
    regions = text_regions(picture)
    assert regions
    for region in regions:
        assert box.left - 4 <= region.left < region.right <= box.right + 4
        assert box.top - 4 <= region.top < region.bottom <= box.bottom + 4


def test_letters_end_sharply_as_ribs_do_not() -> None:
    sharp, _ = lettered("KOVALENKO", 24)
    assert text_regions(sharp)
    assert text_regions(ndimage.gaussian_filter(sharp, 1.5)) == []


@pytest.mark.parametrize("height", [10, 12, 16, 24, 36])
def test_small_and_large_letters_are_found(height: int) -> None:
    assert text_regions(lettered("PORTABLE 14:22", height)[0])


def test_what_is_found_in_a_large_picture_is_in_its_pixels() -> None:
    large = np.asarray(Image.fromarray(background()).resize((3000, 2400)))
    picture, box = lettered("KOVALENKO A", 80, place=(1500, 1800), film=large)
    (region,) = text_regions(picture)
    assert np.abs(np.subtract(region, box)).max() <= 24


def test_colours_are_searched_as_greys() -> None:
    picture, _ = lettered("PORTABLE", 16)
    colour = np.stack([picture, picture, background()], axis=2)
    assert len(text_regions(colour)) == len(text_regions(picture)) == 1


def test_several_rows_are_several_regions() -> None:
    first, _ = lettered("PORTABLE", 16, place=(40, 60))
    both, _ = lettered("12.05.1987", 16, place=(40, 300), film=first)
    assert len(text_regions(both)) == 2


@pytest.mark.parametrize("text", ["L", "R", "AP", "PA"])
@pytest.mark.parametrize("height", [16, 40])
def test_a_marker_of_a_side_is_no_text(text: str, height: int) -> None:
    assert text_regions(lettered(text, height)[0]) == []


def ribs() -> np.ndarray:
    """Bright soft bands across, of one height and distance, as ribs lie."""
    rows = np.arange(SIDE)[:, None] + 12 * np.sin(np.arange(SIDE) / 60)[None]
    return (120 + 60 * np.sin(rows / 5)).astype(np.uint8)


def wires() -> np.ndarray:
    picture = Image.fromarray(background())
    for x in range(40, 360, 24):
        ImageDraw.Draw(picture).line((x, 40, x + 60, 360), 250, 2)
    return np.asarray(picture)


def bars() -> np.ndarray:
    """A row of equal upright bars, as of a grid."""
    picture = background()
    for x in range(60, 340, 12):
        picture[200:220, x : x + 4] = 250
    return picture


def collimated() -> np.ndarray:
    picture = background()
    picture[:, :60] = picture[:40] = 0
    return picture


@pytest.mark.parametrize("picture", [background, ribs, wires, bars, collimated])
def test_what_lies_in_rows_but_is_no_text(picture: object) -> None:
    assert text_regions(picture()) == []  # type: ignore[operator]


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (8, 8), (7, 1500), (64, 65), (1025, 3)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    for value in (0, 255):
        assert text_regions(np.full(shape, value, np.uint8)) == []
    assert text_regions(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5), (8, 9), (50, 41)])
@pytest.mark.parametrize("stroke", [9, 11, 15])
def test_what_stands_out_is_the_white_top_hat(shape: tuple[int, int], stroke: int) -> None:
    """Of places smaller than the window, too."""
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(_relief(values, stroke), ndimage.white_tophat(values, (stroke, stroke)))


@pytest.mark.parametrize("grain", [1, 2, 3])
def test_grain_is_no_text_and_takes_no_minutes(grain: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800 // grain, 800 // grain), np.uint8)
    started = time.process_time()
    assert text_regions(np.kron(noise, np.ones((grain, grain), np.uint8))) == []
    assert time.process_time() - started < 10
