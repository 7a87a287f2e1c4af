"""The text layer of a PDF, by pypdf."""

import logging
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError

from pgdose.documents.pdf_contents import has_notes, is_filled_in, is_scan
from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words
from pgdose.xray.character_sets import is_cyrillic

MOST_PAGES = 100  # of a report
SECONDS = 60  # for a document
# Glyphs without a letter.
_STRANGE = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f\x7f-\x9f]")
_CONTROLS = re.compile(r"[\x80-\x9f]")  # a single glyph without a letter, such as a bullet
_LETTER = re.compile(r"[^\W\d_]")
# A word that goes on in the next line. After a single letter the hyphen is its own: x-ray.
_HYPHENATED = re.compile(r"(?<=[^\W\d_]{2})[-\u2010\xad] *\n *(?=([^\W\d_]))")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings quote the document


class _TooLong(BaseException):
    """Time is up. No Exception, so that pypdf cannot take it for a fault of the document."""


def pdf_text(content: bytes, encoding: str | None) -> str:
    """The text of all pages; words that were hyphenated at the end of a line are whole again.

    encoding: of the study, for fonts that declare Cyrillic bytes as Western ones. Rejected:
    encrypted, no_text_layer (of one page or all), unreadable_document, encoding, absurd_size.
    """
    try:
        with _time_limit():
            reader = pypdf.PdfReader(BytesIO(content))
            if reader.is_encrypted and not reader.decrypt(""):
                raise Rejected("encrypted", "")
            if len(reader.pages) > MOST_PAGES:
                raise Rejected("absurd_size", f"a PDF of over {MOST_PAGES} pages")
            if is_filled_in(reader):
                raise Rejected("unreadable_document", "a PDF with a form that is filled in")
            if has_notes(reader):
                raise Rejected("unreadable_document", "a PDF with notes upon its pages")
            pages = [page.extract_text() for page in reader.pages]
            if any(map(is_scan, reader.pages, pages)):
                raise Rejected("no_text_layer", "a page that is a picture")
            text = "\n".join(pages)
    except Rejected:
        raise
    except (FileNotDecryptedError, DependencyError):
        raise Rejected("encrypted", "") from None
    except _TooLong:
        raise Rejected("unreadable_document", f"a PDF that takes over {SECONDS} s") from None
    except Exception as error:  # of any kind: it is a parser of damaged files
        raise Rejected("unreadable_document", f"a PDF: {type(error).__name__}") from None
    if not has_words(text):
        raise Rejected("no_text_layer", "")
    letters = len(_LETTER.findall(text))
    if len(_STRANGE.findall(text)) > letters / 10:
        raise Rejected("encoding", "a PDF whose fonts do not tell their letters")
    text = _CONTROLS.sub("\ufffd", _as_cyrillic(text, encoding, letters))
    return _HYPHENATED.sub(lambda match: "" if match[1].islower() else match[0], text)


def _as_cyrillic(text: str, encoding: str | None, letters: int) -> str:
    """The text, where letters of Latin-1 stand for those of another encoding."""
    accented = sum("\xc0" <= letter <= "\xff" for letter in text)
    if accented <= letters / 2:
        return text
    if encoding is None:
        if is_cyrillic(text.encode("latin-1", "ignore")):
            raise Rejected("encoding", "a PDF with Cyrillic as letters of Latin-1")
        return text
    try:
        return "".join(
            one.encode("cp1252").decode(encoding) if "\x80" <= one <= "\xff" else one
            for one in text
        )
    except UnicodeError:
        raise Rejected("encoding", "a PDF whose letters are not in the encoding") from None


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stop a document that takes too long, where that can be done: in a process's main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
