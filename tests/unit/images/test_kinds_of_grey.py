"""0 is black in every kind of file: what a value means by its photometric, depth and packing."""

import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.rejections import reason, rejection
from PIL import Image

from pgdose.errors import Rejected
from pgdose.images import codecs
from pgdose.images.picture_header import read_header

ROWS, COLUMNS = 33, 47


def greys(bits: int, dtype: Any = None) -> np.ndarray:
    """All of the range, black and white among it."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (ROWS, COLUMNS), dtype=np.uint32)
    values[0, :2] = 0, 2**bits - 1
    return values.astype(dtype or (np.uint8 if bits <= 8 else np.uint16))


def linear(values: np.ndarray, bits: int) -> np.ndarray:
    return 255 * values.astype(np.float64) / (2**bits - 1)


def check(path: Path, wanted: np.ndarray, bits: int = 16) -> None:
    """The picture is `wanted` (0 to 255) within rounding, in grey, in colour, and stretched."""
    for channels in (1, 3):
        read = codecs.read_image(path, channels, bits)
        grey = read if channels == 1 else read[..., 0]
        assert read.ndim == (2 if channels == 1 else 3)
        assert np.abs(grey - wanted).max() <= 0.501
    low, high = np.percentile(wanted, codecs.grey_levels.PERCENTILES, method="inverted_cdf")
    stretched = np.clip((wanted - low) / (high - low) * 255, 0, 255)
    read = codecs.read_image(path, 1, window="percentile")
    assert np.abs(read - stretched).max() <= 3  # of 0.5 % more or less where ends are inverted


def pack(values: np.ndarray, bits: int) -> bytes:
    """Bits one after the other, each row from a new byte on (TIFF 6.0, BitsPerSample)."""
    words = values.astype(">u2").view(np.uint8).reshape(*values.shape, 2)
    of_rows = np.unpackbits(words, axis=-1)[..., 16 - bits :].reshape(len(values), -1)
    return np.packbits(of_rows, axis=1).tobytes()


def plain_tiff(values: np.ndarray, bits: int, photometric: int, order: str, deflate: bool) -> bytes:
    """A grey TIFF of one strip, written by hand: no library packs all of these."""
    data = pack(values, bits)
    if bits == 16:
        data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if deflate else data
    tags = [
        *((256, 3, values.shape[1]), (257, 3, values.shape[0]), (258, 3, bits)),
        *((259, 3, 8 if deflate else 1), (262, 3, photometric), (273, 4, 8), (277, 3, 1)),
        *((278, 3, values.shape[0]), (279, 4, len(data))),
    ]
    data += b"\0" * (len(data) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = [
        struct.pack(f"{order}HHI", tag, kind, 1)
        + struct.pack(f"{order}{'HxxI'[:3] if kind == 3 else 'I'}", value)
        for tag, kind, value in tags
    ]
    start = struct.pack(f"{order}I", 8 + len(data))
    count = struct.pack(f"{order}H", len(tags))
    return mark + start + data + count + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("photometric", [0, 1])
def test_every_depth_of_a_tiff_has_its_black(tmp_path: Path, bits: int, photometric: int) -> None:
    path, values = tmp_path / "f.tif", greys(bits)
    wanted = linear(values, bits)
    wanted = 255 - wanted if photometric == 0 else wanted
    for order, deflate in itertools.product("<>", (False, True)):
        path.write_bytes(plain_tiff(values, bits, photometric, order, deflate))
        if order == ">" and 9 <= bits <= 15:  # some programs swap their bytes
            assert reason(codecs.image_size, path) == "not_8_or_16_bit"
            continue
        assert read_header(path).bits == bits
        check(path, wanted)


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"tile": (16, 16)},
    {"rowsperstrip": 5},
    {"compression": "lzw", "predictor": True},
    {"compression": "zlib", "tile": (32, 16)},
    {"compression": "packbits", "rowsperstrip": 7},
    {"bigtiff": True},
    {"compression": "zstd"},
]


@pytest.mark.parametrize("how", LAYOUTS, ids=str)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["miniswhite", "minisblack", "rgb", "rgba", "grey and alpha"])
@pytest.mark.parametrize("order", "<>")
def test_every_layout_of_a_tiff_means_the_same(
    tmp_path: Path, how: dict[str, Any], bits: int, kind: str, order: str
) -> None:
    path, values, top = tmp_path / "f.tif", greys(bits), 2**bits - 1
    wanted, named = linear(values, bits), {"photometric": "minisblack"}
    if kind == "miniswhite":
        wanted, named = 255 - wanted, {"photometric": "miniswhite"}
    if kind in ("rgb", "rgba"):
        named = {"photometric": "rgb"}
        values = np.dstack([values] * 3)
    if kind in ("rgba", "grey and alpha"):
        named |= {"extrasamples": [2]}
        values = np.dstack([values, np.full((ROWS, COLUMNS), top, values.dtype)])
    tifffile.imwrite(path, values, metadata=None, byteorder=order, **named, **how)
    try:
        check(path, wanted)
    except Rejected as rejected:  # what Pillow does not read
        assert how == {"bigtiff": True} and order == ">" and bits == 8
        assert rejected.reason == "not_an_image"
    if kind in ("rgb", "rgba"):
        planes = np.ascontiguousarray(np.moveaxis(values, -1, 0))
        tifffile.imwrite(path, planes, metadata=None, planarconfig="separate", **named)
        check(path, wanted)


@pytest.mark.parametrize("used", [9, 12, 14])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_bits_in_use_count_from_black_or_from_white(
    tmp_path: Path, used: int, photometric: str
) -> None:
    values = greys(used, np.uint16)
    tifffile.imwrite(tmp_path / "f.tif", values, photometric=photometric, metadata=None)
    wanted = linear(values, used)
    check(tmp_path / "f.tif", 255 - wanted if photometric == "miniswhite" else wanted, used)
    assert reason(codecs.read_image, tmp_path / "f.tif", 1) == "under_bits"


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (np.float32, {}, "not_8_or_16_bit"),
    (np.float16, {}, "not_8_or_16_bit"),
    (np.float64, {}, "not_8_or_16_bit"),
    (np.int8, {}, "not_8_or_16_bit"),
    (np.uint64, {}, "not_8_or_16_bit"),
    (np.complex64, {}, "not_8_or_16_bit"),
    (np.uint32, {"photometric": "miniswhite"}, "not_8_or_16_bit"),
    (np.int16, {"photometric": "miniswhite"}, "not_8_or_16_bit"),
]


@pytest.mark.parametrize(("dtype", "named", "wanted"), REFUSED, ids=str)
@pytest.mark.parametrize("order", "<>")
def test_other_numbers_are_refused_by_the_header(
    tmp_path: Path, dtype: Any, named: dict[str, Any], wanted: str, order: str
) -> None:
    path = tmp_path / "f.tif"
    named = {"photometric": "minisblack", **named}
    tifffile.imwrite(path, greys(7).astype(dtype), metadata=None, byteorder=order, **named)
    assert reason(codecs.image_size, path) == wanted
    assert reason(codecs.read_image, path, 1) == wanted


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
@pytest.mark.parametrize("order", "<>")
def test_wide_numbers_that_16_bits_hold_are_greys(tmp_path: Path, dtype: Any, order: str) -> None:
    path, bits = tmp_path / "f.tif", 15 if dtype == np.int16 else 16
    named = {"photometric": "minisblack", "metadata": None, "byteorder": order}
    values = greys(bits).astype(dtype)
    tifffile.imwrite(path, values, **named)
    check(path, linear(values, bits), bits)
    for other in (-1, 70_000):
        if np.iinfo(dtype).min <= other <= np.iinfo(dtype).max:
            values[3, 4] = other
            tifffile.imwrite(path, values, **named)
            assert reason(codecs.read_image, path, 1) == "not_8_or_16_bit"
            values[3, 4] = 5


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", ["cielab", "separated", "minisblack", "palette"])
def test_other_channels_are_read_as_pillow_does_or_refused(
    tmp_path: Path, bits: int, photometric: str
) -> None:
    """No deep ones: Pillow would take their high bytes."""
    path, values = tmp_path / "f.tif", greys(bits)
    samples = {"separated": 4, "palette": 1}.get(photometric, 3)
    named: dict[str, Any] = {"photometric": photometric, "metadata": None}
    if photometric == "palette":
        named["colormap"] = np.zeros((3, 2**bits), np.uint16)
    else:
        values = np.dstack([values] * samples)
        named["planarconfig"] = "contig"
    tifffile.imwrite(path, values, **named)
    try:
        read = codecs.read_image(path, 3)
    except Rejected as rejected:
        assert rejected.reason in ("not_an_image", "unreadable_pixels")
        assert bits == 16 or photometric == "minisblack"
    else:
        assert bits == 8 and photometric != "minisblack" and read.shape[2] == 3


def test_a_tiff_that_does_not_say_whether_0_is_black_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    content = plain_tiff(greys(8), 8, 1, "<", deflate=False)
    path.write_bytes(
        content.replace(struct.pack("<HHI", 262, 3, 1), struct.pack("<HHI", 263, 3, 1))
    )
    assert reason(codecs.image_size, path) == "not_an_image"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values: np.ndarray, bits: int, *extra: bytes) -> bytes:
    """A grey PNG without filters; `extra` chunks stand before the pixels."""
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    lines = pack(values, bits)
    width = len(lines) // len(values)
    lines = b"".join(b"\0" + lines[i : i + width] for i in range(0, len(lines), width))
    parts = [
        chunk(b"IHDR", head),
        *extra,
        chunk(b"IDAT", zlib.compress(lines)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_every_depth_of_a_png_has_its_black(tmp_path: Path, bits: int) -> None:
    (tmp_path / "f.png").write_bytes(png(greys(bits), bits))
    assert read_header(tmp_path / "f.png").bits == bits
    check(tmp_path / "f.png", linear(greys(bits), bits))


def test_a_transparent_grey_of_a_deep_png_is_white(tmp_path: Path) -> None:
    values = greys(16)
    values[values == 1000] = 0
    values[5, 6] = 1000
    transparent = chunk(b"tRNS", struct.pack(">H", 1000))
    (tmp_path / "f.png").write_bytes(png(values, 16, transparent))
    wanted = linear(values, 16)
    wanted[5, 6] = 255
    assert np.abs(codecs.read_image(tmp_path / "f.png", 3)[..., 1] - wanted).max() <= 0.501
    assert codecs.read_image(tmp_path / "f.png", 1)[5, 6] == round(255 * 1000 / 65535)


@pytest.mark.parametrize("bits", [4, 7, 8, 10, 12, 16])
@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("ending", ["jp2", "j2k"])
def test_every_depth_of_a_jpeg_2000_has_its_black(
    tmp_path: Path, bits: int, colours: bool, ending: str
) -> None:
    path, values = tmp_path / f"f.{ending}", greys(bits)
    stored = np.dstack([values] * 3) if colours else values
    path.write_bytes(
        imagecodecs.jpeg2k_encode(
            stored, level=0, bitspersample=bits, reversible=True, codecformat=ending, mct=False
        )
    )
    assert read_header(path).bits == bits
    check(path, linear(values, bits))


@pytest.mark.parametrize("largest", [100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", [b"P5", b"P6"])
def test_a_pnm_means_parts_of_its_largest_value(tmp_path: Path, largest: int, kind: bytes) -> None:
    path = tmp_path / "f.pnm"
    values = np.random.default_rng(0).integers(0, largest + 1, (ROWS, COLUMNS))
    values[0, :2] = 0, largest
    stored = np.repeat(values[..., None], 3 if kind == b"P6" else 1, axis=-1)
    data = stored.astype(">u2" if largest > 255 else "u1").tobytes()
    path.write_bytes(b"%s\n%d %d\n%d\n" % (kind, COLUMNS, ROWS, largest) + data)
    check(path, 255 * values / largest)
    path.write_bytes(path.read_bytes()[:-1])
    assert reason(codecs.read_image, path, 1) == "unreadable_pixels"


def test_a_pnm_of_other_numbers_is_refused(tmp_path: Path) -> None:
    size = b"%d %d" % (COLUMNS, ROWS)
    for start in (b"P5\n%s\n1000\n" % size, b"P6\n%s\n999\n" % size, b"Pf\n%s\n-1.0\n" % size):
        (tmp_path / "f.pnm").write_bytes(start + bytes(ROWS * COLUMNS * 12))
        assert reason(codecs.image_size, tmp_path / "f.pnm") == "not_8_or_16_bit"
    words = b" ".join(b"%d" % v for v in greys(12).ravel())
    (tmp_path / "f.pnm").write_bytes(b"P2\n%s\n4095\n" % size + words)
    found = rejection(codecs.image_size, tmp_path / "f.pnm")
    assert found.reason == "not_8_or_16_bit" and "save it as binary" in found.detail


def test_a_bilevel_fax_keeps_its_black(tmp_path: Path) -> None:
    image = Image.fromarray(greys(1) * 255).convert("1")
    for compression in ("group3", "group4", "tiff_ccitt", "tiff_lzw", "packbits"):
        image.save(tmp_path / "f.tif", compression=compression)
        check(tmp_path / "f.tif", linear(greys(1), 1))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("premultiplied", [False, True])
def test_a_transparent_grey_whose_white_is_0_lies_on_white(
    tmp_path: Path, bits: int, premultiplied: bool
) -> None:
    """Or it is refused: Pillow does not read it in 8 bits."""
    top, dtype = 2**bits - 1, np.uint8 if bits == 8 else np.uint16
    alpha = np.linspace(0, 1, COLUMNS) * np.ones((ROWS, 1))
    shown = 1 - greys(bits) / top  # 1 is white
    stored = 1 - shown * (alpha if premultiplied else 1)
    if premultiplied:  # the stored darkness is that of the light that is left
        stored = alpha - shown * alpha
    pixels = np.rint(np.dstack([stored, alpha]) * top).astype(dtype)
    named: dict[str, Any] = {
        "photometric": "miniswhite",
        "extrasamples": [1 if premultiplied else 2],
    }
    tifffile.imwrite(tmp_path / "f.tif", pixels, metadata=None, **named)
    try:
        read = codecs.read_image(tmp_path / "f.tif", 3)[..., 0]
    except Rejected as rejected:
        assert bits == 8 and rejected.reason == "not_an_image"
    else:
        assert np.abs(read - 255 * (shown * alpha + 1 - alpha)).max() <= (
            0.6 if bits == 16 else 1.1
        )


def test_deep_ycc_in_jpeg_2000_is_refused(tmp_path: Path) -> None:
    path, values = tmp_path / "f.jp2", np.dstack([greys(12)] * 3)
    content = bytes(imagecodecs.jpeg2k_encode(values, level=0, bitspersample=12, codecformat="jp2"))
    space = content.index(b"colr") + 7
    assert content[space : space + 4] == struct.pack(">I", 16)
    path.write_bytes(content[:space] + struct.pack(">I", 18) + content[space + 4 :])
    assert reason(codecs.image_size, path) == "not_8_or_16_bit"
