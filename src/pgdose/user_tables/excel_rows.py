"""The rows of an Excel workbook (.xlsx), each cell as the text that Excel shows."""

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import IO, Any

import openpyxl

from pgdose.user_tables.formats import Header, UserTable, clean_name, unreadable

LARGEST = 2**32  # bytes of a workbook, unpacked
MOST_DIGITS = 15  # that Excel keeps of a number
# What openpyxl raises for other files in a zip, and for charts or styles that it does not know.
BROKEN = (zipfile.BadZipFile, LookupError, ValueError, OSError, AttributeError, TypeError)
BLOCK = 2**20  # bytes
HIDDEN = re.compile(rb'<(?:\w+:)?row\s[^<>]*\bhidden="(?:1|true)"')
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^<>]*ref="[A-Z]+(\d+):[A-Z]+(\d+)"')
ESCAPED = re.compile("_x(00[01][0-9A-Fa-f])_")  # _x000D_: control characters in XML
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!")


def excel_names(table: UserTable) -> list[str]:
    """The cells of the first row of the sheet with the table."""
    with _sheet(table) as sheet:
        return _header(sheet)


def excel_rows(
    table: UserTable, header: Header, notes: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with its number; empty rows are left out.

    Notes hidden rows. Raises UserError with the row: a cell beside the header's columns, a formula
    without a result, an error of Excel in a cell, or merged cells.
    """
    width = len(header.names)
    with _sheet(table) as sheet, _sheet(table, formulas=True) as formulas:
        _check_layout(table, sheet, notes)
        both = zip_longest(sheet.iter_rows(), formulas.iter_rows(), fillvalue=())
        for number, (cells, with_formulas) in enumerate(both, start=1):
            texts = [_text(cell) for cell in cells]
            if number == 1 or not any(texts):
                _check_formulas(table, number, cells, with_formulas)
                continue
            if any(texts[width:]):
                raise table.mistake(
                    f", row {number}: a cell beside the columns of the header; give its column a "
                    "name, or remove it"
                )
            if bad := next((text for text in texts if text in ERRORS), None):
                raise table.mistake(f", row {number}: the cell holds {bad}; correct its formula")
            _check_formulas(table, number, cells, with_formulas)
            yield number, texts[:width] + [""] * (width - len(texts))


def _check_formulas(table: UserTable, number: int, cells: Any, with_formulas: Any) -> None:
    """Raise UserError if a program wrote a formula, and no Excel has computed it since."""
    for cell, formula in zip(cells, with_formulas, strict=False):
        if cell.value is None and formula.value is not None:
            raise table.mistake(
                f", row {number}: a formula without a result; open the file in Excel and save it"
            )


def _check_layout(table: UserTable, sheet: Any, notes: list[str]) -> None:
    """Note hidden rows; UserError for merged cells, of which only the first holds the value."""
    hidden, rest = 0, b""
    with zipfile.ZipFile(table.path) as archive, archive.open(sheet._worksheet_path) as part:
        while block := part.read(BLOCK):
            text = rest + block
            end = max(text.rfind(b"<"), len(text) - BLOCK)
            rest = text[end:]  # a tag that the next block ends
            hidden += len(HIDDEN.findall(text, 0, end))
            for match in MERGED.finditer(text, 0, end):
                if int(match[2]) > max(int(match[1]), 1):
                    raise table.mistake(
                        f", rows {match[1].decode()} to {match[2].decode()}: merged cells, of "
                        "which only the first holds the value; split them, and fill in each row"
                    )
    if hidden:
        notes.append(f"{hidden} of its rows are hidden, maybe by a filter; they are read as well")


@contextmanager
def _sheet(table: UserTable, formulas: bool = False) -> Iterator[Any]:
    """The sheet with the table: the only one that is not empty."""
    with table.path.open("rb") as file:
        book = _book(table, file, formulas)
        try:
            sheets = [sheet for sheet in book.worksheets if _has_cells(sheet)]
            if not sheets and any(_has_cells(sheet, 100) for sheet in book.worksheets):
                raise table.mistake(
                    " has an empty first row; remove what stands above the names of columns"
                )
            if len(sheets) != 1:
                raise table.mistake(
                    f" has {len(sheets)} sheets with cells; keep the one with the table, or save "
                    "that one as CSV"
                )
            yield sheets[0]
        finally:
            book.close()


def _book(table: UserTable, file: IO[bytes], formulas: bool) -> Any:
    """The workbook in a file, whatever the ending of its name."""
    try:
        with zipfile.ZipFile(table.path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise table.mistake(
                    f" has over {LARGEST} bytes, unpacked; split it among several sources"
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings and styles that openpyxl does not know
            return openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
    except BROKEN as error:
        reason = f"it is no Excel file ({type(error).__name__}), or has parts that are not known"
        raise unreadable(table, f"{reason}; unpack it or save the table as CSV") from None


def _has_cells(sheet: Any, rows: int = 1) -> bool:
    """Whether the first rows hold anything."""
    sheet.reset_dimensions()  # what the file says of its size is often wrong
    return any(cell.value is not None for row in sheet.iter_rows(max_row=rows) for cell in row)


def _header(sheet: Any) -> list[str]:
    first: Any = next(sheet.iter_rows(max_row=1), ())
    names = [clean_name(_text(cell)) for cell in first]
    while names and not names[-1]:
        names.pop()
    return names


def _text(cell: Any) -> str:
    """The text that Excel shows: 007 where a number has the format 000, and no 7.0."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or ""))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return ESCAPED.sub(lambda match: chr(int(match[1], 16)), str(value))


def _number(value: int | float, number_format: str) -> str:
    whole = value == int(value) if abs(value) < 10**MOST_DIGITS else False
    if not whole:
        return f"{value:.{MOST_DIGITS}g}"
    digits = str(abs(int(value)))
    if re.fullmatch(r"0+", number_format):
        digits = digits.zfill(len(number_format))
    return f"-{digits}" if value < 0 else digits
