"""Which images are films, by Modality, else by the SOP class."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.dicom_files import film, read_header, reason, save
from pydicom import uid

from pgdose.errors import Rejected
from pgdose.study.modality_codes import STANDARD_MODALITIES
from pgdose.xray.modalities import WORDS

Write = Callable[..., Path]
UNKNOWN = uid.SecondaryCaptureImageStorage


@pytest.mark.parametrize("modality", ["CR", "DX", "RF", "cr ", " dx", "CR\\CR"])
def test_films_are_kept(write: Write, modality: str) -> None:
    assert read_header(write(Modality=modality, SOPClassUID=UNKNOWN))["says_modality"]


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "MG", "US", "OT"])
def test_images_of_other_modalities_are_rejected(write: Write, modality: str) -> None:
    path = write(Modality=modality)
    with pytest.raises(Rejected) as caught:
        read_header(path)
    assert caught.value.reason == "other_modality"
    detail = f"{modality}; add it to `modalities` if these are films"
    assert caught.value.detail == detail
    assert read_header(path, modalities=["CR", modality])["says_modality"]


def test_a_code_that_is_not_of_the_standard_is_not_quoted(write: Write) -> None:
    path = write(Modality="IVANOV")
    with pytest.raises(Rejected) as caught:
        read_header(path)
    assert caught.value.reason == "other_modality" and "IVANOV" not in caught.value.detail
    assert read_header(path, modalities=["IVANOV"])["says_modality"]


CLASSES = {
    uid.CTImageStorage: "CT",
    uid.EnhancedCTImageStorage: "CT",
    uid.MRImageStorage: "MR",
    uid.EnhancedMRColorImageStorage: "MR",
    uid.PositronEmissionTomographyImageStorage: "PT",
    uid.EnhancedPETImageStorage: "PT",
    uid.ComputedRadiographyImageStorage: "CR",
    uid.DigitalXRayImageStorageForPresentation: "DX",
    uid.DigitalXRayImageStorageForProcessing: "DX",
    uid.XRayRadiofluoroscopicImageStorage: "RF",
    uid.DigitalMammographyXRayImageStorageForPresentation: "MG",
    uid.XRayAngiographicImageStorage: "XA",
    uid.UltrasoundImageStorage: "US",
    uid.NuclearMedicineImageStorage: "NM",
    uid.VLWholeSlideMicroscopyImageStorage: "SM",
}


@pytest.mark.parametrize(("kind", "code"), CLASSES.items(), ids=CLASSES.values())
@pytest.mark.parametrize("modality", ["", None])
def test_the_sop_class_decides_where_modality_is_missing(
    write: Write, kind: str, code: str, modality: str | None
) -> None:
    path = write(SOPClassUID=kind, Modality=modality)
    if code in ("CR", "DX", "RF"):
        assert read_header(path)["says_modality"]
    else:
        assert reason(read_header, path) == "other_modality"
        assert read_header(path, modalities=[code])["says_modality"]


def test_modality_goes_before_the_sop_class(write: Write) -> None:
    assert reason(read_header, write(Modality="CT")) == "other_modality"  # of the class CR
    assert read_header(write(Modality="CR", SOPClassUID=uid.CTImageStorage))["says_modality"]


@pytest.mark.parametrize("kind", [UNKNOWN, "1.2.3.4", None])
def test_a_film_that_nothing_tells_of_is_kept(tmp_path: Path, kind: str | None) -> None:
    ds = film(SOPClassUID=kind)
    ds.file_meta.MediaStorageSOPClassUID = UNKNOWN
    assert not read_header(save(ds, tmp_path / "film.dcm"))["says_modality"]


def test_the_meta_information_tells_the_class_too(tmp_path: Path) -> None:
    ds = film(SOPClassUID=None)
    ds.file_meta.MediaStorageSOPClassUID = uid.CTImageStorage
    assert reason(read_header, save(ds, tmp_path / "film.dcm")) == "other_modality"


def test_a_multi_frame_ct_is_one_of_another_modality(write: Write) -> None:
    assert reason(read_header, write(Modality="CT", NumberOfFrames=3)) == "other_modality"
    assert reason(read_header, write(Modality="SR", Rows=None)) == "no_image"


def test_all_codes_of_classes_are_of_the_standard() -> None:
    assert set(WORDS.values()) <= set(STANDARD_MODALITIES)
    names = [name for name, kind, *_ in uid.UID_dictionary.values() if kind == "SOP Class"]
    for words in WORDS:
        assert any(words in name for name in names), words
