"""Microscope fields: pictures in every format that cameras write, cut into tiles by place."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image, ImageOps

from pgdose.errors import Rejected, UserError
from pgdose.histology import fields
from pgdose.images import codecs
from pgdose.tables.user_tables import read_columns

REAL = Path(__file__).parents[4] / "shared" / "real"
KEY = b"k" * 32

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")


def reason(act: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The reason code with which the input is rejected."""
    return rejection(act, *arguments, **named).reason


def rejection(act: Callable[..., Any], *arguments: Any, **named: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        act(*arguments, **named)
    return caught.value


# --- records ----------------------------------------------------------------------------------


def field_table(*names: str, patient: str = "P1", kind: str = "ovary_norm") -> pd.DataFrame:
    return pd.DataFrame({"file": list(names), "patient": patient, "class": kind})


def cut(table: pd.DataFrame, root: Path, **named: Any) -> fields.Cut:
    return fields.index(table, root, **{"key": KEY, "source": "fields", "tile": 256, **named})


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field of 2048 x 1536 in which no two tiles are alike."""
    x, y = np.meshgrid(np.arange(2048), np.arange(1536))
    pixels = np.stack([x % 251, y % 241, (x // 8 + y // 6) % 256], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("fields") / "field.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def test_a_field_gives_48_tiles_row_by_row(field: Path) -> None:
    records, paths, rejects, dropped = cut(field_table(field.name), field.parent)
    places = [(r["x"], r["y"]) for r in records]
    assert places == [(x, y) for y in range(0, 1536, 256) for x in range(0, 2048, 256)]
    assert len(places) == 48 and rejects == [] and dropped == 0
    assert len({r["record_id"] for r in records}) == 48
    assert len({r["parent"] for r in records} | {r["patient"] for r in records}) == 2
    assert {(r["level"], r["rows"], r["columns"]) for r in records} == {(0, 256, 256)}
    assert {p["record_id"] for p in paths} == {
        *(r["record_id"] for r in records),
        records[0]["parent"],
    }


def test_tiles_are_the_pixels_of_their_place_in_the_order_asked_for(field: Path) -> None:
    records = pd.DataFrame(cut(field_table(field.name), field.parent).records)
    records = records.sample(frac=1, random_state=0)
    read = list(fields.read_tiles(field, records, 256))
    assert len(read) == 48
    with Image.open(field) as whole:
        for x, y, tile in zip(records["x"], records["y"], read, strict=True):
            assert tile.dtype == np.uint8 and tile.base is not None  # a view
            assert np.array_equal(tile, np.asarray(whole.crop((x, y, x + 256, y + 256))))


def test_a_field_that_cannot_be_read_fails_at_the_call_and_not_at_the_first_tile(
    field: Path, tmp_path: Path
) -> None:
    whole = pd.DataFrame({"x": [1792], "y": [1280]})
    (tmp_path / "cut.png").write_bytes(field.read_bytes()[:50_000])
    assert cut(field_table("cut.png"), tmp_path).rejects == []  # the header is in order
    assert reason(fields.read_tiles, tmp_path / "cut.png", whole, 256) == "unreadable_pixels"
    assert reason(fields.read_tiles, field, whole + 1, 256) == "other_size"
    assert len(list(fields.read_tiles(os.fsencode(field), whole, 256))) == 1


@pytest.fixture
def odd_sizes(tmp_path: Path) -> pd.DataFrame:
    sizes = [(512, 512), (512, 256), (1024, 700), (1024, 700), (511, 767), (255, 900)]
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"secret{number}.png")
    return field_table(*(f"secret{number}.png" for number in range(len(sizes))))


def test_fields_that_are_no_whole_number_of_tiles_are_a_mistake(
    odd_sizes: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        cut(odd_sizes, tmp_path)
    assert str(caught.value) == (
        "sources.fields: 4 of 6 fields are not a whole number of 256-pixel tiles: "
        "1024x700 (2), 511x767 (1), 255x900 (1); margin: drop cuts what fits"
    )


def test_margins_are_dropped_where_the_study_says_so(
    odd_sizes: pd.DataFrame, tmp_path: Path
) -> None:
    records, _, rejects, dropped = cut(odd_sizes, tmp_path, margin="drop")
    assert [r[2] for r in rejects] == ["too_small"]
    tiles = pd.DataFrame(records).groupby("parent", sort=False)[["x", "y"]]
    assert tiles.size().tolist() == [4, 2, 8, 8, 2]
    assert [(r["x"], r["y"]) for r in records[-2:]] == [(0, 0), (0, 256)]
    pixels = 512 * 512 + 512 * 256 + 2 * 1024 * 700 + 511 * 767
    assert dropped == pytest.approx(1 - 24 * 256 * 256 / pixels)


def test_a_field_under_one_tile_is_an_odd_size_or_rejected(field: Path, tmp_path: Path) -> None:
    (tmp_path / field.name).write_bytes(field.read_bytes())
    Image.new("RGB", (2048, 255)).save(tmp_path / "small.png")
    both = field_table(field.name, "small.png")
    with pytest.raises(UserError, match=r"1 of 2 .* 2048x255 \(1\)"):
        cut(both, tmp_path)
    assert [r[2] for r in cut(both, tmp_path, margin="drop").rejects] == ["too_small"]


def test_only_some_of_many_odd_sizes_are_named(tmp_path: Path) -> None:
    for number in range(1, 8):
        Image.new("L", (256 + number, 256)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"^sources.fields: 7 of 7 .* and 2 other sizes; margin"):
        cut(field_table(*(f"{number}.png" for number in range(1, 8))), tmp_path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"file": "gone.png"}, "file_missing"),
        ({"file": "x" * 300}, "file_missing"),
        ({"file": "../field.png"}, "outside_root"),
        ({"file": "text.tif"}, "not_an_image"),
        ({"patient": ""}, "incomplete_row"),
        ({"class": ""}, "incomplete_row"),
    ],
)
@pytest.mark.parametrize("margin", ["error", "drop"])
def test_fields_that_cannot_be_used_are_rejected_and_the_rest_goes_on(
    field: Path, tmp_path: Path, row: dict[str, str], expected: str, margin: str
) -> None:
    Image.new("RGB", (2048, 255)).save(tmp_path / "small.png")
    (tmp_path / "text.tif").write_text("no picture")
    (tmp_path / "field.png").symlink_to(tmp_path / "copy.png")
    (tmp_path / "copy.png").write_bytes(field.read_bytes())
    bad = field_table("field.png").assign(**row)
    both = pd.concat([bad, field_table("copy.png")])
    records, _, rejects, _ = cut(both, tmp_path, margin=margin)
    assert [r[2] for r in rejects] == [expected]
    assert len(records) == 48
    for secret in (str(tmp_path), ".png", ".tif", "gone", "P1"):
        assert secret not in repr(records) + repr(rejects)


def test_a_field_named_twice_is_cut_once(field: Path) -> None:
    records, paths, rejects, _ = cut(field_table(field.name, field.name), field.parent)
    assert len({r["record_id"] for r in records}) == len(records) == 48
    assert len({p["record_id"] for p in paths}) == len(paths)
    assert [r[2] for r in rejects] == ["duplicate_row"]


# --- a folder per class -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "file", "expected"),
    [
        ("{class}/{patient}/*.tif", "norm/P1/a.tif", ("P1", "norm")),
        ("{class}/{patient}/*.tif", "norm/P1/.tif", ("P1", "norm")),
        ("{class}/{patient}/*.tif", "norm/P1/a.TIF", (None, None)),
        ("{class}/{patient}/*.tif", "norm/P1/a_tif", (None, None)),
        ("{class}/{patient}/*.tif", "norm/P1/b/a.tif", (None, None)),
        ("{class}/{patient}/*.tif", "norm/a.tif", (None, None)),
        ("{class}/{patient}_*", "norm/P1_x_2.png", ("P1", "norm")),
        ("{class}/*-{patient}.tif", "ADI/ADI-TCGA-AA.tif", ("TCGA-AA", "ADI")),
        ("{patient}/{class} (x).png", "P1/norm (x).png", ("P1", "norm")),
        ("{patient}{class}.png", "abc.png", ("a", "bc")),
        ("*/{class}/{patient}.*", "2019/norm/P1.tar.gz", ("P1", "norm")),
        ("{class}/{patient}.tif", "norm/.tif", (None, None)),
    ],
)
def test_a_layout_says_patient_and_class(
    tmp_path: Path, layout: str, file: str, expected: tuple[str | None, str | None]
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    (row,) = fields.from_layout(tmp_path, layout).to_dict("records")
    assert (row["file"], row["patient"], row["class"]) == (file, *expected)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (256, 256)).save(path)
    return path


def test_what_is_found_by_a_layout_is_kept_or_rejected(tmp_path: Path) -> None:
    for name in ("norm/P2/a.png", "norm/P1/b.png", "tumour/P1/c.png", "tumour/d.png"):
        picture(tmp_path / name)
    for name in (".DS_Store", "norm/Thumbs.db", "norm/P1/.hidden", "norm/P1/empty.png"):
        (tmp_path / name).touch()
    found = fields.from_layout(tmp_path, "{class}/{patient}/*.png")
    assert found["file"].tolist() == [
        ".DS_Store",
        "norm/Thumbs.db",
        "norm/P1/.hidden",
        "norm/P1/b.png",
        "norm/P1/empty.png",
        "norm/P2/a.png",
        "tumour/d.png",
        "tumour/P1/c.png",
    ]
    records, _, rejects, _ = cut(found, tmp_path)
    assert [r["class"] for r in records] == ["norm", "norm", "tumour"]
    assert records[0]["patient"] == records[2]["patient"] != records[1]["patient"]
    assert [r[2] for r in rejects] == [*["not_in_layout"] * 3, "not_an_image", "not_in_layout"]


def test_a_file_has_the_same_ids_by_layout_and_by_table(tmp_path: Path) -> None:
    picture(tmp_path / "norm" / "Пётр" / "é.png")
    by_layout = cut(fields.from_layout(tmp_path, "{class}/{patient}/*"), tmp_path)
    table = field_table("norm/Пётр/é.png", patient="Пётр", kind="norm")
    assert by_layout == cut(table, tmp_path)


def test_names_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/norm/\xcf1"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    good = picture(tmp_path / "good.png")
    for name in (b"\xe4.png", b"\xe5.png"):
        os.link(good, folder + b"/" + name)
    found = fields.from_layout(tmp_path, "{class}/{patient}/*.png")
    records, paths, rejects, _ = cut(found, tmp_path)
    assert len({r["record_id"] for r in records}) == 2
    assert len({r["patient"] for r in records}) == 1
    assert [r[2] for r in rejects] == ["not_in_layout"]
    assert {os.fsencode(p["path"])[-6:] for p in paths} == {b"/\xe4.png", b"/\xe5.png", b"od.png"}
    assert cut(found, tmp_path) == cut(found.iloc[::-1].iloc[::-1], tmp_path)
    for path in {p["path"] for p in paths}:
        assert len(list(fields.read_tiles(path, pd.DataFrame({"x": [0], "y": [0]}), 256))) == 1


def test_a_layout_that_matches_nothing_is_a_mistake(tmp_path: Path) -> None:
    picture(tmp_path / "norm" / "a.png")
    with pytest.raises(UserError, match=r"not one of its 1 fields .* \(not_in_layout 1\)"):
        cut(fields.from_layout(tmp_path, "{class}/{patient}/*.png"), tmp_path)


@needs_real
def test_real_tiles_are_fields_by_layout_and_by_table() -> None:
    root = REAL / "tiles"
    columns: dict[str, Any] = {"file": "image", "patient": "case", "class": "label"}
    listed = cut(read_columns(root / "records.csv", columns, "f"), root, tile=224)
    by_layout = cut(fields.from_layout(root, "{class}/*-{patient}.tif"), root, tile=224)
    assert [r[2] for r in by_layout.rejects] == ["not_in_layout"]  # the table itself
    assert listed.rejects == [] and len(listed.records) == 108
    by_id = {r["record_id"]: r for r in listed.records}
    assert by_id == {r["record_id"]: r for r in by_layout.records}
    for entry in [p for p in listed.paths if p["record_id"] in by_id][::9]:
        (tile,) = fields.read_tiles(entry["path"], pd.DataFrame({"x": [0], "y": [0]}), 224)
        with Image.open(entry["path"]) as whole:
            assert np.array_equal(tile, np.asarray(whole)) and tile.std() > 5


# --- formats of 8 bits ------------------------------------------------------------------------

COLOURS = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
SMOOTH = np.stack(np.meshgrid(np.arange(80), np.arange(48), indexing="xy") * 2, axis=-1)
SMOOTH = (SMOOTH[..., :3] * 3).astype(np.uint8)  # what JPEG keeps nearly as it is


def write_tiff(path: Path, pixels: np.ndarray, **named: Any) -> Path:
    if named.get("planarconfig") == "separate":
        pixels = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    tifffile.imwrite(path, pixels, **{"photometric": "rgb", "metadata": None, **named})
    return path


TIFFS: list[dict[str, Any]] = [
    {},
    {"byteorder": ">"},
    {"planarconfig": "separate", "rowsperstrip": 16},
    {"compression": "lzw", "predictor": True, "rowsperstrip": 16},
    {"compression": "zlib", "byteorder": ">", "tile": (16, 16)},
    {"compression": "lzw", "planarconfig": "separate", "tile": (16, 32)},
    {"bigtiff": True},
]


@pytest.mark.parametrize("how", TIFFS, ids=str)
def test_tiffs_are_read_as_they_are(tmp_path: Path, how: dict[str, Any]) -> None:
    path = write_tiff(tmp_path / "f.tif", COLOURS, **how)
    assert codecs.image_size(path) == (80, 48)
    assert np.array_equal(codecs.read_image(path, 3), COLOURS)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_lossless_formats_are_read_as_they_are(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    Image.fromarray(COLOURS).save(path)
    assert np.array_equal(codecs.read_image(path, 3), COLOURS)
    Image.fromarray(COLOURS[..., 0]).save(path)
    assert np.array_equal(codecs.read_image(path, 3), COLOURS[..., :1].repeat(3, axis=-1))
    palette = Image.fromarray(COLOURS).quantize(16)
    palette.save(path)
    assert np.array_equal(codecs.read_image(path, 3), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(("ending", "named"), [("jpg", {}), ("tif", {"compression": "jpeg"})])
def test_jpegs_are_read_nearly_as_they_are(
    tmp_path: Path, ending: str, named: dict[str, Any]
) -> None:
    path = tmp_path / f"f.{ending}"
    Image.fromarray(SMOOTH).save(path, quality=95, **named)
    assert np.abs(codecs.read_image(path, 3) - SMOOTH.astype(int)).max() <= 4


def test_cmyk_converts_as_pillow_does(tmp_path: Path) -> None:
    inks = Image.fromarray(COLOURS).convert("CMYK")
    inks.save(tmp_path / "f.tif")
    assert np.array_equal(codecs.read_image(tmp_path / "f.tif", 3), np.asarray(inks.convert("RGB")))


def test_the_first_page_of_several_is_read(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16):
        with tifffile.TiffWriter(tmp_path / "f.tif") as writer:
            for factor in (200, 100):
                page = np.full((32, 48, 3), np.iinfo(dtype).max // 255 * factor, dtype)
                writer.write(page, photometric="rgb", metadata=None)
        assert (codecs.read_image(tmp_path / "f.tif", 3) == 200).all()


# --- transparency -----------------------------------------------------------------------------


def on_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """float64, of colours and alpha in 0..1."""
    return 255 * (colours * alpha[..., None] + 1 - alpha[..., None])


ALPHA = np.tile(np.arange(80, dtype=np.uint8) * 3, (48, 1))  # 0 .. 237


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_what_is_transparent_is_laid_on_white(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    Image.fromarray(np.dstack([COLOURS, ALPHA])).save(path)
    if ending == "bmp":  # Pillow writes 32 bits without saying that the last 8 are alpha
        path.write_bytes(bmp_with_alpha(np.dstack([COLOURS, ALPHA])))
    read = codecs.read_image(path, 3)
    assert np.abs(read - on_white(COLOURS / 255, ALPHA / 255)).max() <= 0.51
    assert (read[:, 0] == 255).all()
    bare = np.asarray(Image.fromarray(COLOURS).convert("L"))
    assert np.array_equal(codecs.read_image(path, 1), bare)


def bmp_with_alpha(rgba: np.ndarray) -> bytes:
    rows, columns = rgba.shape[:2]
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack(
        "<IiiHHIIiiII", 108, columns, -rows, 1, 32, 3, rgba[..., 0].size * 4, *[0] * 4
    )
    header = (header + masks).ljust(108, b"\0")
    return (
        struct.pack("<2sIHHI", b"BM", 122 + rgba.size, 0, 0, 122)
        + header
        + (rgba[..., [2, 1, 0, 3]].tobytes())
    )


def test_transparent_colours_of_palettes_and_pngs_are_white(tmp_path: Path) -> None:
    palette = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2), "P")
    palette.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
    palette.save(tmp_path / "palette.png", transparency=2)
    expected = [[[0, 0, 0], [10, 20, 30]], [[255] * 3, [70, 80, 90]]]
    assert codecs.read_image(tmp_path / "palette.png", 3).tolist() == expected
    Image.fromarray(COLOURS).save(tmp_path / "c.png", transparency=tuple(COLOURS[3, 4].tolist()))
    read = codecs.read_image(tmp_path / "c.png", 3)
    assert read[3, 4].tolist() == [255] * 3 and np.array_equal(read[0], COLOURS[0])


def test_an_opaque_picture_stays_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).convert("RGBA").save(tmp_path / "f.png")
    assert np.array_equal(codecs.read_image(tmp_path / "f.png", 3), COLOURS)


def test_a_picture_that_is_transparent_all_over_is_rejected(tmp_path: Path) -> None:
    Image.new("RGBA", (30, 30), (9, 9, 9, 0)).save(tmp_path / "f.png")
    write_tiff(tmp_path / "f.tif", np.full((30, 30, 4), [9999] * 3 + [0], np.uint16))
    assert reason(codecs.read_image, tmp_path / "f.png", 3) == "transparent"
    assert reason(codecs.read_image, tmp_path / "f.tif", 3) == "transparent"


@pytest.mark.parametrize("kind", ["png", "straight", "premultiplied", "no alpha"])
def test_deep_transparency_is_laid_on_white(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("f.png" if kind == "png" else "f.tif")
    alpha = np.tile(np.linspace(0, 65535, 80).astype(np.uint16), (48, 1))
    straight = np.dstack([COLOURS * np.uint16(257), alpha])
    if kind == "png":
        path.write_bytes(imagecodecs.png_encode(straight))
    else:
        stored = straight.copy()
        if kind == "premultiplied":
            stored[..., :3] = np.rint(straight[..., :3] * (alpha[..., None] / 65535))
        extra = {"straight": 2, "premultiplied": 1, "no alpha": 0}[kind]
        write_tiff(path, stored, extrasamples=[extra])
    wanted = COLOURS if kind == "no alpha" else on_white(COLOURS / 255, alpha / 65535)
    assert np.abs(codecs.read_image(path, 3) - wanted).max() <= 0.51


def test_deep_greys_beside_an_alpha_are_laid_on_white(tmp_path: Path) -> None:
    stored = np.array([[[65535, 65535], [25700, 65535]], [[0, 0], [0, 32768]]], np.uint16)
    (tmp_path / "f.png").write_bytes(imagecodecs.png_encode(stored))
    read = codecs.read_image(tmp_path / "f.png", 3)
    assert read[..., 0].tolist() == [[255, 100], [255, 127]]
    assert read.shape == (2, 2, 3)


# --- 16 bits a channel ------------------------------------------------------------------------


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """255 * value / (2**bits - 1) to the nearest whole number, in whole numbers."""
    top = 2**bits - 1
    return (510 * values.astype(np.int64) + top) // (2 * top)


def deep_colours(bits: int = 16) -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 2**bits, (48, 80, 3), dtype=np.uint16)
    values[0, 0] = 2**bits - 1
    return values


@pytest.mark.parametrize("how", TIFFS, ids=str)
@pytest.mark.parametrize("bits", [9, 12, 14, 16])
def test_tiffs_of_16_bits_keep_all_of_them(tmp_path: Path, how: dict[str, Any], bits: int) -> None:
    path = write_tiff(tmp_path / "f.tif", deep_colours(bits), **how)
    read = codecs.read_image(path, 3, bits)
    assert read.dtype == np.uint8
    assert np.array_equal(read, rounded(deep_colours(bits), bits))


@pytest.mark.parametrize("bits", [9, 12, 14, 16])
def test_pngs_of_16_bits_keep_all_of_them(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "f.png"
    path.write_bytes(imagecodecs.png_encode(deep_colours(bits)))
    assert np.array_equal(codecs.read_image(path, 3, bits), rounded(deep_colours(bits), bits))
    grey = Image.fromarray(rounded(deep_colours(bits), bits).astype(np.uint8)).convert("L")
    assert np.array_equal(codecs.read_image(path, 1, bits), np.asarray(grey))


def test_bits_are_passed_on_to_the_tiles(tmp_path: Path) -> None:
    write_tiff(tmp_path / "f.tif", deep_colours(12))
    (tile,) = fields.read_tiles(tmp_path / "f.tif", pd.DataFrame({"x": [4], "y": [2]}), 32, bits=12)
    assert np.array_equal(tile, rounded(deep_colours(12), 12)[2:34, 4:36])


def test_a_camera_of_other_bits_than_the_study_says_is_noticed(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "f.tif", deep_colours(12))
    found = rejection(codecs.read_image, path, 3)
    assert found.reason == "under_bits"
    assert found.detail == (
        "brightest value 4095 of 65535; does its camera have fewer bits? (bits: 12)"
    )
    found = rejection(codecs.read_image, path, 3, bits=10)
    assert (found.reason, found.detail) == ("over_bits", "a value of 4095; the study says 10 bits")


@pytest.mark.parametrize(("brightest", "enough"), [(8191, False), (8192, True)])
def test_an_eighth_of_the_range_is_enough(tmp_path: Path, brightest: int, enough: bool) -> None:
    path = write_tiff(tmp_path / "f.tif", np.full((32, 32, 3), brightest, np.uint16))
    if enough:
        assert (codecs.read_image(path, 3) == 32).all()
    else:
        assert reason(codecs.read_image, path, 3) == "under_bits"


@pytest.mark.parametrize("orientation", [1, 6])
def test_deep_greys_are_stretched_in_colour_too(tmp_path: Path, orientation: int) -> None:
    values = np.linspace(0, 4095, 48 * 80).astype(np.uint16).reshape(48, 80)
    tag = (274, "H", 1, orientation, True)
    write_tiff(tmp_path / "f.tif", values, photometric="minisblack", extratags=[tag])
    stretched = codecs.stretch(values)
    wanted = np.rot90(stretched, -1) if orientation == 6 else stretched
    read = codecs.read_image(tmp_path / "f.tif", 3)
    assert np.array_equal(read, np.repeat(wanted[..., None], 3, axis=-1))


def test_other_numbers_than_8_or_16_bits_are_no_picture(tmp_path: Path) -> None:
    write_tiff(tmp_path / "f.tif", np.zeros((32, 32, 3), np.float32))
    assert reason(codecs.image_size, tmp_path / "f.tif") == "not_an_image"


# --- orientation ------------------------------------------------------------------------------


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif", "lzw", "deep", "grey"])
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int, kind: str) -> None:
    path = tmp_path / ("f.jpg" if kind == "jpg" else "f.tif")
    if kind == "jpg":
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(SMOOTH).save(path, quality=95, exif=exif)
    else:
        tag = (274, "H", 1, orientation, True)
        pixels, named = {
            "tif": (SMOOTH, {}),
            "lzw": (SMOOTH, {"compression": "lzw"}),
            "deep": (SMOOTH * np.uint16(257), {}),
            "grey": (SMOOTH[..., 0], {"photometric": "minisblack"}),
        }[kind]
        write_tiff(path, pixels, extratags=[tag], **named)
    wanted = turned(SMOOTH[..., :1].repeat(3, axis=-1) if kind == "grey" else SMOOTH, orientation)
    assert codecs.image_size(path) == (wanted.shape[1], wanted.shape[0])
    read = codecs.read_image(path, 3)
    assert read.shape == wanted.shape
    assert np.abs(read - wanted.astype(int)).max() <= (4 if kind == "jpg" else 0)
    grey = codecs.read_image(path, 1)
    assert np.abs(grey - np.asarray(Image.fromarray(read).convert("L"), int)).max() <= 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "exif",
    [
        b"nonsense",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 2, 1, 0xFFFFFFFF),  # a text
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 3, 1, 9),
    ],
)
def test_broken_exif_does_not_lose_the_picture(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(SMOOTH).save(tmp_path / "f.jpg", exif=b"Exif\0\0" + exif)
    assert codecs.image_size(tmp_path / "f.jpg") == (80, 48)
    assert codecs.read_image(tmp_path / "f.jpg", 3).shape == (48, 80, 3)


# --- too large, cut off -----------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    start = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + chunk(b"IDAT", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (20_000, 9_500, None),  # 190 million, where Pillow would stop
        (20_000, 20_000, None),
        (20_001, 20_000, "absurd_size"),
        (100_000, 100_000, "absurd_size"),
    ],
)
def test_pictures_up_to_400_million_pixels_are_believed(
    tmp_path: Path, width: int, height: int, expected: str | None
) -> None:
    (tmp_path / "f.png").write_bytes(png_header(width, height))
    if expected:
        assert reason(codecs.image_size, tmp_path / "f.png") == expected
    else:
        assert codecs.image_size(tmp_path / "f.png") == (width, height)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind.startswith("deep"):
        if kind == "deep png":
            return bytes(imagecodecs.png_encode(deep_colours()))
        smooth = SMOOTH * np.uint16(257)
        compression = {"deep tif": None, "deep lzw": "lzw", "deep deflate": "zlib"}[kind]
        tifffile.imwrite(
            buffer,
            smooth,
            photometric="rgb",
            compression=compression,
            rowsperstrip=16,
            metadata=None,
        )
    else:
        ending, _, compression = kind.partition(" ")
        named = {"compression": compression} if compression else {}
        Image.fromarray(COLOURS).save(buffer, ending, **named)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore")  # Pillow warns of tags that are cut off
@pytest.mark.parametrize(
    "kind",
    [
        *("png", "jpeg", "bmp", "tiff", "tiff tiff_lzw", "tiff jpeg", "tiff tiff_adobe_deflate"),
        *("deep png", "deep tif", "deep lzw", "deep deflate"),
    ],
)
def test_a_picture_that_is_cut_off_never_gives_other_pixels(tmp_path: Path, kind: str) -> None:
    whole = encoded(kind)
    path = tmp_path / "f"
    path.write_bytes(whole)
    wanted = codecs.read_image(path, 3)
    rejected = 0
    for length in [*np.linspace(0, len(whole) - 1, 25).astype(int), len(whole) - 40]:
        path.write_bytes(whole[:length])
        try:
            read = codecs.read_image(path, 3)
        except Rejected as found:
            assert found.reason in ("not_an_image", "unreadable_pixels")
            rejected += 1
        else:
            assert np.array_equal(read, wanted)
    assert rejected >= 24
