"""Documents inside of others: PDF, CDA, RTF, HTML, plain text."""

import base64
import io
from pathlib import Path

import pypdf
import pytest
from helpers.rejections import reason
from helpers.report_documents import cda, encapsulated, pdf, save
from pydicom import uid
from pypdf import generic

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


@pytest.mark.parametrize(
    ("content", "is_refused"),
    [
        (pdf("Norm.", "", picture="600 0 0 700 0 0", on_page=1), True),
        (pdf("Norm.", "", picture="0 600 -200 0 300 0", on_page=1), True),  # turned by 90 degrees
        (pdf("Norm.", "", picture="80 0 0 60 0 0", on_page=1), False),  # a logo
        (pdf("Norm.", ""), False),  # a page without anything
        (pdf("Hospital X, page 1 of 1.", picture="612 0 0 600 0 0"), True),
        (pdf("Hospital X, page 1 of 1.", picture="100 0 0 50 0 700"), False),
        (pdf("A long report. " * 20, picture="612 0 0 792 0 0"), False),  # coloured paper
    ],
)
def test_a_page_of_a_pdf_that_is_a_picture(content: bytes, is_refused: bool) -> None:
    """The text of the other pages, or of the letterhead, would pass as the whole report."""
    if is_refused:
        assert reason_of(content) == "no_text_layer"
    else:
        assert text_of(content)


def test_a_picture_within_a_drawing_of_a_pdf() -> None:
    """Scanners put the picture of a page into a form, which the page draws scaled."""

    def drawing(data: bytes, **entries: generic.PdfObject) -> generic.PdfObject:
        stream = generic.StreamObject()
        stream.set_data(data)
        stream.update({generic.NameObject(f"/{key}"): value for key, value in entries.items()})
        return writer._add_object(stream)

    def resources(**drawings: generic.PdfObject) -> generic.DictionaryObject:
        named = {generic.NameObject(f"/{key}"): value for key, value in drawings.items()}
        inside = {generic.NameObject("/XObject"): generic.DictionaryObject(named)}
        return generic.DictionaryObject(inside)

    for scale, is_refused in ((600, True), (60, False)):
        writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Hospital X.", "")))
        image = drawing(b"x", Subtype=generic.NameObject("/Image"))
        form = drawing(
            b"q 2 0 0 1 0 0 cm /Im Do Q /None Do",
            Subtype=generic.NameObject("/Form"),
            Matrix=generic.ArrayObject(map(generic.FloatObject, (0.5, 0, 0, 1, 0, 0))),
            Resources=resources(Im=image),
        )
        page = writer.pages[1]
        page[generic.NameObject("/Resources")] = resources(Fm=form)
        page[generic.NameObject("/Contents")] = drawing(b"q %d 0 0 600 0 0 cm /Fm Do Q" % scale)
        with io.BytesIO() as file:
            writer.write(file)
            content = file.getvalue()
        if is_refused:
            assert reason_of(content) == "no_text_layer"
        else:
            assert text_of(content) == "Hospital X."


def test_a_pdf_with_a_password() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Norm.")))
    writer.encrypt("secret", algorithm="RC4-128")
    with io.BytesIO() as file:
        writer.write(file)
        assert reason_of(file.getvalue()) == "encrypted"


def _with_annotation(entries: dict[str, object], is_field: bool) -> bytes:
    """A PDF with a field that its form names, or with an annotation that its page names."""

    def as_pdf(value: object) -> generic.PdfObject:
        if isinstance(value, dict):
            named = {generic.NameObject(key): as_pdf(entry) for key, entry in value.items()}
            return writer._add_object(generic.DictionaryObject(named))
        if isinstance(value, list):
            return generic.ArrayObject(map(as_pdf, value))
        text = str(value)
        return generic.NameObject(text) if text[:1] == "/" else generic.TextStringObject(text)

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Lungs are clear.")))
    annotation = as_pdf(entries)
    if is_field:
        form = generic.DictionaryObject()
        form[generic.NameObject("/Fields")] = generic.ArrayObject([annotation])
        writer.root_object[generic.NameObject("/AcroForm")] = form
    else:
        writer.pages[0][generic.NameObject("/Annots")] = generic.ArrayObject([annotation])
    with io.BytesIO() as file:
        writer.write(file)
        return file.getvalue()


@pytest.mark.parametrize("is_field", [True, False])
@pytest.mark.parametrize(
    ("entries", "is_refused"),
    [
        ({"/FT": "/Tx", "/V": "Pneumonia."}, True),
        ({"/FT": "/Tx", "/V": ""}, False),
        ({"/FT": "/Tx"}, False),
        ({"/Parent": {"/FT": "/Tx", "/V": "Pneumonia.", "/T": "a"}}, True),
        ({"/FT": "/Ch", "/V": "fibrosis"}, True),
        ({"/FT": "/Ch", "/V": ["edema", "fibrosis"]}, True),
        ({"/FT": "/Ch", "/V": ""}, False),
        ({"/FT": "/Btn", "/V": "/Yes", "/AS": "/Yes"}, True),
        ({"/FT": "/Btn", "/V": "/Off", "/AS": "/Off"}, False),
        ({"/FT": "/Btn"}, False),
        ({"/FT": "/Sig", "/V": {"/Name": "Dr. X"}}, False),
    ],
)
def test_a_pdf_with_a_form(entries: dict[str, object], is_field: bool, is_refused: bool) -> None:
    """A value of a form stands beside the text of its pages, which would be read alone."""
    content = _with_annotation({"/Subtype": "/Widget", "/T": "findings"} | entries, is_field)
    if is_refused:
        assert reason_of(content) == "unreadable_document"
    else:
        assert text_of(content) == "Lungs are clear."


@pytest.mark.parametrize(
    ("entries", "is_refused"),
    [
        ({"/Subtype": "/FreeText", "/Contents": "ADDENDUM: fibrosis"}, True),
        ({"/Subtype": "/Text", "/Contents": "Wrong patient"}, True),
        ({"/Subtype": "/Stamp", "/Contents": "VOID"}, True),
        ({"/Subtype": "/StrikeOut"}, True),
        ({"/Subtype": "/Widget", "/FT": "/Btn", "/AS": "/Yes"}, True),  # a tick as it looks
        ({"/Subtype": "/Widget", "/FT": "/Btn", "/AS": "/Off"}, False),
        ({"/Subtype": "/Highlight", "/Contents": ""}, False),
        ({"/Subtype": "/Link", "/Contents": "Our web page"}, False),
        ({"/Subtype": "/Popup", "/Contents": "x"}, False),
        ({"/Subtype": "/Watermark", "/Contents": "COPY"}, False),
        ({"/Subtype": "/FileAttachment", "/Contents": "source.xml"}, False),
    ],
)
def test_a_pdf_with_notes_on_its_pages(entries: dict[str, object], is_refused: bool) -> None:
    content = _with_annotation(entries, is_field=False)
    if is_refused:
        assert reason_of(content) == "unreadable_document"
    else:
        assert text_of(content) == "Lungs are clear."


def test_notes_that_a_pdf_names_by_reference() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Lungs are clear.")))
    note = generic.DictionaryObject()
    note[generic.NameObject("/Subtype")] = generic.NameObject("/FreeText")
    words = writer._add_object(generic.TextStringObject("ADDENDUM: fibrosis"))
    note[generic.NameObject("/Contents")] = words
    for notes in (generic.NullObject(), generic.ArrayObject([note])):
        writer.pages[0][generic.NameObject("/Annots")] = writer._add_object(notes)
        with io.BytesIO() as file:
            writer.write(file)
            content = file.getvalue()
        if isinstance(notes, generic.ArrayObject):
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


@pytest.mark.parametrize(("words", "is_refused"), [(9, False), (1, True)])
def test_glyphs_without_a_letter_in_a_pdf(
    words: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\x95 " + "Clear " * words
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda *_, **__: text)
    if is_refused:
        assert reason_of(pdf("x")) == "encoding"
    else:
        assert text_of(pdf("x")) == text.replace("\x95", "\ufffd").strip()


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("marked emphy-\nsema", "marked emphysema"),
        ("emphy\xad \n sema", "emphysema"),
        ("пневмо-\nсклероз", "пневмосклероз"),
        ("Non-\nHodgkin", "Non-\nHodgkin"),
        ("on x-\nray", "on x-\nray"),
        ("2012-\nno change", "2012-\nno change"),
        ("lungs -\nclear", "lungs -\nclear"),
    ],
)
def test_words_over_two_lines_of_a_pdf(
    lines: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda *_, **__: lines)
    assert text_of(pdf("x")) == text


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


@pytest.mark.parametrize(
    ("named", "inside"),
    [
        (' representation="B64"', pdf("Norm.")),
        (' representation="b64"', b"Norm."),
        ("", pdf("Norm.")),
    ],
)
def test_a_clinical_document_around_a_pdf(named: str, inside: bytes) -> None:
    packed = base64.b64encode(inside).decode()
    text = f'<text mediaType="application/pdf"{named}>{packed}</text>'
    body = f"<nonXMLBody>{text}</nonXMLBody>"
    content = cda().replace(b"<structuredBody></structuredBody>", body.encode())
    assert text_of(content) == "Norm."


@pytest.mark.parametrize(("kind", "number"), [("application/pdf", 1), ("image/png", 0)])
def test_documents_beside_the_sections_are_counted(kind: str, number: int) -> None:
    value = f'<value mediaType="{kind}" representation="B64">AAAA</value>'
    media = f"<entry><observationMedia>{value}</observationMedia></entry>"
    tally = Tally()
    content = cda(("a", f"See attached.</text>{media}<text>"))
    assert embedded_text(content, None, tally).strip() == "a:\nSee attached."
    assert tally["attachments beside text"] == number


def test_blocks_of_a_section_are_lines() -> None:
    text = "<p>One</p><p>Two</p><div>Three</div><ul><li>Four</li><li>Five</li></ul>a <b>b</b>c"
    assert text_of(cda(("a", text))) == "a:\nOne\nTwo\nThree\nFour\nFive\na bc"


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
        (cda(("Findings", ""), ("Impression", '<reference value="#a"/>')), "no_text"),
        (cda(("Findings", "</text><entry><text>Pneumothorax.</text></entry><text>")), "no_text"),
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


@pytest.mark.parametrize("declared", ["ISO-8859-1", "UTF-8", "KOI8-R"])
def test_a_clinical_document_in_another_set_than_it_declares(declared: str) -> None:
    text = "Легкие без очаговых теней, корни структурны."
    content = cda(("a", text)).decode().replace("UTF-8", declared).encode("cp1251")
    assert reason_of(content) == "encoding"
    if declared != "KOI8-R":  # which somebody chose
        assert text_of(content, "cp1251") == f"a:\n{text}"
    for codec in ("utf-8", "utf-16-le", "utf-16-be", "koi8-r"):
        content = cda(("a", text)).decode().replace("UTF-8", "koi8-r").encode(codec)
        assert text_of(content) == f"a:\n{text}"


def test_a_text_in_another_set_than_the_study_s() -> None:
    text = "Легкие без очаговых теней, корни структурны."
    assert reason_of(text.encode("koi8-r"), "cp1251") == "encoding"
    assert reason_of("右侧气胸，无。".encode("gbk"), "utf-8") == "encoding"
