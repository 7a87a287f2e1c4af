"""The layouts of docs/how-to/your-data.md: each study file on a small stand-in of that layout."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import dicom_files, slide_files, slide_surveys
from helpers.workflow import PROJECT, checkout, paths_of, snakemake
from PIL import Image
from shapely.geometry import box

from pgdose.tables import parquet
from pgdose.user_tables import notes

EACH = 8  # images of a class
SIDE = 96


def pixels(number: int) -> np.ndarray:
    """A picture unlike all others, neither blank nor saturated."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(20, 236, (12, 12), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number)).save(path)


def dicom(path: Path, number: int, mirrored: bool = False, **attributes: Any) -> None:
    stored = pixels(number).astype(np.uint16) * 16
    if mirrored:
        stored = np.ascontiguousarray(stored[:, ::-1])
        attributes["PatientOrientation"] = ["R", "F"]
    dicom_files.save(dicom_files.film(stored, 12, **attributes), path)


def write(path: Path, rows: list[tuple], separator: str = ",", encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def pacs_export(root: Path) -> None:
    rows: list[tuple] = [("Номер исследования", "Пациент", "Заключение")]
    for n in range(2 * EACH):
        age = 30 if n < EACH else 60
        attributes = {"PatientID": f"P{n}", "PatientAge": f"0{age}Y", "PatientSex": "FM"[n % 2]}
        dicom(root / f"dicom/{n}.dcm", n, AccessionNumber=f"000{n + 100}", **attributes)
        rows.append((n + 100, f"Иванов {n}", "Норма."))
    rows.append((100, "Иванов 0", "При пересмотре: очаговый туберкулёз."))  # an addendum
    write(root / "reports.csv", rows, ";", "cp1251")


def nih_chest_xray14(root: Path) -> None:
    columns = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender")
    rows: list[tuple] = [(*columns, "View Position")]
    for n in range(3 * EACH):
        label = ["No Finding", "No Finding", "Infiltration|Pneumonia"][n // EACH]
        name = f"{n:08d}_000.png"
        picture(root / f"images_{n % 3 + 1:03d}/images/{name}", n)
        rows.append((name, label, n, 25 if n < EACH else 60, "FM"[n % 2], "PA"))
    write(root / "Data_Entry_2017_v2020.csv", rows)


def chexpert(root: Path) -> None:
    findings = ["No Finding", "Pneumonia", "Pleural Effusion"]
    rows: list[tuple] = [("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *findings)]
    for n in range(2 * EACH + 2):
        states = [("1.0", "", ""), ("", "", "1.0"), ("", "", "-1.0")][min(n // EACH, 2)]
        place = f"train/patient{n:05d}/study1/view1_frontal.jpg"
        picture(root / place, n)
        sex = ["Female", "Male"][n % 2]
        rows.append((f"CheXpert-v1.0-small/{place}", sex, 50, "Frontal", "AP", *states))
    write(root / "train.csv", rows)


def vindr_cxr(root: Path) -> None:
    rows: list[tuple] = [("image_id", "class_name", "class_id", "rad_id", "x_min")]
    for n in range(2 * EACH):
        name = f"{n:032x}"
        dicom(root / f"train/{name}.dicom", n, PatientID=None, BodyPartExamined=None)
        words = ["No finding"] * 3 if n < EACH else ["No finding", "Aortic enlargement", "Other"]
        if n == EACH:
            words.append("Cardiomegaly")
        rows += [(name, word, 0, f"R{k}", "" if k else k) for k, word in enumerate(words)]
    write(root / "annotations_train.csv", rows)


def rsna_pneumonia(root: Path) -> None:
    rows: list[tuple] = [("patientId", "x", "y", "width", "height", "Target")]
    for n in range(2 * EACH):
        name = f"{n:08d}-aaaa"
        place = root / f"stage_2_train_images/{name}.dcm"
        dicom(place, n, PatientID=name, PatientSex="FM"[n % 2], BodyPartExamined="CHEST")
        boxes = [("", "", "", "", 0)] if n < EACH else [(1, 2, 3, 4, 1), (5, 6, 7, 8, 1)]
        rows += [(name, *box) for box in boxes]
    folder = root / "stage_2_train_images"
    dicom(folder / "mirrored.dcm", 0, mirrored=True, PatientID="zz", SOPClassUID="1.2.3")
    rows.append(("mirrored", "", "", "", "", 0))
    dicom(folder / "slice.dcm", 99, Modality="CT")
    (folder / "films.zip").write_bytes(b"PK\x03\x04" + bytes(600))
    write(root / "stage_2_train_labels.csv", rows)


def class_folders(root: Path) -> None:
    for n in range(EACH):
        picture(root / f"train/NORMAL/IM-{n:04d}-0001.jpeg", n)
        picture(root / f"train/PNEUMONIA/person{n}_bacteria_1.jpeg", 100 + n)
    picture(root / "train/PNEUMONIA/person0_bacteria_2.jpeg", 99)  # a second film of one patient
    (root / "train/NORMAL/.DS_Store").write_bytes(b"\0")


def tcga_slides(root: Path) -> None:
    """A slide a patient, the first of them twice; tumour on its right half."""
    columns = ("File ID", "File Name", "Data Category", "Project ID", "Case ID", "Sample Type")
    rows: list[tuple] = [columns]
    (root / "outlines").mkdir()
    for n in range(EACH // 2):
        name, folder = f"TCGA-CR-{n:04d}-01A-01-TS1.{n:032x}", root / f"gdc/{n:08d}"
        folder.mkdir(parents=True)
        rng = np.random.default_rng(n)
        slide = np.clip(slide_surveys.tissue_image() + rng.normal(0, 12, (1024, 1024, 3)), 0, 255)
        slide_files.write_slide(folder / f"{name}.svs", slide.astype(np.uint8), mpp=0.25, power=40)
        halves = [(box(512, 0, 1024, 1024), "Tumor"), (box(0, 512, 512, 1024), "Normal")]
        slide_surveys.write_outlines(root / f"outlines/{name}.geojson", *halves)
        rows.append((folder.name, f"{name}.svs", "Biospecimen", "TCGA-HNSC", name[:12], "Primary"))
    again = root / "gdc/again"
    again.mkdir()
    shutil.copy(root / f"gdc/{0:08d}" / rows[1][1], again / "copy.svs")
    shutil.copy(
        root / "outlines" / rows[1][1].replace(".svs", ".geojson"), root / "outlines/copy.json"
    )
    rows.append(("again", "copy.svs", *rows[1][2:]))
    write(root / "gdc_sample_sheet.tsv", rows, "\t")


def lc25000(root: Path) -> None:
    for n in range(EACH):
        picture(root / f"lung_aca/lungaca{n}.jpeg", n)
        picture(root / f"lung_n/lungn{n}.jpeg", 100 + n)
        picture(root / f"lung_scc/lungscc{n}.jpeg", 200 + n)


def patch_camelyon(root: Path) -> None:
    rows: list[tuple] = [("id", "label")]
    for n in range(2 * EACH):
        name = f"{n:040x}"
        picture(root / f"train/{name}.tif", n)
        rows.append((name, n % 2))
    write(root / "train_labels.csv", rows)


# Of each study: its source, what is set for the stand-in, its group, and the images of each class.
LAYOUTS: dict[Callable[[Path], None], tuple[str, dict[str, str], str, list[int]]] = {
    pacs_export: ("pacs", {"root": "dicom"}, "PACS-AGE", [EACH - 2, EACH - 2]),
    nih_chest_xray14: ("nih", {"table": "Data_Entry_2017_v2020.csv"}, "NIH-AGE", [EACH, EACH]),
    chexpert: ("chexpert", {"table": "train.csv"}, "CHEXPERT-EFFUSION", [EACH, EACH]),
    vindr_cxr: ("vindr", {"root": "train"}, "VINDR-AORTA", [EACH, EACH]),
    rsna_pneumonia: ("rsna", {"root": "stage_2_train_images"}, "RSNA-PNEUMONIA", [EACH, EACH]),
    class_folders: ("films", {}, "PNEUMONIA", [EACH, EACH]),
    tcga_slides: (
        "tcga",
        {"root": "gdc", "outlines_root": "outlines", "table": "gdc_sample_sheet.tsv"},
        "TCGA-TUMOUR",
        [EACH // 2, EACH // 2],
    ),
    lc25000: ("lc25000", {}, "LC-ADENO", [EACH, EACH]),
    patch_camelyon: ("pcam", {"root": "train", "table": "train_labels.csv"}, "PCAM", [EACH, EACH]),
}
TABLES = {
    pacs_export: {"reports": {"table": "reports.csv"}},
    vindr_cxr: {"label_table": {"table": "annotations_train.csv"}},
    rsna_pneumonia: {"label_table": {"table": "stage_2_train_labels.csv"}},
}


# Of stand-ins that are small: what is set besides.
KEYS: dict[Callable[[Path], None], dict[str, Any]] = {tcga_slides: {"tiles_per_class": 4}}


# What is made of a source besides, below its folder.
ALSO: dict[Callable[[Path], None], list[str]] = {tcga_slides: ["slides.csv", "thumbnails/0"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("layouts"))


def placed(root: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The names of files in an entry, below a root."""
    return {
        key: placed(root, value) if isinstance(value, dict) else str(root / value)
        for key, value in entry.items()
    }


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_a_layout_runs_to_its_members(make: Callable[[Path], None], project: Path) -> None:
    source, paths, group, counts = LAYOUTS[make]
    name = make.__name__.replace("_", "-")
    root = project / name
    root.mkdir()
    make(root)
    entry = {"root": str(root), **placed(root, paths | TABLES.get(make, {})), "shards": 1}
    entry |= KEYS.get(make, {})
    changes = {"sources": {source: entry}, "groups": {group: {"shards": 1}}}
    config = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    study = f"resources/studies/{name}.yaml"
    results = f"results/{source if name != 'pacs-export' else 'pacs'}"
    results = {"class-folders": "results/folders"}.get(name, results)
    target = f"{results}/groups/{group}/members.parquet"
    also = [f"{results}/sources/{source}/{file}" for file in ALSO.get(make, [])]
    run = snakemake(project, target, *also, "--config", *config, study=study)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    members = parquet.read_table(project / target)
    assert members.groupby("class_index").size().tolist() == counts
    check = CHECKS.get(name)
    if check:
        check(project, results, source, members)


def check_pacs(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """The film with the addendum is no norm; numbers without their zeros were matched, and said."""
    records = parquet.read_table(project / results / f"sources/{source}/records.parquet")
    assert records["label_tuberculosis"].fillna(0).sum() == 1
    assert records["label_norm"].fillna(0).sum() == 2 * EACH - 1
    said = notes.from_metadata(
        parquet.read_metadata(project / results / f"sources/{source}/records.parquet")
    )
    assert any(f"{2 * EACH} films and their reports spell" in note for note in said)
    repeated = parquet.read_table(project / results / f"sources/{source}/repeated.parquet")
    assert repeated[["n_rows", "several"]].to_numpy().tolist() == [[2, "join"]]


def check_rsna(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """A slice of a CT is no film, and a film that is stored mirrored is seen upright."""
    folder = project / results / f"sources/{source}"
    rejects = parquet.read_table(folder / "rejects.parquet")
    assert sorted(rejects["reason"]) == ["archive", "duplicate_pixels", "other_modality"]
    records = parquet.read_table(folder / "records.parquet")
    assert records["turned"].sum() == 1
    said = notes.from_metadata(parquet.read_metadata(folder / "records.parquet"))
    assert "1 films are stored mirrored; turned" in said
    assert f"1 of {2 * EACH + 1} films do not say their modality; kept" in said


def check_vindr(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """A finding of one radiologist counts, and nobody's patient is made up."""
    records = parquet.read_table(project / results / f"sources/{source}/records.parquet")
    assert records["label_cardiomegaly"].sum() == 1 and records["label_aorta"].sum() == EACH
    assert records["patient"].str.startswith("unknown-").all()
    assert records["patient"].nunique() == 2 * EACH


def check_folders(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """Two films of one patient are one patient's; a stray file is counted."""
    records = parquet.read_table(project / results / f"sources/{source}/records.parquet")
    assert len(records) == 2 * EACH + 1 and records["patient"].nunique() == 2 * EACH
    rejects = parquet.read_table(project / results / f"sources/{source}/index_rejects.parquet")
    assert rejects["reason"].tolist() == ["not_in_layout"]


def check_chexpert(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """The patient is a folder of the path; an uncertain finding is neither."""
    records = parquet.read_table(project / results / f"sources/{source}/records.parquet")
    assert records["patient"].nunique() == 2 * EACH + 2
    assert records["label_effusion"].isna().sum() == EACH + 2
    files = paths_of(project / f"private/{Path(results).name}/{source}")["path"]
    assert files.map(Path).map(Path.is_file).all()


def check_tcga(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    """A patient is a case; a slide that was downloaded twice is used once, and said."""
    folder = project / results / f"sources/{source}"
    records = parquet.read_table(folder / "records.parquet")
    assert records["patient"].nunique() == records["parent"].nunique() == EACH // 2
    rejects = parquet.read_table(folder / "index_rejects.parquet")
    assert rejects["reason"].tolist() == ["duplicate_slide"]
    slides = pd.read_csv(folder / "slides.csv").set_index("record_id")
    used = slides["state"].eq("used")
    assert used.sum() == EACH // 2 and slides.loc[~used, "reason"].tolist() == ["duplicate_slide"]
    assert slides["content"].nunique() == EACH // 2
    assert {path.stem for path in (folder / "thumbnails/0").glob("*.png")} == set(slides.index)
    said = notes.from_metadata(parquet.read_metadata(folder / "records.parquet"))
    assert any(note.startswith("2 names of the table are 1 slides") for note in said)


def check_nobody(project: Path, results: str, source: str, members: pd.DataFrame) -> None:
    assert members["patient"].str.startswith("unknown-").all()


CHECKS = {
    "tcga-slides": check_tcga,
    "lc25000": check_nobody,
    "patch-camelyon": check_nobody,
    "pacs-export": check_pacs,
    "vindr-cxr": check_vindr,
    "rsna-pneumonia": check_rsna,
    "class-folders": check_folders,
    "chexpert": check_chexpert,
}


def test_each_study_file_of_a_layout_is_tried_here() -> None:
    how_to = (PROJECT / "docs/how-to/your-data.md").read_text()
    for make in LAYOUTS:
        name = make.__name__.replace("_", "-")
        assert f"studies/{name}.yaml" in how_to
