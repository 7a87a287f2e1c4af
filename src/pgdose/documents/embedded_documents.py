"""The text of a document that lies inside another: in a DICOM file, or in an HL7 message.

What it is, its bytes say: senders often name another type.
"""

import codecs
import re

from pgdose.documents.cda import clinical_document, is_clinical_document
from pgdose.documents.pdf import pdf_text
from pgdose.documents.report import Tally
from pgdose.errors import Rejected
from pgdose.xray.character_sets import is_cyrillic, is_utf8

LARGEST = 2**26  # bytes
_START = 2048  # bytes that show what it is
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WESTERN = {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "us-ascii"}
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9._-]{3,40})""")


def embedded_text(content: bytes, encoding: str | None, tally: Tally) -> str:
    """The text of a PDF, a clinical document, or of a text (RTF and HTML with their marks).

    encoding: of the study, for texts that declare none, or Latin-1. Rejected: other_format,
    encoding, no_text, absurd_size, and what PDFs and clinical documents raise.
    """
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.rstrip(b"\0")  # padding
    if len(content) > LARGEST:
        raise Rejected("absurd_size", f"over {LARGEST} bytes")
    if not content:
        raise Rejected("no_text", "no bytes")
    if b"%PDF-" in content[:1024]:
        text = pdf_text(content, encoding)
        tally.add("pdf")
        return text
    if is_clinical_document(content):
        return clinical_document(content, encoding, tally)
    return _decoded(content, encoding)


def _decoded(content: bytes, encoding: str | None) -> str:
    mark = next((name for bom, name in _MARKS.items() if content.startswith(bom)), None)
    if mark is None and _is_binary(content[:_START]):
        raise Rejected("other_format", "")
    codec = mark or ("utf-8" if is_utf8(content) else None)
    if codec is None:
        codec = _declared(content, encoding) or encoding
    if codec is None:
        raise Rejected("encoding", "a text that is neither ASCII nor UTF-8")
    try:
        return content.decode(codec)
    except (UnicodeError, LookupError):
        raise Rejected("encoding", "a text that is not in its encoding") from None


def _declared(content: bytes, encoding: str | None) -> str | None:
    """The character set that a text declares. Latin-1 is believed where `encoding` is not set.

    Programs write it by themselves; another one somebody chose.
    """
    match = _CHARSET.search(content[:_START])
    declared = match[1].decode("ascii") if match else None
    if declared and declared.lower() in _WESTERN:
        if encoding is not None:
            return None
        if is_cyrillic(content):
            raise Rejected("encoding", "declared Latin-1, and looks Cyrillic")
    return declared


def _is_binary(start: bytes) -> bool:
    """Whether bytes are those of a picture or the like: control characters that no text has."""
    return any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in start)
