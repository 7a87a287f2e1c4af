"""Reports as documents and messages: DICOM SR, PDF, CDA, HL7 v2."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

CONTAINS = "CONTAINS"


def oru(
    text: str | Iterable[str],
    accession: str = "A1",
    *,
    time: str = "20200102030405",
    status: str = "F",
    kind: str = "TX",
    observation: str = "71020^Chest",
    charset: str = "",
    message: str = "ORU^R01",
) -> str:
    """An ORU message with carriage returns, its texts escaped by the caller."""
    texts = [text] if isinstance(text, str) else text
    lines = [
        f"MSH|^~\\&|RIS|HOSPITAL|PACS|HOSPITAL|{time}||{message}|M1|P|2.5||||||{charset}",
        "PID|1||P1^^^HOSPITAL||NAME^GIVEN||19500101|F",
        "ORC|RE|PLACER|FILLER",
        f"OBR|1|PLACER|FILLER|{observation}|||{time[:8]}" + "|" * 11 + f"{accession}"
        f"||||{time}|||{status}",
        *(
            f"OBX|{n}|{kind}|{observation}|{n}|{one}||||||{status}"
            for n, one in enumerate(texts, start=1)
        ),
    ]
    return "".join(f"{line}\r" for line in lines)


def code(value: str, meaning: str, scheme: str = "DCM") -> pydicom.Sequence:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return pydicom.Sequence([ds])


def item(
    kind: str,
    name: pydicom.Sequence | None = None,
    value: Any = None,
    *children: Dataset,
    relation: str = CONTAINS,
) -> Dataset:
    """A content item; value is a text, a code, or of NUM (number, unit)."""
    ds = Dataset()
    ds.RelationshipType, ds.ValueType = relation, kind
    if name is not None:
        ds.ConceptNameCodeSequence = name
    if kind == "TEXT":
        ds.TextValue = value
    elif kind == "CODE":
        ds.ConceptCodeSequence = value
    elif kind == "NUM":
        measured = Dataset()
        measured.NumericValue, measured.MeasurementUnitsCodeSequence = value
        ds.MeasuredValueSequence = pydicom.Sequence([measured])
    elif kind == "CONTAINER":
        ds.ContinuityOfContent = value or "SEPARATE"
    elif kind == "PNAME":
        ds.PersonName = value
    if children:
        ds.ContentSequence = pydicom.Sequence(children)
    return ds


FINDING = ("121071", "Finding")
IMPRESSION = ("121073", "Impression")
HISTORY = ("121060", "History")


def text_item(text: str, concept: tuple[str, str] = FINDING, **more: Any) -> Dataset:
    return item("TEXT", code(*concept), text, **more)


def document(sop_class: str = uid.BasicTextSRStorage, **attributes: Any) -> Dataset:
    """A DICOM document without its content."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID = sop_class
    defaults = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPInstanceUID": uid.generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "SR",
        "PatientID": "P1",
        "PatientName": "NAME^GIVEN",
        "AccessionNumber": "A1",
        "ContentDate": "20200102",
        "ContentTime": "030405",
    }
    for keyword, value in (defaults | attributes).items():
        if value is not None:
            setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def structured(*content: Dataset, **attributes: Any) -> Dataset:
    """A structured report with these content items below its root."""
    ds = document(**attributes)
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    if "ConceptNameCodeSequence" not in ds:
        ds.ConceptNameCodeSequence = code("18748-4", "Diagnostic Imaging Report", "LN")
    ds.ContentSequence = pydicom.Sequence(content)
    if "CompletionFlag" not in ds:
        ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    return ds


def encapsulated(content: bytes, mime: str = "application/pdf", **attributes: Any) -> Dataset:
    ds = document(uid.EncapsulatedPDFStorage, Modality="DOC", **attributes)
    ds.MIMETypeOfEncapsulatedDocument = mime
    ds.EncapsulatedDocumentLength = len(content)
    ds.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return ds


def save(ds: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def pdf(*pages: str, picture: str = "", on_page: int = 0) -> bytes:
    """A PDF with a line of text on each page; an empty text is a page without any.

    picture: on the page `on_page`, as the matrix of the operator `cm` that places it.
    """
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    kids = []
    for number, text in enumerate(pages):
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        stream = f"BT /F1 12 Tf 72 700 Td ({shown}) Tj ET".encode("latin-1") if text else b""
        if picture and number == on_page:
            stream += f"\nq {picture} cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q".encode()
        objects.append(b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(kids), len(kids))
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        start,
    )


def cda(*sections: tuple[str, str]) -> bytes:
    """A clinical document; each section is its title and the XML of its text."""
    body = "".join(
        f"<component><section><title>{title}</title><text>{text}</text></section></component>"
        for title, text in sections
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
        "<title>Imaging Report</title><recordTarget><patientRole><patient><name><given>GIVEN"
        "</given><family>NAME</family></name></patient></patientRole></recordTarget>"
        f"<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>"
    ).encode()
