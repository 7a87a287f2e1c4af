"""Greys that are stored as colours, and colours."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from helpers.dicom_files import BY_PYDICOM, NATIVE, enclose, film, read_header, reason, save
from PIL import Image
from pydicom import uid

from pgdose.xray import films

Write = Callable[..., Path]


def greys(bits: int = 8) -> np.ndarray:
    """80 x 100 values: waves, of which JPEG leaves little to guess."""
    y, x = np.mgrid[:80, :100]
    waves = 0.5 + 0.25 * np.sin(y / 9) + 0.24 * np.cos(x / 11)
    return np.rint(waves * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def shown(path: Path, window: str = "full") -> np.ndarray:
    return films.read_film(path, window).pixels


def colour_film(planes: np.ndarray, planar: int = 0, **attributes: Any) -> pydicom.Dataset:
    """An RGB film of rows x columns x 3."""
    stored = np.ascontiguousarray(planes.transpose(2, 0, 1) if planar else planes)
    ds = film(planes, 8 * planes.itemsize, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    ds.PlanarConfiguration, ds.PixelData = planar, stored.tobytes()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def grey_film(bits: int = 8, **attributes: Any) -> pydicom.Dataset:
    return colour_film(np.stack([greys(bits)] * 3, axis=-1), **attributes)


@pytest.mark.parametrize("syntax", [*NATIVE, *BY_PYDICOM], ids=lambda s: uid.UID(s).keyword)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [0, 1])
def test_equal_planes_are_read_as_grey(tmp_path: Path, syntax: str, bits: int, planar: int) -> None:
    is_native = syntax in NATIVE
    path = save(grey_film(bits, planar=planar * is_native), tmp_path / "film.dcm", syntax)
    if not is_native:  # where the codestream counts
        ds = pydicom.dcmread(path)
        ds.PlanarConfiguration = planar
        ds.save_as(path)
    assert read_header(path)["photometric"] in ("RGB", "YBR_RCT")
    expected = greys(bits) * (255 / (2**bits - 1))
    assert np.abs(shown(path) - expected).max() <= 0.5 + 1e-6
    plain = save(film(greys(bits), bits), tmp_path / "plain.dcm")
    for window in ("percentile", "full"):
        assert np.array_equal(shown(path, window), shown(plain, window))


def by_jpeg(tmp_path: Path, planes: np.ndarray, photometric: str, sampling: int) -> Path:
    stream = io.BytesIO()
    Image.fromarray(planes).save(stream, "JPEG", quality=90, subsampling=sampling)
    ds = colour_film(planes, PhotometricInterpretation=photometric)
    enclose(ds, stream.getvalue(), uid.JPEGBaseline8Bit)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    return tmp_path / "film.dcm"


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_neutral_jpeg_is_grey_whatever_its_header_calls_it(
    tmp_path: Path, photometric: str, sampling: int
) -> None:
    path = by_jpeg(tmp_path, np.stack([greys()] * 3, axis=-1), photometric, sampling)
    assert np.abs(shown(path).astype(int) - greys()).max() <= 3


def test_jpeg_of_three_planes_without_conversion_is_grey(tmp_path: Path) -> None:
    planes = np.stack([greys()] * 3, axis=-1)
    stream = imagecodecs.jpeg8_encode(planes, level=90, colorspace="RGB", outcolorspace="RGB")
    ds = colour_film(planes)
    enclose(ds, stream, uid.JPEGBaseline8Bit)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    assert np.abs(shown(tmp_path / "film.dcm").astype(int) - greys()).max() <= 3


def test_native_ybr_is_grey_if_its_colours_are_neutral(write: Write) -> None:
    planes = np.full((80, 100, 3), 128, np.uint8)
    planes[..., 0] = greys()
    path = save(colour_film(planes, PhotometricInterpretation="YBR_FULL"), write().parent / "a.dcm")
    assert np.array_equal(shown(path), greys())
    ds = colour_film(planes, PhotometricInterpretation="YBR_FULL_422")
    halved = np.full((80, 50, 4), 128, np.uint8)  # Y Y B R
    halved[..., :2] = greys().reshape(80, 50, 2)
    ds.PixelData = halved.tobytes()
    assert np.array_equal(shown(save(ds, write().parent / "b.dcm")), greys())


def coloured(extent: int = 6) -> np.ndarray:
    """A grey film with a small yellow letter."""
    planes = np.stack([greys()] * 3, axis=-1)
    planes[3 : 3 + extent, 3 : 3 + extent] = 255, 255, 0
    return planes


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, *BY_PYDICOM])
def test_colours_are_rejected_by_their_pixels(tmp_path: Path, syntax: str) -> None:
    for planes in (coloured(), coloured(1), np.stack([greys(), greys()[::-1], greys()], axis=-1)):
        path = save(colour_film(planes), tmp_path / "film.dcm", syntax)
        assert read_header(path)["rows"] == 80
        assert reason(films.read_film, path) == "not_grey"


def test_coloured_jpeg_and_tinted_planes(tmp_path: Path) -> None:
    assert reason(films.read_film, by_jpeg(tmp_path, coloured(20), "YBR_FULL", 0)) == "not_grey"
    planes = np.stack([greys() // 2 + shift for shift in (0, 8, 4)], axis=-1)
    path = save(colour_film(planes), tmp_path / "tinted.dcm")
    assert np.array_equal(shown(path), planes[..., 1])
    planes[..., 1] += 1
    assert reason(films.read_film, save(colour_film(planes), tmp_path / "b.dcm")) == "not_grey"


def test_0_is_dark_unless_the_film_says_otherwise(tmp_path: Path) -> None:
    straight = shown(save(grey_film(), tmp_path / "a.dcm"))
    path = save(grey_film(PresentationLUTShape="INVERSE"), tmp_path / "b.dcm")
    assert np.array_equal(shown(path), 255 - straight)
    path = save(grey_film(WindowCenter=128, WindowWidth=100), tmp_path / "c.dcm")
    assert films.read_film(path, "voi").applied == "voi linear"
    assert reason(films.read_film, save(grey_film(), tmp_path / "d.dcm"), "voi") == "no_window"


# --- palettes ---------------------------------------------------------------------------------


def palette_film(tables: list[np.ndarray], bits: int, first: int = 0) -> pydicom.Dataset:
    ds = film(greys(), 8, PhotometricInterpretation="PALETTE COLOR")
    for colour, entries in zip(("Red", "Green", "Blue"), tables, strict=True):
        name = f"{colour}PaletteColorLookupTable"
        ds.add_new(f"{name}Descriptor", "US", [len(entries) % 2**16, first, bits])
        ds.add_new(f"{name}Data", "OW", entries.tobytes())
    return ds


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 40])
def test_a_palette_of_greys_is_read_through_its_table(
    tmp_path: Path, bits: int, first: int
) -> None:
    entries = (np.linspace(1, 0, 200) ** 2 * (2**bits - 1)).astype(f"<u{bits // 8}")
    path = save(palette_film([entries] * 3, bits, first), tmp_path / "film.dcm")
    expected = entries[np.clip(greys().astype(int) - first, 0, 199)] * (255 / (2**bits - 1))
    assert np.abs(shown(path) - expected).max() <= 0.5 + 1e-6


def test_a_palette_in_compressed_words(tmp_path: Path) -> None:
    entries = np.arange(256) * 250  # in the other byte order a jumble
    for syntax in (uid.RLELossless, uid.ExplicitVRBigEndian):
        ds = palette_film([entries.astype("<u2")] * 3, 16)
        if syntax == uid.ExplicitVRBigEndian:
            for colour in ("Red", "Green", "Blue"):
                ds[f"{colour}PaletteColorLookupTableData"].value = entries.astype(">u2").tobytes()
        path = save(ds, tmp_path / "film.dcm", syntax)
        assert np.abs(shown(path) - entries[greys()] * (255 / 65535)).max() <= 0.5 + 1e-6


def test_colours_of_a_palette_count_where_the_film_uses_them(tmp_path: Path) -> None:
    entries = np.arange(256, dtype=np.uint8)
    blue = entries.copy()
    blue[255] = 0  # greys() ends at 252
    assert greys().max() < 255
    path = save(palette_film([entries, entries, blue], 8), tmp_path / "film.dcm")
    assert np.array_equal(shown(path), greys())
    blue[200] = 0
    path = save(palette_film([entries, entries, blue], 8), tmp_path / "film.dcm")
    assert read_header(path)["photometric"] == "PALETTE COLOR"
    assert reason(films.read_film, path) == "not_grey"


def test_a_palette_that_cannot_be_is_rejected(tmp_path: Path) -> None:
    ds = palette_film([np.arange(256, dtype=np.uint8)] * 3, 8)
    del ds.BluePaletteColorLookupTableData
    ds.SegmentedBluePaletteColorLookupTableData = b"\0\0\1\0\0\0"
    assert reason(films.read_film, save(ds, tmp_path / "a.dcm")) == "bad_lut"
    ds = palette_film([np.arange(256, dtype=np.uint8)] * 3, 8)
    ds.RedPaletteColorLookupTableDescriptor = [512, 0, 8]
    assert reason(films.read_film, save(ds, tmp_path / "b.dcm")) == "bad_lut"


@pytest.mark.parametrize("used", [8, 9, 11, 13])
def test_colours_of_few_bits_in_wide_words_are_colours(tmp_path: Path, used: int) -> None:
    plain = greys(16) >> (16 - used)
    tinted = np.stack([plain, plain // 2, plain // 3], axis=-1)
    assert reason(shown, save(colour_film(tinted), tmp_path / "film.dcm")) == "not_grey"
    grey = save(colour_film(np.stack([plain] * 3, axis=-1)), tmp_path / "grey.dcm")
    assert np.array_equal(
        shown(grey, "percentile"), shown(save(film(plain, 16), tmp_path / "f.dcm"), "percentile")
    )
    wide = np.arange(256, dtype=np.uint16) << (used - 8)
    ds = palette_film([wide, wide // 2, wide // 3], 16)
    assert reason(shown, save(ds, tmp_path / "palette.dcm")) == "not_grey"
