"""One film has the same greys in every kind of file and depth, by the window of its group."""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers import dicom_files
from helpers.rejections import rejection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pgdose.imagetable.image_files import describe_image
from pgdose.tables.private_paths import stat_file
from pgdose.xray.films import Film
from pgdose.xray.source_images import ImageSettings, read_source_image

FILMS = ImageSettings("table", "xray")
BITS = 14


def film(seed: int, low: float, high: float) -> np.ndarray:
    """14-bit greys between two shares of their range, 0 is black."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :70]
    waves = 0.5 + 0.4 * np.sin(y / 12 + seed) * np.cos(x / 9) + rng.normal(0, 0.04, (60, 70))
    return np.rint((low + waves.clip(0, 1) * (high - low)) * (2**BITS - 1)).astype(np.uint16)


def deep_png(path: Path, values: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(values))


def tiff(path: Path, values: np.ndarray, photometric: str) -> None:
    tifffile.imwrite(path, values, photometric=photometric, metadata=None)


def dicom(path: Path, values: np.ndarray, **attributes: object) -> None:
    dicom_files.save(dicom_files.film(values, BitsStored=BITS, HighBit=13, **attributes), path)


# How each kind stores the film, and the bits that it uses.
KINDS: dict[str, tuple[Callable[[Path, np.ndarray], None], int]] = {
    "16-bit grey PNG": (deep_png, BITS),
    "14 bits in RGB16": (lambda path, v: deep_png(path, np.dstack([v] * 3)), BITS),
    "all of 16 bits": (lambda path, v: deep_png(path, v << 2), 16),
    "grey and alpha": (lambda path, v: deep_png(path, np.dstack([v, v * 0 + 65535])), BITS),
    "WhiteIsZero TIFF": (lambda path, v: tiff(path, 2**BITS - 1 - v, "miniswhite"), BITS),
    "WhiteIsZero, of 16 bits": (lambda path, v: tiff(path, 65535 - (v << 2), "miniswhite"), 16),
    "BlackIsZero TIFF": (lambda path, v: tiff(path, v, "minisblack"), BITS),
    "RGB TIFF": (lambda path, v: tiff(path, np.dstack([v] * 3), "rgb"), BITS),
    "DICOM": (dicom, 16),
    "8-bit PNG": (lambda path, v: Image.fromarray((v >> 6).astype(np.uint8)).save(path), 16),
    "8-bit RGB": (
        lambda path, v: Image.fromarray(np.dstack([(v >> 6).astype(np.uint8)] * 3)).save(path),
        16,
    ),
}


def show(folder: Path, kind: str, values: np.ndarray, window: str) -> Film:
    write, bits = KINDS[kind]
    path = folder / ("f.tif" if "TIFF" in kind or "WhiteIsZero" in kind else "f.png")
    write(path, values)
    return read_source_image(stat_file(path), FILMS._replace(bits=bits), window)


@given(
    seed=st.integers(0, 1000),
    low=st.floats(0, 0.3),
    span=st.floats(0.3, 0.7),
    window=st.sampled_from(["percentile", "full"]),
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_film_looks_the_same_in_every_kind_of_file(
    tmp_path: Path, seed: int, low: float, span: float, window: str
) -> None:
    values = film(seed, low, low + span)
    ends = (0, 2**BITS - 1)
    if window == "percentile":
        ends = np.percentile(values, (0.5, 99.5), method="inverted_cdf").astype(float)
    wanted = np.clip((values - ends[0]) / (ends[1] - ends[0]) * 255, 0, 255)
    for kind in KINDS:
        seen = show(tmp_path, kind, values, window)
        assert seen.applied == window
        # Half a level of rounding, one of percentiles; 8 bits also by a step of theirs.
        step = 2 * 64 / (ends[1] - ends[0]) * 255 if "8-bit" in kind else 0
        assert np.abs(seen.pixels - wanted).max() <= 1.5 + step, kind


def test_a_film_of_8_bits_stays_as_it_is_with_full(tmp_path: Path) -> None:
    values = film(1, 0.2, 0.6)
    seen = show(tmp_path, "8-bit PNG", values, "full")
    assert np.array_equal(seen.pixels, values >> 6)


def test_colours_are_weighed_alike_in_8_and_16_bits(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "8.png")
    deep_png(tmp_path / "16.png", colours * np.uint16(257))
    for window in ("percentile", "full"):
        of_8, of_16 = (
            read_source_image(stat_file(tmp_path / name), FILMS, window).pixels
            for name in ("8.png", "16.png")
        )
        assert np.abs(of_8.astype(int) - of_16).max() <= 2


def test_a_picture_offers_no_window(tmp_path: Path) -> None:
    deep_png(tmp_path / "f.png", film(1, 0, 1))
    found = rejection(read_source_image, stat_file(tmp_path / "f.png"), FILMS, "voi")
    assert found.reason == "no_window"


def test_a_film_of_fewer_bits_is_refused_where_its_bits_count(tmp_path: Path) -> None:
    deep_png(tmp_path / "f.png", film(1, 0, 1))
    file = stat_file(tmp_path / "f.png")
    assert read_source_image(file, FILMS, "percentile").pixels.max() == 255
    found = rejection(read_source_image, file, FILMS, "full")
    assert found.reason == "under_bits" and "set 'bits: 14'" in found.detail
    assert read_source_image(file, FILMS._replace(bits=14), "full").pixels.max() >= 250


def test_other_pictures_are_linear_in_grey_and_colour(tmp_path: Path) -> None:
    values = film(1, 0.1, 0.9)
    wanted = np.rint(255 * (values / (2**BITS - 1)))
    for kind in ("16-bit grey PNG", "14 bits in RGB16", "RGB TIFF", "BlackIsZero TIFF"):
        write, bits = KINDS[kind]
        path = tmp_path / ("f.tif" if "TIFF" in kind else "f.png")
        write(path, values)
        seen = read_source_image(stat_file(path), ImageSettings("table", "histology", bits=bits))
        assert seen.applied == "none"
        assert np.array_equal(seen.pixels, np.dstack([wanted] * 3)), kind


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_film_in_dicom_of_a_table_follows_its_group(tmp_path: Path, photometric: str) -> None:
    values = film(1, 0.1, 0.9)
    dicom(tmp_path / "f.dcm", values, PhotometricInterpretation=photometric)
    for window in ("percentile", "full"):
        seen = read_source_image(stat_file(tmp_path / "f.dcm"), FILMS, window)
        assert seen.applied == window


@pytest.mark.parametrize("ending", [".dcm", ".DICOM"])
def test_a_picture_is_one_whatever_its_name(tmp_path: Path, ending: str) -> None:
    values = film(3, 0, 255).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "f.png")
    path = (tmp_path / "f.png").rename(tmp_path / f"f{ending}")
    settings = {"modality": "xray", "modalities": None, "orientation": None}
    described, _ = describe_image(path, settings)
    assert (described["rows"], described["columns"]) == values.shape
    assert np.array_equal(read_source_image(stat_file(path), FILMS, "full").pixels, values)
