"""Pictures of an attack as DICOM: untouched, marked, valid, without dates and names."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from pgdose.images import secondary_capture
from pgdose.images.secondary_capture import KINDS, Capture

SHAPES = [(32, 32), (80, 80), (81, 97), (200, 96), (256, 256), (1024, 1024)]
COLOURS = [False, True]
RECORD = "0123456789abcdef0123"


def picture(shape: tuple[int, int], colour: bool = False, seed: int = 0) -> np.ndarray:
    full = (*shape, 3) if colour else shape
    return np.random.default_rng(seed).integers(0, 256, full, np.uint8)


def capture(kind: str = "adversarial", **fields: object) -> Capture:
    given = {"record_id": RECORD, "series": "study G sign", "derivation": "Made here.", "number": 1}
    return Capture(kind, **(given | fields))  # type: ignore[arg-type]


def written(
    pixels: np.ndarray, path: Path, kind: str = "adversarial", seed: int = 5, **fields: object
) -> pydicom.FileDataset:
    secondary_capture.write(pixels, capture(kind, **fields), path, seed)
    return pydicom.dcmread(path)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_attacked_pixels_come_back_to_the_last_bit(
    shape: tuple[int, int], colour: bool, tmp_path: Path
) -> None:
    pixels = picture(shape, colour)
    dataset = written(pixels, tmp_path / "a.dcm")
    row, column = secondary_capture.place(pixels.shape)
    inner = dataset.pixel_array[row : row + shape[0], column : column + shape[1]]
    assert np.array_equal(inner, pixels)
    assert (dataset.PhotometricInterpretation, dataset.BitsStored) == (
        ("RGB" if colour else "MONOCHROME2"),
        8,
    )
    numbers = [int(number) for number in re.findall(r"\d+", dataset.ImageComments)]
    assert numbers == [shape[0], row + 1, shape[1], column + 1]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_side_has_the_whole_notice(shape: tuple[int, int]) -> None:
    """Whatever stands within: the four bands of two pictures are the same, and not empty."""
    one, other = (secondary_capture.framed(picture(shape, seed=n), "adversarial") for n in (1, 2))
    row, column = secondary_capture.place(shape)
    changed = np.argwhere(one != other)
    assert changed.min(axis=0).tolist() == [row, column]
    assert (changed.max(axis=0) + 1).tolist() == [row + shape[0], column + shape[1]]
    top = min(row, column)
    # Turned upright, opposite sides carry the same letters.
    rows, columns = one.shape
    inner = rows - 2 * secondary_capture._thickness(shape, shape[1])
    start = (rows - inner) // 2
    across = one[:start]
    assert np.array_equal(across, one[-start:])
    beside = (columns - max(shape[1], secondary_capture.SMALLEST)) // 2
    left, right = one[start:-start, :beside], one[start:-start, -beside:]
    assert np.array_equal(np.rot90(left, 2), right)
    for band in (across, left):
        assert (band > 128).mean() > 0.02 and top > 0


@pytest.mark.parametrize("side", [32, 80, 120, 224, 256, 512, 1024, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_no_line_says_for_diagnosis_alone(side: int, kind: str) -> None:
    lines = secondary_capture._lines((side, side), max(side, secondary_capture.SMALLEST), kind)
    assert " - ".join(lines) == f"{KINDS[kind][0]} - RESEARCH ONLY - NOT FOR DIAGNOSIS"
    assert all("NOT" in line for line in lines if "DIAGNOSIS" in line)


@pytest.mark.parametrize("side", [32, 80, 120, 224, 1024])
@pytest.mark.parametrize("kind", KINDS)
def test_no_letter_is_cut_off(side: int, kind: str) -> None:
    """Two pixels round each band stay black."""
    shape = (side, side)
    band = secondary_capture._band(shape, max(side, secondary_capture.SMALLEST), kind)
    assert band[2:-2, 2:-2].any()
    for edge in (band[:2], band[-2:], band[:, :2], band[:, -2:]):
        assert not edge.any()


def test_the_header_says_what_it_is_and_who_it_is_not(tmp_path: Path) -> None:
    dataset = written(picture((80, 80)), tmp_path / "a.dcm")
    assert dataset.SOPClassUID == SecondaryCaptureImageStorage
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "ADVERSARIAL"]
    assert dataset.BurnedInAnnotation == "YES" and dataset.ConversionType == "SYN"
    assert dataset.LossyImageCompression == "01"
    assert (
        "PatientIdentityRemoved" not in dataset and "not searched" in dataset.DeidentificationMethod
    )
    assert dataset.PatientID == RECORD and dataset.PatientName == f"{RECORD}^RESEARCH ONLY"
    assert dataset.DerivationDescription == "Made here."
    for keyword in ("PatientComments", "StudyDescription", "SeriesDescription", "ImageComments"):
        assert "NOT FOR DIAGNOSIS" in str(dataset[keyword].value)


def test_nothing_has_a_date_or_a_time(tmp_path: Path) -> None:
    dataset = written(picture((80, 80)), tmp_path / "a.dcm")
    dated = [e for e in (*dataset, *dataset.file_meta) if e.VR in ("DA", "TM", "DT") and e.value]
    assert dated == []


def test_equal_pictures_make_equal_files_and_other_ones_have_other_uids(tmp_path: Path) -> None:
    first = written(picture((80, 80)), tmp_path / "a.dcm")
    written(picture((80, 80)), tmp_path / "b.dcm")
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    others = [
        written(picture((80, 80), seed=1), tmp_path / "c.dcm"),
        written(picture((80, 80)), tmp_path / "c.dcm", kind="original"),
        written(picture((80, 80)), tmp_path / "c.dcm", seed=6),
        written(picture((80, 80)), tmp_path / "c.dcm", record_id=RECORD[::-1]),
        written(picture((80, 80)), tmp_path / "c.dcm", number=2),
        written(picture((80, 80)), tmp_path / "c.dcm", derivation="Made otherwise."),
        written(picture((80, 80)), tmp_path / "c.dcm", series="study H sign"),
    ]
    uids = {str(dataset.SOPInstanceUID) for dataset in (first, *others)}
    assert len(uids) == 8
    series = [dataset.SeriesInstanceUID == first.SeriesInstanceUID for dataset in others]
    assert series == [True, True, False, False, True, True, False]
    for dataset in (first, *others):
        for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            uid = dataset[keyword].value
            assert uid.is_valid and uid.startswith("2.25.") and len(uid) <= 64


# What it says of a file without dates, of an image that shows a part of nobody knows which side.
EXPECTED = ("StudyDate", "StudyTime", "Laterality")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian: dicom3tools)")
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(80, 80), (81, 97)])
def test_dciodvfy_finds_no_error(
    shape: tuple[int, int], kind: str, colour: bool, tmp_path: Path
) -> None:
    written(picture(shape, colour), tmp_path / "a.dcm", kind)
    done = subprocess.run(
        ["dciodvfy", "-new", tmp_path / "a.dcm"], capture_output=True, text=True, timeout=60
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert "SCImage" in lines
    assert [line for line in lines if line.startswith("Error")] == []
    warnings = [line for line in lines if line.startswith("Warning")]
    assert [w for w in warnings if not any(f"</{name}(" in w for name in EXPECTED)] == []
