"""How the synthetic hospital writes a film's pixels: every way reads back as the same picture."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pgdose.tables.keyed import generator
from pgdose_phantom.export import (
    FRAMES,
    LOSSY,
    MODALITIES,
    NO_WINDOWS,
    SYNTAXES,
    TABLE_BITS,
    WINDOWS,
    Export,
    Greys,
    add_pixels,
    draw_export,
    to_bytes,
)
from pgdose_phantom.films import films
from pgdose_phantom.header import DEVICES, make_header


def written(export: Export, *, bits: int = 12, inverted: bool = False) -> tuple[Greys, FileDataset]:
    """A small film with a window, as plain pydicom reads it from the file."""
    film = next(films(5, "norm", 1))
    rng = generator(5, "test", "export")
    ramp = np.linspace(0.1, 0.8, 60 * 50).reshape(60, 50)
    values = ((ramp + rng.normal(0, 0.01, ramp.shape)) * (2**bits - 1)).astype(np.uint16)
    greys = Greys(values, bits, inverted, (float(values.min()), float(values.max())))
    dataset = make_header(rng, 5, film, DEVICES[0])
    add_pixels(dataset, greys, export, rng)
    return greys, pydicom.dcmread(io.BytesIO(to_bytes(dataset)))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_every_syntax_reads_back(syntax: UID, signed: bool) -> None:
    greys, read = written(Export(syntax=syntax, signed=signed and syntax != JPEGBaseline8Bit))
    assert read.file_meta.TransferSyntaxUID == syntax
    expected, top = greys.values - 2048.0 * signed, 2**greys.bits - 1
    if syntax == JPEGBaseline8Bit:
        expected, top = greys.values / top * 255, 255
    error = np.abs(read.pixel_array - expected)
    assert error.mean() < 0.01 * top if syntax in LOSSY else error.max() == 0
    assert (syntax in LOSSY) == (read.get("LossyImageCompression") == "01")


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("window", WINDOWS)
def test_grey_scales_mean_the_same(window: str, modality: str) -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        for bits, signed in itertools.product((10, 15), (False, True)):
            if (modality, signed) == ("table", True) or (window, modality) == ("table", "scaled"):
                continue  # draw_export does not join them
            export = Export(syntax=syntax, modality=modality, window=window, signed=signed)
            check_grey_scale(*written(export, bits=bits), export)


def check_grey_scale(greys: Greys, read: pydicom.Dataset, export: Export) -> None:
    shown = apply_modality_lut(read.pixel_array, read).astype(int)
    gain = 2 if export.modality in ("scaled", "table") else 1
    values = greys.values.astype(int)
    assert np.array_equal(shown - shown.min(), gain * (values - values.min()))
    # What is left is the window; pydicom would turn its outcome over for a negative slope.
    for keyword in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"):
        read.pop(keyword, None)
    windowed = apply_voi_lut(shown, read)
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(windowed.ravel()[order]) >= -1e-9).all()
    lowest, middle, highest = np.percentile(windowed, [0, 50, 100])
    top = 2 ** (TABLE_BITS if export.window == "table" else greys.bits) - 1
    assert highest - lowest > (0.74 if export.window == "sigmoid" else 0.98) * top
    assert abs(middle - (lowest + highest) / 2) < 0.05 * top


def test_stray_bits_lie_above_those_stored() -> None:
    greys, read = written(Export(stray_bits=True, signed=True))
    raw = np.frombuffer(read.PixelData, "<u2").reshape(greys.values.shape)
    assert len(np.unique(raw >> 12)) == 16
    assert np.array_equal(read.pixel_array, greys.values.astype(int) - 2048)


def test_tags_of_the_ways_to_write() -> None:
    _, read = written(Export(frames="empty", lut_shape=True), inverted=True)
    assert "NumberOfFrames" in read and not read.NumberOfFrames
    assert read.PhotometricInterpretation == "MONOCHROME1"
    assert read.PresentationLUTShape == "INVERSE"
    greys, _ = written(Export())
    for no_window, width in (("absent", "-"), ("zero", 0), ("empty", None)):
        header = make_header(generator(5, "t", ""), 5, next(films(5, "norm", 1)), DEVICES[0])
        export = Export(no_window=no_window, frames="one")
        add_pixels(header, replace(greys, window=None), export, generator(5, "t", ""))
        assert header.get("WindowWidth", "-") == width and header.NumberOfFrames == 1


def test_ways_to_write_are_drawn_by_their_shares() -> None:
    exports = [draw_export(generator(5, "export", f"norm {i}")) for i in range(3000)]
    for field, shares in (
        ("syntax", SYNTAXES),
        ("modality", MODALITIES),
        ("window", WINDOWS),
        ("no_window", NO_WINDOWS),
        ("frames", FRAMES),
    ):
        values = [getattr(export, field) for export in exports]
        assert sum(shares.values()) == pytest.approx(1)
        for key, share in shares.items():
            assert values.count(key) / len(exports) == pytest.approx(share, abs=0.02)
    for export in exports:
        assert not (export.stray_bits and export.syntax.is_encapsulated)
        assert not (
            export.signed and (export.syntax == JPEGBaseline8Bit or export.modality == "table")
        )
        assert not (export.window == "table" and export.modality == "scaled")
    assert 0.02 < np.mean([export.signed for export in exports]) < 0.04
    assert 0.02 < np.mean([export.stray_bits for export in exports]) < 0.05
