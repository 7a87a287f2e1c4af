"""Pictures in every format that cameras write: 8 and 16 bits, transparency, orientation, damage."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.rejections import reason, rejection
from PIL import Image, ImageOps

from pgdose.errors import Rejected
from pgdose.images import codecs

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


def test_a_camera_of_other_bits_than_the_study_says_is_noticed(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "f.tif", deep_colours(12))
    found = rejection(codecs.read_image, path, 3)
    assert found.reason == "under_bits"
    assert found.detail == (
        "the brightest value is 4095 of 65535, which takes 12 bits; if all pictures of the source "
        "are like this, set 'bits: 12', else it is too dark"
    )
    found = rejection(codecs.read_image, path, 3, bits=10)
    assert (found.reason, found.detail) == (
        "over_bits",
        "a value is 4095, more than 10 bits can hold; correct 'bits'",
    )


@pytest.mark.parametrize(("brightest", "enough"), [(16_383, False), (16_384, True)])
def test_a_quarter_of_the_range_is_enough(tmp_path: Path, brightest: int, enough: bool) -> None:
    path = write_tiff(tmp_path / "f.tif", np.full((32, 32, 3), brightest, np.uint16))
    if enough:
        assert (codecs.read_image(path, 3) == 64).all()
    else:
        assert reason(codecs.read_image, path, 3) == "under_bits"


@pytest.mark.parametrize("orientation", [1, 6])
def test_deep_greys_are_linear_as_colours_are(tmp_path: Path, orientation: int) -> None:
    values = np.linspace(0, 4095, 48 * 80).astype(np.uint16).reshape(48, 80)
    tag = (274, "H", 1, orientation, True)
    write_tiff(tmp_path / "f.tif", values, photometric="minisblack", extratags=[tag])
    linear = rounded(values, 12)
    wanted = np.rot90(linear, -1) if orientation == 6 else linear
    read = codecs.read_image(tmp_path / "f.tif", 3, bits=12)
    assert np.array_equal(read, np.repeat(wanted[..., None], 3, axis=-1))


def test_other_numbers_than_8_or_16_bits_are_no_picture(tmp_path: Path) -> None:
    write_tiff(tmp_path / "f.tif", np.zeros((32, 32, 3), np.float32))
    assert reason(codecs.image_size, tmp_path / "f.tif") == "not_8_or_16_bit"


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
        (12_000, 8_000, None),
        (10_000, 10_000, None),
        (10_001, 10_000, "absurd_size"),
        (20_000, 20_000, "absurd_size"),
        (100_000, 100_000, "absurd_size"),
    ],
)
def test_pictures_up_to_100_million_pixels_are_believed(
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
