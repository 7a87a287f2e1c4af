"""Which page of several is the picture, and which way is up, in every format that can say it."""

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

from pgdose.images import codecs
from pgdose.images.picture_header import read_header

SMOOTH = np.stack(np.meshgrid(np.arange(80) * 3, np.arange(48) * 5), axis=-1)
SMOOTH = np.dstack([SMOOTH, np.full((48, 80), 90)]).astype(np.uint8)


def page(rows: int, columns: int, level: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.full((rows, columns, 3), level * (np.iinfo(dtype).max // 255), dtype)


def write_pages(path: Path, pages: list[tuple[np.ndarray, dict[str, Any]]]) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for pixels, named in pages:
            writer.write(pixels, photometric="rgb", metadata=None, **named)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("first", [True, False])
def test_the_largest_page_is_read(tmp_path: Path, dtype: Any, first: bool) -> None:
    small = [(page(20, 30, 100, dtype), {}), (page(32, 16, 50, dtype), {"subfiletype": 1})]
    large = [(page(40, 60, 200, dtype), {})]
    path = write_pages(tmp_path / "f.tif", large + small if first else small + large)
    assert codecs.image_size(path) == (60, 40)
    assert read_header(path).pages == 3
    assert (codecs.read_image(path, 3) == 200).all()
    assert codecs.read_image(path, 1).shape == (40, 60)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("other", [(40, 60), (38, 60), (60, 40)])
def test_several_large_pages_are_refused(
    tmp_path: Path, dtype: Any, other: tuple[int, int]
) -> None:
    path = write_pages(
        tmp_path / "f.tif", [(page(40, 60, 200, dtype), {}), (page(*other, 90, dtype), {})]
    )
    for read in (codecs.image_size, lambda path: codecs.read_image(path, 3)):
        found = rejection(read, path)
        assert found.reason == "several_pages"
        assert "2 pages" in found.detail and "save each one as a file of its own" in found.detail


def test_levels_of_a_pyramid_are_no_pictures_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "f.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(page(64, 96, 200), photometric="rgb", subifds=2, tile=(16, 16))
        writer.write(page(32, 48, 200), photometric="rgb", subfiletype=1, tile=(16, 16))
        writer.write(page(16, 24, 200), photometric="rgb", subfiletype=1, tile=(16, 16))
    assert codecs.image_size(path) == (96, 64)
    assert (codecs.read_image(path, 3) == 200).all()
    same = [(page(40, 60, 200), {}), (page(40, 60, 90), {"subfiletype": 1})]
    path = write_pages(tmp_path / "f.tif", same)
    assert (codecs.read_image(path, 3) == 200).all()


def test_a_large_picture_below_a_thumbnail_is_not_overlooked(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    with tifffile.TiffWriter(path) as writer:  # as raw files of cameras are
        writer.write(page(16, 24, 9), photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        writer.write(page(64, 96, 200), photometric="rgb", metadata=None)
    assert reason(codecs.image_size, path) == "several_pages"


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TYX"])
@pytest.mark.parametrize("kind", ["ome", "imagej", "plain"])
def test_stacks_are_refused(tmp_path: Path, axes: str, kind: str) -> None:
    path = tmp_path / ("f.ome.tif" if kind == "ome" else "f.tif")
    named = {} if kind == "plain" else {kind: True, "metadata": {"axes": axes}}
    tifffile.imwrite(path, np.zeros((4, 30, 40), np.uint16), photometric="minisblack", **named)
    assert reason(codecs.image_size, path) == "several_pages"


def test_a_stack_of_imagej_with_one_directory_is_refused(tmp_path: Path) -> None:
    description = "ImageJ=1.53t\nimages=3\nslices=3\nloop=false\n"
    named = {"photometric": "minisblack", "metadata": None, "description": description}
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((30, 40), np.uint8), **named)
    assert reason(codecs.image_size, tmp_path / "f.tif") == "several_pages"


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_animations_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    frames = [Image.new("RGB", (40, 30), (60 * i, 9, 9)) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    found = rejection(codecs.image_size, path)
    assert found.reason == "several_pages" and "an animation" in found.detail
    assert reason(codecs.read_image, path, 3) == "several_pages"
    frames[0].save(path)
    assert codecs.image_size(path) == (40, 30) and read_header(path).pages == 1


@pytest.mark.parametrize(("side", "refused"), [(20, False), (80, True)])
def test_the_previews_of_a_jpeg_are_not_the_picture(
    tmp_path: Path, side: int, refused: bool
) -> None:
    path, other = tmp_path / "f.jpg", Image.new("RGB", (side, side), (200, 0, 0))
    Image.fromarray(SMOOTH).save(path, "MPO", quality=95, save_all=True, append_images=[other])
    if refused:
        assert reason(codecs.image_size, path) == "several_pages"
    else:
        assert codecs.image_size(path) == (80, 48)
        assert np.abs(codecs.read_image(path, 3) - SMOOTH.astype(int)).max() <= 4


# --- which way is up --------------------------------------------------------------------------


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def save(kind: str, pixels: np.ndarray, orientation: int) -> bytes:
    stored = io.BytesIO()
    if "tif" in kind:
        deep = pixels * np.uint16(257) if kind == "deep tif" else pixels
        tags = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(stored, deep, photometric="rgb", metadata=None, extratags=tags)
        return stored.getvalue()
    if kind == "deep png":
        content = bytes(imagecodecs.png_encode(pixels * np.uint16(257)))
        return with_exif(content, exif(orientation), last=False)
    name = {"late png": "png", "xmp png": "png"}.get(kind, kind)
    image = Image.fromarray(pixels)
    if kind in ("png", "webp", "jpeg"):
        named = {"lossless": True} if kind == "webp" else {"quality": 95}
        image.save(stored, name, exif=exif(orientation), **named)
        return stored.getvalue()
    image.save(stored, name)
    return with_exif(stored.getvalue(), exif(orientation), last=True)


def with_exif(content: bytes, data: bytes, *, last: bool) -> bytes:
    """A PNG with an eXIf chunk right behind its header, or behind all pixels."""
    data = data.removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data
    chunk += struct.pack(">I", zlib.crc32(b"eXIf" + data))
    at = len(content) - 12 if last else 33
    return content[:at] + chunk + content[at:]


KINDS = ["jpeg", "tif", "deep tif", "png", "late png", "deep png", "webp"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_turned_upright(tmp_path: Path, orientation: int, kind: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(save(kind, SMOOTH, orientation))
    wanted = turned(SMOOTH, orientation)
    assert codecs.image_size(path) == wanted.shape[1::-1]
    colour = codecs.read_image(path, 3)
    assert colour.shape == wanted.shape
    assert np.abs(colour - wanted.astype(int)).max() <= (4 if kind == "jpeg" else 0)
    for window in ("full", "percentile"):
        assert codecs.read_image(path, 1, window=window).shape == wanted.shape[:2]
    grey = np.asarray(Image.fromarray(wanted).convert("L"), int)
    assert np.abs(codecs.read_image(path, 1) - grey).max() <= (4 if kind == "jpeg" else 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["png", "webp"])
@pytest.mark.parametrize(
    "broken",
    [
        b"nonsense",
        b"",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\1\0" + b"\x12\1\3\0" + bytes(8),
    ],
)
def test_broken_exif_does_not_lose_the_picture(tmp_path: Path, kind: str, broken: bytes) -> None:
    path = tmp_path / "f"
    stored = io.BytesIO()
    Image.fromarray(SMOOTH).save(stored, kind, exif=broken, lossless=True)
    path.write_bytes(stored.getvalue())
    assert codecs.image_size(path) == (80, 48)
    assert codecs.read_image(path, 3).shape == (48, 80, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("tag", [None, 1])
def test_xmp_turns_a_tiff_without_a_tag(
    tmp_path: Path, orientation: int, dtype: Any, tag: int | None
) -> None:
    upright = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)
    back = {6: 8, 8: 6}.get(orientation, orientation)
    stored = upright if tag else turned(upright, back)
    xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()
    tags = [(700, "B", len(xmp), xmp, True)] + ([(274, "H", 1, tag, True)] if tag else [])
    values = stored.astype(dtype) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", extratags=tags)
    assert codecs.image_size(tmp_path / "a.tif") == (20, 12)
    assert np.array_equal(codecs.read_image(tmp_path / "a.tif", 1), upright)
