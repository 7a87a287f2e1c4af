"""The synthetic hospital: the same bytes for the same seed, and files as real sites write them."""

import hashlib
import io
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import openslide
import pandas as pd
import pydicom
import pytest
import shapely
import tifffile
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from shapely.geometry import Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from pgdose.errors import UserError
from pgdose.tables.keyed import generator
from pgdose_phantom import fields, report_texts, svs
from pgdose_phantom.chest import FINDINGS, draw_chest
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
from pgdose_phantom.fields import CLASSES, draw_field, draw_hand, write_fields
from pgdose_phantom.films import NORM_STRATA, films
from pgdose_phantom.header import DEVICES, make_header, respell
from pgdose_phantom.outlines import FORMATS, GRID, polygons
from pgdose_phantom.report_texts import write_denial, write_doubt, write_report
from pgdose_phantom.slides import draw_regions, write_slides
from pgdose_phantom.svs import TIFF_LIMIT, TILE, Mosaic, pyramid, write_svs
from pgdose_phantom.xray import BROKEN, write_archive

COUNTS = {"norm": 24, "aorta": 3, "tuberculosis": 3, "other": 18, "broken": 2 * len(BROKEN)}
NO_DICOM = ["web_page", "text"]
BAD_PIXELS = ["truncated", "undecodable"]
# The stems of what a report may say of a finding; a focal process of another name is not a shadow
STEMS = {
    "pneumosclerosis": "пневмоскл|пнеўмаскл",
    "fibrosis": "фибро|фибр\\.|фіброз",
    "emphysema": "эмфиз|эмфіз",
    "pneumonia": "пневмони|пнеўман",
    "focal_shadows": r"[оа]чаг(?!ов\w+ (?:пневмон|туберк)|овы \w*туберк)",
    "bronchitis": "бронхит|бранхіт",
    "tuberculosis": "(?<!противо)туберкул",
    "aorta": "разверн|разворот|разгорн|разварот",
}


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder, and what is in it."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def archive(folder: Path, **counts: int) -> Path:
    write_archive(
        folder / "dicom",
        folder / "reports.csv",
        folder / "truth" / "xray.csv",
        folder / "truth" / "hand_labels.csv",
        seed=5,
        **{**COUNTS, **counts},
    )
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
    dicom = truth[~truth["kind"].isin(NO_DICOM)]
    return {file: pydicom.dcmread(hospital / "dicom" / file) for file in dicom["file"]}


# --- X-ray ------------------------------------------------------------------------------------


def test_archive_repeats_byte_for_byte(hospital: Path, tmp_path: Path) -> None:
    few = {"norm": 5, "aorta": 4, "tuberculosis": 4, "other": 2, "broken": len(BROKEN)}
    first = hashes(archive(tmp_path, **few))
    assert hashes(archive(tmp_path, **few)) == first  # over an existing archive, too
    earlier = {file: digest for file, digest in first.items() if file.startswith("dicom")}
    larger = hashes(hospital)  # all of these and more, but for `aorta` and `tuberculosis`
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
    reported = truth[~truth["kind"].isin(NO_DICOM)]
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
        assert header.Modality in ("CR", "DX")
        assert (header.BodyPartExamined == "CHEST") == (row["kind"] != "not_chest")
        assert (header.ViewPosition == "PA") == (row["kind"] != "lateral")
        assert (int(header.get("NumberOfFrames") or 1) > 1) == (row["kind"] == "multi_frame")
        if row["kind"] == "impossible_age":
            assert header.PatientAge == "999Y" and not header.PatientBirthDate
        else:
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


# --- how a film is written --------------------------------------------------------------------


def written(how: Export, *, bits: int = 12, inverted: bool = False) -> tuple[Greys, FileDataset]:
    """A small film with a window, as plain pydicom reads it from the file."""
    film = next(films(5, "norm", 1))
    rng = generator(5, "test", "export")
    ramp = np.linspace(0.1, 0.8, 60 * 50).reshape(60, 50)
    values = ((ramp + rng.normal(0, 0.01, ramp.shape)) * (2**bits - 1)).astype(np.uint16)
    greys = Greys(values, bits, inverted, (float(values.min()), float(values.max())))
    dataset = make_header(rng, 5, film, DEVICES[0])
    add_pixels(dataset, greys, how, rng)
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
            how = Export(syntax=syntax, modality=modality, window=window, signed=signed)
            check_grey_scale(*written(how, bits=bits), how)


def check_grey_scale(greys: Greys, read: pydicom.Dataset, how: Export) -> None:
    shown = apply_modality_lut(read.pixel_array, read).astype(int)
    gain = 2 if how.modality in ("scaled", "table") else 1
    values = greys.values.astype(int)
    assert np.array_equal(shown - shown.min(), gain * (values - values.min()))
    # What is left is the window; pydicom would turn its outcome over for a negative slope.
    for keyword in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"):
        read.pop(keyword, None)
    seen = apply_voi_lut(shown, read)
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(seen.ravel()[order]) >= -1e-9).all()
    lowest, middle, highest = np.percentile(seen, [0, 50, 100])
    top = 2 ** (TABLE_BITS if how.window == "table" else greys.bits) - 1
    assert highest - lowest > (0.74 if how.window == "sigmoid" else 0.98) * top
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
        how = Export(no_window=no_window, frames="one")
        add_pixels(header, replace(greys, window=None), how, generator(5, "t", ""))
        assert header.get("WindowWidth", "-") == width and header.NumberOfFrames == 1


def test_ways_to_write_are_drawn_by_their_shares() -> None:
    drawn = [draw_export(generator(5, "export", f"norm {i}")) for i in range(3000)]
    for field, shares in (
        ("syntax", SYNTAXES),
        ("modality", MODALITIES),
        ("window", WINDOWS),
        ("no_window", NO_WINDOWS),
        ("frames", FRAMES),
    ):
        found = [getattr(how, field) for how in drawn]
        assert sum(shares.values()) == pytest.approx(1)
        for key, share in shares.items():
            assert found.count(key) / len(drawn) == pytest.approx(share, abs=0.02)
    for how in drawn:
        assert not (how.stray_bits and how.syntax.is_encapsulated)
        assert not (how.signed and (how.syntax == JPEGBaseline8Bit or how.modality == "table"))
        assert not (how.window == "table" and how.modality == "scaled")
    assert 0.02 < np.mean([how.signed for how in drawn]) < 0.04
    assert 0.02 < np.mean([how.stray_bits for how in drawn]) < 0.05


# --- reports ----------------------------------------------------------------------------------


def texts(count: int) -> Iterator[tuple[str, frozenset[str], str, dict[str, str]]]:
    """Writer, findings asked for, text and states of many reports."""
    for i in range(count):
        rng = generator(7, "test", f"texts {i}")
        findings = frozenset(map(str, rng.permutation(FINDINGS)[: rng.integers(0, 4)]))
        sex, age = str(rng.choice(["F", "M"])), float(rng.uniform(17, 90))
        if i % 10 < 8:
            yield "report", findings, *write_report(rng, findings, sex, age)
        else:
            write = write_doubt if i % 10 == 8 else write_denial
            yield write.__name__, frozenset(), *write(rng, sex, age)


def test_a_report_says_what_its_states_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_texts, "TYPING_ERROR_SHARE", 0)
    latin = str.maketrans("aeopcyxABEKMHOPCTX", "аеорсухАВЕКМНОРСТХ")
    for writer, findings, text, states in texts(4000):
        assert list(states) == list(report_texts.FINDINGS)
        said = defaultdict(set)
        for finding, state in states.items():
            said[state].add(finding)
        assert said["present"] == findings, text
        if writer == "write_doubt":
            assert len(said["uncertain"]) == 1 and len(said["absent"]) < 2
        elif writer == "write_denial":
            assert not said["uncertain"] and len(said["absent"]) > 1
        elif not findings:
            assert not said["uncertain"]
        plain = " ".join(text.translate(latin).lower().replace("ё", "е").split())
        mentioned = {finding for finding, stem in STEMS.items() if re.search(stem, plain)}
        assert mentioned == set(FINDINGS) - said["unmentioned"], text


def test_norm_reports_are_phrases_or_end_in_one() -> None:
    phrases = set(report_texts._RUSSIAN.norm) | set(report_texts._BELARUSIAN.norm)
    latin = str.maketrans("aeopcyxABEKMHOPCTX", "аеорсухАВЕКМНОРСТХ")
    wanted = {re.sub(r"\W+", " ", p.lower().replace("ё", "е")) for p in phrases}
    described = 0
    for i in range(1000):
        text, _ = write_report(generator(8, "test", str(i)), frozenset(), "F", 40)
        plain = re.sub(r"\W+", " ", text.translate(latin).lower().replace("ё", "е")).strip()
        described += plain not in wanted
        assert any(re.search(f"(^|закл|з е|вывод|заключ).*{w}$", plain) for w in wanted), text
    assert 0.07 < described / 1000 < 0.13


def test_slips_and_doubts_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = frozenset({"tuberculosis"})

    def write(i: int) -> tuple[str, dict[str, str]]:
        return write_report(generator(9, "test", str(i)), asked, "M", 50)

    doubts = sum("uncertain" in write(i)[1].values() for i in range(1000))
    assert 20 < doubts <= 70
    slips = sum(
        report_texts._mistype(generator(9, "slip", str(i)), "Норма ОГК") == "Норма ОГК"
        for i in range(9)
    )
    assert slips == 9  # no long word, no slip
    seen = {report_texts._mistype(generator(9, "slip", str(i)), "пневмосклероз") for i in range(60)}
    assert {len(word) for word in seen} == {12, 13, 14}
    assert all(word[0] == "п" for word in seen)


def test_unknown_findings_are_refused() -> None:
    with pytest.raises(ValueError, match="cold"):
        write_report(np.random.default_rng(0), frozenset({"cold"}), "F", 30)


def test_a_real_archive_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "real.dcm").write_text("a patient's")
    with pytest.raises(UserError):
        archive(tmp_path)
    assert (tmp_path / "dicom" / "real.dcm").exists()


def test_chest_truth_follows_the_film() -> None:
    plain, unfolded = frozenset[str](), frozenset({"aorta"})
    arguments = {"rows": 300, "columns": 280, "age": 60.0, "sex": "M"}

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


# --- fields -----------------------------------------------------------------------------------


def test_fields(tmp_path: Path) -> None:
    def write(patients: int) -> dict[str, str]:
        write_fields(
            tmp_path / "fields",
            tmp_path / "fields.csv",
            tmp_path / "truth" / "fields.csv",
            seed=5,
            patients_per_organ=patients,
        )
        return hashes(tmp_path)

    one, two = write(1), write(2)  # drawn anew, and still the same
    assert {file: two[file] for file in one if file.startswith("fields/")} == {
        file: digest for file, digest in one.items() if file.startswith("fields/")
    }
    table = pd.read_csv(tmp_path / "fields.csv")
    assert list(table) == ["file", "patient", "class"]
    assert sorted(table["class"]) == sorted(CLASSES * 2) and table["patient"].nunique() == 4
    for file in table["file"]:
        with Image.open(tmp_path / "fields" / file) as image:
            assert image.size == (2048, 1536) and image.mode in ("RGB", "RGBA")


def test_every_format_of_fields_says_the_same(tmp_path: Path) -> None:
    rng = generator(5, "test", "format")
    picture = draw_field(rng, CLASSES[0], draw_hand(rng), 300, 200)
    seen = {}
    for form in set(fields.FORMATS):
        path = tmp_path / f"{form}.{form.split('_')[0]}"
        fields._save(picture, path, form)
        decode = {".tif": tifffile.imread, ".png": decode_png}.get(path.suffix, decode_plain)
        read = decode(path)
        seen[path.suffix, read.shape[2], read.dtype.name] = form
        if read.shape[2] == 4:
            assert (read[..., 3] == 255).all()
        colours = read[..., :3] / (257 if read.dtype == np.uint16 else 1)
        assert np.abs(colours - picture).max() <= (60 if form == "jpg" else 0)
        assert np.abs(colours - picture).mean() < 4
    assert set(seen) == {
        (".jpg", 3, "uint8"),
        (".bmp", 3, "uint8"),
        (".tif", 3, "uint8"),
        (".tif", 3, "uint16"),
        (".png", 3, "uint8"),
        (".png", 4, "uint8"),
        (".png", 3, "uint16"),
    }


def decode_png(path: Path) -> np.ndarray:
    return imagecodecs.png_decode(path.read_bytes())


def decode_plain(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_formats_of_fields_tell_nothing_of_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each occurs in the default study, none in one kind of tissue alone."""
    found: list[tuple[str, str]] = []
    blank = np.zeros((1, 1, 3), np.uint8)
    monkeypatch.setattr(fields, "draw_field", lambda rng, label, hand, *size: blank)
    monkeypatch.setattr(
        fields, "_save", lambda picture, file, form: found.append((form, file.name.split("_")[1]))
    )
    write_fields(
        tmp_path / "f", tmp_path / "f.csv", tmp_path / "t.csv", seed=5, patients_per_organ=46
    )
    assert len(found) == 184
    assert set(found) == {(form, kind) for form in fields.FORMATS for kind in ("tumour", "norm")}


@pytest.mark.parametrize("label", CLASSES)
def test_field_texture_is_everywhere(label: str) -> None:
    rng = generator(5, "test", label)
    picture = draw_field(rng, label, draw_hand(rng), 1024, 768)
    tiles = picture.reshape(3, 256, 4, 256, 3).swapaxes(1, 2)[..., 0].reshape(12, -1)
    assert (tiles.std(axis=1) > 8).all()
    assert picture[..., 2].mean() > picture[..., 1].mean()  # blue and brown, never green


# --- slides -----------------------------------------------------------------------------------

SIDE, SLIDES = 1024, 9
USUAL = 0.499, "20"  # of every slide but those that say less
SCALES = {3: (None, "20"), 4: (None, None)}


def laboratory(folder: Path, slides: int, broken: int = 0) -> Path:
    write_slides(
        folder / "slides",
        folder / "slides.csv",
        folder / "truth" / "slides.csv",
        seed=5,
        slides=slides,
        side=SIDE,
        broken=broken,
    )
    return folder


@pytest.fixture(scope="module")
def pathology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laboratory(tmp_path_factory.mktemp("pathology"), SLIDES, broken=4)


@pytest.fixture(scope="module")
def slide_truth(pathology: Path) -> pd.DataFrame:
    return read_slide_truth(pathology)


def read_slide_truth(folder: Path) -> pd.DataFrame:
    text = ["outlines", "class", "outlines_kind", "expected", "regions"]
    types = dict.fromkeys(text, str)
    return pd.read_csv(folder / "truth" / "slides.csv", dtype=types).fillna(dict.fromkeys(text, ""))


def true_shapes(folder: Path, regions: str, name: str) -> list[Polygon]:
    features = json.loads((folder / "truth" / regions).read_text())["features"]
    return [
        shape(feature["geometry"])
        for feature in features
        if feature["properties"]["classification"]["name"] == name
    ]


def pixels_of(path: Path, level: int = 0) -> np.ndarray:
    with openslide.OpenSlide(path) as slide:
        size = slide.level_dimensions[level]
        return np.asarray(slide.read_region((0, 0), level, size).convert("RGB")).astype(int)


def inside(region: BaseGeometry, step: int = 1) -> np.ndarray:
    """Which pixels' centres lie in a region, for every `step`-th pixel."""
    centres = np.arange(0, SIDE, step) + 0.5
    shapely.prepare(region)
    return shapely.contains_xy(region, *np.meshgrid(centres, centres))


def test_slides_repeat_byte_for_byte(
    pathology: Path, slide_truth: pd.DataFrame, tmp_path: Path
) -> None:
    first = hashes(laboratory(tmp_path, 3, broken=3))
    few = read_slide_truth(tmp_path)
    assert hashes(laboratory(tmp_path, 3, broken=3)) == first  # over what is there, too
    tables = {"slides.csv", "truth/slides.csv"}
    all_of_them = hashes(pathology)
    assert {file: all_of_them[file] for file in first if file not in tables} == {
        file: digest for file, digest in first.items() if file not in tables
    }
    names = set(few["slide"])
    more = slide_truth[slide_truth["slide"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, more)


def test_table_of_slides(pathology: Path, slide_truth: pd.DataFrame) -> None:
    table = pd.read_csv(pathology / "slides.csv", dtype=str).fillna("")
    assert list(table) == ["slide", "patient", "outlines", "class"]
    assert table.equals(slide_truth[list(table)])
    assert table["slide"].is_unique and len(table) == SLIDES + 4
    found = {str(f.relative_to(pathology / "slides")) for f in pathology.rglob("*.svs")}
    assert found == set(table["slide"])
    good = table[:SLIDES]
    assert good["patient"].nunique() == SLIDES - 1
    assert good["patient"].iloc[-1] == good["patient"].iloc[-2]
    kinds = ["geojson", "asap", "imagescope", "mask", "pyramid", "rectangles", "", "asap"]
    assert list(slide_truth["outlines_kind"][:8]) == kinds
    for row in slide_truth.itertuples():
        normal = row.Index == 6
        assert row.normal == normal and (row.outlines == "") == normal
        assert row[slide_truth.columns.get_loc("class") + 1] == ("norm" if normal else "")
        assert normal or row.outlines.split("/")[:2] == ["outlines", row.outlines_kind]
        assert (pathology / "slides" / row.outlines).exists()


def test_good_slides_open(pathology: Path, slide_truth: pd.DataFrame) -> None:
    for number, name in enumerate(slide_truth["slide"][:SLIDES]):
        path = pathology / "slides" / name
        with openslide.OpenSlide(path) as slide:
            assert slide.properties["openslide.vendor"] == "aperio"
            mpp, power = SCALES.get(number, USUAL)
            told = slide.properties.get("openslide.mpp-x")
            assert (told and float(told)) == mpp
            assert slide.properties.get("openslide.objective-power") == power
            assert slide.level_dimensions == ((1024, 1024), (256, 256), (64, 64))
        full = pixels_of(path).reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
        assert np.abs(full - pixels_of(path, 1)).mean() < 4


def test_truth_of_slides_is_what_is_drawn(pathology: Path, slide_truth: pd.DataFrame) -> None:
    islands = 0
    for row in slide_truth[:SLIDES].itertuples():
        picture = pixels_of(pathology / "slides" / row.slide)[::4, ::4]
        (tissue,) = true_shapes(pathology, row.regions, "Tissue")
        tumour = true_shapes(pathology, row.regions, "Tumor")
        marks = true_shapes(pathology, row.regions, "Pen")
        ink = inside(shapely.union_all(marks).buffer(4), 4)
        glass = ~inside(tissue.buffer(30), 4) & ~ink
        assert picture[glass].mean() > 225
        sick = shapely.union_all(tumour)
        assert (sick - tissue).is_empty
        assert row.tissue_share == pytest.approx(tissue.area / SIDE**2, abs=1e-4)
        assert row.tumour_share == pytest.approx(sick.area / tissue.area, abs=1e-4)
        assert (row.tumour_share == 0) == row.normal
        holes = [Polygon(ring) for polygon in tumour for ring in polygon.interiors]
        islands += len(holes)
        if tumour:  # crowded with nuclei, which take red away
            dark = (picture[..., 0] < 130) & ~ink
            normal = dark[inside(tissue - sick, 4)].mean()
            crowded = dark[inside(sick, 4)].mean()
            assert crowded > 1.5 * normal
            assert all(dark[inside(hole, 4)].mean() < 0.6 * crowded for hole in holes)
    assert islands == 4


def test_pens(pathology: Path, slide_truth: pd.DataFrame) -> None:
    inks = {1: [(30, 130, 70)], 4: [(25, 70, 170), (35, 35, 40)]}
    for number, row in enumerate(slide_truth[:SLIDES].itertuples()):
        marks = true_shapes(pathology, row.regions, "Pen")
        assert len(marks) == len(inks.get(number, []))
        (tissue,) = true_shapes(pathology, row.regions, "Tissue")
        picture = pixels_of(pathology / "slides" / row.slide)
        for stroke, ink in zip(marks, inks.get(number, []), strict=True):
            under = picture[inside(stroke.buffer(-3))]
            assert np.abs(under.mean(axis=0) - ink).max() < 15 and under.std(axis=0).max() < 10
            # Two pixels beyond the stroke there is none of it.
            assert np.abs(picture[inside(stroke.buffer(9) - stroke.buffer(5))] - ink).mean() > 50
            assert 0.3 < stroke.intersection(tissue).area / stroke.area < 0.7
            width = 2 * stroke.area / stroke.length
            assert 50 / 4096 * SIDE < width < 125 / 4096 * SIDE


def read_outlines(path: Path, kind: str) -> BaseGeometry:
    """The tumour as the format of the file says it, read with as little as it takes."""
    if kind == "geojson":
        content = json.loads(path.read_text())
        assert content["type"] == "FeatureCollection"
        parts = []
        for feature in content["features"]:
            assert feature["properties"]["objectType"] == "annotation"
            assert feature["properties"]["classification"]["name"] == "Tumor"
            parts.append(shape(feature["geometry"]))
        return shapely.union_all(parts)
    if kind == "asap":
        parts = []
        for annotation in ElementTree.parse(path).iter("Annotation"):
            assert annotation.attrib["Type"] == "Polygon"
            assert annotation.attrib["PartOfGroup"] == "Tumor"
            corners = sorted(annotation.iter("Coordinate"), key=lambda c: int(c.attrib["Order"]))
            parts.append(Polygon([(float(c.attrib["X"]), float(c.attrib["Y"])) for c in corners]))
        assert all(part.is_valid for part in parts)
        return shapely.union_all(parts)
    if kind == "imagescope":
        (layer,) = ElementTree.parse(path).iter("Annotation")
        assert layer.attrib["Name"] == "Tumor"
        rings: dict[str, list[Polygon]] = {"0": [], "1": []}
        for region in layer.iterfind("Regions/Region"):
            corners = region.iterfind("Vertices/Vertex")
            ring = Polygon([(float(c.attrib["X"]), float(c.attrib["Y"])) for c in corners])
            rings[region.attrib["NegativeROA"]].append(ring)
        return shapely.union_all(rings["0"]) - shapely.union_all(rings["1"])
    if kind == "rectangles":
        table = pd.read_csv(path)
        assert list(table) == ["x", "y", "w", "h", "class"] and set(table["class"]) == {"Tumor"}
        return shapely.union_all(
            [box(x, y, x + w, y + h) for x, y, w, h in table[["x", "y", "w", "h"]].to_numpy()]
        )
    if kind == "mask":
        with Image.open(path) as image:
            assert image.mode == "L"
            return region_of(np.asarray(image))
    large, small = (page.asarray() for page in tifffile.TiffFile(path).pages)
    assert np.array_equal(large, small.repeat(4, 0).repeat(4, 1))
    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == ((SIDE // 4,) * 2, (SIDE // 16,) * 2)
    return region_of(small)


def region_of(mask: np.ndarray) -> BaseGeometry:
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    size = SIDE / len(mask)
    ys, xs = np.nonzero(mask)
    return shapely.union_all(shapely.box(xs * size, ys * size, (xs + 1) * size, (ys + 1) * size))


def test_every_format_of_outlines_says_the_truth(
    pathology: Path, slide_truth: pd.DataFrame
) -> None:
    for row in slide_truth[:SLIDES].itertuples():
        truth = shapely.union_all(true_shapes(pathology, row.regions, "Tumor"))
        stem = row.slide.removesuffix(".svs")
        files = {f.parent.name: f for f in (pathology / "slides").glob(f"outlines/*/{stem}.*")}
        assert set(files) == (set() if row.normal else set(FORMATS))
        for kind, file in files.items():
            assert read_outlines(file, kind).equals(truth), f"{row.slide} {kind}"


def test_broken_slides(pathology: Path, slide_truth: pd.DataFrame) -> None:
    broken = slide_truth[SLIDES:]
    kinds = ["unreadable_slide", "unreadable_slide", "outlines_outside", "unreadable_slide"]
    assert list(broken["expected"]) == kinds and (slide_truth["expected"][:SLIDES] == "").all()
    for row in broken.itertuples():
        path = pathology / "slides" / row.slide
        region = read_outlines(pathology / "slides" / row.outlines, row.outlines_kind)
        if row.expected == "unreadable_slide":
            with pytest.raises(openslide.OpenSlideError):
                openslide.OpenSlide(path)
        else:
            with openslide.OpenSlide(path) as slide:
                glass = box(0, 0, *slide.dimensions)
                assert slide.properties["openslide.mpp-x"] == "0.499"
            assert region.intersection(glass).area < 0.3 * region.area
            assert max(region.bounds) > 2 * max(glass.bounds)


def test_regions() -> None:
    for i in range(12):
        island = i % 2 == 1
        tissue, mask = draw_regions(generator(i, "test", ""), 4096, island=island)
        assert mask.shape == (256, 256) and mask.dtype == bool
        tumour = polygons(mask)
        area = sum(t.area for t in tumour)
        assert area == mask.sum() * GRID**2
        holes = [Polygon(ring).area for t in tumour for ring in t.interiors]
        assert len(holes) == island
        assert all(0.02 <= hole / 4096**2 <= 0.05 for hole in holes)
        assert 0.55 <= tissue.area / 4096**2 <= 0.65
        assert 0.38 < (area + sum(holes)) / tissue.area < 0.48
        assert 1 <= len(tumour) <= 2 and all(tissue.contains(t) for t in tumour)


# --- outlines and slide files -----------------------------------------------------------------


def test_outlines_of_any_mask(tmp_path: Path) -> None:
    rng = generator(5, "test", "mask")
    mask = rng.random((SIDE // GRID, SIDE // GRID)) < 0.6  # holes in plenty, corners that touch
    truth = region_of(mask.astype(np.uint8))
    assert sum(len(polygon.interiors) for polygon in polygons(mask)) > 50
    for kind, (ending, write) in FORMATS.items():
        write(mask, tmp_path / f"a{ending}")
        if kind != "imagescope":  # whose holes can hold no islands
            assert read_outlines(tmp_path / f"a{ending}", kind).equals(truth), kind


class Watched(Mosaic):
    """A level that lets nobody read more than a tile at once."""

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        read = super().__getitem__(part)
        assert max(read.shape) <= TILE
        return read


@pytest.mark.parametrize("limit", [TIFF_LIMIT, 1])
def test_a_slide_is_written_from_what_makes_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(svs, "TIFF_LIMIT", limit)
    ys, xs = np.mgrid[:90, :70]
    picture = np.stack([60 + 2 * ys, 250 - 2 * xs, ys + xs], axis=2).astype(np.uint8)
    levels = [Watched(picture, 700, 530), Watched(picture, 233, 176)]  # no exact factor
    write_svs(levels, tmp_path / "s.svs", mpp=None, power=None)
    assert (tmp_path / "s.svs").read_bytes()[2] == (42 if limit > 1 else 43)  # TIFF, BigTIFF
    with openslide.OpenSlide(tmp_path / "s.svs") as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.level_dimensions == ((530, 700), (176, 233))
        assert "openslide.mpp-x" not in slide.properties
        assert "openslide.objective-power" not in slide.properties
    for number, (rows, columns) in enumerate([(700, 530), (233, 176)]):
        whole = np.tile(picture, (10, 10, 1))[:rows, :columns].astype(int)
        assert np.abs(pixels_of(tmp_path / "s.svs", number) - whole).mean() < 2


def test_a_pyramid_is_made_of_averages() -> None:
    picture = np.arange(10 * 9 * 3).reshape(10, 9, 3).astype(np.uint8)
    full, half, quarter = pyramid(picture, (1, 2, 4))
    assert np.array_equal(full, picture)
    assert half.shape == (5, 5, 3) and quarter.shape == (3, 3, 3)
    assert np.abs(half[0, 0] - picture[:2, :2].mean(axis=(0, 1))).max() <= 0.5
