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

from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words
from pgdose.xray.character_sets import is_cyrillic

MOST_PAGES = 100  # of a report
SECONDS = 60  # for a document
_STRANGE = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")  # glyphs without a letter
_LETTER = re.compile(r"[^\W\d_]")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings quote the document


class _TooLong(BaseException):
    """Time is up. No Exception, so that pypdf cannot take it for a fault of the document."""


def pdf_text(content: bytes, encoding: str | None) -> str:
    """The text of all pages.

    encoding: of the study, for fonts that declare Cyrillic bytes as Western ones. Rejected:
    encrypted, no_text_layer, unreadable_document, encoding, absurd_size.
    """
    try:
        with _time_limit():
            reader = pypdf.PdfReader(BytesIO(content))
            if reader.is_encrypted and not reader.decrypt(""):
                raise Rejected("encrypted", "")
            if any(map(has_words, reader.get_form_text_fields().values())):
                raise Rejected("unreadable_document", "a PDF with a form that is filled in")
            if len(reader.pages) > MOST_PAGES:
                raise Rejected("absurd_size", f"a PDF of over {MOST_PAGES} pages")
            text = "\n".join(page.extract_text() for page in reader.pages)
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
    return _as_cyrillic(text, encoding, letters)


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
