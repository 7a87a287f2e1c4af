"""The reports that a command of the terminal is given: a text file, a table, or standard input."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgdose.errors import UserError
from pgdose.labelling.report_tables import check_encoding
from pgdose.user_tables.formats import ANY_FORMAT, Names, TableFormat, UserTable, read_header
from pgdose.user_tables.identifiers import clean_identifiers
from pgdose.user_tables.odd_marks import says_nothing
from pgdose.user_tables.reader import read_pieces

LONGEST_FILE = 2**24  # bytes of a file that is one report
TABLES = (".csv", ".tsv", ".xlsx", ".xlsm", ".parquet")
NO_TEXTS = {b"MSH|": "HL7 messages", b"DICM": "a DICOM file", b"%PDF-": "a PDF file"}
# Columns that are looked for where none is named; of ids there may be none.
TEXT_COLUMNS = ["report", "text"]
ID_COLUMNS = ["accession_number", "id", "report_id", "record_id"]
_FIELD = "option"  # stands for the options in the messages of the reader of tables


class Report(NamedTuple):
    """A report: its id, or else its row or file; and its text."""

    id: str
    text: str


@dataclass(frozen=True)
class ReportFile:
    """What the options of a command say of its reports; `path` is `-` for standard input."""

    path: str
    text: str | None = None
    id: str | None = None
    format: TableFormat = ANY_FORMAT

    @property
    def is_table(self) -> bool:
        named = self.text or self.id or self.format.separator
        return self.path != "-" and bool(named or self.path.lower().endswith(TABLES))

    def reports(self, notes: list[str]) -> Iterator[Report]:
        """The reports, one after the other; what was guessed is added to `notes`.

        Raises UserError that names the option for what cannot be read.
        """
        with as_options():
            yield from self._rows(notes) if self.is_table else [self._whole()]

    def _rows(self, notes: list[str]) -> Iterator[Report]:
        table = self.table({"text": self.text or TEXT_COLUMNS})
        names = {name.casefold() for name in read_header(table).names}
        id_names: Names = self.id or [name for name in ID_COLUMNS if name in names]
        if id_names:
            table = self.table({**table.columns, "id": id_names})
        for piece in read_pieces(table, notes):
            check_encoding(piece["text"], table)
            if "id" in piece:
                piece["id"] = clean_identifiers(piece["id"], table, "id", notes)
            ids = piece["id"] if "id" in piece else [""] * len(piece)
            for line, id, text in zip(piece["line"], ids, piece["text"], strict=True):
                yield Report(id or f"line {line}", "" if says_nothing(text) else text)

    def table(self, columns: dict[str, Names]) -> UserTable:
        """The file as a table with these columns."""
        keys = {name: name for name in columns}
        return UserTable(Path(self.path), _FIELD, columns, self.format, keys, key="FILE")

    def _whole(self) -> Report:
        if self.path == "-":
            content = sys.stdin.buffer.read(LONGEST_FILE + 1)
        else:
            try:
                with Path(self.path).open("rb") as file:
                    content = file.read(LONGEST_FILE + 1)
            except OSError as error:
                raise UserError(
                    f"{self.path}: {error.strerror}; give a text file or a table of reports"
                ) from None
        name = "standard input" if self.path == "-" else Path(self.path).name
        if kind := next((kind for start, kind in NO_TEXTS.items() if start in content[:200]), None):
            raise UserError(
                f"{name}: {kind}, and no text; run a study with it ('reports.hl7' or "
                "'reports.documents'), and give the reports.parquet that it writes below private/"
            )
        if len(content) > LONGEST_FILE:
            raise UserError(f"{name}: over {LONGEST_FILE} bytes; give a table, or one report")
        try:
            return Report(name, content.decode(self.format.encoding or _encoding(content)))
        except (UnicodeDecodeError, LookupError):
            raise UserError(
                f"{name}: not {self.format.encoding or 'UTF-8'} text; set its encoding with "
                "--encoding, such as cp1251 (Cyrillic) or cp1252 (Western)"
            ) from None


def _encoding(content: bytes) -> str:
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return "utf-16" if is_wide else "utf-8-sig"


@contextmanager
def as_options() -> Iterator[None]:
    """Messages of the reader of tables name fields of a study: name the options instead."""
    try:
        yield
    except UserError as error:
        text = str(error).replace(f"{_FIELD}.FILE: ", "").replace(f"{_FIELD}.", "--")
        raise UserError(text) from None
