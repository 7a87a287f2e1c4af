"""The synthetic hospital: the same bytes for the same seed, and files as real sites write them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import pydicom
import pytest
from PIL import Image
from shapely.geometry import box, shape

from pgdose.errors import UserError
from pgdose.phantom.chest import FINDINGS, draw_chest
from pgdose.phantom.fields import CLASSES, draw_field, draw_hand, write_fields
from pgdose.phantom.slides import draw_regions, write_slides
from pgdose.phantom.xray import BROKEN, NORM_STRATA, _films, write_archive
from pgdose.records import generator

COUNTS = {"norm": 24, "aorta": 3, "tuberculosis": 3, "other": 18, "broken": 12}


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
        seed=5,
        **{**COUNTS, **counts},
    )
    return folder


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def truth(hospital: Path) -> pd.DataFrame:
    text = {"accession_number": str, "patient": str}
    return pd.read_csv(hospital / "truth" / "xray.csv", dtype=text)


@pytest.fixture(scope="module")
def headers(hospital: Path, truth: pd.DataFrame) -> dict[str, pydicom.Dataset]:
    """By file; all that are DICOM."""
    dicom = truth[~truth["kind"].isin(["web_page", "text"])]
    return {file: pydicom.dcmread(hospital / "dicom" / file) for file in dicom["file"]}


# --- X-ray ------------------------------------------------------------------------------------


def test_archive_repeats_byte_for_byte(hospital: Path, tmp_path: Path) -> None:
    few = dict.fromkeys(COUNTS, 6)
    first = hashes(archive(tmp_path, **few))
    assert hashes(archive(tmp_path, **few)) == first  # over an existing archive, too
    earlier = {file: digest for file, digest in first.items() if file.startswith("dicom")}
    larger = hashes(hospital)  # six of each kind, and more
    shared = {file: larger[file] for file in earlier if file in larger}
    assert shared == {file: earlier[file] for file in shared}
    # `norm`, `other` and `broken` were asked for more of, `aorta` and `tuberculosis` for fewer.
    assert len(earlier) - len(shared) == 2 * 3


def test_archive_depends_on_the_seed() -> None:
    assert list(_films(1, "norm", 3)) != list(_films(2, "norm", 3))


def test_truth_and_reports_name_every_file(hospital: Path, truth: pd.DataFrame) -> None:
    found = {str(f.relative_to(hospital / "dicom")) for f in (hospital / "dicom").rglob("*.dcm")}
    assert found == set(truth["file"]) and len(truth) == sum(COUNTS.values())
    reports = pd.read_csv(hospital / "reports.csv", dtype=str)
    assert list(reports) == ["accession_number", "report_date", "physician", "report"]
    assert reports["accession_number"].is_unique and reports.notna().all(axis=None)
    unread = truth[truth["kind"].isin(["web_page", "text"])]
    expected = set(truth["accession_number"]) - set(unread["accession_number"])
    assert set(reports["accession_number"]) == expected


def test_kinds_and_findings(truth: pd.DataFrame) -> None:
    kinds = truth["kind"].value_counts()
    assert (kinds[list(BROKEN)] == 2).all() and kinds["norm"] == COUNTS["norm"]
    findings = truth.set_index("kind")[list(FINDINGS)]
    assert (findings.loc[["norm", *BROKEN]] == 0).all(axis=None)
    assert (findings.loc["aorta", "aorta"] == 1).all()
    assert (findings.loc["tuberculosis", "tuberculosis"] == 1).all()
    assert findings.loc["other"].sum(axis=1).between(1, 3).all()


def test_norm_films_balance_the_sexes_in_every_stratum() -> None:
    films = list(_films(3, "norm", 400))
    for (low, high), share in zip(NORM_STRATA, (0.25, 0.30, 0.45), strict=True):
        inside = [film.sex for film in films if low <= film.full_years < high]
        assert len(inside) == share * 400
        assert inside.count("F") == inside.count("M")
    patients: dict[int, list] = {}
    for film in films:
        patients.setdefault(film.patient, []).append(film)
    assert 0.05 < sum(len(p) > 1 for p in patients.values()) / len(patients) < 0.2
    for visits in patients.values():
        assert len({(film.sex, film.birth) for film in visits}) == 1
        assert sorted({film.day for film in visits}) == [film.day for film in visits]


def test_more_films_leave_the_earlier_ones_as_they_were() -> None:
    for kind in ("norm", "aorta", "tuberculosis", "other", "broken"):
        assert list(_films(3, kind, 200))[:57] == list(_films(3, kind, 57))


def test_headers(truth: pd.DataFrame, headers: dict[str, pydicom.Dataset]) -> None:
    rows = truth.set_index("file")
    for file, header in headers.items():
        row = rows.loc[file]
        assert header.BitsAllocated == 16 and 10 <= header.BitsStored <= 15
        assert header.HighBit == header.BitsStored - 1
        assert 520 <= min(header.Rows, header.Columns) <= max(header.Rows, header.Columns) <= 2800
        assert header.AccessionNumber == row["accession_number"]
        assert header.PatientID == row["patient"] and header.PatientSex == row["sex"]
        assert 2001 <= int(header.StudyDate[:4]) <= 2014
        assert header.Modality in ("CR", "DX") and header.BodyPartExamined == "CHEST"
        lateral = row["kind"] == "lateral"
        assert header.ViewPosition in (("LL", "LATERAL") if lateral else ("PA",))
        digits = header.PatientAge.strip("Y")
        assert (int(digits) if digits else int(row["age"])) == int(row["age"])
        assert digits or header.PatientBirthDate
        surname = str(header.PatientName).split("^")[0]
        assert "А" <= surname[0] <= "Я"  # the declared character set is the right one
    assert {h.SpecificCharacterSet for h in headers.values()} == {"ISO_IR 192", "ISO_IR 144"}
    assert {h.PhotometricInterpretation for h in headers.values()} == {"MONOCHROME1", "MONOCHROME2"}
    assert {"WindowCenter" in h for h in headers.values()} == {True, False}
    assert {"PixelSpacing" in h for h in headers.values()} == {True, False}


def test_pixels(truth: pd.DataFrame, headers: dict[str, pydicom.Dataset]) -> None:
    kinds = truth.set_index("file")["kind"]
    centres: dict[str, list[float]] = {"MONOCHROME1": [], "MONOCHROME2": []}
    for file, header in headers.items():
        if kinds[file] == "truncated":
            assert len(header.PixelData) < header.Rows * header.Columns * 2
            with pytest.raises(ValueError):
                header.pixel_array  # noqa: B018
            continue
        pixels = header.pixel_array.astype(float) / (2**header.BitsStored - 1)
        assert pixels.min() >= 0 and pixels.max() <= 1
        if kinds[file] == "blank":
            assert np.ptp(pixels) == 0
        elif kinds[file] == "saturated":
            assert max((pixels == pixels.max()).mean(), (pixels == pixels.min()).mean()) > 0.7
        elif kinds[file] != "lateral":
            assert np.ptp(pixels) > (0.35 if "WindowCenter" in header else 0.7)
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
            assert image.size == (2048, 1536) and image.mode == "RGB"


@pytest.mark.parametrize("label", CLASSES)
def test_field_texture_is_everywhere(label: str) -> None:
    rng = generator(5, "test", label)
    picture = draw_field(rng, label, draw_hand(rng), 1024, 768)
    tiles = picture.reshape(3, 256, 4, 256, 3).swapaxes(1, 2)[..., 0].reshape(12, -1)
    assert (tiles.std(axis=1) > 8).all()
    assert picture[..., 2].mean() > picture[..., 1].mean()  # blue and brown, never green


# --- slides -----------------------------------------------------------------------------------


def test_slides(tmp_path: Path) -> None:
    def write(slides: int) -> dict[str, str]:
        write_slides(
            tmp_path / "slides",
            tmp_path / "slides.csv",
            tmp_path / "truth" / "slides.csv",
            seed=5,
            slides=slides,
            side=1024,
        )
        return hashes(tmp_path)

    one, two = write(1), write(2)
    assert two == write(2)
    assert two["slides/B001.svs"] == one["slides/B001.svs"]
    table = pd.read_csv(tmp_path / "slides.csv")
    assert list(table) == ["slide", "patient", "outlines"] and len(table) == 2
    for row in table.itertuples():
        outlines = json.loads((tmp_path / "slides" / row.outlines).read_text())
        tumour = [shape(feature["geometry"]) for feature in outlines["features"]]
        assert {f["properties"]["classification"]["name"] for f in outlines["features"]} == {
            "Tumor"
        }
        with openslide.OpenSlide(tmp_path / "slides" / row.slide) as slide:
            assert slide.properties["openslide.vendor"] == "aperio"
            assert float(slide.properties["openslide.mpp-x"]) == 0.499
            assert slide.properties["openslide.objective-power"] == "20"
            assert slide.level_dimensions == ((1024, 1024), (256, 256), (64, 64))
            full = slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB")
            half = slide.read_region((0, 0), 1, (256, 256)).convert("RGB")
        difference = np.abs(np.asarray(full.reduce(4), int) - np.asarray(half, int))
        assert difference.mean() < 4
        for polygon in tumour:
            assert polygon.is_valid and box(0, 0, 1024, 1024).contains(polygon)
            x, y = map(int, polygon.representative_point().coords[0])
            inside = np.asarray(full)[y - 40 : y + 40, x - 40 : x + 40].mean()
            assert inside < np.asarray(full)[:24].mean() - 30  # tissue against glass


def test_regions() -> None:
    for i in range(12):
        tissue, tumour = draw_regions(generator(i, "test", ""), 4096)
        assert 0.55 <= tissue.area / 4096**2 <= 0.65
        assert 0.38 < sum(t.area for t in tumour) / tissue.area < 0.48
        assert 1 <= len(tumour) <= 2 and all(tissue.contains(t) for t in tumour)
