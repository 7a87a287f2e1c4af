"""The report of a DICOM file that is a document: structured, or with a document inside."""

from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid

from pgdose.documents.embedded_documents import embedded_text
from pgdose.documents.moments import moment
from pgdose.documents.reasons import NO_REPORTS
from pgdose.documents.report import Report, Status, Tally, UnreadReport, check_text
from pgdose.documents.structured_reports import OTHER_CLASSES, REPORT_CLASSES, structured_text
from pgdose.errors import Rejected
from pgdose.xray.character_sets import decode_text
from pgdose.xray.dicom_file import BREAKS_OFF, read_document, sop_class

LARGEST = 2**26  # bytes of a document
EMBEDDED_CLASSES = {
    uid.EncapsulatedPDFStorage,
    uid.EncapsulatedCDAStorage,
    uid.EncapsulatedSTLStorage,
    uid.EncapsulatedOBJStorage,
    uid.EncapsulatedMTLStorage,
}


def is_document(path: Path) -> bool:
    """Whether a DICOM file is a document, by its SOP class. Rejected: as `sop_class` does."""
    kind = sop_class(path)
    return kind in REPORT_CLASSES or kind in OTHER_CLASSES or kind in EMBEDDED_CLASSES


def document_report(path: Path, tag: str, encoding: str | None, tally: Tally) -> Report:
    """The report of a document. tag: the attribute with the films' number.

    Rejected: the codes of `documents.reasons`; UnreadReport where its text alone is not readable.
    """
    ds = _read(path)
    kind = uid.UID(decode_text(ds, "SOPClassUID", None))
    if kind in OTHER_CLASSES:
        raise Rejected(OTHER_CLASSES[kind], "by its SOP class")
    try:
        text, failure = _text(ds, kind, encoding, tally)
        ids = _ids(ds, tag, encoding)
        if not ids:
            raise failure or Rejected("no_id", "")
        report = Report(
            ids,
            text,
            _time(ds),
            _status(ds),
            decode_text(ds, "SOPInstanceUID", None),
            _before(ds),
            tuple(filter(None, [decode_text(ds, "PatientID", encoding)])),
        )
        if failure:
            raise UnreadReport(failure, report)
        return report
    except Rejected:
        raise
    except Exception as error:  # a value that pydicom cannot convert
        raise Rejected("unreadable_header", type(error).__name__) from None


def _text(
    ds: pydicom.Dataset, kind: uid.UID, encoding: str | None, tally: Tally
) -> tuple[str, Rejected | None]:
    """The text of a report; or "", and why it cannot be read. Rejected: what is no report."""
    try:
        if kind in EMBEDDED_CLASSES:
            return check_text(_embedded(ds, encoding, tally)), None
        return structured_text(ds, encoding), None
    except Rejected as rejected:
        if rejected.reason in NO_REPORTS:
            raise
        return "", rejected
    except RecursionError:
        return "", Rejected("unreadable_document", "items too deep in each other")


def _read(path: Path) -> pydicom.Dataset:
    try:
        return read_document(path, LARGEST)
    except Rejected as rejected:
        if rejected.detail == BREAKS_OFF:
            raise Rejected("cut_short", BREAKS_OFF) from None
        raise


def _embedded(ds: pydicom.Dataset, encoding: str | None, tally: Tally) -> str:
    content = ds.get("EncapsulatedDocument")
    if not isinstance(content, bytes) or not content:
        raise Rejected("no_text", "no document inside")
    stated = ds.get("EncapsulatedDocumentLength")
    if isinstance(stated, int) and 0 < stated <= len(content):
        content = content[:stated]
    return embedded_text(content, encoding, tally)


def _ids(ds: pydicom.Dataset, tag: str, encoding: str | None) -> tuple[str, ...]:
    """The values of the attribute `tag`: of the document, and of the requests that it answers.

    A document that lies in a study of its own names the study of its films as evidence.
    """
    values = [decode_text(ds, tag, encoding)]
    values += [decode_text(item, tag, encoding) for item in _items(ds, "ReferencedRequestSequence")]
    if tag == "StudyInstanceUID":
        evidence = _items(ds, "CurrentRequestedProcedureEvidenceSequence")
        values = [decode_text(item, tag, None) for item in evidence] or values
    return tuple(dict.fromkeys(filter(None, values)))


def _items(ds: pydicom.Dataset, keyword: str) -> list[pydicom.Dataset]:
    return list(ds.get(keyword) or ())


def _time(ds: pydicom.Dataset) -> str:
    """When the content was written, as `moment` says it."""
    zone = decode_text(ds, "TimezoneOffsetFromUTC", None)
    for day, hour in (
        ("ContentDate", "ContentTime"),
        ("InstanceCreationDate", "InstanceCreationTime"),
        ("SeriesDate", "SeriesTime"),
    ):
        date, clock = decode_text(ds, day, None), decode_text(ds, hour, None)
        if time := moment(f"{date}{clock}{zone}"):
            return time
    return ""


def _status(ds: pydicom.Dataset) -> Status:
    def flag(keyword: str) -> str:
        return decode_text(ds, keyword, None).upper()

    if flag("PreliminaryFlag") == "PRELIMINARY" or flag("CompletionFlag") == "PARTIAL":
        return "preliminary"
    return "unverified" if flag("VerificationFlag") == "UNVERIFIED" else "final"


def _before(ds: pydicom.Dataset) -> tuple[str, ...]:
    """The SOPInstanceUIDs of the documents that this one takes the place of."""
    uids: list[Any] = []
    for study in _items(ds, "PredecessorDocumentsSequence"):
        for series in _items(study, "ReferencedSeriesSequence"):
            uids += [
                decode_text(item, "ReferencedSOPInstanceUID", None)
                for item in _items(series, "ReferencedSOPSequence")
            ]
    return tuple(filter(None, uids))
