"""What a table that a person made is written in: CSV, Excel or Parquet; its encoding and separator.

What the study does not say is found in the file where that is certain, and otherwise asked for.
The Snakefile reads headers before any job, so this module imports nothing heavy.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import NamedTuple

from pgdose.errors import UserError
from pgdose.user_tables.header_words import describe_columns, has_usual_words
from pgdose.user_tables.odd_marks import strip

HEADER = 200_000  # characters of the first row of a table
LONGEST_NAME = 10_000  # characters of a column
SAMPLE = 2**20  # bytes that are looked at to find an encoding
SAMPLE_ROWS = 20  # that decide between two separators
SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_WORDS = {"\t": "tab"}
SINGLE_BYTE = ("cp1251", "cp1252", "koi8-r", "cp866")  # tried, to show a header in a message
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NO_TABLES = {  # what other files begin with
    b"\xd0\xcf\x11\xe0": "an Excel file of before 2007 or with a password; save it as .xlsx or CSV",
    b"\x1f\x8b": "packed (gzip); unpack it",
    b"BZh": "packed (bzip2); unpack it",
    b"\xfd7zXZ": "packed (xz); unpack it",
    b"(\xb5/\xfd": "packed (zstd); unpack it",
    b"7z\xbc\xaf": "packed (7z); unpack it",
    b"%PDF": "a PDF file; export the table as CSV",
    b"{\\rtf": "a text document (RTF); export the table as CSV",
    b"<html": "a web page; export the table as CSV",
    b"<!DOC": "a web page; export the table as CSV",
}
# Of a column: its name, or several names of which the first that is there counts.
Names = str | list[str] | None


class TableFormat(NamedTuple):
    """What the study says of a table's format; None: it is found in the file."""

    separator: str | None = None
    encoding: str | None = None


ANY_FORMAT = TableFormat()


@dataclass(frozen=True)
class UserTable:
    """A table that a person made, as the study names it.

    `columns` maps a meaning to the names of its column, or to None where the study does not use
    it. `field` is the path of the section of the study that names the table, `keys` gives for a
    meaning the key below it, for messages (`columns.<meaning>`, if it has none).
    """

    path: Path
    field: str
    columns: Mapping[str, Names]
    format: TableFormat = ANY_FORMAT
    keys: Mapping[str, str] = dataclass_field(default_factory=dict)
    key: str = "table"  # that names the file; "" if it is `field` itself
    encoding_key: str = ""  # the path of the key for its encoding; "" if it is `field`.encoding

    @property
    def at(self) -> str:
        """The path of the key that names the file."""
        return f"{self.field}.{self.key}" if self.key else self.field

    def key_of(self, meaning: str) -> str:
        """The path of the key that names a meaning's column."""
        key = self.keys.get(meaning, f"columns.{meaning}")
        return f"{self.field}.{key}" if key else self.field

    def mistake(self, what: str) -> UserError:
        """The error for a file with something wrong in it; `what` follows the file's name."""
        return UserError(f"{self.at}: {self.path.name}{what}")


class Header(NamedTuple):
    """The first row of a table, and how the file has to be read."""

    names: list[str]  # of columns, without spaces round them
    kind: str  # csv, excel or parquet
    encoding: str = ""  # of a CSV file
    separator: str = ","
    lines_before: int = 0  # lines above the header
    notes: tuple[str, ...] = ()  # what was found in the file and not in the study


def clean_name(name: str) -> str:
    """A column's name in one spelling: no line breaks or outer spaces, accents composed."""
    return " ".join(unicodedata.normalize("NFC", strip(name)).split())


def read_header(table: UserTable) -> Header:
    """The header of a table. Raises UserError for a file that is none, quoting no cell."""
    try:
        with table.path.open("rb") as file:
            start = file.read(SAMPLE)
    except OSError as error:
        raise unreadable(table, error.strerror) from None
    if b"opendocument" in start[:200]:
        raise unreadable(table, "it is a LibreOffice file (.ods); save it as .xlsx or as CSV")
    for signature, what in NO_TABLES.items():
        if start[: len(signature)].lower() == signature.lower():
            raise unreadable(table, f"it is {what}")
    if table.path.suffix == ".parquet" or start.startswith(b"PAR1"):
        from pgdose.user_tables.parquet_rows import parquet_names  # heavy: pyarrow

        return Header([clean_name(name) for name in parquet_names(table)], "parquet")
    if start.startswith(b"PK\x03\x04"):
        from pgdose.user_tables.excel_rows import excel_names

        return Header([clean_name(name) for name in excel_names(table)], "excel")
    if table.path.suffix in (".xlsx", ".xlsm"):
        raise unreadable(table, "it is no Excel file")
    return _csv_header(table, *find_encoding(table, start))


def unreadable(table: UserTable, reason: str | None) -> UserError:
    return table.mistake(
        f" cannot be read: {reason}; give a table in CSV, Excel (.xlsx) or Parquet whose first row "
        "holds the names of columns"
    )


# Encodings


def find_encoding(table: UserTable, start: bytes) -> tuple[str, tuple[str, ...]]:
    """The codec to read a CSV file with, and notes; `start` is the beginning of the file.

    Certain are a byte order mark, UTF-8 (no other text is valid UTF-8 by accident) and the zero
    bytes of UTF-16. Raises UserError where the study says something else.
    """
    declared = table.format.encoding
    mark = next((name for bom, name in BYTE_ORDER_MARKS.items() if start.startswith(bom)), None)
    found = mark or _utf16(start)
    if found is None:
        if declared and not _is_utf8(declared):
            _check_not_utf8(table, declared, start)
            return declared, ()
        if b"\0" in start:
            raise unreadable(table, "it holds zero bytes, so it is no text")
        return "utf-8-sig", ()
    if declared and _family(declared) != _family(found):
        raise UserError(
            f"{table.field}.encoding: {declared!r}, but {table.path.name} is in {_family(found)}, "
            "by its first bytes; leave 'encoding' out"
        )
    notes = () if _family(found) == "utf-8" else (f"its encoding is {_family(found)}",)
    return found, notes


def _utf16(start: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of Latin letters is zero."""
    pairs = len(start[:2000]) // 2
    even, odd = (start[: 2 * pairs][offset::2].count(0) for offset in (0, 1))
    if pairs > 1 and max(even, odd) > 0.4 * pairs and min(even, odd) < 0.1 * pairs:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _family(encoding: str) -> str:
    """utf-8, utf-16 or utf-32, whatever the byte order; other names as they are."""
    name = codecs.lookup(encoding).name
    return next(
        (family for family in ("utf-8", "utf-16", "utf-32") if name.startswith(family)), name
    )


def _check_not_utf8(table: UserTable, declared: str, start: bytes) -> None:
    """Raise UserError if a file that the study says is in another encoding is in UTF-8."""
    text = codecs.getincrementaldecoder("utf-8")()
    try:
        letters = set(text.decode(start)) - {chr(n) for n in range(128)}
    except UnicodeDecodeError:
        return
    if len(letters) > 2 and _family(declared) not in ("utf-16", "utf-32"):
        raise UserError(
            f"{table.field}.encoding: {declared!r}, but {table.path.name} is in UTF-8; leave "
            "'encoding' out"
        )


def not_decodable(table: UserTable, encoding: str) -> UserError:
    """The error for a CSV file that is not in its encoding; it says in which line."""
    line = _first_undecodable(table.path, encoding)
    place = f" (line {line})" if line else ""
    text = f"{table.field}.encoding: {table.path.name} is not {_family(encoding)} text{place}; "
    if table.format.encoding:
        return UserError(f"{text}set another encoding, or save the table as UTF-8")
    example, header = _as_single_byte(table)
    return UserError(
        f"{text}set its encoding, such as cp1251 (Cyrillic), cp1252 (Western), mac_roman (old "
        "Macs), gb18030 (Chinese) or shift_jis (Japanese), or save it as UTF-8. "
        f"Read as {example}, {describe_columns(header)}"
    )


def _first_undecodable(path: Path, encoding: str) -> int | None:
    if _family(encoding) in ("utf-16", "utf-32"):
        return None  # their line breaks are several bytes
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                decoder.decode(line)
            except UnicodeDecodeError:
                return number
    return None


def _as_single_byte(table: UserTable) -> tuple[str, list[str]]:
    """An encoding in which the header makes sense, else the first; the header as it reads."""
    with table.path.open("rb") as file:
        line = file.readline(HEADER)
    headers = {}
    for name in SINGLE_BYTE:
        text = line.decode(name, "replace")
        headers[name] = max(
            ([clean_name(n) for n in text.split(mark)] for mark in SEPARATORS), key=len
        )
    foreign = {name: header for name, header in headers.items() if has_usual_words(header)}
    return next(iter((foreign or headers).items()))


# Separators


def _csv_header(table: UserTable, encoding: str, notes: tuple[str, ...]) -> Header:
    try:
        with table.path.open(newline="", encoding=encoding) as file:
            # Not a line: a file without line breaks may have gigabytes.
            head = file.read(HEADER + 1)
    except UnicodeError:  # UTF-16 without its mark raises no UnicodeDecodeError
        raise not_decodable(table, encoding) from None
    line = re.match(r"sep=(.)\r?\n", head)
    declared = table.format.separator
    if line and declared and declared != line[1]:
        raise UserError(
            f"{table.field}.separator: {declared!r}, but the first line of {table.path.name} says "
            f"{line[1]!r}; leave 'separator' out"
        )
    before, head = (1, head[line.end() :]) if line else (0, head)
    if line or declared:
        separator = line[1] if line else str(declared)
        names = _first_row(table, head, separator)
        return Header(names, "csv", encoding, separator, before, notes)
    separator = _find_separator(table, head)
    names = _first_row(table, head, separator)
    if separator != ",":
        notes += (f"its cells are separated by {shown(separator)}",)
    return Header(names, "csv", encoding, separator, before, notes)


def shown(separator: str) -> str:
    """A separator, for messages."""
    return SEPARATOR_WORDS.get(separator, f"'{separator}'")


def _first_row(table: UserTable, head: str, separator: str) -> list[str]:
    lines = io.StringIO(head, newline="")
    csv.field_size_limit(LONGEST_NAME)
    try:
        names = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        raise unreadable(table, "its first row is no CSV") from None
    if lines.tell() > HEADER:
        raise unreadable(table, f"its first row has over {HEADER} characters")
    return [clean_name(name) for name in names]


def _find_separator(table: UserTable, head: str) -> str:
    """The separator with which the columns of the study are there.

    Of several the one with which the first rows have as many cells as the header; UserError where
    that does not decide. Where it is found with none, the one that gives most columns.
    """
    headers = {mark: _first_row(table, head, mark) for mark in SEPARATORS}
    wanted = [names for names in table.columns.values() if names]

    def present(mark: str) -> int:
        folded = {name.casefold() for name in headers[mark]}
        choices = ([names] if isinstance(names, str) else names for names in wanted)
        return sum(any(clean_name(n).casefold() in folded for n in names) for names in choices)

    complete = [mark for mark in SEPARATORS if present(mark) == len(wanted)]
    if not complete:
        return max(SEPARATORS, key=lambda mark: (present(mark), len(headers[mark])))
    if len({tuple(headers[mark]) for mark in complete}) == 1:
        return complete[0]
    even = [mark for mark in complete if _is_even(head, mark, len(headers[mark]))]
    if len(even) == 1:
        return even[0]
    marks = " or ".join(shown(mark) for mark in even or complete)
    raise UserError(
        f"{table.field}.separator: the cells of {table.path.name} could be separated by {marks}; "
        f"set 'separator'. Read with the first, {describe_columns(headers[(even or complete)[0]])}"
    )


def _is_even(head: str, separator: str, width: int) -> bool:
    """Whether the first rows have as many cells as the header, and more than one."""
    lengths = set(_lengths(head, separator))
    return width > 1 and lengths <= {width}


def _lengths(head: str, separator: str) -> Iterator[int]:
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
    try:
        for number, row in enumerate(rows):
            if number > SAMPLE_ROWS:
                return
            if row:
                yield len(row)
    except csv.Error:
        return


# Columns


def find_columns(table: UserTable, header: Header) -> tuple[dict[str, int], list[str]]:
    """The place of each meaning's column in the header, and notes on what was guessed.

    Capitals are overlooked where one column alone has the name then. Raises UserError where the
    table has none of the names, or has one of them twice.
    """
    places, notes = {}, []
    for meaning, names in table.columns.items():
        if names is None:
            continue
        choices = [clean_name(name) for name in ([names] if isinstance(names, str) else names)]
        place = _place(table, header, meaning, choices)
        if place is None:
            raise _no_column(table, header, meaning, choices)
        if header.names[place] not in choices:
            notes.append(f"the column {header.names[place]!r} is taken for {choices[0]!r}")
        places[meaning] = place
    return places, notes


def _place(table: UserTable, header: Header, meaning: str, choices: Sequence[str]) -> int | None:
    for fold in (str, str.casefold):
        for choice in choices:
            places = [n for n, name in enumerate(header.names) if fold(name) == fold(choice)]
            if len(places) > 1:
                raise UserError(
                    f"{table.key_of(meaning)}: {table.path.name} has {len(places)} columns "
                    f"{choice!r}; rename all but one of them"
                )
            if places:
                return places[0]
    return None


def _no_column(
    table: UserTable, header: Header, meaning: str, choices: Collection[str]
) -> UserError:
    if not any(header.names):
        return unreadable(table, "its first row is empty")
    text = (
        f"{table.key_of(meaning)}: no column {' or '.join(map(repr, choices))} in "
        f"{table.path.name}; {describe_columns(header.names)}"
    )
    if header.kind == "csv" and len(header.names) < 2:
        text += f". If its cells are not separated by ',', set {table.field}.separator"
    return UserError(text)
