"""Exporting a film: its pixels as they are written into a DICOM file.

Most films are unsigned, uncompressed and have one linear window or none. A few are written as only
an archive of many stations and years has them: other transfer syntaxes, grey scales that go through
a modality transform, windows of other functions, signed values, stray bits above those stored.
Whatever is written, the picture is the same to the last grey level of the workstation, except in
the few films with a lossy syntax.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

# Shares of the usable films
SYNTAXES: Mapping[UID, float] = {
    ExplicitVRLittleEndian: 0.80,
    ImplicitVRLittleEndian: 0.04,
    ExplicitVRBigEndian: 0.02,
    DeflatedExplicitVRLittleEndian: 0.02,
    RLELossless: 0.03,
    JPEGLSLossless: 0.04,
    JPEG2000Lossless: 0.025,
    JPEG2000: 0.01,  # lossy
    JPEGBaseline8Bit: 0.015,  # lossy, and of 8 bits
}
MODALITIES = {  # from stored values to those that windows are given in
    "none": 0.84,
    "identity": 0.05,  # slope 1
    "scaled": 0.05,  # slope 2 and an intercept
    "negative": 0.04,  # slope -1, the stored values run the other way
    "table": 0.02,  # a Modality LUT Sequence
}
WINDOWS = {  # VOI functions of films that have a window
    "linear": 0.76,
    "named": 0.05,  # LINEAR, named in VOILUTFunction
    "exact": 0.07,
    "sigmoid": 0.06,
    "table": 0.06,  # a VOI LUT Sequence
}
NO_WINDOWS = {"absent": 0.9, "zero": 0.05, "empty": 0.05}  # of films that fill their range
FRAMES = {"absent": 0.92, "one": 0.05, "empty": 0.03}  # NumberOfFrames
SIGNED = 0.03
STRAY_BITS = 0.04
LUT_SHAPE = 0.3  # repeat in PresentationLUTShape what the photometric interpretation says

ENCODERS = {  # fixed, because another encoder of the same syntax may write other bytes
    RLELossless: "gdcm",
    JPEGLSLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}
LOSSY = {JPEG2000: "ISO_15444_1", JPEGBaseline8Bit: "ISO_10918_1"}
J2K_RATIO = 5  # uncompressed to compressed, of the lossy JPEG 2000
JPEG_QUALITY = 96
TABLE_BITS = 12  # of the values in a VOI LUT


T = TypeVar("T")


@dataclass(frozen=True)
class Export:
    """How one film is written; the keys are those of the tables above."""

    syntax: UID = ExplicitVRLittleEndian
    modality: str = "none"
    window: str = "linear"
    no_window: str = "absent"
    frames: str = "absent"
    signed: bool = False
    stray_bits: bool = False
    lut_shape: bool = False


@dataclass(frozen=True)
class Greys:
    """The grey values of a film at its workstation, before the export.

    `values`: uint16 (rows, columns), 0 .. 2**bits - 1; `inverted`: high is dark (MONOCHROME1);
    `window`: the lowest and the highest value that the film takes, or None where it fills the
    range; `second_window`: whether the station offers another, harder one.
    """

    values: np.ndarray
    bits: int
    inverted: bool
    window: tuple[float, float] | None
    second_window: bool = False


def draw_export(rng: np.random.Generator) -> Export:
    """Draw how a film is exported, by the shares above, without impossible combinations."""
    syntax = _choice(rng, SYNTAXES)
    modality, window = _choice(rng, MODALITIES), _choice(rng, WINDOWS)
    no_window, frames = _choice(rng, NO_WINDOWS), _choice(rng, FRAMES)
    signed, stray_bits, lut_shape = rng.uniform(size=3) < (SIGNED, STRAY_BITS, LUT_SHAPE)
    if window == "table" and modality == "scaled":
        modality = "none"  # the table's first value would be negative among unsigned ones
    return Export(
        syntax,
        modality,
        window,
        no_window,
        frames,
        # A table over signed values of 15 bits has more entries than a signed count can hold.
        signed=bool(signed) and syntax != JPEGBaseline8Bit and modality != "table",
        stray_bits=bool(stray_bits) and not syntax.is_encapsulated,
        lut_shape=bool(lut_shape),
    )


def _choice(rng: np.random.Generator, shares: Mapping[T, float]) -> T:
    keys = list(shares)
    return keys[rng.choice(len(keys), p=list(shares.values()))]


def add_pixels(
    dataset: FileDataset, greys: Greys, export: Export, rng: np.random.Generator
) -> None:
    """Put the film into the data set and set its transfer syntax. `rng` draws stray bits."""
    if export.syntax == JPEGBaseline8Bit:
        greys = _in_8_bits(greys)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if greys.inverted else "MONOCHROME2"
    dataset.Rows, dataset.Columns = greys.values.shape
    dataset.BitsAllocated = 8 if greys.bits == 8 else 16
    dataset.BitsStored = greys.bits
    dataset.HighBit = greys.bits - 1
    dataset.PixelRepresentation = int(export.signed)
    if export.lut_shape:
        dataset.PresentationLUTShape = "INVERSE" if greys.inverted else "IDENTITY"
    stored, gain, offset = _store(dataset, greys, export)
    _add_window(dataset, greys, export, gain, offset)
    if export.stray_bits:
        junk = rng.integers(0, 2 ** (16 - greys.bits), stored.shape) << greys.bits
        stored = stored & (2**greys.bits - 1) | junk
    _add_pixel_data(dataset, stored, export.syntax)
    if export.frames != "absent":
        dataset.NumberOfFrames = 1 if export.frames == "one" else None


def to_bytes(dataset: FileDataset) -> bytes:
    """The bytes of the file; a syntax unknown to pydicom is written as explicit little endian."""
    buffer = io.BytesIO()
    is_standard = not dataset.file_meta.TransferSyntaxUID.is_private
    encoding = {} if is_standard else {"implicit_vr": False, "little_endian": True}
    dcmwrite(buffer, dataset, enforce_file_format=True, **encoding)
    return buffer.getvalue()


def _in_8_bits(greys: Greys) -> Greys:
    share = 255 / (2**greys.bits - 1)
    values = np.rint(greys.values * share).astype(np.uint16)
    window = greys.window and (greys.window[0] * share, greys.window[1] * share)
    return replace(greys, values=values, bits=8, window=window)


def _store(dataset: Dataset, greys: Greys, export: Export) -> tuple[np.ndarray, int, int]:
    """The stored values (int32), and gain and offset from grey values to what windows mean."""
    lowest = -(2 ** (greys.bits - 1)) if export.signed else 0
    if export.modality == "negative":
        direction, base = -1, 2**greys.bits - 1 + lowest
    else:
        direction, base = 1, lowest
    transforms = {"scaled": (2, -1000), "negative": (-1, base), "table": (2, 0)}
    slope, intercept = transforms.get(export.modality, (1, 0))
    if export.modality == "table":
        item = _lookup_table(np.arange(2**greys.bits) * slope, 0, 16, export.syntax)
        item.ModalityLUTType = "US"
        dataset.ModalityLUTSequence = Sequence([item])
    elif export.modality != "none":
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        dataset.RescaleType = "US"
    stored = direction * greys.values.astype(np.int32) + base
    return stored, slope * direction, slope * base + intercept


def _add_window(dataset: Dataset, greys: Greys, export: Export, gain: int, offset: int) -> None:
    if greys.window is None:
        if export.no_window != "absent":
            dataset.WindowCenter = dataset.WindowWidth = 0 if export.no_window == "zero" else None
        return
    low, high = (gain * value + offset for value in greys.window)
    if export.window == "table":
        first, last = int(np.floor(low)), int(np.ceil(high))
        t = np.linspace(0, 1, last - first + 1)
        curve = (0.5 * t + 0.5 * t * t * (3 - 2 * t)) * (2**TABLE_BITS - 1)
        item = _lookup_table(np.rint(curve), first, TABLE_BITS, export.syntax)
        dataset.VOILUTSequence = Sequence([item])
        return
    centre, width = round((low + high) / 2), round(high - low)
    dataset.WindowCenter = [centre, centre] if greys.second_window else centre
    dataset.WindowWidth = [width, round(0.7 * width)] if greys.second_window else width
    function = {"named": "LINEAR", "exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
    if export.window in function:
        dataset.VOILUTFunction = function[export.window]


def _lookup_table(table: np.ndarray, first: int, bits: int, syntax: UID) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(table), first, bits]
    item.LUTData = _words(table, syntax)
    item["LUTData"].VR = "OW"
    return item


def _words(values: np.ndarray, syntax: UID) -> bytes:
    """Values of 0 .. 65535 in the byte order of the syntax."""
    return values.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()


def _add_pixel_data(dataset: FileDataset, stored: np.ndarray, syntax: UID) -> None:
    if syntax == JPEGBaseline8Bit:
        buffer = io.BytesIO()
        Image.fromarray(stored.astype(np.uint8)).save(buffer, "JPEG", quality=JPEG_QUALITY)
        dataset.PixelData = encapsulate([buffer.getvalue()])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset.PixelData = _words(stored & 0xFFFF, syntax)
        dataset["PixelData"].VR = "OW"
        if syntax in ENCODERS:
            dataset.compress(
                syntax,
                encoding_plugin=ENCODERS[syntax],
                j2k_cr=[J2K_RATIO] if syntax == JPEG2000 else None,
                generate_instance_uid=False,
            )
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
    if syntax in LOSSY:
        ratio = stored.size * dataset.BitsAllocated / 8 / len(dataset.PixelData)
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = round(ratio, 2)
        dataset.LossyImageCompressionMethod = LOSSY[syntax]
