"""Reports from DICOM documents and from HL7 messages give the labels that a table of them gives."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import dicom_files
from helpers.leaks import CYRILLIC, NAME, PATIENTS, leaks
from helpers.report_documents import (
    IMPRESSION,
    cda,
    encapsulated,
    oru,
    save,
    structured,
    text_item,
)
from helpers.workflow import Run, checkout, paths_of, snakemake
from PIL import Image
from pydicom import uid

from pgdose.cli.disagreements import disagreements
from pgdose.cli.evidence import evidence
from pgdose.tables import parquet, result_csv
from pgdose.user_tables import notes

SOURCES = ("by_table", "by_hl7", "by_documents")
TEXTS = [
    "Норма.",
    "Очаговый туберкулёз верхней доли правого лёгкого.",
    "Пневмосклероз справа, очаговых теней не выявлено.",
    f"Органы грудной клетки без патологии. Врач {CYRILLIC} {NAME}.",
    "Аорта уплотнена. Нельзя исключить пневмонию слева & справа | контроль ^ через 2 недели.",
    "Анамнез: туберкулёз в 2010 г.\nОписание: лёгкие без очаговых теней.\nЗаключение: норма.",
]
COUNT = 2 * len(TEXTS)


def number(n: int) -> str:
    return f"ZQXWOV{n:03d}"


def text(n: int) -> str:
    return TEXTS[n % len(TEXTS)]


def films(folder: Path) -> None:
    for n in range(COUNT):
        coarse = np.random.default_rng(n).integers(20, 236, (12, 12), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC)
        stored = np.asarray(picture).astype(np.uint16) * 16
        path = folder / f"{CYRILLIC} {n}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        ds = dicom_files.film(
            stored,
            12,
            PatientID=f"ZQXWOVP{n}",
            AccessionNumber=number(n),
            StudyInstanceUID=f"1.{n}",
        )
        dicom_files.save(ds, path)


def escaped(report: str) -> str:
    for mark, letter in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        report = report.replace(mark, f"\\{letter}\\")
    return report.replace("\n", "\\.br\\")


def messages(folder: Path) -> None:
    """Half of them in one file of cp1251, half in frames; drafts, corrections and junk beside."""
    folder.mkdir()
    made = [oru(escaped(text(n)), number(n), charset="WINDOWS-1251") for n in range(COUNT)]
    half = COUNT // 2
    (folder / f"{NAME} 1.hl7").write_bytes(
        "".join(made[:half]).replace("\r", "\r\n").encode("cp1251")
    )
    framed = "".join(f"\x0b{one}\x1c\r" for one in made[half:])
    (folder / "2.hl7").write_bytes(framed.encode())
    earlier = oru("Пневмония.", number(0), time="20190101", status="P")
    wrong = oru("Пневмония.", number(1), time="20190101")
    corrected = oru(escaped(text(1)), number(1), time="20210101", status="C")
    (folder / "3.hl7").write_text(earlier + wrong + corrected)
    (folder / "4.hl7").write_text(oru(NAME, number(5), message="ADT^A08"))
    (folder / "5.hl7").write_bytes(oru([NAME, NAME], number(5))[:-20].encode())
    (folder / "6.pdf").write_bytes(b"%PDF-1.4 " + NAME.encode())
    (folder / "7").touch()


def documents(folder: Path) -> None:
    """Structured reports, clinical documents and plain texts among the films."""
    for n in range(COUNT):
        more: dict[str, Any] = {"AccessionNumber": number(n), "StudyInstanceUID": f"1.{n}"}
        more |= {"PatientID": f"ZQXWOVP{n}", "PatientName": f"{NAME}^{CYRILLIC}"}
        if n % 3 == 0:
            ds = structured(text_item(text(n)), **more, SpecificCharacterSet="ISO_IR 144")
        elif n % 3 == 1:
            body = text(n).replace("&", "&amp;").replace("\n", "<br/>")
            ds = encapsulated(cda(("", body)), "text/xml", **more)
        else:
            ds = encapsulated(text(n).encode(), "text/plain", **more)
        save(ds, folder / f"reports/{NAME} {n}.dcm")
    draft = structured(
        text_item("Пневмония.", IMPRESSION),
        AccessionNumber=number(0),
        PatientID="ZQXWOVP0",
        ContentDate="20190101",
    )
    draft.CompletionFlag, draft.VerificationFlag = "PARTIAL", "UNVERIFIED"
    save(draft, folder / "reports/draft.dcm")
    dose = structured(text_item(NAME), SOPClassUID=uid.XRayRadiationDoseSRStorage)
    save(dose, folder / "reports/dose.dcm")


def study() -> dict[str, Any]:
    lexicon = {"kind": "dicom_archive", "lexicon": "resources/lexicons/ru.yaml", "shards": 1}
    where = {"C1": {"label": "tuberculosis"}, "C2": {"label": "norm"}}
    return {
        "study": "reports",
        "sources": {
            "by_table": {
                "root": "data/by_table",
                "reports": {"table": "data/reports.csv", "norm": "composed"},
                **lexicon,
            },
            "by_hl7": {
                "root": "data/by_table",
                "reports": {
                    "hl7": "data/messages",
                    "norm": "composed",
                    "hand_labels": {"table": "data/hand.csv", "id": "id"},
                },
                **lexicon,
            },
            "by_documents": {
                "root": "data/by_documents",
                "reports": {"documents": True, "norm": "composed"},
                **lexicon,
            },
        },
        "groups": {
            f"G-{source}": {
                "title": source,
                "image": {"size": 75},
                "shards": 1,
                "classes": {
                    name: {"source": source, "where": condition, "at_most": 10}
                    for name, condition in where.items()
                },
            }
            for source in SOURCES
        },
        "training": {"width": 0.0625, "epochs": 1, "batch": 8, "threads": 1},
        "attacks": {"paper": {"lr": 0.1, "epsilon": [0.1], "max_iter": 2, "images": 6}},
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A checkout where the three sources were indexed."""
    folder = checkout(tmp_path_factory.mktemp("documents"))
    films(folder / "data/by_table")
    films(folder / "data/by_documents")
    messages(folder / "data/messages")
    documents(folder / "data/by_documents")
    reports = pd.DataFrame(
        {"accession_number": map(number, range(COUNT)), "report": map(text, range(COUNT))}
    )
    reports.to_csv(folder / "data/reports.csv", index=False)
    hand = {"id": [number(0), number(1)], "norm": [1, 1], "tuberculosis": [0, 1]}
    pd.DataFrame(hand).to_csv(folder / "data/hand.csv", index=False)
    (folder / "study.yaml").write_text(yaml.safe_dump(study(), sort_keys=False))
    targets = [f"results/reports/sources/{name}/records.parquet" for name in SOURCES]
    targets += ["results/reports/tables/sources.csv"]
    targets += ["results/reports/sources/by_hl7/agreement.csv"]
    run = snakemake(folder, *targets, study="study.yaml")
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    return folder, run


def labels(folder: Path, source: str) -> pd.DataFrame:
    """The labels of each film, by its file."""
    records = parquet.read_table(folder / f"results/reports/sources/{source}/records.parquet")
    paths = paths_of(folder / f"private/reports/{source}").set_index("record_id")["path"]
    files = records["record_id"].map(paths).map(lambda path: Path(path).name)
    return records.filter(like="label_").set_index(pd.Index(files)).sort_index()


def test_the_labels_are_those_of_the_same_texts_in_a_table(site: tuple[Path, Run]) -> None:
    folder, _ = site
    expected = labels(folder, "by_table")
    assert len(expected) == COUNT
    assert expected["label_tuberculosis"].sum() == 2 and expected["label_norm"].sum() >= 4
    for source in ("by_hl7", "by_documents"):
        pd.testing.assert_frame_equal(labels(folder, source), expected)


def test_mentions_are_those_of_the_table(site: tuple[Path, Run]) -> None:
    folder, _ = site
    counts = {
        source: parquet.read_table(folder / f"results/reports/sources/{source}/mentions.parquet")
        .groupby(["label", "state"])
        .size()
        .to_dict()
        for source in SOURCES
    }
    assert counts["by_table"] == counts["by_hl7"] == counts["by_documents"]


def test_what_gave_no_report_is_in_the_table_of_sources(site: tuple[Path, Run]) -> None:
    folder, _ = site
    table = result_csv.read_csv(folder / "results/reports/tables/sources.csv")
    said = table.set_index("source")["notes"]
    assert f"{COUNT} reports in {COUNT + 5} HL7 messages of 7 files, by OBR-18" in said["by_hl7"]
    for code in ("1 cut_short", "1 not_hl7", "1 empty_file", "1 other_message", "1 preliminary"):
        assert code in said["by_hl7"], code
    assert "2 corrected" in said["by_hl7"]
    assert f"{COUNT} reports in {COUNT + 2} DICOM documents among" in said["by_documents"]
    for code in ("1 dose_report", "1 preliminary"):
        assert code in said["by_documents"], code
    records = folder / "results/reports/sources/by_hl7/records.parquet"
    assert any("HL7" in note for note in notes.from_metadata(parquet.read_metadata(records)))


def test_nobody_is_named_outside_the_private_folder(site: tuple[Path, Run]) -> None:
    folder, run = site
    (folder / "results/screen.txt").write_text(run.stdout + run.stderr)
    assert leaks(folder / "results", PATIENTS) == []
    assert leaks(folder / ".snakemake", PATIENTS) == []
    private = {word.lower() for _, word in leaks(folder / "private", PATIENTS)}
    assert b"zqxwov" in private
    for path in (folder / "private/reports").rglob("*"):
        mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
    unread = parquet.read_table(folder / "private/reports/by_hl7/unread_reports.parquet")
    files = unread.set_index("reason")["path"].map(os.fsdecode)
    assert files["cut_short"] == "data/messages/5.hl7"


@pytest.mark.parametrize("source", ["by_hl7", "by_documents"])
def test_evidence_shows_the_report(
    source: str, site: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site[0])
    records = parquet.read_table(f"results/reports/sources/{source}/records.parquet")
    record = records.loc[records["label_tuberculosis"].eq(1), "record_id"].iloc[0]
    lines = evidence(record, Path(f"private/reports/{source}"))
    assert lines[0] == TEXTS[1]
    assert any(line.startswith("tuberculosis: present") for line in lines)


def test_disagreements_show_the_reports(
    site: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site[0])
    assert "with 1 report" in disagreements(Path("study.yaml"), "by_hl7")[-1]
    page = Path("private/reports/by_hl7/disagreements.html")
    assert "туберкулёз" in page.read_text()
    page.unlink()


@pytest.mark.parametrize(
    ("reports", "text"),
    [
        ({"hl7": "data/nowhere"}, "sources.by_hl7.reports.hl7: there is no folder 'data/nowhere'"),
        (
            {"hl7": "data/empty"},
            "sources.by_hl7.reports.hl7: the folder 'data/empty' holds no file",
        ),
        (
            {"hl7": "data/messages", "documents": True},
            "sources.by_hl7.reports: give exactly one of 'table'",
        ),
        ({"documents": True, "text": "report"}, "sources.by_hl7.reports.text: "),
        ({"hl7": "data/messages", "accession": "OBR18"}, "sources.by_hl7.reports.accession: "),
    ],
)
def test_a_wrong_study_stops_before_any_job(
    reports: dict[str, Any], text: str, site: tuple[Path, Run]
) -> None:
    folder, _ = site
    (folder / "data/empty").mkdir(exist_ok=True)
    changed = study()
    changed["sources"]["by_hl7"]["reports"] = reports
    (folder / "wrong.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    run = snakemake(folder, "--dry-run", study="wrong.yaml")
    assert run.returncode == 1 and "Traceback" not in run.stdout + run.stderr
    assert text in run.stdout + run.stderr
