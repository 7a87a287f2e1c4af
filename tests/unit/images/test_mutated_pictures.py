"""Damaged pictures are rejected, or read in the size that their header gives; nothing crashes."""

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pgdose.errors import Rejected
from pgdose.images import codecs

TRIES = 40
Y, X = np.mgrid[:60, :90]
GREY = ((np.sin(X / 9) + np.cos(Y / 7) + 2) * 63).astype(np.uint8)
RGB = np.dstack([GREY, 255 - GREY, GREY // 2])
DEEP_GREY, DEEP_RGB = GREY * np.uint16(257), RGB * np.uint16(257)


def tiff(*pages: tuple[np.ndarray, dict[str, Any]]) -> bytes:
    stored = io.BytesIO()
    with tifffile.TiffWriter(stored) as writer:
        for pixels, named in pages:
            writer.write(pixels, metadata=None, **{"photometric": "rgb", **named})
    return stored.getvalue()


def pillow(pixels: np.ndarray, kind: str, **named: Any) -> bytes:
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, kind, **named)
    return stored.getvalue()


PLANES = np.ascontiguousarray(np.moveaxis(DEEP_RGB, -1, 0))
CHECKSUMS = ("png", "deep png", "deep colour png")
FILES: dict[str, bytes] = {
    "png": pillow(RGB, "png"),
    "deep png": bytes(imagecodecs.png_encode(DEEP_GREY)),
    "deep colour png": bytes(imagecodecs.png_encode(DEEP_RGB)),
    "webp": pillow(RGB, "webp", lossless=True),
    "jpeg 2000": bytes(imagecodecs.jpeg2k_encode(DEEP_GREY, level=0, reversible=True)),
    "tiff": tiff((RGB, {})),
    "deep tiff": tiff((DEEP_GREY, {"photometric": "miniswhite"})),
    "lzw": tiff((DEEP_RGB, {"compression": "lzw", "predictor": True, "rowsperstrip": 16})),
    "tiles": tiff((DEEP_GREY, {"photometric": "minisblack", "tile": (16, 16)})),
    "planes": tiff((PLANES, {"planarconfig": "separate"})),
    "pages": tiff((RGB[:20, :20], {}), (RGB, {}), (RGB[:30, :30], {"subfiletype": 1})),
    "deep pages": tiff((DEEP_RGB[:20, :20], {}), (DEEP_RGB, {"compression": "zlib"})),
    "pyramid": tiff((RGB, {"subifds": 1}), (RGB[:30, :45], {"subfiletype": 1})),
}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bits, cuts, replaced pieces, and other bytes where headers and tags stand."""
    changed, size = bytearray(content), len(content)
    kind, at = rng.integers(5), int(rng.integers(size))
    if kind == 0:
        changed[at] ^= 1 << rng.integers(8)
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        changed[at : at + rng.integers(1, 9)] = rng.bytes(int(rng.integers(9)))
    elif kind == 3:
        for place in rng.integers(0, min(size, 400), 3):
            changed[place] = rng.integers(256)
    else:
        changed[size - 1 - rng.integers(min(size, 300))] = rng.integers(256)
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FILES)
def test_damaged_pictures_are_rejected_or_have_the_size_of_their_header(
    tmp_path: Path, kind: str
) -> None:
    path, rng = tmp_path / "f", np.random.default_rng(len(kind))
    path.write_bytes(FILES[kind])
    whole = codecs.read_image(path, 3)
    rejected = 0
    for _ in range(TRIES):
        path.write_bytes(mutated(FILES[kind], rng))
        for channels, window in ((3, "full"), (1, "percentile")):
            try:
                read = codecs.read_image(path, channels, window=window)
            except Rejected as found:
                assert found.detail
                rejected += channels == 3
                continue
            assert codecs.image_size(path) == read.shape[:2][::-1]
            if kind in CHECKSUMS and channels == 3:
                assert np.array_equal(read, whole)
    assert rejected > TRIES / 10
