"""Reading a YAML file that a person wrote: a study or a lexicon."""

import codecs
import json
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study.content_limits import load_document, read_limited
from pgdose.study.field_lines import Document

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32-LE's begins alike


def read_yaml(path: Path, name: str | None = None) -> Document:
    """The content of a file, and the lines of its fields.

    UserError for a file that cannot be read, is not YAML or holds too much: one sentence behind
    the file's name, with the line where it knows one.
    """
    try:
        return load_document(_spaced(_decoded(read_limited(path))))
    except OSError as error:
        text = f"{error.strerror}; give the path of a file that you may read"
    except UserError as error:
        text = str(error)
    raise UserError(f"{name or path}: {text}") from None


def _decoded(content: bytes) -> str:
    if content.startswith(WIDE) or b"\0" in content:
        raise UserError("not UTF-8 text but UTF-16, or no text at all; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"line {line}: not UTF-8 text; save the file as UTF-8") from None


def _spaced(text: str) -> str:
    """JSON may be indented with tabs, YAML may not."""
    if "\t" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")
