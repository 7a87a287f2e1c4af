"""The rows of an Excel workbook (.xlsx), each cell as the text that Excel shows."""

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import openpyxl

from pgdose.user_tables.formats import Header, UserTable, clean_name, unreadable

LARGEST = 2**32  # bytes of a workbook, unpacked
MOST_DIGITS = 15  # that Excel keeps of a number
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!")


def excel_names(table: UserTable) -> list[str]:
    """The cells of the first row of the sheet with the table."""
    with _sheet(table) as sheet:
        return _header(sheet)


def excel_rows(table: UserTable, header: Header) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with its number; empty rows are left out.

    Raises UserError with the row: a cell beside the header's columns, a formula without a result,
    or an error of Excel in a cell.
    """
    width = len(header.names)
    with _sheet(table) as sheet, _sheet(table, formulas=True) as formulas:
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


@contextmanager
def _sheet(table: UserTable, formulas: bool = False) -> Iterator[Any]:
    """The sheet with the table: the only one that is not empty."""
    try:
        with zipfile.ZipFile(table.path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise table.mistake(
                    f" has over {LARGEST} bytes, unpacked; split it among several sources"
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings and styles that openpyxl does not know
            book = openpyxl.load_workbook(table.path, read_only=True, data_only=not formulas)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise unreadable(table, f"it is no Excel file ({type(error).__name__})") from None
    try:
        sheets = [sheet for sheet in book.worksheets if _has_cells(sheet)]
        if len(sheets) != 1:
            raise table.mistake(
                f" has {len(sheets)} sheets with cells; keep the one with the table, or save that "
                "one as CSV"
            )
        yield sheets[0]
    finally:
        book.close()


def _has_cells(sheet: Any) -> bool:
    sheet.reset_dimensions()  # what the file says of its size is often wrong
    return any(cell.value is not None for row in sheet.iter_rows(max_row=1) for cell in row)


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
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _number(value: int | float, number_format: str) -> str:
    whole = value == int(value) if abs(value) < 10**MOST_DIGITS else False
    if not whole:
        return f"{value:.{MOST_DIGITS}g}"
    digits = str(abs(int(value)))
    if re.fullmatch(r"0+", number_format):
        digits = digits.zfill(len(number_format))
    return f"-{digits}" if value < 0 else digits
