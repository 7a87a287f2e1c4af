"""The reader of tables that people made: read as meant, or refused with the line."""

import csv
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdose.errors import UserError
from pgdose.user_tables import odd_marks
from pgdose.user_tables.csv_rows import csv_rows
from pgdose.user_tables.formats import TableFormat, UserTable, find_columns, read_header
from pgdose.user_tables.reader import read_columns

COLUMNS = {"id": "id", "text": "text"}


def table(path: Path, columns: dict[str, Any] | None = None, **format: str) -> UserTable:
    return UserTable(path, "sources.x", columns or COLUMNS, TableFormat(**format))


def read(path: Path, columns: dict[str, Any] | None = None, **format: str) -> dict[str, list]:
    """The columns as lists, without the lines."""
    return read_columns(table(path, columns, **format)).drop(columns="line").to_dict("list")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(text: str | bytes, name: str = "t.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return written


def refusal(path: Path, columns: dict[str, Any] | None = None, **format: str) -> str:
    with pytest.raises(UserError) as caught:
        read(path, columns, **format)
    return str(caught.value)


# --- rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("1,Пневмосклероз, эмфизема не определяются\n", 2),  # absent would become present
        ("1,a\n2,Иванов, И.И.\n", 3),
        ("1,a\n2\n", 3),
        ("1,first line\nsecond line\n2,b\n", 3),
        ("1,a,\n2,b\n", 3),  # not each row ends with one too many
        ("1,a,\n2,b,c\n", 3),
        ('1,"a\nb"\n2,c,d\n', 4),  # lines are counted, not rows
    ],
)
def test_a_row_with_other_cells_than_the_header_is_refused(
    write: Callable[..., Path], rows: str, line: int
) -> None:
    message = refusal(write("id,text\n" + rows))
    assert message.startswith(f"sources.x.table: t.csv, line {line}: ")
    assert "the header has 2" in message


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"a\n2,b\n3,c\n', 2),  # unclosed to the end
        ('1,a\n2,"b\n3,"c"\n', 3),  # closed by the next row's quote
        ('1,a\n2,"b\n3,c"\n', 3),  # closed by chance
        ('1,"a" b\n', 2),
        ('1,x\n2,a"\n', 3),
        ('100234,"a\n100235,b\n100236,c"\n', 2),
        ('1,"two\nlines"\n2,"b\n3,"c"\n', 4),
    ],
)
def test_a_stray_quote_is_refused_with_the_line_where_it_opens(
    write: Callable[..., Path], rows: str, line: int
) -> None:
    assert refusal(write("id,text\n" + rows)).startswith(f"sources.x.table: t.csv, line {line}: ")


def test_one_empty_cell_at_each_rows_end_is_overlooked_and_said(write: Callable[..., Path]) -> None:
    notes: list[str] = []
    path = write("id,text\n1,a,\n2,b,\n")
    rows = read_columns(table(path), notes)
    assert rows[["id", "text"]].to_dict("list") == {"id": ["1", "2"], "text": ["a", "b"]}
    assert any("one separator more" in note for note in notes)


def test_texts_of_several_lines_and_quotes_are_read_as_they_stand(
    write: Callable[..., Path],
) -> None:
    text = 'id,text\n1,"line one,\nline ""two"", 3"\n2,5" tube and 6" tube\n3, "a, b"\n,\n'
    assert read(write(text)) == {
        "id": ["1", "2", "3"],
        "text": ['line one,\nline "two", 3', '5" tube and 6" tube', "a, b"],
    }


def test_a_second_header_in_a_joined_file_is_no_row(write: Callable[..., Path]) -> None:
    notes: list[str] = []
    rows = read_columns(table(write("id,text\n1,a\nid,text\n2,b\n")), notes)
    assert rows["id"].tolist() == ["1", "2"] and any("header" in note for note in notes)


def test_lines_are_those_of_the_file(write: Callable[..., Path]) -> None:
    rows = read_columns(table(write('sep=;\nid;text\n1;"a\nb"\n\n2;c\n')))
    assert rows["line"].tolist() == [3, 6]


# --- encodings and separators -----------------------------------------------------------------

NAMES = ["id", "текст"]
CYRILLIC = {"id": "id", "text": "текст"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_is_certain_is_found(
    write: Callable[..., Path], encoding: str, separator: str
) -> None:
    text = f"id{separator}текст\n1{separator}Норма\n2{separator}Тень\n"
    path = write(text, encoding=encoding)
    if encoding.startswith("utf-16-"):  # without a mark by its zero bytes: of Latin text
        path = write(
            text.replace("текст", "text").replace("Норма", "a").replace("Тень", "b"),
            encoding=encoding,
        )
        assert read(path) == {"id": ["1", "2"], "text": ["a", "b"]}
        return
    assert read(path, CYRILLIC) == {"id": ["1", "2"], "text": ["Норма", "Тень"]}


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866"])
def test_another_encoding_is_asked_for_with_the_header_as_read(
    write: Callable[..., Path], encoding: str
) -> None:
    path = write("пациент;заключение\n1;Норма\n", encoding=encoding)
    columns = {"id": "пациент", "text": "заключение"}
    message = refusal(path, columns)
    assert message.startswith("sources.x.encoding: t.csv is not utf-8 text (line 1); set ")
    assert f"Read as {encoding}, its columns are: пациент, заключение" in message
    assert read(path, columns, encoding=encoding) == {"id": ["1"], "text": ["Норма"]}


def test_the_line_that_is_in_another_encoding_is_named(write: Callable[..., Path]) -> None:
    path = write(b"id,text\n1,a\n2," + "Тень\n".encode("cp1251"))
    assert "(line 3)" in refusal(path)


def test_an_encoding_that_the_file_contradicts_is_refused(write: Callable[..., Path]) -> None:
    path = write("id,text\n1,Пневмония\n")
    assert "is in UTF-8; leave 'encoding' out" in refusal(path, encoding="cp1251")
    path = write("id,text\n1,a\n", encoding="utf-16")
    assert "is in utf-16" in refusal(path, encoding="cp1251")


def test_the_separator_is_asked_for_where_two_fit(write: Callable[..., Path]) -> None:
    path = write("text;a,id\n1;2,3\n")
    message = refusal(path, {"id": ["text;a", "text"]})
    assert message.startswith("sources.x.separator: ") and "',' or ';'" in message
    assert read(path, {"id": ["text;a", "text"]}, separator=";") == {"id": ["1"]}


def test_decimal_commas_do_not_make_columns(write: Callable[..., Path]) -> None:
    path = write("id;text;mpp\n1;a;0,25\n")
    assert read(path, {"id": "id", "mpp": "mpp"}) == {"id": ["1"], "mpp": ["0,25"]}


def test_a_first_line_says_the_separator(write: Callable[..., Path]) -> None:
    assert read(write("sep=|\r\nid|text\r\n1|a,b;c\r\n")) == {"id": ["1"], "text": ["a,b;c"]}
    assert "'separator' out" in refusal(write("sep=|\nid|text\n1|a\n"), separator=";")


def test_names_of_columns_are_matched_without_spaces_and_capitals(
    write: Callable[..., Path],
) -> None:
    notes: list[str] = []
    path = write(" ID ,\ufeffText\xa0\n1,a\n")
    assert read_columns(table(path), notes)["id"].tolist() == ["1"]
    assert any("'ID' is taken for 'id'" in note for note in notes)
    assert "has 2 columns 'id'" in refusal(write("ID,Id,text\n1,2,a\n"))
    assert "has 2 columns 'id'" in refusal(write("id,id,text\n1,2,a\n"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "Excel file of before 2007"),
        (b"\x1f\x8b\x08" + b"\0" * 60, "packed (gzip)"),
        (b"<html><table>", "web page"),
        (b"%PDF-1.4", "PDF"),
        (b"id,text\n1,\0\0\n", "zero byte"),
        (b"PK\x03\x04 no zip", "no Excel file"),
    ],
)
def test_what_is_no_table_is_named(write: Callable[..., Path], content: bytes, words: str) -> None:
    assert words in refusal(write(content))


# --- Excel ------------------------------------------------------------------------------------


def workbook(path: Path, rows: list[list[Any]], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    book.save(path)
    return path


def test_cells_of_excel_are_what_excel_shows(tmp_path: Path) -> None:
    rows = [["id", "text"], [7, "a"], [12.0, True], [1.5, None], [None, None], [3, "x"]]
    path = workbook(tmp_path / "t.xlsx", rows, {"A2": "0000"})
    assert read(path) == {"id": ["0007", "12", "1.5", "3"], "text": ["a", "TRUE", "", "x"]}
    assert read_columns(table(path))["line"].tolist() == [2, 3, 4, 6]


def test_a_workbook_that_cannot_be_what_was_meant_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    workbook(path, [["id", "text"], [1, "a", "b"]])
    assert "row 2: a cell beside the columns" in refusal(path)
    workbook(path, [["id", "text"], [1, "=A2"]])
    assert "row 2: a formula without a result" in refusal(path)
    workbook(path, [["id", "text"], [1, "#N/A"]])
    assert "row 2: the cell holds #N/A" in refusal(path)
    book = openpyxl.load_workbook(workbook(path, [["id", "text"], [1, "a"]]))
    book.create_sheet("more").append(["id", "text"])
    book.save(path)
    assert "has 2 sheets with cells" in refusal(path)


def test_long_numbers_of_excel_are_not_taken_for_exact(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [["id", "text"], [1676830000000123, "a"]])
    assert read(path)["id"] == ["1.67683000000012e+15"]  # refused as an identifier


def test_a_workbook_is_known_whatever_its_name_ends_in(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [["id", "text"], [1, "a"]]).rename(tmp_path / "t.csv")
    assert read(path)["text"] == ["a"]


def test_other_files_in_a_zip_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert "it is a LibreOffice file (.ods)" in refusal(path)


@pytest.mark.parametrize("error", [AttributeError, TypeError, KeyError])
def test_a_workbook_that_openpyxl_does_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    path = workbook(tmp_path / "t.xlsx", [["id", "text"], [1, "a"]])

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(openpyxl, "load_workbook", fail)
    assert f"({error.__name__})" in refusal(path)


def test_merged_cells_are_refused_and_hidden_rows_are_noted(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [["id", "text"], [1, "a"], [2, "b"]])
    book = openpyxl.load_workbook(path)
    book.active.row_dimensions[3].hidden = True
    book.save(path)
    notes: list[str] = []
    assert len(read_columns(table(path, {"id": "id"}), notes)) == 2
    assert notes == ["1 of its rows are hidden, maybe by a filter; they are read as well"]
    book.active.merge_cells("A2:A3")
    book.save(path)
    assert "rows 2 to 3: merged cells" in refusal(path, {"id": "id"})


def test_a_workbook_that_begins_with_empty_rows_says_so(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [[], ["id", "text"], [1, "a"]])
    assert "has an empty first row" in refusal(path)


def test_control_characters_of_a_workbook_are_none(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [["id", "text"], [1, "a_x000D_\nb_x000D_"], [2, "x00"]])
    assert read(path)["text"] == ["a\r\nb", "x00"]


def test_marks_of_no_width_round_a_cell_are_none(write: Callable[..., Path]) -> None:
    path = write("\u200bid,text\u200f\n\u200e7\u202c,\u202aa b\u00a0\n")
    assert read(path) == {"id": ["7"], "text": ["a b"]}


def test_line_breaks_in_the_name_of_a_column_are_spaces(write: Callable[..., Path]) -> None:
    path = write('"Patient\nid",Text\u00a0 of it\n7,a\n')
    assert read(path, {"id": "Patient id", "text": "Text of it"}) == {"id": ["7"], "text": ["a"]}
    assert read(path, {"id": "Patient\nid", "text": "Text of it"})["id"] == ["7"]


def test_an_empty_file_is_said_to_be_empty(write: Callable[..., Path]) -> None:
    assert "its first row is empty" in refusal(write(""))


# --- all dialects -----------------------------------------------------------------------------

CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u200b")
    | st.sampled_from(list("\",;\t|'\n аЯé01")),
    max_size=12,
).map(odd_marks.strip)
TABLES = st.lists(st.tuples(st.integers(0, 99999).map(str), CELLS), min_size=1, max_size=6)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=TABLES,
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_csv_writes_comes_back_or_is_refused_with_its_line(
    rows: list[tuple[str, str]],
    separator: str,
    quoting: Any,
    end: str,
    encoding: str,
    tmp_path: Path,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerows([("id", "text"), *rows])
    path = tmp_path / "t.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    expect(path, rows)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=TABLES, way=st.sampled_from(["pandas", "index", "openpyxl", "parquet"]))
def test_what_pandas_and_openpyxl_write_comes_back_or_is_refused(
    rows: list[tuple[str, str]], way: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame(rows, columns=["id", "text"])
    path = tmp_path / f"t.{ {'openpyxl': 'xlsx', 'parquet': 'parquet'}.get(way, 'csv') }"
    if way == "openpyxl":
        if any(text.startswith(("=", "#")) for _, text in rows):
            return  # a formula, or an error of Excel
        workbook(path, [["id", "text"], *map(list, rows)])
    elif way == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=way == "index")
    expect(path, rows)


def expect(path: Path, rows: list[tuple[str, str]]) -> None:
    try:
        found = read(path)
    except UserError as error:
        assert " line " in str(error) or "row" in str(error) or "separator" in str(error)
        return
    lines = [(n, text.replace("\r\n", "\n")) for n, text in zip(*found.values(), strict=True)]
    assert lines == [(n, text) for n, text in rows]


# --- mutations --------------------------------------------------------------------------------

ROWS = [
    ("100231", "Норма"),
    ("100232", "Пневмосклероз, эмфизема не определяются"),
    ("100233", 'так называемая "вата", слева'),
    ("100234", "две\nстроки, и запятая"),
    ("100235", ""),
    ("100236", "5 мм"),
    ("100237", "туберкулёз?"),
]
SIGNS = [*list("\",;\t|\n\r '\\=0aЯ"), ",,", '""', "\r\n", '",', ',"', "\x00", "\ufeff"]


def rows_of(path: Path) -> dict[str, str]:
    """The same as `read`, without pandas: 10,000 tables take a tenth of the time."""
    header = read_header(table(path))
    places, _ = find_columns(table(path), header)
    rows = csv_rows(table(path), header, [])
    strip = odd_marks.strip
    return {strip(cells[places["id"]]): strip(cells[places["text"]]) for _, cells in rows}


@pytest.mark.parametrize("separator", [",", ";"])
def test_no_mutation_changes_the_value_of_another_row(tmp_path: Path, separator: str) -> None:
    """10,000 slips of a hand: each is refused, or shows in the row where it was made."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    places = []  # where each row begins
    for row in [("id", "text"), *ROWS]:
        places.append(text.tell())
        writer.writerow(row)
    original, rng = text.getvalue(), random.Random(20)
    path, refused = tmp_path / "t.csv", 0
    for _ in range(5000):
        at = rng.randrange(places[1], len(original))
        kind = rng.choice(["insert", "delete", "replace", "swap"])
        removed = {"insert": 0, "swap": 2}.get(kind, rng.choice([1, 1, 1, 2, 5]))
        added = rng.choice(SIGNS) if kind in ("insert", "replace") else ""
        if kind == "swap":
            added = original[at : at + 2][::-1]
        # A row whose line break is taken away becomes one with the next.
        last = at + max(removed - 1, 0) + ("\n" in original[at : at + removed])
        touched = {
            n - 1
            for n, (start, end) in enumerate(zip(places, [*places[1:], len(original)], strict=True))
            if n and start <= last and end > at
        }
        path.write_text(original[:at] + added + original[at + removed :], newline="")
        try:
            found = rows_of(path)
        except UserError:
            refused += 1
            continue
        for n, (name, value) in enumerate(ROWS):
            if n not in touched:
                assert found.get(name) == value, (kind, at, added, removed)
        assert len(found) <= len(ROWS) + len(touched)
    assert refused > 500


def test_mutations_of_the_header_move_no_column(tmp_path: Path) -> None:
    path, rng = tmp_path / "t.csv", random.Random(21)
    for _ in range(300):
        header, at = "id,other,text", rng.randrange(13)
        sign = rng.choice(SIGNS)
        path.write_text(f"{header[:at]}{sign}{header[at:]}\n1,2,3\n4,5,6\n", newline="")
        try:
            assert read(path) == {"id": ["1", "4"], "text": ["3", "6"]}, (at, sign)
        except UserError:
            continue


def test_columns_are_found_before_any_job_without_the_rows(write: Callable[..., Path]) -> None:
    path = write("id;text\n" + "1;a\n" * 3)
    header = read_header(table(path))
    assert find_columns(table(path), header)[0] == {"id": 0, "text": 1}
