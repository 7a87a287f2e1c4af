"""The synthetic hospital's X-ray archive: repeatable, and written as real sites write it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.phantom_files import file_hashes
from pydicom.pixels import apply_modality_lut
from pydicom.uid import (
    JPEGBaseline8Bit,
)

from pgdose.errors import UserError
from pgdose.tables.keyed import generator
from pgdose_phantom.broken_films import BROKEN, NOT_DICOM
from pgdose_phantom.chest import FINDINGS, draw_chest
from pgdose_phantom.films import NORM_STRATA, films
from pgdose_phantom.header import DEVICES, make_header, respell
from pgdose_phantom.xray import ArchiveFiles, FilmCounts, write_archive

COUNTS = {"norm": 24, "aorta": 3, "tuberculosis": 3, "other": 18, "broken": 2 * len(BROKEN)}
BAD_PIXELS = ["truncated", "undecodable"]


def archive(folder: Path, **counts: int) -> Path:
    truth = folder / "truth"
    files = ArchiveFiles(
        folder / "dicom", folder / "reports.csv", truth / "xray.csv", truth / "hand_labels.csv"
    )
    write_archive(files, FilmCounts(**{**COUNTS, **counts}), seed=5)
    return folder


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def truth(hospital: Path) -> pd.DataFrame:
    return read_truth(hospital)


def read_truth(folder: Path) -> pd.DataFrame:
    text = dict.fromkeys(("accession_number", "patient", "expected", "twin"), str)
    table = pd.read_csv(folder / "truth" / "xray.csv", dtype=text)
    return table.fillna({"expected": "", "twin": ""})


@pytest.fixture(scope="module")
def headers(hospital: Path, truth: pd.DataFrame) -> dict[str, pydicom.Dataset]:
    """By file; all that are DICOM."""
    dicom = truth[~truth["kind"].isin(NOT_DICOM)]
    return {file: pydicom.dcmread(hospital / "dicom" / file) for file in dicom["file"]}


# --- X-ray ------------------------------------------------------------------------------------


def test_archive_repeats_byte_for_byte(hospital: Path, tmp_path: Path) -> None:
    few = {"norm": 5, "aorta": 4, "tuberculosis": 4, "other": 2, "broken": len(BROKEN)}
    first = file_hashes(archive(tmp_path, **few))
    assert file_hashes(archive(tmp_path, **few)) == first  # over an existing archive, too
    earlier = {file: digest for file, digest in first.items() if file.startswith("dicom")}
    larger = file_hashes(hospital)  # all of these and more, but for `aorta` and `tuberculosis`
    shared = {file: larger[file] for file in earlier if file in larger}
    assert shared == {file: earlier[file] for file in shared}
    assert len(earlier) - len(shared) == 2


def test_archive_depends_on_the_seed() -> None:
    assert list(films(1, "norm", 3)) != list(films(2, "norm", 3))


def test_truth_and_reports_name_every_file(hospital: Path, truth: pd.DataFrame) -> None:
    found = {str(f.relative_to(hospital / "dicom")) for f in (hospital / "dicom").rglob("*.dcm")}
    assert found == set(truth["file"]) and len(truth) == sum(COUNTS.values())
    reports = pd.read_csv(hospital / "reports.csv", dtype=str)
    assert list(reports) == ["accession_number", "report_date", "physician", "report"]
    assert reports["accession_number"].is_unique and reports.notna().all(axis=None)
    reported = truth[~truth["kind"].isin(NOT_DICOM)]
    assert set(reports["accession_number"]) == set(reported["accession_number"])


def test_hand_labels_agree_with_the_truth(hospital: Path, truth: pd.DataFrame) -> None:
    labels = pd.read_csv(hospital / "truth" / "hand_labels.csv", dtype={"accession_number": str})
    assert list(labels) == ["accession_number", "norm", *FINDINGS]
    reports = pd.read_csv(hospital / "reports.csv", dtype=str)
    assert list(labels["accession_number"]) == list(reports["accession_number"])
    both = truth.merge(labels, on="accession_number", suffixes=("", "_said"))
    assert (both["norm"] == both["norm_said"]).all()
    healthy = both["kind"].isin(["norm", *BROKEN])
    assert (both.loc[healthy, "norm"] == 1).all() and (both.loc[~healthy, "norm"] == 0).all()
    for finding in FINDINGS:
        assert ((both[f"{finding}_said"] == "present") == (both[finding] == 1)).all()
    doubtful = both[[f"{finding}_said" for finding in FINDINGS]].eq("uncertain").any(axis=1)
    assert doubtful[both["kind"] == "uncertain"].all() and not doubtful[both["norm"] == 1].any()


def test_kinds_and_findings(truth: pd.DataFrame) -> None:
    kinds = truth["kind"].value_counts()
    assert (kinds[list(BROKEN)] == 2).all() and kinds["norm"] == COUNTS["norm"]
    findings = truth.set_index("kind")[list(FINDINGS)]
    assert (findings.loc[["norm", *BROKEN]] == 0).all(axis=None)
    assert (findings.loc["aorta", "aorta"] == 1).all()
    assert (findings.loc["tuberculosis", "tuberculosis"] == 1).all()
    assert findings.loc["other"].sum(axis=1).between(1, 3).all()
    assert (truth["expected"] == truth["kind"].map(BROKEN).fillna("")).all()


def test_copies_are_of_films_that_are_there(
    hospital: Path, truth: pd.DataFrame, headers: dict[str, pydicom.Dataset]
) -> None:
    kinds = truth.set_index("file")["kind"]
    table = pd.read_csv(hospital / "reports.csv", dtype=str)
    reports = table.set_index("accession_number")["report_date"]
    pairs = truth[truth["kind"].isin(["duplicate_uid", "duplicate_pixels"])]
    assert pairs["twin"].is_unique and len(pairs) == 4
    for copy in pairs.itertuples():
        one, two = headers[copy.file], headers[copy.twin]
        assert kinds[copy.twin] == "norm"
        assert truth.set_index("file").loc[copy.twin, "twin"] == copy.file
        assert np.array_equal(one.pixel_array, two.pixel_array)
        assert one.file_meta.TransferSyntaxUID != two.file_meta.TransferSyntaxUID
        assert one.PatientID == two.PatientID and one.PatientAge == two.PatientAge
        same = {one.SOPInstanceUID == two.SOPInstanceUID, one.StudyID == two.StudyID}
        assert same == {copy.kind == "duplicate_uid"}
        assert one.AccessionNumber == copy.accession_number
        days = pd.to_datetime(reports[copy.accession_number]) - pd.Timestamp(one.StudyDate)
        assert 0 <= days.days <= 2
    assert (truth["twin"] != "").sum() == 2 * len(pairs)


def test_a_copy_without_its_original_is_a_good_film(tmp_path: Path) -> None:
    lonely = read_truth(archive(tmp_path, norm=1, aorta=0, tuberculosis=0, other=0, broken=11))
    lonely = lonely.set_index("kind")[["expected", "twin"]]
    assert lonely.loc["duplicate_uid", "expected"] == "duplicate_uid"  # of the only norm film
    assert (lonely.loc["duplicate_pixels"] == "").all()


def test_norm_films_balance_the_sexes_in_every_stratum() -> None:
    drawn = list(films(3, "norm", 400))
    for (low, high), share in zip(NORM_STRATA, (0.25, 0.30, 0.45), strict=True):
        inside = [film.sex for film in drawn if low <= film.full_years < high]
        assert len(inside) == share * 400
        assert inside.count("F") == inside.count("M")
    patients: dict[int, list] = {}
    for film in drawn:
        patients.setdefault(film.patient, []).append(film)
    assert 0.05 < sum(len(p) > 1 for p in patients.values()) / len(patients) < 0.2
    for visits in patients.values():
        assert len({(film.sex, film.birth) for film in visits}) == 1
        assert sorted({film.day for film in visits}) == [film.day for film in visits]


def test_more_films_leave_the_earlier_ones_as_they_were() -> None:
    for kind in ("norm", "aorta", "tuberculosis", "other", "broken"):
        assert list(films(3, kind, 200))[:57] == list(films(3, kind, 57))


def test_headers(truth: pd.DataFrame, headers: dict[str, pydicom.Dataset]) -> None:
    rows = truth.set_index("file")
    for file, header in headers.items():
        row = rows.loc[file]
        lossy = header.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
        assert (
            (header.BitsAllocated, header.BitsStored) == (8, 8)
            if lossy
            else (header.BitsAllocated == 16 and 10 <= header.BitsStored <= 15)
        )
        assert header.HighBit == header.BitsStored - 1
        sides = (40, 48) if row["kind"] == "tiny" else (520, 2800)
        assert sides[0] <= min(header.Rows, header.Columns)
        assert max(header.Rows, header.Columns) <= sides[1]
        assert header.AccessionNumber == row["accession_number"]
        assert header.PatientID == ("" if row["kind"] == "no_patient" else row["patient"])
        assert header.PatientSex[0].upper() == row["sex"]
        assert 2001 <= int(header.StudyDate[:4]) <= 2014
        assert (header.Modality == "CT") == (row["kind"] == "other_modality")
        assert header.Modality in ("CR", "DX", "CT")
        assert (header.BodyPartExamined == "CHEST") == (row["kind"] != "not_chest")
        assert (header.ViewPosition == "PA") == (row["kind"] != "lateral")
        assert (int(header.get("NumberOfFrames") or 1) > 1) == (row["kind"] == "multi_frame")
        number, months = re.sub("[YMy ]", "", header.PatientAge), "M" in header.PatientAge
        years = int(number or row["age"]) // (12 if months else 1)
        assert years == int(row["age"]) and (number or header.PatientBirthDate)
        surname = str(header.PatientName).split("^")[0]
        if header.SpecificCharacterSet == "ISO_IR 100":  # a wrong declaration
            surname = surname.encode("latin-1").decode("cp1251")
        assert "А" <= surname[0] <= "Я"
    assert {h.PhotometricInterpretation for h in headers.values()} == {"MONOCHROME1", "MONOCHROME2"}
    assert {"WindowCenter" in h for h in headers.values()} == {True, False}
    assert {"PixelSpacing" in h for h in headers.values()} == {True, False}


def test_odd_spellings_are_few_and_change_no_meaning() -> None:
    ages, sexes, pages = set(), set(), []
    for film in films(3, "norm", 400):
        header = make_header(generator(3, "film", film.name), 3, film, DEVICES[film.place % 6])
        respell(header, 3, film)
        years = f"{film.full_years:03d}"
        spellings = {
            f"{years}Y": "usual",
            f"Y{years}": "turned",
            str(film.full_years): "bare",
            "": "none",
            f"{film.full_years * 12:03d}M": "months",
            f"{years}y": "small",
            f" {film.full_years}Y": "space",
        }
        ages.add(spellings[header.PatientAge])
        sexes.add(header.PatientSex)
        pages.append(header.SpecificCharacterSet)
    assert ages == {"usual", "turned", "bare", "none", "months", "small", "space"}
    assert sexes == {"F", "M", "f", "m", "FEMALE", "MALE"}
    assert 0.01 < pages.count("ISO_IR 100") / len(pages) < 0.06
    assert set(pages) == {"ISO_IR 192", "ISO_IR 144", "ISO_IR 100"}


@pytest.mark.filterwarnings("ignore:A value of 'None'")  # an empty NumberOfFrames
def test_pixels(truth: pd.DataFrame, headers: dict[str, pydicom.Dataset]) -> None:
    kinds = truth.set_index("file")["kind"]
    centres: dict[str, list[float]] = {"MONOCHROME1": [], "MONOCHROME2": []}
    for file, header in headers.items():
        kind = kinds[file]
        if kind in BAD_PIXELS:
            with pytest.raises((ValueError, NotImplementedError)):
                header.pixel_array  # noqa: B018
            continue
        shown = apply_modality_lut(header.pixel_array, header).astype(float)
        pixels = shown / (2**header.BitsStored - 1)
        if kind == "blank":
            assert np.ptp(pixels) == 0
        elif kind == "saturated":
            assert max((pixels == pixels.max()).mean(), (pixels == pixels.min()).mean()) > 0.7
        elif kind == "multi_frame":
            assert np.array_equal(pixels[0], pixels[1]) and len(pixels) == header.NumberOfFrames
        elif not kind.startswith("lateral") and kind != "tiny":
            windowed = "WindowCenter" in header or "VOILUTSequence" in header
            assert np.ptp(pixels) > (0.35 if windowed else 0.7)
            rows, columns = pixels.shape
            spine = pixels[int(0.55 * rows) : int(0.65 * rows), columns // 2 - 9 : columns // 2 + 9]
            lung = pixels[int(0.4 * rows) : int(0.6 * rows), int(0.2 * columns) : columns // 4]
            centres[header.PhotometricInterpretation].append(spine.mean() - lung.mean())
    assert max(centres["MONOCHROME1"]) < 0 < min(centres["MONOCHROME2"])


def test_a_real_archive_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "real.dcm").write_text("a patient's")
    with pytest.raises(UserError):
        archive(tmp_path)
    assert (tmp_path / "dicom" / "real.dcm").exists()


def test_chest_truth_follows_the_film() -> None:
    plain, unfolded = frozenset[str](), frozenset({"aorta"})
    arguments = {"shape": (300, 280), "age": 60.0, "sex": "M"}

    def film(findings: frozenset[str], name: str) -> tuple[np.ndarray, dict]:
        return draw_chest(generator(1, "test", name), findings=findings, **arguments)

    picture, shapes = film(plain, "a")
    assert picture.shape == (300, 280) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert 0 < shapes["aorta_x"] < 280 and 0 < shapes["aorta_y"] < 300
    rotations = [
        np.mean([film(findings, str(i))[1]["aorta_rotation"] for i in range(8)])
        for findings in (plain, unfolded)
    ]
    assert rotations[0] + 5 < rotations[1]
    for finding in FINDINGS:
        assert np.abs(film(frozenset({finding}), "a")[0] - picture).mean() > 0.002
    with pytest.raises(ValueError, match="bones"):
        film(frozenset({"bones"}), "a")
