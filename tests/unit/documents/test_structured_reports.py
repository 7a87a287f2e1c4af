"""DICOM structured reports: their content tree as text, and which of them are reports."""

from pathlib import Path
from typing import Any

import pydicom
import pytest
from helpers.rejections import reason
from helpers.report_documents import (
    FINDING,
    HISTORY,
    IMPRESSION,
    code,
    document,
    item,
    save,
    structured,
    text_item,
)
from pydicom import uid
from pydicom.dataset import Dataset

from pgdose.documents.dicom_documents import document_report, is_document
from pgdose.documents.report import Report, Tally

SAMPLES = Path(pydicom.__file__).parent / "data/test_files"


def read(
    ds: Dataset, folder: Path, tag: str = "AccessionNumber", encoding: str | None = None
) -> Report:
    path = save(ds, folder / "a.dcm")
    assert is_document(path)
    return document_report(path, tag, encoding, Tally())


def text_of(*content: Dataset, folder: Path, **attributes: Any) -> str:
    return read(structured(*content, **attributes), folder).text


def test_sections_begin_with_their_names(tmp_path: Path) -> None:
    findings = item("CONTAINER", code("121070", "Findings"), None, text_item("Clear lungs."))
    impression = item(
        "CONTAINER", code("121072", "Impressions"), None, text_item("Normal.", IMPRESSION)
    )
    history = text_item("Pneumonia in 2010.", HISTORY)
    text = text_of(history, findings, impression, folder=tmp_path)
    assert text == (
        "History:\nPneumonia in 2010.\n\nFindings:\nClear lungs.\n\nImpressions:\nNormal."
    )


def test_a_report_of_nothing_but_findings_has_no_heading(tmp_path: Path) -> None:
    assert text_of(text_item("Норма."), folder=tmp_path) == "Норма."
    assert text_of(text_item("One.\r\nTwo."), text_item("Three."), folder=tmp_path) == (
        "One.\nTwo.\nThree."
    )


def test_codes_numbers_and_what_modifies_them(tmp_path: Path) -> None:
    absent = item("CODE", code("1", "Presence"), code("2", "Absent"), relation="HAS CONCEPT MOD")
    language = item(
        "CODE", code("121049", "Language"), code("en", "English"), relation="HAS CONCEPT MOD"
    )
    text = text_of(
        item("CODE", code(*FINDING), code("3", "Pneumothorax", "SCT"), absent, language),
        item("CODE", code("4", "Heart"), code("5", "Enlarged", "SCT")),
        item("NUM", code("6", "Cardiothoracic ratio"), ("0.55", code("1", "no units", "UCUM"))),
        item("NUM", code("7", "Diameter"), ("12", code("mm", "mm", "UCUM"))),
        text_item("See above."),
        folder=tmp_path,
    )
    assert text == (
        "Pneumothorax (Presence: Absent).\nHeart: Enlarged.\nCardiothoracic ratio: 0.55.\n"
        "Diameter: 12 mm.\n\nFinding:\nSee above."
    )


def test_modifiers_of_modifiers_and_of_sections(tmp_path: Path) -> None:
    """Without "Absent" the finding would be there."""

    def modifier(
        name: str, value: str, *below: Dataset, relation: str = "HAS PROPERTIES"
    ) -> Dataset:
        return item("CODE", code("1", name), code("2", value), *below, relation=relation)

    def finding(*below: Dataset, kind: str = "CODE") -> Dataset:
        value = code("3", "Pneumothorax", "SCT")
        return item(kind, code(*FINDING), value if kind == "CODE" else None, *below)

    absent = modifier("Presence", "Absent", relation="HAS CONCEPT MOD")
    group = item("CONTAINER", code("4", "Group"), None, text_item("not seen"), absent)
    group.RelationshipType = "HAS PROPERTIES"
    text = text_of(
        finding(modifier("Site", "Lung", absent)),
        finding(group),
        finding(absent, text_item("At the apex."), kind="CONTAINER"),
        folder=tmp_path,
    )
    assert text == (
        "Pneumothorax (Site: Lung, Presence: Absent).\n"
        "Pneumothorax (Finding: not seen, Presence: Absent).\n"
        "\nFinding:\n(Presence: Absent)\nAt the apex."
    )


def test_a_code_without_a_meaning_is_itself_the_word(tmp_path: Path) -> None:
    conclusion = item("CODE", code("1", "Conclusion"), code("J93.9", "", "I10"))
    text = text_of(text_item("Heart normal."), conclusion, folder=tmp_path)
    assert text == "Heart normal.\nConclusion: J93.9."


def test_who_observed_is_no_part_of_the_text(tmp_path: Path) -> None:
    observer = item("PNAME", code("121008", "Observer"), "NAME^GIVEN", relation="HAS OBS CONTEXT")
    place = text_item("Hospital", ("121014", "Device"), relation="HAS OBS CONTEXT")
    language = item(
        "CODE", code("121049", "Language"), code("ru", "Russian"), relation="HAS CONCEPT MOD"
    )
    assert text_of(observer, place, language, text_item("Norm."), folder=tmp_path) == "Norm."


def test_what_a_conclusion_rests_on_is_read(tmp_path: Path) -> None:
    basis = text_item("Nodule of 5 mm.", relation="INFERRED FROM")
    conclusion = item("TEXT", code("121077", "Conclusion"), "Metastasis.", basis)
    assert text_of(conclusion, folder=tmp_path) == (
        "Conclusion:\nMetastasis.\n\nFinding:\nNodule of 5 mm."
    )


def test_samples_of_the_community() -> None:
    tally = Tally()
    flowing = document_report(SAMPLES / "test-SR.dcm", "StudyInstanceUID", None, tally)
    assert "A mass of 3 Length Unit was detected." in flowing.text
    basic = document_report(SAMPLES / "reportsi.dcm", "StudyInstanceUID", None, tally)
    assert basic.text.endswith("Enter text") and basic.status == "preliminary"
    assert reason(
        document_report, SAMPLES / "test-SR.dcm", "AccessionNumber", None, tally
    ) == "no_id"  # fmt: skip


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "waveform_ecg.dcm", "README.txt"])
def test_other_files_are_no_documents(name: str) -> None:
    if name.endswith(".txt"):
        assert reason(is_document, SAMPLES / name) == "not_dicom"
    else:
        assert not is_document(SAMPLES / name)


# Which are reports


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"SOPClassUID": uid.KeyObjectSelectionDocumentStorage}, "key_objects"),
        ({"SOPClassUID": uid.XRayRadiationDoseSRStorage}, "dose_report"),
        ({"SOPClassUID": uid.ChestCADSRStorage}, "measurements"),
        ({"SOPClassUID": uid.ProcedureLogStorage}, "procedure_log"),
        ({"ConceptNameCodeSequence": code("113701", "X-Ray Radiation Dose Report")}, "dose_report"),
        ({"ConceptNameCodeSequence": code("126000", "Measurement Report")}, "measurements"),
        ({"AccessionNumber": ""}, "no_id"),
    ],
)
def test_documents_that_are_no_reports(
    attributes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    ds = structured(text_item("Norm."), **attributes)
    assert reason(read, ds, tmp_path) == expected


def test_a_document_of_numbers_or_of_nothing_is_no_report(tmp_path: Path) -> None:
    number = item("NUM", code("7", "Diameter"), ("12", code("mm", "mm", "UCUM")))
    assert reason(read, structured(number), tmp_path) == "measurements"
    assert reason(read, structured(text_item("  ")), tmp_path) == "no_text"
    assert reason(read, structured(), tmp_path) == "no_text"
    link = item("COMPOSITE", code("1", "Report"))
    findings = item("CONTAINER", code("121070", "Findings"), None, link)
    impression = item("CONTAINER", code("121072", "Impressions"))
    assert reason(read, structured(findings, impression), tmp_path) == "no_text"


@pytest.mark.parametrize(
    "kind", [uid.EnhancedSRStorage, uid.ComprehensiveSRStorage, uid.Comprehensive3DSRStorage]
)
def test_other_classes_of_reports(kind: str, tmp_path: Path) -> None:
    assert text_of(text_item("Norm."), folder=tmp_path, SOPClassUID=kind) == "Norm."


SYNTAXES = [
    *(uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian),
    uid.DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_any_transfer_syntax(syntax: str, tmp_path: Path) -> None:
    ds = structured(text_item("Норма."))
    ds.file_meta.TransferSyntaxUID = syntax
    assert read(ds, tmp_path).text == "Норма."


# Numbers, times, versions


def test_the_numbers_of_several_requests(tmp_path: Path) -> None:
    requests = [Dataset(), Dataset()]
    for request, number in zip(requests, ("A1", "A2"), strict=True):
        request.AccessionNumber, request.StudyInstanceUID = number, "1.2.3"
    ds = structured(text_item("Norm."), AccessionNumber="", ReferencedRequestSequence=requests)
    assert read(ds, tmp_path).ids == ("A1", "A2")


def test_a_document_in_a_study_of_its_own_names_the_films_study(tmp_path: Path) -> None:
    evidence = Dataset()
    evidence.StudyInstanceUID = "1.2.9"
    ds = structured(text_item("Norm."), CurrentRequestedProcedureEvidenceSequence=[evidence])
    assert read(ds, tmp_path, "StudyInstanceUID").ids == ("1.2.9",)
    assert read(structured(text_item("Norm.")), tmp_path, "StudyInstanceUID").ids == ("1.2.3",)


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({}, "final"),
        ({"PreliminaryFlag": "PRELIMINARY"}, "preliminary"),
        ({"CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED"}, "preliminary"),
        ({"CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED"}, "unverified"),
    ],
)
def test_flags(flags: dict[str, str], status: str, tmp_path: Path) -> None:
    ds = structured(text_item("Norm."))
    for keyword, value in flags.items():
        setattr(ds, keyword, value)
    assert read(ds, tmp_path).status == status


def test_predecessors_and_time(tmp_path: Path) -> None:
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPInstanceUID, instance.ReferencedSOPClassUID = "1.2.3.4", "1.2"
    series.ReferencedSOPSequence, series.SeriesInstanceUID = [instance], "1"
    study.ReferencedSeriesSequence, study.StudyInstanceUID = [series], "1"
    report = read(structured(text_item("Norm."), PredecessorDocumentsSequence=[study]), tmp_path)
    assert (report.replaces, report.time) == (("1.2.3.4",), "20200102030405")


# Character sets


@pytest.mark.parametrize("charset", ["ISO_IR 144", "ISO_IR 192", "ISO 2022 IR 144"])
def test_declared_character_sets(charset: str, tmp_path: Path) -> None:
    nested = item("CONTAINER", code("121070", "Описание"), None, text_item("Норма."))
    assert text_of(nested, folder=tmp_path, SpecificCharacterSet=charset).endswith("Норма.")


def _misdeclared(tmp_path: Path, declared: str | None = "ISO_IR 100") -> Path:
    """A text of cp1251 bytes in a document that declares Latin-1."""
    content = "Очаговых теней не выявлено. Норма."
    path = save(
        structured(text_item("x" * len(content)), SpecificCharacterSet=declared), tmp_path / "a.dcm"
    )
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"x" * len(content), content.encode("cp1251")))
    return path


@pytest.mark.parametrize("declared", [None, "ISO_IR 100", "ISO_IR 192"])
def test_a_wrong_character_set_is_refused_or_read(declared: str | None, tmp_path: Path) -> None:
    path = _misdeclared(tmp_path, declared)
    assert reason(document_report, path, "AccessionNumber", None, Tally()) == "encoding"
    report = document_report(path, "AccessionNumber", "cp1251", Tally())
    assert report.text == "Очаговых теней не выявлено. Норма."


def _bytes(content: bytes, declared: str | list[str] | None, folder: Path) -> Path:
    """A document whose text is these bytes."""
    ds = structured(text_item("x"), SpecificCharacterSet=declared)
    ds.ContentSequence[0].TextValue = content
    return save(ds, folder / "a.dcm")


@pytest.mark.parametrize("text", ["12 cm³und 72 mL/m³KOF", "x¼y", "größer"])
def test_utf_8_is_never_taken_for_another_set(text: str, tmp_path: Path) -> None:
    path = _bytes(text.encode(), "ISO_IR 192", tmp_path)
    assert document_report(path, "AccessionNumber", None, Tally()).text == text


@pytest.mark.filterwarnings("ignore")  # of pydicom, about values that are in no declared set
@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("ISO_IR 144", "cp1251", "Легкие без теней. Пневмоторакс справа."),
        ("ISO_IR 126", "cp1251", "Легкие без теней. Пневмоторакс справа."),
        ("ISO_IR 144", "koi8-r", "Легкие без теней. Пневмоторакс справа."),
        ("ISO_IR 999", "cp1251", "Легкие без теней."),
        (None, "gbk", "右侧气胸，无胸腔积液。"),
        ("ISO_IR 100", "euc_kr", "우측 기흉이 있음."),
        ("ISO_IR 100", "cp1250", "Płuca: odma, zwiększony"),
        ("ISO_IR 100", "cp1256", "استرواح الصدر"),
    ],
)
def test_bytes_of_another_set_are_refused_or_read(
    declared: str | None, codec: str, text: str, tmp_path: Path
) -> None:
    path = _bytes(text.encode(codec), declared, tmp_path)
    assert reason(document_report, path, "AccessionNumber", None, Tally()) == "encoding"
    assert document_report(path, "AccessionNumber", codec, Tally()).text == text


def test_many_short_texts_are_judged_together(tmp_path: Path) -> None:
    words = ["Легкие", "без", "очаговых", "теней", "корни", "структурны", "синусы", "свободны"]
    ds = structured(*(text_item("x") for _ in words), SpecificCharacterSet="ISO_IR 144")
    for line, word in zip(ds.ContentSequence, words, strict=True):
        line.TextValue = word.encode("cp1251")
    assert reason(read, ds, tmp_path) == "encoding"


def test_quotes_of_windows_in_a_text_of_latin_1(tmp_path: Path) -> None:
    heading = item("CONTAINER", code("1", "x"), None, text_item("Erguß."), text_item("Größe."))
    ds = structured(heading, SpecificCharacterSet="ISO_IR 100")
    ds.ContentSequence[0].ConceptNameCodeSequence[0].CodeMeaning = "„Größe“".encode("cp1252")
    assert read(ds, tmp_path).text == "„Größe“:\n\nFinding:\nErguß.\nGröße."


def test_bytes_that_the_study_s_encoding_has_no_letters_for(tmp_path: Path) -> None:
    path = _bytes("Erguß".encode("latin-1"), "ISO_IR 100", tmp_path)
    assert reason(document_report, path, "AccessionNumber", "utf-8", Tally()) == "encoding"


@pytest.mark.filterwarnings("ignore")  # of pydicom, about the escape
def test_escapes_that_stay_in_a_text_are_no_words(tmp_path: Path) -> None:
    chinese = b"\x1b$)A" + "右侧气胸".encode("gb2312")
    path = _bytes(chinese, ["", "ISO 2022 IR 58"], tmp_path)
    assert reason(document_report, path, "AccessionNumber", None, Tally()) == "encoding"


# Damage


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.filterwarnings("ignore")  # of pydicom, about values that are cut
@pytest.mark.parametrize("undefined", [False, True])
def test_a_file_that_is_cut_at_any_byte_gives_no_half_report(
    syntax: str, undefined: bool, tmp_path: Path
) -> None:
    ds = structured(*(text_item(f"Sentence {n} of a report.") for n in range(4)))
    ds.file_meta.TransferSyntaxUID = syntax
    ds["ContentSequence"].is_undefined_length = undefined
    for part in ds.ContentSequence:
        part.is_undefined_length_sequence_item = undefined
    path = save(ds, tmp_path / "whole.dcm")
    whole, content = document_report(path, "AccessionNumber", None, Tally()).text, path.read_bytes()
    cut = tmp_path / "cut.dcm"
    reasons = set()
    for place in range(132, len(content)):
        cut.write_bytes(content[:place])
        try:
            assert document_report(cut, "AccessionNumber", None, Tally()).text == whole
        except Exception as error:
            reasons.add(getattr(error, "reason", repr(error)))
    assert reasons <= {"cut_short", "unreadable_header", "no_text", "no_id", "not_dicom"}
    assert "cut_short" in reasons


def test_items_too_deep_in_each_other(tmp_path: Path) -> None:
    inner = text_item("Norm.")
    for _ in range(90):
        inner = item("CONTAINER", None, None, inner)
    assert reason(read, structured(inner), tmp_path) == "unreadable_document"


def test_a_document_without_content(tmp_path: Path) -> None:
    assert reason(read, document(AccessionNumber="A1"), tmp_path) == "no_text"
