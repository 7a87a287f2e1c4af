"""Documents inside of others: PDF, CDA, RTF, HTML, plain text."""

import base64
from pathlib import Path

import pypdf
import pytest
from helpers.rejections import reason
from helpers.report_documents import cda, encapsulated, pdf, save
from pydicom import uid

from pgdose.documents import pdf as pdf_module
from pgdose.documents.dicom_documents import document_report, is_document
from pgdose.documents.embedded_documents import embedded_text
from pgdose.documents.report import Tally


def text_of(content: bytes, encoding: str | None = None) -> str:
    return embedded_text(content, encoding, Tally()).strip()


def reason_of(content: bytes, encoding: str | None = None) -> str:
    return reason(embedded_text, content, encoding, Tally())


@pytest.mark.parametrize("kind", [uid.EncapsulatedPDFStorage, uid.EncapsulatedCDAStorage])
def test_documents_in_dicom_go_by_their_bytes(kind: str, tmp_path: Path) -> None:
    for content, text in (
        (pdf("Normal chest."), "Normal chest."),
        (cda(("Findings", "Clear.")), "Findings:\nClear."),
        ("Норма.".encode(), "Норма."),
    ):
        path = save(encapsulated(content, SOPClassUID=kind), tmp_path / "a.dcm")
        assert is_document(path)
        report = document_report(path, "AccessionNumber", None, Tally())
        assert (report.text, report.ids, report.time) == (text, ("A1",), "20200102030405")


def test_other_documents_in_dicom(tmp_path: Path) -> None:
    model = encapsulated(b"solid\0\1\2\3" * 9, SOPClassUID=uid.EncapsulatedSTLStorage)
    path = save(model, tmp_path / "a.dcm")
    assert reason(document_report, path, "AccessionNumber", None, Tally()) == "other_format"
    cut = save(encapsulated(pdf("x" * 500)), tmp_path / "b.dcm")
    cut.write_bytes(cut.read_bytes()[:-100])
    assert reason(document_report, cut, "AccessionNumber", None, Tally()) == "cut_short"


# PDF


def test_all_pages_of_a_pdf() -> None:
    assert text_of(pdf("One.", "Two.")) == "One.\nTwo."


def test_a_pdf_without_a_text_layer() -> None:
    assert reason_of(pdf("", "")) == "no_text_layer"


def test_a_pdf_with_a_password() -> None:
    import io

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Norm.")))
    writer.encrypt("secret", algorithm="RC4-128")
    with io.BytesIO() as file:
        writer.write(file)
        assert reason_of(file.getvalue()) == "encrypted"


@pytest.mark.parametrize(("value", "is_refused"), [("Pneumonia.", True), ("", False)])
def test_a_pdf_with_a_form(value: str, is_refused: bool) -> None:
    """What is typed into a form stands beside the text of its pages, which would be read alone."""
    import io

    from pypdf import generic

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Lungs are clear.")))
    field = generic.DictionaryObject()
    for key, entry in (
        ("/FT", generic.NameObject("/Tx")),
        ("/T", generic.TextStringObject("findings")),
        ("/V", generic.TextStringObject(value)),
        ("/Subtype", generic.NameObject("/Widget")),
    ):
        field[generic.NameObject(key)] = entry
    form = generic.DictionaryObject()
    form[generic.NameObject("/Fields")] = generic.ArrayObject([writer._add_object(field)])
    writer.root_object[generic.NameObject("/AcroForm")] = form
    with io.BytesIO() as file:
        writer.write(file)
        content = file.getvalue()
    if is_refused:
        assert reason_of(content) == "unreadable_document"
    else:
        assert text_of(content) == "Lungs are clear."


@pytest.mark.parametrize("length", [8, 60, 200, 400])
def test_a_pdf_that_breaks_off(length: int) -> None:
    """pypdf mends a lost table of places; it must not hand over a part of the text."""
    content = pdf("First page of it.", "Second page of it.")[:length]
    assert reason_of(content) in ("unreadable_document", "no_text_layer")


def test_a_pdf_whose_letters_are_cyrillic_bytes() -> None:
    mojibake = "Очаговых теней не выявлено".encode("cp1251").decode("cp1252")
    content = pdf("x").replace(b"(x)", b"(%s)" % mojibake.encode("cp1252"))
    assert reason_of(content) == "encoding"
    assert text_of(content, "cp1251") == "Очаговых теней не выявлено"


def test_a_pdf_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "SECONDS", 0.05)

    def forever(page: pypdf.PageObject) -> str:
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    monkeypatch.setattr(pypdf.PageObject, "extract_text", forever)
    assert reason_of(pdf("Norm.")) == "unreadable_document"


# Clinical documents


def test_the_header_of_a_clinical_document_is_no_part_of_the_text() -> None:
    text = text_of(
        cda(
            ("History", "Cough."),
            ("Findings:", "<paragraph>Clear <content>lungs</content>.</paragraph>"
             "<list><item>One</item><item>Two</item></list>"
             "<table><tbody><tr><td>CTR</td><td>0.5</td></tr></tbody></table>"
             '<content revised="delete">Pneumonia.</content>'),
        )
    )  # fmt: skip
    assert text == "History:\nCough.\nFindings:\nClear lungs.\nOne\nTwo\nCTR 0.5"


def test_a_clinical_document_may_begin_with_a_long_comment() -> None:
    """Taken for a plain text, it would give its header and marks as words of the report."""
    licence = b"<!--" + b"As is. " * 2000 + b"-->"
    assert text_of(cda(("a", "Norm.")).replace(b"?>", b"?>" + licence, 1)) == "a:\nNorm."


def test_a_clinical_document_around_a_pdf() -> None:
    packed = base64.b64encode(pdf("Norm.")).decode()
    text = f'<text mediaType="application/pdf" representation="B64">{packed}</text>'
    body = f"<nonXMLBody>{text}</nonXMLBody>"
    content = cda().replace(b"<structuredBody></structuredBody>", body.encode())
    assert text_of(content) == "Norm."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_clinical_document_has_no_entities(encoding: str) -> None:
    text = cda(("a", "&b;")).decode().partition("?>")[2]
    bomb = f'<!DOCTYPE x [<!ENTITY b "Norm.">]>{text}'
    assert reason_of(bomb.encode(encoding)) == "unreadable_document"
    assert text_of(text.replace("&b;", "Норма.").encode(encoding)) == "a:\nНорма."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cda(), "no_text"),
        (cda(("a", "b"))[:-30], "unreadable_document"),
        (cda(("a", "b")).replace(b"?><C", b"?><!DOCTYPE x><C"), "unreadable_document"),
        (cda(("a", "<paragraph>" * 300 + "x" + "</paragraph>" * 300)), "unreadable_document"),
        (b"", "no_text"),
        (b"\0\0", "no_text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "other_format"),
        ("Норма.".encode("cp1251"), "encoding"),
    ],
)  # fmt: skip
def test_documents_without_text(content: bytes, expected: str) -> None:
    assert reason_of(content) == expected


def test_texts_in_their_encodings() -> None:
    assert text_of("Норма.".encode("cp1251"), "cp1251") == "Норма."
    assert text_of("Норма.".encode("utf-16")) == "Норма."
    assert text_of("\ufeffНорма.".encode()) == "Норма."
    page = '<meta charset="windows-1251"><p>Норма.</p>'
    assert text_of(page.encode("cp1251")) == page


def test_a_declared_character_set_counts_before_the_study_s_unless_it_is_latin_1() -> None:
    page = '<meta charset="{}"><p>Очаговых теней нет.</p>'
    cyrillic = page.format("windows-1251")
    assert text_of(cyrillic.encode("cp1251"), "koi8-r") == cyrillic
    western = page.format("ISO-8859-1")
    assert reason_of(western.encode("cp1251")) == "encoding"
    assert text_of(western.encode("cp1251"), "cp1251") == western
    german = '<meta charset="iso-8859-1"><p>Herz vergrößert.</p>'
    assert text_of(german.encode("latin-1")) == german
