"""The synthetic hospital's X-ray archive: repeatable, and written as real sites write it."""

import io
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.phantom_files import file_hashes
from pydicom.dataset import FileDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pgdose.errors import UserError
from pgdose.tables.keyed import generator
from pgdose_phantom import report_texts
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
from pgdose_phantom.films import NORM_STRATA, films
from pgdose_phantom.header import DEVICES, make_header, respell
from pgdose_phantom.report_texts import write_denial, write_doubt, write_report
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
