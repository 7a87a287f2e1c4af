"""Types of fields whose values need a check of their own."""

import codecs
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pgdose.study.base import IS_PATH, mistake
from pgdose.study.modality_codes import STANDARD_MODALITIES
from pgdose.study.suggestions import nearest

# They make texts of bytes, but are for names of hosts, for source code or for nothing at all.
NO_ENCODINGS = {"undefined", "punycode", "idna", "utf-7", "unicode-escape", "raw-unicode-escape"}


def _check_encoding(name: str) -> str:
    refusal = mistake("must be the encoding of a text, such as utf-8, cp1251 or koi8-r")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name):
        raise refusal
    try:
        codec = codecs.lookup(name)
        "".encode(name)  # zlib, rot13 and the like make no bytes of a text
    except (LookupError, UnicodeError):
        raise refusal from None
    if codec.name.replace("_", "-") in NO_ENCODINGS:
        raise refusal
    return name


def check_title(title: str) -> str:
    """The title without spaces around it; the error of a validator unless it is one line."""
    title = title.strip()  # YAML's | and > end in a line break
    # Marks of direction would show the words of a page in another order.
    control = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    if not any(map(str.isprintable, title)) or re.search(control, title):
        raise mistake("must be a text of one line, without tabs and other control characters")
    return title


def _check_identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", name):
        raise mistake("must be a name that the library uses, such as PGD or max_iter")
    return name


PART_BYTES = 240  # of 255 that file systems allow: files under way have a longer name
PATH_BYTES = 3500  # of 4096, for the files below


def _check_input_path(path: str) -> str:
    if re.search(r"[<>\x00-\x1f\x7f]", path):
        raise mistake(
            "must be a path without line breaks and without < and > (Snakemake's report reads them "
            "as HTML)"
        )
    return path


def check_input_file(path: str) -> str:
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise mistake(
            "must be a path without line breaks and without braces (Snakemake reads them as "
            "wildcards)"
        )
    return _check_input_path(path)


def _check_output_path(path: str) -> str:
    check_input_file(path)
    if not path:  # a default stands for it, which the study fills in
        return path
    try:
        expanded = os.path.normpath(Path(path).expanduser())
    except RuntimeError:
        raise mistake(
            "must be a path; no user has this name, write ./~NAME for a folder ~NAME"
        ) from None
    parts = os.fsencode(expanded).split(b"/")
    if len(os.fsencode(expanded)) > PATH_BYTES or max(map(len, parts)) > PART_BYTES:
        raise mistake(
            "must be a shorter path: at most {whole} bytes, {part} in each of its parts",
            whole=PATH_BYTES,
            part=PART_BYTES,
        )
    return expanded


InputPath = Annotated[str, IS_PATH, AfterValidator(_check_input_path)]
InputFile = Annotated[str, AfterValidator(check_input_file)]  # an input of a rule

# The workflow writes it; `~` is expanded. What it must not be: `places`.
OutputPath = Annotated[str, IS_PATH, AfterValidator(_check_output_path)]


Title = Annotated[str, AfterValidator(check_title)]


Identifier = Annotated[str, AfterValidator(_check_identifier)]


Encoding = Annotated[str, AfterValidator(_check_encoding)]


SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def _check_separator(text: str) -> str:
    text = SEPARATOR_NAMES.get(text, text)
    if len(text) != 1 or text in "\"'\r\n\0" or text.isalnum() or (text.isspace() and text != "\t"):
        raise mistake("must be one character such as ';', or the word tab")
    return text


Separator = Annotated[str, AfterValidator(_check_separator)]


def _check_modality(code: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{2,16}", code):
        raise mistake(
            "must be a code of the DICOM attribute Modality, of capitals and digits, such as CR"
        )
    # Stations write codes of their own, too; only what looks like a slip of the pen is refused.
    near = code not in STANDARD_MODALITIES and nearest(code, STANDARD_MODALITIES, likeness=0.7)
    if near:
        raise mistake("must be a code of the DICOM attribute Modality{near}", near=near)
    return code


Modality = Annotated[str, AfterValidator(_check_modality)]
Modalities = Annotated[list[Modality], Field(min_length=1)]


def _check_message_field(name: str) -> str:
    if not re.fullmatch(r"(?!MSH)[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}(\.[1-9]\d?)?", name):
        raise mistake(
            "must be a field of an HL7 segment, such as OBR-18, OBR-3, OBR-2, ORC-3, or with a "
            "component OBR-3.2"
        )
    return name


MessageField = Annotated[str, AfterValidator(_check_message_field)]


Column = str | list[str]  # a column's name, or several names: the first that the table has counts
