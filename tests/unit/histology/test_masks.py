"""Masks: values, levels, proportions and sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile
from helpers.outline_files import (
    CLASSES,
    SEEN,
    SIZE,
    TILED,
    WRITERS,
    colours,
    grid,
    picture,
    png,
    read,
    reason,
    shares_of,
    stairs,
    write_png,
    write_tiff,
)
from PIL import Image
from shapely.geometry import box

from pgdose.histology.outlines import masks
from pgdose.histology.outlines.class_words import ADVICE
from pgdose.histology.regions import RasterRegion


def test_a_mask_may_cover_the_scanned_part_alone(tmp_path: Path) -> None:
    bounds = (333, 207, 640, 200)
    path = png(tmp_path / "a.png", np.ones((50, 160), np.uint8))
    area = read(path, CLASSES, SIZE, bounds).regions["tumour"]
    x, y = grid(32)
    expected = shapely.area(
        shapely.intersection(shapely.box(x, y, x + 32, y + 32), box(333, 207, 973, 407))
    )
    np.testing.assert_allclose(area.coverage(x, y, 32) * 32**2, expected, atol=1e-6)
    # What fits the whole slide covers it.
    path = png(tmp_path / "b.png", np.ones((64, 80), np.uint8))
    assert shares_of(read(path, CLASSES, SIZE, (333, 207, 640, 512))) == {
        "tumour": SIZE[0] * SIZE[1]
    }


def test_a_mask_of_another_slide_is_rejected(tmp_path: Path) -> None:
    expected = (
        "wrong_aspect",
        "the mask is 80x60, but the slide is 1280x1024; give a mask of the same proportions",
    )
    assert reason(png(tmp_path / "a.png", np.ones((60, 80), np.uint8)), CLASSES, SIZE) == expected
    tifffile.imwrite(tmp_path / "a.tif", np.ones((60, 80), np.uint8))
    assert reason(tmp_path / "a.tif", CLASSES, SIZE, (0, 0, 500, 500)) == expected


@pytest.mark.parametrize(
    ("rows", "columns", "fits"), [(63, 80, True), (65, 81, True), (62, 80, False)]
)
def test_the_proportions_may_be_off_by_a_pixel_of_rounding(
    rows: int, columns: int, fits: bool, tmp_path: Path
) -> None:
    path = png(tmp_path / "a.png", np.ones((rows, columns), np.uint8))
    if fits:  # it is drawn out over the whole slide
        assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": SIZE[0] * SIZE[1]}
    else:
        assert reason(path, CLASSES, SIZE)[0] == "wrong_aspect"


def test_cells_at_the_edge_are_covered_up_to_the_edge(tmp_path: Path) -> None:
    """Eighteen mask pixels to a cell: the last cells reach beyond the slide."""
    path = png(tmp_path / "a.png", np.ones((1024, 1280), np.uint8))
    area = read(path, CLASSES, SIZE, tile=300).regions["tumour"]
    assert isinstance(area, RasterRegion) and area.cell_width == 18 and 1280 % 18
    shares = area.coverage(np.array([1020, 1150, 1270, 1280]), np.array([764, 0, 0, 0]), 260)
    np.testing.assert_allclose(shares, [1, 0.5, 10 / 260, 0], atol=1e-12)


def test_a_bit_is_the_word_1(tmp_path: Path) -> None:
    values = picture(4) == 1
    expected = {"tumour": stairs()["tumour"].area}
    Image.fromarray(values).save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "1"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    Image.fromarray(values).save(tmp_path / "b.tif", compression="group4")
    for name in ("a.png", "a.tif", "b.tif"):
        assert shares_of(read(tmp_path / name, CLASSES, SIZE)) == expected


def test_nothing_is_drawn_where_a_mask_is_0_unless_a_class_names_it(tmp_path: Path) -> None:
    whole, (tumour, norm) = SIZE[0] * SIZE[1], (a.area for a in stairs().values())
    named = SEEN | {"ignore": ["0"]}
    for mode in ("L", "RGB", "P"):
        path = write_png(4, mode)(tmp_path / mode)
        assert shares_of(read(path, named, SIZE))["ignore"] == whole - tumour - norm
    path = write_png(4, "RGB")(tmp_path / "rgb")
    assert "ignore" in read(path, SEEN | {"ignore": ["#000000"]}, SIZE).regions


def test_what_is_transparent_is_not_drawn(tmp_path: Path) -> None:
    values = picture(4)
    image = Image.fromarray(np.where(values == 0, 7, values).astype(np.uint8))
    image.putpalette([value for _ in range(8) for value in (1, 2, 3)])
    image.save(tmp_path / "p.png", transparency=7)
    grey = np.stack([values + 9, (values > 0) * np.uint8(200)], axis=2)
    Image.fromarray(grey).save(tmp_path / "la.png")
    assert Image.open(tmp_path / "la.png").mode == "LA"
    classes = {"tumour": ["1", "10"], "norm": ["2", "11"]}
    expected = {name: area.area for name, area in stairs().items()}
    for name in ("p.png", "la.png"):
        assert shares_of(read(tmp_path / name, classes, SIZE)) == expected
    assert "ignore" in read(tmp_path / "p.png", classes | {"ignore": ["7"]}, SIZE).regions


def test_a_value_that_no_class_names(tmp_path: Path) -> None:
    values = picture(4)
    ending = f"is in none of the study's classes (ignore, tumour, norm); {ADVICE}"
    values[3, 3] = 127
    path = png(tmp_path / "a.png", values)
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", f"'127' {ending}")
    tifffile.imwrite(tmp_path / "a.tif", values.astype(np.uint16) * 300)
    assert reason(tmp_path / "a.tif", CLASSES, SIZE) == ("unmapped_class", f"'38100' {ending}")
    path = write_png(4, "RGB")(tmp_path / "b")
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", f"'#ff0000' {ending}")


def test_a_pyramid_that_was_averaged_is_read_where_it_was_not(tmp_path: Path) -> None:
    fine = np.roll(picture(), (3, 5), axis=(0, 1)) * 100
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for scale in (1, 4):
            coarse = fine.reshape(1024 // scale, scale, 1280 // scale, scale).mean(axis=(1, 3))
            file.write(coarse.astype(np.uint8), metadata=None)
    result = read(tmp_path / "a.tif", {"tumour": ["100"], "norm": ["200"]}, SIZE, tile=512)
    assert shares_of(result) == {name: area.area for name, area in stairs().items()}
    assert reason(tmp_path / "a.tif", {"tumour": ["100"]}, SIZE)[0] == "unmapped_class"


def test_pages_that_are_no_smaller_copies_are_left_alone(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(picture(4), metadata=None)
        file.write(np.ones((100, 300), np.uint8), metadata=None)  # a label
        file.write(np.ones((128, 160, 3), np.uint8), photometric="rgb", metadata=None)
    expected = {name: area.area for name, area in stairs().items()}
    assert shares_of(read(tmp_path / "a.tif", CLASSES, SIZE, tile=512)) == expected


def test_a_page_for_each_class_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for one in (False, True):  # in two pages, in one file of a stack
        with tifffile.TiffWriter(path) as file:
            pages = [(picture(4) == value).astype(np.uint8) for value in (1, 2)]
            for page in [np.stack(pages)] if one else pages:
                file.write(page, photometric="minisblack", metadata=None)
        code, detail = reason(path, CLASSES, SIZE)
        assert code == "unreadable_outlines" and "several pages of one size" in detail


@pytest.mark.parametrize("orientation", [1, 3])
def test_masks_that_are_stored_turned_are_refused(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(picture(4)).save(tmp_path / "a.png", exif=exif)
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", picture(4), extratags=tag, metadata=None)
    for name in ("a.png", "a.tif"):
        if orientation == 1:
            assert set(read(tmp_path / name, CLASSES, SIZE).regions) == {"tumour", "norm"}
        else:
            code, detail = reason(tmp_path / name, CLASSES, SIZE)
            assert code == "unreadable_outlines" and "stored turned" in detail


def test_the_coarsest_level_with_enough_pixels_is_read(tmp_path: Path) -> None:
    path = write_tiff(1, 4, 16, **TILED)(tmp_path / "a")
    widths = {}
    for tile in (64, 128, 256, 511, 512):
        area = read(path, CLASSES, SIZE, tile=tile).regions["tumour"]
        assert isinstance(area, RasterRegion)
        widths[tile] = area.cell_width
    assert widths == {64: 4, 128: 8, 256: 16, 511: 28, 512: 32}


def test_cells_are_no_larger_than_asked_whatever_the_blocks(tmp_path: Path) -> None:
    """Cells of 5 pixels fall across tiles, strips and bands."""
    x, y = grid()
    paths = [write_png(1, "L")(tmp_path / "a")]
    paths += [write_tiff(1, rowsperstrip=7)(tmp_path / "b"), write_tiff(1, **TILED)(tmp_path / "c")]
    shares = [read(p, CLASSES, SIZE, tile=170).regions["tumour"].coverage(x, y, 90) for p in paths]
    np.testing.assert_array_equal(shares[0], shares[1])
    np.testing.assert_array_equal(shares[0], shares[2])


def test_bands_of_a_large_picture_make_one_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "BLOCK_PIXELS", 1280 * 9)
    expected = {name: area.area for name, area in stairs().items()}
    for kind in ("png", "one strip", "tiled"):
        assert shares_of(read(WRITERS[kind](tmp_path / "a"), CLASSES, SIZE)) == expected


def test_a_tile_that_is_not_in_the_file_is_zeros(tmp_path: Path) -> None:
    values = np.zeros((1024, 1280), np.uint8)
    values[:256, :256] = 1
    tiles = (
        values[r : r + 256, c : c + 256] if r + c == 0 else None
        for r in range(0, 1024, 256)
        for c in range(0, 1280, 256)
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        tiles,
        shape=values.shape,
        dtype=np.uint8,
        tile=(256, 256),
        compression="zlib",
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert 0 in file.pages.first.databytecounts
    assert shares_of(read(tmp_path / "a.tif", CLASSES, SIZE)) == {"tumour": 256**2}
    whole = read(tmp_path / "a.tif", CLASSES | {"norm": ["0"]}, SIZE)
    assert shares_of(whole)["norm"] == SIZE[0] * SIZE[1] - 256**2


def test_a_mask_without_any_pixels_is_not_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((16, 16), np.uint8), tile=(16, 16), compression="zlib")
    assert read(path, CLASSES, (16, 16)).regions
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["TileByteCounts"].overwrite(0)
    assert reason(path, CLASSES, (16, 16))[0] == "unreadable_outlines"


def test_a_picture_too_large_to_be_read_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "LARGEST", 300_000)
    path = write_png(1, "L")(tmp_path / "a")
    expected = "the mask is 1280x1024; save it at a smaller scale, or as a tiled TIFF"
    assert reason(path, CLASSES, SIZE) == ("absurd_size", expected)
    assert reason(write_tiff(1, rowsperstrip=1024)(tmp_path / "a"), CLASSES, SIZE)[1] == expected
    assert read(write_tiff(1, **TILED)(tmp_path / "a"), CLASSES, SIZE).regions


@pytest.mark.filterwarnings("error")
def test_pillow_has_no_word_in_how_large_a_mask_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert masks.LARGEST > 2 * 178_956_970  # where Pillow gives up
    assert read(WRITERS["png"](tmp_path / "a"), CLASSES, SIZE).regions
    assert read(WRITERS["bmp"](tmp_path / "a"), CLASSES, SIZE).regions


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_a_damaged_mask_is_not_read_with_other_values(name: str, tmp_path: Path) -> None:
    """Pillow reads on where the checksum of a PNG does not fit; some bits swap the classes."""
    path = png(tmp_path / name, picture(4))
    whole = path.read_bytes()
    for at in range(60, len(whole) - 20, 17 if name == "a.png" else 2000):
        changed = bytes([whole[at] ^ 4])
        damaged = whole[:at] + (changed if name == "a.png" else b"") + whole[at + 1 :]
        path.write_bytes(damaged)
        assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"
    if name == "a.bmp":  # no size is given
        path.write_bytes(whole[:2] + bytes(4) + whole[6:])
        assert read(path, CLASSES, SIZE).regions


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint32])
def test_masks_of_other_numbers(dtype: Any, tmp_path: Path) -> None:
    values = picture(4)
    tifffile.imwrite(tmp_path / "a.tif", values.astype(dtype))
    if dtype == np.float32:
        assert reason(tmp_path / "a.tif", CLASSES, SIZE)[0] == "unreadable_outlines"
        return
    assert read(tmp_path / "a.tif", CLASSES, SIZE).regions
    tifffile.imwrite(tmp_path / "a.tif", values.astype(dtype) - dtype(1))
    assert reason(tmp_path / "a.tif", CLASSES, SIZE)[0] == "unreadable_outlines"


def test_colours_apart_and_colours_of_16_bits_are_rejected(tmp_path: Path) -> None:
    rgb = colours(picture(4))
    tifffile.imwrite(
        tmp_path / "a.tif", rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    tifffile.imwrite(tmp_path / "b.tif", rgb.astype(np.uint16), photometric="rgb")
    for name in ("a.tif", "b.tif"):
        assert reason(tmp_path / name, SEEN, SIZE)[0] == "unreadable_outlines"
