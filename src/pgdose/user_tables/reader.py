"""The one reader of tables that people made: CSV, Excel or Parquet, all cells as text.

    UserTable -> read_header -> find_columns -> csv_rows | excel_rows | parquet_pieces

A table is read as its maker meant it, or refused with the line; what was guessed is noted.
"""

from collections.abc import Iterator

import pandas as pd

from pgdose.user_tables.csv_rows import csv_rows, in_pieces
from pgdose.user_tables.excel_rows import excel_rows
from pgdose.user_tables.formats import Header, UserTable, find_columns, read_header
from pgdose.user_tables.odd_marks import AROUND
from pgdose.user_tables.parquet_rows import parquet_pieces, too_large

CHUNK_ROWS = 50_000  # rows of a table in memory at a time
CHUNK_LETTERS = 2**27  # of all their cells
LARGEST_TABLE = 3 * 2**29  # bytes of what `read_columns` keeps in memory: 1.6 GB


def read_columns(table: UserTable, notes: list[str] | None = None) -> pd.DataFrame:
    """The table's columns as text, named by their meaning and stripped; empty cells are ''.

    One more column, `line`, is where in the file a row stands (its number in Excel and Parquet,
    the header being 1). What was guessed is added to `notes`. Raises UserError for a file that is
    none, a column that is missing, a row that cannot be what its maker meant, and absurd sizes.
    """
    pieces, size = [], 0
    for piece in read_pieces(table, notes):
        size += int(piece.memory_usage(index=False, deep=True).sum())
        if size > LARGEST_TABLE:
            raise too_large(table, f"columns of over {LARGEST_TABLE} bytes")
        pieces.append(piece)
    if not pieces:
        used = [meaning for meaning, names in table.columns.items() if names]
        return pd.DataFrame(columns=used, dtype="str").assign(line=pd.Series(dtype="int64"))
    rows = pd.concat(pieces)
    texts = rows.drop(columns="line").apply(lambda column: column.str.strip(AROUND))
    return texts.assign(line=rows["line"])


def read_pieces(table: UserTable, notes: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The same, not stripped and some rows at a time; the index counts through all pieces."""
    notes = [] if notes is None else notes
    header = read_header(table)
    places, guesses = find_columns(table, header)
    notes += [*header.notes, *guesses]
    start = 0
    for piece in _pieces(table, header, places, notes):
        yield piece.set_index(pd.RangeIndex(start, start + len(piece)))
        start += len(piece)


def _pieces(
    table: UserTable, header: Header, places: dict[str, int], notes: list[str]
) -> Iterator[pd.DataFrame]:
    if header.kind == "parquet":
        line = 2
        for columns in parquet_pieces(table, list(places.values()), CHUNK_ROWS):
            piece = pd.DataFrame(dict(zip(places, columns, strict=True)), dtype="str")
            yield piece.assign(line=range(line, line + len(piece)))
            line += len(piece)
        return
    excel = header.kind == "excel"
    rows = excel_rows(table, header, notes) if excel else csv_rows(table, header, notes)
    for lines_and_cells in in_pieces(rows, CHUNK_ROWS, CHUNK_LETTERS):
        lines, cells = zip(*lines_and_cells, strict=True)
        texts = {meaning: [row[place] for row in cells] for meaning, place in places.items()}
        yield pd.DataFrame(texts, dtype="str").assign(line=lines)
