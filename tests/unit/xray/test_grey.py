"""Stored values to grey: the table against arithmetic in float64 on every pixel."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from helpers.dicom_files import film, ramp, save
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

from pgdose.errors import Rejected
from pgdose.images import grey_levels
from pgdose.images.rendering import resize
from pgdose.xray import films, grey

SIZE = 20  # of the small image; the films are 80 x 100


def noise(bits: int = 12, signed: bool = False) -> np.ndarray:
    """80 x 100 smooth and noisy values that fill the range of `bits`."""
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[:80, :100]
    waves = 0.5 + 0.4 * np.sin(y / 12) * np.cos(x / 9) + rng.normal(0, 0.03, (80, 100))
    waves[0, :2] = 0, 1  # the ends of the range
    values = np.rint(waves.clip(0, 1) * (2**bits - 1)).astype(np.int64)
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    return (values - signed * 2 ** (bits - 1)).astype(kind)


def item(entries: np.ndarray, first: int, bits: int, vr: str = "US") -> pydicom.Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    ds = pydicom.Dataset()
    ds.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 2**16, first, bits])
    words = entries.astype("<u2")
    ds.add_new("LUTData", vr, words.tobytes() if vr == "OW" else words.tolist())
    ds.ModalityLUTType = "US"
    return ds


def shown(tmp_path: Path, ds: pydicom.Dataset, window: str) -> films.Film:
    """The film as it comes from a file."""
    return films.read_film(save(ds, tmp_path / "film.dcm"), window)


def small(values: np.ndarray, inverted: bool = False) -> np.ndarray:
    """The area mean of greys in float64, rounded."""
    means = values.astype(np.float64).reshape(SIZE, 80 // SIZE, SIZE, 100 // SIZE).mean((1, 3))
    return np.rint(255 - means if inverted else means)


def assert_close(found: np.ndarray, reference: np.ndarray, inverted: bool) -> None:
    """At most one grey level, pixel by pixel and when averaged to a small image."""
    assert found.dtype == np.uint8
    whole = 255 - reference if inverted else reference
    assert np.abs(found - whole).max() <= 0.5 + 1e-6
    assert np.abs(resize(found, SIZE) - small(reference, inverted)).max() <= 1


def by_pydicom(stored: np.ndarray, ds: pydicom.Dataset) -> np.ndarray:
    """The window in float64 by pydicom, whose range of output is brought to 0..255."""
    values = apply_windowing(apply_modality_lut(stored, ds), ds)
    ends = np.array([-(2**11), 2**11 - 1] if ds.PixelRepresentation else [0, 2**12 - 1])
    low, high = apply_modality_lut(ends, ds)
    return (values - low) * (255 / (high - low))


FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID", None)
RESCALES = (None, (1, -1024), (2.5, 300), (-0.5, 100))
WAYS = ("MONOCHROME1", "MONOCHROME2")


@pytest.mark.parametrize(
    ("function", "signed", "photometric", "rescale"),
    list(itertools.product(FUNCTIONS, (False, True), WAYS, RESCALES)),
)
def test_windows_agree_with_float64(
    tmp_path: Path, function: str | None, signed: bool, photometric: str, rescale: tuple | None
) -> None:
    stored = noise(signed=signed)
    slope, intercept = rescale or (1, 0)
    middle = float(stored.mean() * slope + intercept)
    for width in (abs(slope) * 3000.0, abs(slope) * 777.5, 2.0):
        ds = film(stored, PhotometricInterpretation=photometric, VOILUTFunction=function)
        ds.WindowCenter, ds.WindowWidth = f"{middle:.2f}", width
        if rescale:
            ds.RescaleSlope, ds.RescaleIntercept = rescale
        reference = by_pydicom(stored, ds)
        found = shown(tmp_path, ds, "voi")
        assert_close(found.pixels, reference, photometric == "MONOCHROME1")
        assert found.applied == f"voi {(function or 'LINEAR').lower()}"
        assert found.applied == f"voi {found.offered}"


def linear_formula(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2.1, to the letter."""
    if x <= center - 0.5 - (width - 1) / 2:
        return 0
    if x > center - 0.5 + (width - 1) / 2:
        return 255
    return ((x - (center - 0.5)) / (width - 1) + 0.5) * 255


def exact_formula(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.2, to the letter."""
    if x <= center - width / 2:
        return 0
    if x > center + width / 2:
        return 255
    return ((x - center) / width + 0.5) * 255


@pytest.mark.parametrize(("center", "width"), [(2048, 4096), (100, 1), (100.5, 1), (70, 2.5)])
def test_linear_windows_are_the_formulas_of_the_standard(
    tmp_path: Path, center: float, width: float
) -> None:
    stored = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    for function, formula in (("LINEAR", linear_formula), ("LINEAR_EXACT", exact_formula)):
        ds = film(stored, WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
        expected = [formula(x, center, width) for x in range(4096)]
        found = shown(tmp_path, ds, "voi").pixels.ravel()
        assert np.abs(found - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", WAYS)
@pytest.mark.parametrize("rescale", RESCALES)
@pytest.mark.parametrize("window", ["percentile", "full"])
def test_percentiles_and_the_full_range_agree_with_float64(
    tmp_path: Path, signed: bool, photometric: str, rescale: tuple | None, window: str
) -> None:
    stored = noise(signed=signed)
    ds = film(stored, PhotometricInterpretation=photometric, WindowCenter=5, WindowWidth=9)
    slope, intercept = rescale or (1, 0)
    if rescale:
        ds.RescaleSlope, ds.RescaleIntercept = rescale
    values = stored.astype(np.float64) * slope + intercept
    if window == "full":
        ends = np.array([stored.min(), stored.max()], float) * slope + intercept
        low, high = ends.min(), ends.max()
    else:
        low, high = np.percentile(values, grey_levels.PERCENTILES, method="inverted_cdf")
    reference = np.clip((values - low) / (high - low), 0, 1) * 255
    found = shown(tmp_path, ds, window)
    assert_close(found.pixels, reference, photometric == "MONOCHROME1")
    assert found.applied == window


@pytest.mark.parametrize("bits", [8, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize("window", ["percentile", "full"])
def test_every_depth_shows_the_same_ramp(tmp_path: Path, bits: int, window: str) -> None:
    found = shown(tmp_path, film(ramp(bits), bits), window).pixels
    assert np.abs(found - np.linspace(0, 255, 100)).max() <= 1.0
    assert found[0, 0] == 0 and found[0, -1] == 255


def test_the_full_range_is_that_of_the_bits_and_not_of_the_film(tmp_path: Path) -> None:
    found = shown(tmp_path, film(ramp(10), bits=12), "full")
    assert found.pixels.max() == round(1023 / 4095 * 255)


# --- lookup tables ----------------------------------------------------------------------------


@pytest.mark.parametrize("vr", ["US", "OW"])
@pytest.mark.parametrize("photometric", WAYS)
def test_a_voi_lut_goes_before_a_window(tmp_path: Path, photometric: str, vr: str) -> None:
    stored = noise()
    entries = (np.linspace(0, 1, 3000) ** 2 * 65535).astype(np.uint16)
    ds = film(stored, PhotometricInterpretation=photometric, WindowCenter=5, WindowWidth=9)
    ds.VOILUTSequence = [item(entries, 500, 16, vr), item(entries[::-1], 0, 16)]
    reference = apply_voi(stored, ds).astype(np.float64) / 65535 * 255
    found = shown(tmp_path, ds, "voi")
    assert_close(found.pixels, reference, photometric == "MONOCHROME1")
    assert found.applied == "voi lut"


def test_a_voi_lut_takes_modality_values_below_zero(tmp_path: Path) -> None:
    stored = noise()
    entries = np.linspace(0, 4095, 4096).astype(np.uint16)
    ds = film(stored, RescaleSlope=1, RescaleIntercept=-1000)
    ds.VOILUTSequence = [item(entries, -1000, 12)]
    assert_close(shown(tmp_path, ds, "voi").pixels, stored / 4095 * 255, False)


def test_a_modality_lut_goes_before_the_rescale(tmp_path: Path) -> None:
    stored = noise()
    entries = np.linspace(40000, 100, 4096).astype(np.uint16)
    ds = film(stored, RescaleSlope=9, RescaleIntercept=1)
    ds.ModalityLUTSequence = [item(entries, 0, 16)]
    ds.WindowCenter, ds.WindowWidth = 20000, 30001
    values = np.asarray(entries[stored], np.float64)
    reference = np.clip(((values - 19999.5) / 30000 + 0.5) * 255, 0, 255)
    assert_close(shown(tmp_path, ds, "voi").pixels, reference, False)


def test_a_modality_lut_holds_its_ends(tmp_path: Path) -> None:
    """Signed values, of which the table maps those from -100 to 99."""
    stored = noise(signed=True)
    ds = film(stored)
    ds.ModalityLUTSequence = [item(np.arange(200), -100, 8)]
    reference = np.clip(stored.astype(float) + 100, 0, 199) / 199 * 255
    assert_close(shown(tmp_path, ds, "full").pixels, reference, False)


def test_entries_of_8_bits_may_be_packed_two_to_a_word(tmp_path: Path) -> None:
    entries = np.arange(256, dtype=np.uint8)
    lut = item(entries, 0, 8)
    lut.add_new("LUTData", "OW", entries.tobytes())
    ds = film(ramp(8), 8)
    ds.VOILUTSequence = [lut]
    assert np.array_equal(shown(tmp_path, ds, "voi").pixels, ramp(8))


@pytest.mark.parametrize(
    ("entries", "described", "bits"),
    [(np.arange(100), 4096, 12), (np.arange(4096), 4096, 8), (np.arange(4096), 4096, 17)],
)
def test_a_table_that_contradicts_its_descriptor_is_rejected(
    tmp_path: Path, entries: np.ndarray, described: int, bits: int
) -> None:
    lut = item(entries, 0, bits)
    lut.LUTDescriptor = [described, 0, bits]
    for keyword in ("VOILUTSequence", "ModalityLUTSequence"):
        with pytest.raises(Rejected) as caught:
            ds = film()
            setattr(ds, keyword, [lut])
            shown(tmp_path, ds, "voi")
        assert caught.value.reason == "bad_lut"


# --- what counts as no window -----------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"WindowCenter": 5},
        {"WindowWidth": 5},
        {"WindowCenter": 5, "WindowWidth": ""},
        {"WindowCenter": 5, "WindowWidth": 0},
        {"WindowCenter": 5, "WindowWidth": -20},
        {"WindowCenter": 5, "WindowWidth": 0.5},
        {"WindowCenter": 5, "WindowWidth": [0, 300]},
        {"WindowCenter": 5, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 5, "WindowWidth": -1, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 5, "WindowWidth": 50, "VOILUTFunction": "LOG"},
    ],
)
def test_a_window_that_cannot_be_is_none(tmp_path: Path, attributes: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        shown(tmp_path, film(**attributes), "voi")
    assert caught.value.reason == "no_window"
    assert shown(tmp_path, film(**attributes), "full").offered is None


def test_a_width_that_is_no_number_is_none(tmp_path: Path) -> None:
    path = save(film(WindowCenter="5", WindowWidth="4444"), tmp_path / "film.dcm")
    for text in (b"many", b"nan ", b"inf "):
        path.write_bytes(path.read_bytes().replace(b"4444", text))
        assert films.read_film(path, "full").offered is None
        path.write_bytes(path.read_bytes().replace(text, b"4444"))
    assert films.read_film(path, "full").offered == "linear"


def test_the_first_of_several_windows_counts(tmp_path: Path) -> None:
    one = shown(tmp_path, film(WindowCenter=1500, WindowWidth=2000), "voi")
    several = film(WindowCenter=[1500, 40], WindowWidth=[2000, 80])
    assert np.array_equal(shown(tmp_path, several, "voi").pixels, one.pixels)


@pytest.mark.parametrize(("slope", "intercept"), [(0, 5), ("1", "x"), ("x", "1")])
def test_a_rescale_that_cannot_be_is_rejected(
    tmp_path: Path, slope: object, intercept: object
) -> None:
    path = save(film(RescaleSlope="7777", RescaleIntercept="8888"), tmp_path / "film.dcm")
    for old, new in ((b"7777", slope), (b"8888", intercept)):
        path.write_bytes(path.read_bytes().replace(old, str(new).encode().ljust(4)))
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason == "bad_rescale"


# --- which way round --------------------------------------------------------------------------


@pytest.mark.parametrize("window", grey.WINDOWS)
def test_a_film_is_inverted_once_however_often_it_says_so(tmp_path: Path, window: str) -> None:
    def read(photometric: str, shape: str | None) -> np.ndarray:
        ds = film(WindowCenter=2000, WindowWidth=3000, PhotometricInterpretation=photometric)
        if shape:
            ds.PresentationLUTShape = shape
        return shown(tmp_path, ds, window).pixels

    straight = read("MONOCHROME2", None)
    assert straight[0, 0] < straight[0, -1]
    assert np.array_equal(read("MONOCHROME2", "IDENTITY"), straight)
    for inverted in (("MONOCHROME1", None), ("MONOCHROME2", "INVERSE"), ("MONOCHROME1", "INVERSE")):
        assert np.abs(read(*inverted).astype(int) - (255 - straight)).max() <= 1


# --- bits and padding -------------------------------------------------------------------------


@pytest.mark.parametrize("window", ["percentile", "full"])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_the_stored_ones_are_no_part_of_the_value(
    tmp_path: Path, window: str, signed: bool
) -> None:
    clean = noise(signed=signed)
    dirty = (clean.view(np.uint16) & 0x0FFF) | np.uint16(0x5000)
    expected = shown(tmp_path, film(clean), window).pixels
    found = shown(tmp_path, film(dirty, PixelRepresentation=int(signed)), window).pixels
    assert np.array_equal(found, expected)


def test_the_value_ends_at_the_high_bit(tmp_path: Path) -> None:
    shifted = (noise() << 3) | np.uint16(0x8005)
    found = shown(tmp_path, film(shifted, HighBit=14), "full").pixels
    assert np.array_equal(found, shown(tmp_path, film(noise()), "full").pixels)


PADDINGS: list[tuple[bool, dict[str, Any], int]] = [
    (False, {"PixelPaddingValue": 4000}, 4000),
    (False, {"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4095}, 4050),
    (False, {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4000}, 4050),
    (True, {"PixelPaddingValue": -2048}, -2048),
    (False, {"PixelPaddingValue": 0xFFFF}, 0xFFFF),  # of no 12 bits: the whole word
]


@pytest.mark.parametrize(("signed", "attributes", "value"), PADDINGS)
@pytest.mark.parametrize("photometric", WAYS)
def test_padding_is_left_out_and_black(
    tmp_path: Path, signed: bool, attributes: dict[str, Any], value: int, photometric: str
) -> None:
    stored = noise(bits=10, signed=signed)
    alone = shown(tmp_path, film(stored, PhotometricInterpretation=photometric), "percentile")
    framed = np.concatenate([stored, np.full((40, 100), value, stored.dtype)])
    ds = film(framed, PhotometricInterpretation=photometric, **attributes)
    found = shown(tmp_path, ds, "percentile").pixels
    assert (found[80:] == 0).all()
    assert np.array_equal(found[:80], alone.pixels)


def test_padding_that_would_cover_the_film_is_not_believed(tmp_path: Path) -> None:
    ds = film(PixelPaddingValue=0, PixelPaddingRangeLimit=4000)
    plain = shown(tmp_path, film(), "percentile").pixels
    assert np.array_equal(shown(tmp_path, ds, "percentile").pixels, plain)


# --- contrast ---------------------------------------------------------------------------------


@pytest.mark.parametrize("window", grey.WINDOWS)
def test_a_film_without_contrast_is_blank(tmp_path: Path, window: str) -> None:
    even = np.full((80, 100), 700, np.uint16)
    hot = even.copy()
    hot[0, :20] = 4000  # too few for a percentile
    above = ramp(10)  # all of it under the window
    for stored, center in ((even, 700), (hot, 700), (above, 9000)):
        if window == "voi" or stored is not above:
            ds = film(stored, WindowCenter=center, WindowWidth=100)
            with pytest.raises(Rejected) as caught:
                shown(tmp_path, ds, window)
            assert caught.value.reason == "blank"


def test_percentiles_of_a_large_film_are_those_of_some_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    words = rng.normal(2000, 300, (3000, 2000)).clip(0, 4095).astype(np.uint16)
    counts = grey_levels.count(words)
    assert grey_levels.COUNTED <= counts.sum() <= 2 * grey_levels.COUNTED
    found = grey_levels.percentiles(np.arange(2**16), counts)
    exact = np.percentile(words, grey_levels.PERCENTILES)
    assert np.abs(np.subtract(found, exact)).max() * 255 / np.ptp(exact) < 1


# --- to the size of a network -----------------------------------------------------------------


def test_a_film_of_very_many_rows_does_not_overflow() -> None:
    assert (resize(np.full((3000, 40), 255, np.uint8), 4) == 255).all()


@pytest.mark.parametrize(("centre", "offered"), [(2000, "linear"), (60_000, None)])
def test_a_window_that_shows_nothing_is_not_offered(
    tmp_path: Path, centre: int, offered: str | None
) -> None:
    """The cohort is drawn by what is offered: it must not fail afterwards."""
    ds = film(noise(signed=False), WindowCenter=centre, WindowWidth=500)
    assert shown(tmp_path, ds, "percentile").offered == offered
