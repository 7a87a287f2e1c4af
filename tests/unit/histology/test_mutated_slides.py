"""Slides with a few bytes changed are read in part or rejected, and never end the process.

More of them by hand:
    PYTHONPATH=src:tests python tests/unit/histology/test_mutated_slides.py FORMAT NUMBER
"""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.slide_files import write_dicom, write_mirax, write_ome, write_slide
from helpers.slide_surveys import settings, tissue_image

from pgdose.errors import Rejected
from pgdose.histology.slides.identity import slide_digest
from pgdose.histology.slides.reading import open_reader
from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.histology.survey import survey_slide

EACH = 12  # of a format
HEAD = 4000  # bytes at either end of a file, where its structure tends to be

# Each writes a slide into a folder, and returns it and the file that is changed.
Write = Callable[[Path], tuple[Path, Path]]


def _svs(folder: Path) -> tuple[Path, Path]:
    path = write_slide(folder / "a.svs", tissue_image(512))
    return path, path


def _generic(folder: Path) -> tuple[Path, Path]:
    path, noise = folder / "a.tif", np.random.default_rng(1).integers(0, 9, (512, 512, 3))
    scale = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    options = {
        **scale,
        "photometric": "rgb",
        "tile": (256, 256),
        "compression": "lzw",
        "metadata": None,
    }
    with tifffile.TiffWriter(path) as file:
        file.write((tissue_image(512) - noise).astype(np.uint8), **options)
        file.write(tissue_image(256), **options, subfiletype=1)
    return path, path


def _ome(folder: Path) -> tuple[Path, Path]:
    path = write_ome(folder / "a.ome.tif", tissue_image(512))
    return path, path


def _dicom(folder: Path) -> tuple[Path, Path]:
    paths = write_dicom(folder, tissue_image(512))
    return paths[0], paths[0]


def _mirax_ini(folder: Path) -> tuple[Path, Path]:
    return write_mirax(folder / "a.mrxs", tissue_image(512)), folder / "a" / "Slidedat.ini"


def _mirax_index(folder: Path) -> tuple[Path, Path]:
    return write_mirax(folder / "a.mrxs", tissue_image(512)), folder / "a" / "Index.dat"


FORMATS: dict[str, Write] = {
    "svs": _svs,
    "generic": _generic,
    "ome": _ome,
    "dicom": _dicom,
    "mirax-ini": _mirax_ini,
    "mirax-index": _mirax_index,
}


def mutate(content: bytes, number: int) -> bytes:
    """Some bytes changed, left out or put in, most of them near the ends; or one bit, of any."""
    rng = np.random.default_rng(number)
    changed = bytearray(content)
    if number % 2:
        changed[int(rng.integers(0, len(changed)))] ^= 1 << int(rng.integers(0, 8))
        return bytes(changed)
    for _ in range(int(rng.integers(1, 5))):
        near = int(rng.integers(0, min(HEAD, len(changed))))
        at = [near, len(changed) - 1 - near, int(rng.integers(0, len(changed)))][rng.integers(0, 3)]
        way = rng.integers(0, 5)
        if way == 0:
            del changed[at : at + int(rng.integers(1, 40))]
        elif way == 1:
            changed[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif way == 2:
            changed[at : at + 4] = b"\xff\xff\xff\x7f"
        else:
            changed[at] = int(rng.integers(0, 256))
    return bytes(changed)


def outcome(path: Path) -> str:
    """What becomes of a slide: the reason of its rejection, or how many tiles are read."""
    entry = settings(colour="srgb", mpp=0.5)
    try:
        with open_reader(path) as reader:
            slide_digest(reader)
        survey = survey_slide(path, None, "norm", "", entry)
        grid, got = survey.grid, dict[int, np.ndarray]()
        tiles = survey.tiles.head(40).assign(level=grid.level, extent=grid.extent)
        failed = read_slide_tiles(path, tiles, 128, got.__setitem__)
    except Rejected as r:
        return r.reason
    assert len(failed) + len(got) == len(tiles)
    assert all(tile.shape == (128, 128, 3) for tile in got.values())
    return "some" if failed else "all"


def try_out(kind: str, number: int, folder: Path) -> Counter[str]:
    """What became of so many mutations of a format."""
    slide, changed = FORMATS[kind](folder)
    content = changed.read_bytes()
    assert outcome(slide) == "all"
    found: Counter[str] = Counter()
    for n in range(number):
        changed.write_bytes(mutate(content, n))
        found[outcome(slide)] += 1
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_a_changed_slide_is_read_or_rejected(kind: str, tmp_path: Path) -> None:
    assert try_out(kind, EACH, tmp_path).total() == EACH


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp())
    print(sys.argv[1], try_out(sys.argv[1], int(sys.argv[2]), place))
    shutil.rmtree(place)
