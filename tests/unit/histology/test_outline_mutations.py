"""Files with a few bytes changed are read up to what was changed, or refused, or the counts tell.

Ok is: a rejection in plain words; other counts of mended or dropped shapes; or the classes that
were there, no place of one class under another, and for a single changed byte only one class moved.
Pixels of a mask without checksums (BMP, TIFF as it is) are numbers of their own, and left out.
"""

import builtins
import random
from pathlib import Path

import numpy as np
import pytest
from helpers.outline_files import NDPI, SEEN, SIZE, WRITERS, grid

from pgdose.errors import Rejected
from pgdose.histology.outlines.reading import Outlines, read_outlines
from pgdose.histology.slides.geometry import SlideGeometry

ERRORS = [name for name in dir(builtins) if name.endswith(("Error", "Exception"))]
ERRORS += ["JSONDecodeError", "ParseError", "GEOSException", "UnidentifiedImageError"]
KINDS = ("geojson", "asap", "imagescope", "halo", "ndpa", "csv", "png/4", "palette", "deflate")
COMMON = b"0123456789.,-+eE\"'<>/{}[]:= aT"


def changed(whole: bytes, rng: random.Random) -> bytes:
    data, at = bytearray(whole), rng.randrange(len(whole))
    match rng.randrange(5):
        case 0:
            data[at] = rng.randrange(256)
        case 1:
            data[at] = rng.choice(COMMON)
        case 2:
            del data[at : at + rng.choice([1, 1, 2, 50])]
        case 3:
            data[at:at] = bytes([rng.randrange(32, 127)])
        case 4:
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def covers(outlines: Outlines) -> dict[str, np.ndarray]:
    x, y = grid(16)
    return {name: region.coverage(x, y, 16) for name, region in outlines.regions.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_changes_no_class_in_silence(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "a")
    whole, rng = path.read_bytes(), random.Random(kind)
    slide = NDPI if path.suffix == ".ndpa" else SlideGeometry(SIZE)
    before = read_outlines(path, SEEN, slide, 256, "norm")
    expected = covers(before)
    for _ in range(40):
        content = changed(whole, rng)
        path.write_bytes(content)
        try:
            after = read_outlines(path, SEEN, slide, 256, "norm")
        except Rejected as rejected:
            assert not any(name in rejected.detail for name in ERRORS), rejected.detail
            continue
        if (after.mended, after.dropped) != (before.mended, before.dropped):
            continue
        result = covers(after)
        assert list(result) == list(expected), content
        moved = [name for name in result if np.abs(result[name] - expected[name]).max() > 1e-3]
        assert len(moved) <= 1, content
        for name in moved:
            others = sum(expected[other] for other in expected if other != name)
            assert not ((result[name] > 0.5) & (others > 0.5)).any(), content
