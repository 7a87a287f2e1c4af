"""Documents and messages as one private table: order, counts, notes, and what stops."""

import base64
from pathlib import Path

import pandas as pd
import pytest
from helpers import dicom_files
from helpers.leaks import CYRILLIC, NAME, PATIENTS, leaks
from helpers.rejections import raised_codes
from helpers.report_documents import encapsulated, oru, pdf, save, structured, text_item
from helpers.workflow import PROJECT
from pydicom import uid
from pydicom.dataset import Dataset

from pgdose.documents import report_table
from pgdose.documents.reasons import DOUBTFUL, NO_REPORTS, NOT_UNDERSTOOD, OUTDATED, REASONS
from pgdose.documents.report import Outcome, Report, Status, Tally, UnreadReport
from pgdose.documents.report_table import ReportTables
from pgdose.errors import Rejected, UserError
from pgdose.tables import parquet, report_schemas

FIELD = "sources.x.reports"


def of_messages(
    folder: Path, accession: str = "OBR-18", encoding: str | None = None
) -> ReportTables:
    tally = Tally()
    settings = {"origin": "hl7", "tag": "AccessionNumber", "accession": accession}
    outcomes = report_table.read_messages(folder, accession, encoding, tally)
    return report_table.settle_reports(outcomes, tally, FIELD, settings)


def of_documents(folder: Path, tag: str = "AccessionNumber") -> ReportTables:
    tally = Tally()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    outcomes = report_table.read_documents(files, folder, tag, None, tally)
    settings = {"origin": "documents", "tag": tag}
    return report_table.settle_reports(outcomes, tally, FIELD, settings)


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        content = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.hl7").write_bytes(content)
    return folder


def test_rows_stand_in_the_order_of_time(tmp_path: Path) -> None:
    write(
        tmp_path,
        a=oru("Third.", time="20200103"),
        b=oru("First.", time="20200101") + oru("Other.", "A2", time="2020010203"),
    )
    reports = of_messages(tmp_path).reports
    assert list(reports["text"]) == ["First.", "Other.", "Third."]
    assert list(reports["id"]) == ["A1", "A2", "A1"]
    assert list(reports["part"]) == [1, 2, 1]


def test_what_gives_no_report_is_counted_with_its_place(tmp_path: Path) -> None:
    write(
        tmp_path,
        a=oru("Norm.") + oru("", "A2") + oru("x", message="ADT^A08"),
        b=b"",
        c=oru("Draft.", status="P", time="20190101"),
        d=oru("Draft.", "A7", status="P", time=""),
    )
    tables = of_messages(tmp_path)
    assert [
        (Path(p.decode()).name, part, reason) for p, part, reason, _ in tables.unread.values
    ] == [
        ("a.hl7", 2, "no_text"),
        ("a.hl7", 3, "other_message"),
        ("b.hl7", 0, "empty_file"),
        ("c.hl7", 1, "preliminary"),
    ]
    notes = "\n".join(tables.notes)
    assert "2 reports in 5 HL7 messages of 4 files, by OBR-18" in notes
    assert "2 documents, messages or files are not understood" in notes
    assert "1 no_text (no text stands in it)" in notes
    assert "1 other_message (an HL7 message other than ORU)" in notes
    assert "1 reports do not count: 1 preliminary" in notes
    assert "1 of 2 reports are preliminary, and no later version is there" in notes
    assert "1 of 2 reports do not say when they were written" in notes


def test_where_the_number_stands_instead_is_told_in_counts(tmp_path: Path) -> None:
    write(tmp_path, a=oru("Norm.", "") + oru("Norm.", ""), b=oru("x", message="ACK"))
    with pytest.raises(UserError) as caught:
        of_messages(tmp_path)
    text = str(caught.value)
    assert text.startswith("sources.x.reports.accession: OBR-18 is empty in all of the 2 reports")
    assert "OBR-3 in 2" in text and "ORC-3 in 2" in text and "OBR-19" not in text
    assert "FILLER" not in text and "PLACER" not in text and str(tmp_path) not in text
    assert list(of_messages(tmp_path, "OBR-3").reports["id"]) == ["FILLER"] * 2


def test_a_number_that_some_messages_lack_is_counted(tmp_path: Path) -> None:
    write(tmp_path, a=oru("Norm.") + oru("Norm.", ""))
    assert "1 no_id" in "\n".join(of_messages(tmp_path).notes)


def test_a_folder_without_a_report_stops(tmp_path: Path) -> None:
    write(tmp_path, a="<xml/>", b=b"")
    with pytest.raises(UserError) as caught:
        of_messages(tmp_path)
    text = str(caught.value)
    assert text.startswith("sources.x.reports: no report in 0 HL7 messages in 2 files")
    assert "1 not_hl7" in text and "1 empty_file" in text and "rejection-reasons.md" in text


def test_the_key_for_another_encoding_is_named(tmp_path: Path) -> None:
    content = oru("Очаговых теней не выявлено.").encode("cp1251")
    write(tmp_path, a=content)
    with pytest.raises(UserError, match=r"Set sources\.x\.reports\.encoding"):
        of_messages(tmp_path)
    assert list(of_messages(tmp_path, encoding="cp1251").reports["text"]) == [
        "Очаговых теней не выявлено."
    ]
    write(tmp_path, b=oru("Норма."))
    notes = of_messages(tmp_path).notes
    assert any(note.startswith("set sources.x.reports.encoding") for note in notes)


def test_files_whose_last_line_does_not_end(tmp_path: Path) -> None:
    """If none does, it is a habit; if others do, they were cut off."""
    write(tmp_path, a=oru("One.")[:-1], b=oru("Two.", "A2")[:-1])
    tables = of_messages(tmp_path)
    assert len(tables.reports) == 2
    assert any("none of 2 files ends its last line" in note for note in tables.notes)
    write(tmp_path, a=oru("Zero.", "A0") + oru("One.")[:-1])
    assert len(of_messages(tmp_path).reports) == 3  # one behind the other in a file are no sign
    write(tmp_path, a=oru("One.")[:-1], c=oru("Three.", "A3"))
    tables = of_messages(tmp_path)
    assert list(tables.reports["text"]) == ["Three."]
    assert list(tables.unread["reason"]) == ["cut_short"] * 2


def test_documents_among_films(tmp_path: Path) -> None:
    save(structured(text_item("Norm.")), tmp_path / "a.dcm")
    save(encapsulated(pdf("Nodule."), AccessionNumber="A2"), tmp_path / "b")
    save(encapsulated(pdf(""), AccessionNumber="A3"), tmp_path / "c")
    dose = structured(text_item("x"), SOPClassUID=uid.XRayRadiationDoseSRStorage)
    save(dose, tmp_path / "d")
    (tmp_path / "page.html").write_text("<html>")
    dicom_files.save(dicom_files.film(), tmp_path / "film.dcm")
    (tmp_path / "b2").symlink_to("/etc/passwd")
    (tmp_path / "film2.dcm").symlink_to(tmp_path / "film.dcm")
    tables = of_documents(tmp_path)
    assert dict(zip(tables.reports["id"], tables.reports["text"], strict=True)) == {
        "A1": "Norm.",
        "A2": "Nodule.",
    }
    notes = "\n".join(tables.notes)
    assert "2 reports in 4 DICOM documents among 8 files, by AccessionNumber" in notes
    assert "1 no_text_layer" in notes and "1 dose_report" in notes and "1 outside_root" in notes
    assert "1 of 2 reports are from PDF" in notes


def test_what_a_pacs_lists_as_documents_is_counted_whatever_it_is(tmp_path: Path) -> None:
    save(structured(text_item("Norm.")), tmp_path / "a.dcm")
    cut = save(structured(text_item("Norm.")), tmp_path / "b.dcm")
    cut.write_bytes(cut.read_bytes()[:-20])
    dicom_files.save(dicom_files.film(), tmp_path / "c.dcm")
    (tmp_path / "d.dcm").write_text("<html>")
    files = [tmp_path / f"{name}.dcm" for name in "abcde"]
    tally = Tally()
    outcomes = report_table.read_documents(files, tmp_path, "AccessionNumber", None, tally, True)
    results = [getattr(one.result, "reason", "read") for one in outcomes]
    assert results == ["read", "cut_short", "no_document", "not_dicom", "file_missing"]


def test_sources_without_documents_stop(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(UserError, match=r"^sources\.x\.reports\.documents: none of the 1 files"):
        of_documents(tmp_path)
    save(structured(text_item("Norm."), AccessionNumber=""), tmp_path / "a")
    with pytest.raises(UserError, match=r"^sources\.x\.reports\.tag: AccessionNumber is empty"):
        of_documents(tmp_path)
    assert list(of_documents(tmp_path, "StudyInstanceUID").reports["id"]) == ["1.2.3"]


def withdrawn(**more: str) -> str:
    return oru("", status="X", **more)


def test_a_source_whose_reports_are_all_withdrawn_says_so(tmp_path: Path) -> None:
    write(tmp_path, a=oru("Norm.", time="20200101"), b=withdrawn(time="20200102"))
    with pytest.raises(UserError) as caught:
        of_messages(tmp_path)
    assert "1 withdrawn (" in str(caught.value) and "1 withdrawal (" in str(caught.value)


def test_an_empty_field_is_no_reason_beside_reports_that_were_withdrawn(tmp_path: Path) -> None:
    write(tmp_path, a=oru("Norm.", time="2019") + withdrawn(), b=oru("Norm.", ""))
    with pytest.raises(UserError, match=r"^sources\.x\.reports: no report .* 1 withdrawn"):
        of_messages(tmp_path)


CORRECTION = oru("Clear.", status="C", time="20200103")
SCAN = f"^AP^PDF^Base64^{base64.b64encode(pdf('')).decode()}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (oru("Лёгкие чистые.", status="C", time="20200103").encode("cp1251"), "encoding"),
        (f"\x0b{oru('Clear.', status='C', time='20200103')}".encode(), "cut_short"),
        (oru("Clear.", status="C", time="20200103")[:-12].encode(), "cut_short"),
        (oru("Clear.", status="C", time="20200103")[:-1].encode(), "cut_short"),
        (f"{CORRECTION}IMPRESSION: clear.\r".encode(), "stray_line"),
        (CORRECTION.replace("Clear.", "Heart | lungs are clear").encode(), "bad_delimiters"),
        (CORRECTION[: CORRECTION.index("OBX")].encode(), "no_text"),
        (CORRECTION.replace("TX", "ED").replace("Clear.", SCAN).encode(), "no_text_layer"),
    ],
)
def test_a_message_that_cannot_be_read_still_corrects(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    write(tmp_path, a=oru("Pneumothorax."), c=oru("Norm.", "A2"))
    assert len(of_messages(tmp_path).reports) == 2
    write(tmp_path, b=content)
    tables = of_messages(tmp_path)
    assert list(tables.reports["text"]) == ["Norm."]
    assert sorted(tables.unread["reason"]) == sorted([reason, "newer_unread"])
    assert any("1 newer_unread" in note for note in tables.notes)


@pytest.mark.parametrize(
    ("reason", "status", "texts"),
    [
        ("no_text", "preliminary", ["Draft."]),  # an order on its way
        ("no_text_layer", "preliminary", []),
        ("no_text", "corrected", []),
        ("no_text", "final", []),
    ],
)
def test_orders_without_a_text(reason: str, status: Status, texts: list[str]) -> None:
    draft = Report(("A1",), "Draft.", "20200101", "preliminary")
    beside = Report(("A2",), "Norm.")
    unread = UnreadReport(Rejected(reason), Report(("A1",), "", "20200102", status))
    outcomes = [Outcome(Path(f"{n}"), 1, one) for n, one in enumerate((draft, beside, unread))]
    settings = {"origin": "hl7", "tag": "AccessionNumber", "accession": "OBR-18"}
    tables = report_table.settle_reports(outcomes, Tally(), FIELD, settings)
    assert sorted(tables.reports["text"]) == [*texts, "Norm."]
    assert reason in set(tables.unread["reason"])


def predecessors(*uids: str) -> list[Dataset]:
    instances = [Dataset() for _ in uids]
    for instance, one in zip(instances, uids, strict=True):
        instance.ReferencedSOPInstanceUID, instance.ReferencedSOPClassUID = one, "1.2"
    series, study = Dataset(), Dataset()
    series.ReferencedSOPSequence, series.SeriesInstanceUID = instances, "1"
    study.ReferencedSeriesSequence, study.StudyInstanceUID = [series], "1"
    return [study]


def test_a_document_that_cannot_be_read_replaces_those_that_it_names(tmp_path: Path) -> None:
    save(structured(text_item("Pneumothorax."), SOPInstanceUID="1.1"), tmp_path / "a")
    save(structured(text_item("Norm."), AccessionNumber="A2"), tmp_path / "b")
    save(encapsulated(pdf(""), SOPInstanceUID="1.2"), tmp_path / "c")
    assert list(of_documents(tmp_path).reports["id"]) == ["A1", "A2"]  # c: a scanned paper
    scan = encapsulated(
        pdf(""), SOPInstanceUID="1.3", PredecessorDocumentsSequence=predecessors("1.1")
    )
    save(scan, tmp_path / "d")
    tables = of_documents(tmp_path)
    assert list(tables.reports["id"]) == ["A2"]
    assert sorted(tables.unread["reason"]) == ["newer_unread", "no_text_layer", "no_text_layer"]


def test_a_copy_of_a_document_counts_once(tmp_path: Path) -> None:
    for name in "ab":
        save(structured(text_item("Norm."), SOPInstanceUID="1.1"), tmp_path / name)
    tables = of_documents(tmp_path)
    assert list(tables.reports["text"]) == ["Norm."]
    assert list(tables.unread["reason"]) == ["duplicate"]
    assert any("1 reports do not count: 1 duplicate" in note for note in tables.notes)
    save(structured(text_item("Nodule."), SOPInstanceUID="1.1"), tmp_path / "c")
    assert len(of_documents(tmp_path).reports) == 2


def test_documents_of_several_patients_with_one_number(tmp_path: Path) -> None:
    save(structured(text_item("Norm."), PatientID="P1"), tmp_path / "a")
    save(structured(text_item("Nodule."), PatientID=" P1 "), tmp_path / "b")
    save(structured(text_item("Clear."), AccessionNumber="A2"), tmp_path / "c")
    assert len(of_documents(tmp_path).reports) == 3
    save(structured(text_item("Nodule."), PatientID="P2"), tmp_path / "b")
    tables = of_documents(tmp_path)
    assert list(tables.reports["id"]) == ["A2"]
    assert list(tables.unread["reason"]) == ["other_patient"] * 2


def test_zones_of_documents_are_compared(tmp_path: Path) -> None:
    for name, clock, zone in (("a", "100000", "+0300"), ("b", "090000", "+0000")):
        ds = structured(text_item(name), ContentTime=clock, TimezoneOffsetFromUTC=zone)
        save(ds, tmp_path / name)
    assert list(of_documents(tmp_path).reports["time"]) == ["20200102070000", "20200102090000"]


def test_a_predecessor_that_is_not_there_is_noted(tmp_path: Path) -> None:
    save(structured(text_item("First."), SOPInstanceUID="1.1"), tmp_path / "a")
    third = structured(text_item("Third."), PredecessorDocumentsSequence=predecessors("1.2"))
    save(third, tmp_path / "c")
    assert any("1 documents replace one that is not" in one for one in of_documents(tmp_path).notes)
    (tmp_path / "a").unlink()
    assert not any("is not there" in one for one in of_documents(tmp_path).notes)


def test_no_note_or_message_names_anybody(tmp_path: Path) -> None:
    """What is planted stands in names of files, in all fields, and in what is damaged."""
    folder = tmp_path / f"in {NAME}"
    folder.mkdir()
    whole = oru(f"{CYRILLIC} {NAME}.", "ZQXWOV1").replace("NAME^GIVEN", f"{NAME}^{CYRILLIC}")
    damaged = {
        f"{NAME} {n}": content
        for n, content in enumerate(
            [
                whole,
                whole[:-20],
                whole.replace("ORU^R01", NAME),
                whole.replace("|TX|", f"|{NAME}|"),
                whole.replace("MSH|^~\\&", f"MSH|{NAME}"),
                whole.replace("ZQXWOV1", ""),
                whole.replace("M1|P|2.5||||||", f"M1|P|2.5||||||{NAME}"),
                whole.encode("cp1251"),
                NAME,
            ]
        )
    }
    write(folder, **damaged)
    tables = of_messages(folder)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("\n".join(tables.notes))
    tables.unread.drop(columns="path").to_csv(tmp_path / "out/unread.csv")
    assert leaks(tmp_path / "out", PATIENTS) == []
    (folder / f"{NAME} 0.hl7").unlink()
    with pytest.raises(UserError) as caught:
        of_messages(folder, "OBR-19")
    (tmp_path / "out/notes.txt").write_text(str(caught.value))
    assert leaks(tmp_path / "out", PATIENTS) == []


def test_tables_fit_their_schemas(tmp_path: Path) -> None:
    write(tmp_path, a=oru("Norm."), b=b"")
    tables = of_messages(tmp_path)
    for table, schema in (
        (tables.reports, report_schemas.REPORTS),
        (tables.unread, report_schemas.UNREAD_REPORTS),
    ):
        parquet.write_table(table, tmp_path / "t.parquet", schema, private=True)
        pd.testing.assert_index_equal(
            parquet.read_table(tmp_path / "t.parquet").columns, pd.Index(schema.names)
        )


# Reasons

MODULES = sorted((PROJECT / "src/pgdose/documents").glob("*.py"))


def test_every_reason_has_its_meaning() -> None:
    by_a_table = {*NO_REPORTS, *OUTDATED, *DOUBTFUL} - {"other_message"}
    of_files = {"file_missing", "no_permission", "archive", "outside_root"}
    of_files |= {"not_dicom", "unreadable_header"}
    raised = raised_codes(MODULES)
    assert raised <= set(REASONS)
    assert raised | by_a_table | of_files == set(REASONS)
    assert not set(NOT_UNDERSTOOD) & set(NO_REPORTS)
