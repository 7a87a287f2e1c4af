"""The text of a document that lies inside another: in a DICOM file, or in an HL7 message.

What it is, its bytes say: senders often name another type.
"""

import codecs
import re

from pgdose.documents.cda import clinical_document, is_clinical_document
from pgdose.documents.pdf import pdf_text
from pgdose.documents.report import Tally
from pgdose.errors import Rejected
from pgdose.xray.character_sets import decode_latin_1, is_utf8, reads_better_elsewhere

LARGEST = 2**26  # bytes
_START = 2048  # bytes that show what it is
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0?\0": "utf-16-le",
    b"\0<\0?": "utf-16-be",
}
_WESTERN = {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "us-ascii"}
_UTF_8 = {"utf-8", "utf8"}
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9._-]{3,40})""")


def embedded_text(content: bytes, encoding: str | None, tally: Tally) -> str:
    """The text of a PDF, a clinical document, or of a text (RTF and HTML with their marks).

    encoding: of the study, for texts that declare none, or Latin-1. Rejected: other_format,
    encoding, no_text, absurd_size, and what PDFs and clinical documents raise.
    """
    if not content.startswith(tuple(mark for mark, name in _MARKS.items() if "16" in name)):
        content = content.rstrip(b"\0")  # padding
    if len(content) > LARGEST:
        raise Rejected("absurd_size", f"over {LARGEST} bytes")
    if not content:
        raise Rejected("no_text", "no bytes")
    if b"%PDF-" in content[:1024]:
        text = pdf_text(content, encoding)
        tally.add("pdf")
        return text
    text = _decoded(content, encoding)
    return clinical_document(text, encoding, tally) if is_clinical_document(content) else text


def _decoded(content: bytes, encoding: str | None) -> str:
    mark = next((name for start, name in _MARKS.items() if content.startswith(start)), None)
    if mark is None and _is_binary(content[:_START]):
        raise Rejected("other_format", "")
    codec = mark or ("utf-8" if is_utf8(content) else None)
    try:
        if codec is not None:
            return content.decode(codec)
        declared = _declared(content)
        if encoding is None and declared in _WESTERN:
            text = decode_latin_1(content)
            if text is None:
                raise Rejected("encoding", "declared Latin-1, and looks like another set")
            return text
        # Programs write Latin-1 and UTF-8 by themselves; another set somebody chose.
        codec = encoding if declared in {"", *_WESTERN, *_UTF_8} else declared
        if codec is None:
            raise Rejected("encoding", "a text that is neither ASCII nor UTF-8")
        text = content.decode(codec)
    except (UnicodeError, LookupError):
        raise Rejected("encoding", "a text that is not in its encoding") from None
    if reads_better_elsewhere(text, content):
        raise Rejected("encoding", "Cyrillic, but not in the encoding that counts")
    return text


def _declared(content: bytes) -> str:
    """The character set that a text declares, in small letters; "" for none."""
    match = _CHARSET.search(content[:_START])
    return match[1].decode("ascii").lower() if match else ""


def _is_binary(start: bytes) -> bool:
    """Whether bytes are those of a picture or the like: control characters that no text has."""
    return any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in start)
