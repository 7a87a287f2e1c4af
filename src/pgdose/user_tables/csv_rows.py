"""The rows of a CSV file, read strictly: a row that cannot be what its maker meant is an error.

A reader that guesses turns a lost quote into another patient. So each row has as many cells as the
header, quotes open and close where a cell does, and a quoted cell swallows no rows.
"""

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from pgdose.errors import UserError
from pgdose.user_tables.formats import Header, UserTable, not_decodable, shown

if TYPE_CHECKING:
    import _csv

LONGEST_LINE = 2**24  # bytes
LONGEST_CELL = 2**20  # characters
BLOCK = 2**20  # bytes
Row = tuple[int, list[str]]  # the line in which it begins, and its cells


def csv_rows(table: UserTable, header: Header, notes: list[str]) -> Iterator[Row]:
    """The rows below the header; what was read otherwise than it stands is added to `notes`.

    Empty rows are left out. Raises UserError with the line: a row with more or fewer cells than
    the header, a quote that does not close, an undecodable line.
    """
    _check_bytes(table, header)
    csv.field_size_limit(LONGEST_CELL)
    with table.path.open(newline="", encoding=header.encoding) as file:
        try:
            yield from _Rows(table, header, notes).read(file)
        except UnicodeDecodeError:
            raise not_decodable(table, header.encoding) from None


class _Rows:
    """One pass over a file, with what its checks need to know."""

    def __init__(self, table: UserTable, header: Header, notes: list[str]) -> None:
        self.table, self.header, self.notes = table, header, notes
        self.width = len(header.names)
        mark = re.escape(header.separator)
        quoted, plain = ' *+"(?:[^"]|"")*+" *+', rf'[^"{mark}\r\n]*+'
        self.well_quoted = re.compile(
            rf"(?:{quoted}|{plain})(?:{mark}(?:{quoted}|{plain}))*+(?:\r\n?|\n)?"
        )
        self.cell = re.compile(rf"({quoted})(?=[{mark}\r\n]|\Z)|([^{mark}\r\n]*+)")

    def read(self, file: TextIO) -> Iterator[Row]:
        lines: list[str] = []  # of the row that is being read
        for _ in range(self.header.lines_before):
            file.readline()
        reader = csv.reader(
            _kept(file, lines),
            delimiter=self.header.separator,
            strict=True,
            skipinitialspace=True,
        )
        rows = self._parsed(reader, lines, self.header.lines_before)
        next(rows, None)  # the header
        extra = None
        for line, row in rows:
            if extra is None:  # each row may end with one empty cell too many
                extra = int(len(row) == self.width + 1 and row[-1] == "")
            if len(row) != self.width + extra or (extra and row[-1]):
                raise self._uneven(line, len(row))
            yield line, row
        if extra:
            self.notes.append("each row ends with one separator more than the header; overlooked")

    def _parsed(self, reader: "_csv.Reader", lines: list[str], before: int) -> Iterator[Row]:
        """All rows with cells in them, each with its line; their quotes are checked."""
        header, repeated = None, 0
        while True:
            line = reader.line_num + before + 1
            lines.clear()
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise self._unreadable(line, lines, str(error)) from None
            if row is None:
                break
            if len(lines) > 1 or '"' in lines[0]:
                self._check_quotes(line, lines, row)
            if header is None:
                header = row
            elif row == header:  # two files in one
                repeated += 1
                continue
            if any(row):
                yield line, row
        if repeated:
            self.notes.append(f"its header stands {repeated} more times; left out there")

    def _uneven(self, line: int, cells: int) -> UserError:
        mark = shown(self.header.separator)
        advice = (
            f"put a cell that holds {mark} in double quotes"
            if cells > self.width
            else "add the cells that it lacks; a cell that holds a line break needs double quotes"
        )
        return self.table.mistake(
            f", line {line}: {cells} cells, but the header has {self.width} (separated by "
            f"{mark}); {advice}"
        )

    def _unreadable(self, line: int, lines: list[str], reason: str) -> UserError:
        if "field larger" in reason:
            return self.table.mistake(
                f", line {line}: a cell of over {LONGEST_CELL} characters, maybe because a double "
                "quote does not close; correct it"
            )
        return self._stray_quote(line + _lines_to_open_quote(lines, self.header.separator))

    def _stray_quote(self, line: int) -> UserError:
        return self.table.mistake(
            f", line {line}: a double quote opens a cell here, and none closes it where the cell "
            'ends; remove it, or write the cell as "...", with "" for each quote inside'
        )

    def _check_quotes(self, line: int, lines: list[str], row: list[str]) -> None:
        """Raise UserError if a quote of a row stands where no writer of CSV puts it."""
        text = "".join(lines)
        if not self.well_quoted.fullmatch(text):
            for match in self.cell.finditer(text):
                if match[2] and match[2].count('"') % 2:
                    at = line + text.count("\n", 0, match.start())
                    raise self.table.mistake(
                        f", line {at}: a double quote inside a cell that begins with none; write "
                        'the cell as "...", with "" for each quote inside'
                    )
        if len(lines) > 1 and any(self._is_row(inner, row) for inner in lines[1:]):
            raise self.table.mistake(
                f", line {line}: a double quote opens a cell here that holds whole rows of the "
                "table; close it. If they are lines of one text, save the table as .xlsx or "
                "Parquet"
            )

    def _is_row(self, line: str, row: list[str]) -> bool:
        """Whether a line inside a cell looks like a row: as many cells, a first one alike."""
        if line.count(self.header.separator) < self.width - 1:
            return False
        try:
            cells = next(csv.reader([line], delimiter=self.header.separator), [])
        except csv.Error:
            return False
        same_width = len(cells) in (self.width, self.width + 1) and self.width > 1
        return same_width and bool(row[0]) and _shape(cells[0]) == _shape(row[0])


def _kept(file: TextIO, lines: list[str]) -> Iterator[str]:
    """The lines of a file, each also added to `lines`."""
    for line in file:
        lines.append(line)
        yield line


def _shape(cell: str) -> str:
    """A cell with each digit as 0 and each run of letters as a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d", "0", cell.strip()))


def _lines_to_open_quote(lines: list[str], separator: str) -> int:
    """Lines from the beginning of a broken row to the quote that opens its broken cell."""
    text = "".join(lines)
    opened, at, inside, start = 0, 0, False, True  # `start`: of a cell
    while at < len(text):
        letter = text[at]
        if inside:
            if letter == '"' and text[at + 1 : at + 2] == '"':
                at += 1
            elif letter == '"':
                inside = False
                if text[at + 1 : at + 2] not in (separator, "\r", "\n", ""):
                    break
        elif letter == '"' and start:
            inside, opened = True, at
        start = not inside and (letter in (separator, "\n", "\r") or (start and letter == " "))
        at += 1
    return text.count("\n", 0, opened)


def _check_bytes(table: UserTable, header: Header) -> None:
    """Raise UserError if a line is too long to be one of a table, or holds a zero byte."""
    length, number = 0, 1
    is_wide = header.encoding.startswith(("utf-16", "utf-32"))
    with table.path.open("rb") as file:
        while block := file.read(BLOCK):
            if not is_wide and b"\0" in block:
                line = number + block.count(b"\n", 0, block.index(b"\0"))
                raise table.mistake(
                    f", line {line}: a zero byte, so the file is damaged or no text; export it "
                    "again"
                )
            number += block.count(b"\n")
            first, *others = block.split(b"\n")
            longest = max(length + len(first), *map(len, others[:-1]), 0)
            length = len(others[-1]) if others else length + len(first)
            if max(longest, length) > LONGEST_LINE:
                raise table.mistake(
                    f" has a line of over {LONGEST_LINE} bytes; no table of records has that, so "
                    "export it again, or split it among several sources"
                )


def in_pieces(rows: Iterator[Row], most_rows: int, most_letters: int) -> Iterator[list[Row]]:
    """Rows in lists, so that a table of any size fits into memory piece by piece."""
    piece: list[Row] = []
    letters = 0
    for row in rows:
        piece.append(row)
        letters += sum(map(len, row[1]))
        if len(piece) >= most_rows or letters > most_letters:
            yield piece
            piece, letters = [], 0
    if piece:
        yield piece
