"""The one reader of tables that people made (CSV or Parquet)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pgdose.errors import UserError
from pgdose.tables.user_columns import find_columns, not_decodable, skipping_bom

CHUNK_ROWS = 50_000  # rows of a table in memory at a time
# An archive of two million films has tables far below all of these, in bytes but for the first.
MOST_ROWS = 20_000_000
LONGEST_CELL = 2**20  # the longest reports have some 50,000
LONGEST_LINE = 2**24
LARGEST_PIECE = 2**29  # CHUNK_ROWS of 10 kB, as text; pandas needs twice that
LARGEST_GROUP = 2**32  # of a Parquet file's row groups, unpacked: a million reports of 4 kB
LARGEST_TABLE = 3 * 2**29  # of what `read_columns` keeps in memory: 1.6 GB


def read_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """The table's columns as text, named by their meaning and stripped; empty cells are ''.

    The arguments are those of `user_columns.find_columns`. Raises UserError also for a table of
    absurd size.
    """
    pieces, size = [], 0
    for piece in read_pieces(path, columns, field, encoding):
        size += int(piece.memory_usage(index=False, deep=True).sum())
        if size > LARGEST_TABLE:
            raise _too_large(path, field, f"columns of over {LARGEST_TABLE} bytes")
        pieces.append(piece)
    if not pieces:
        used = [meaning for meaning, names in columns.items() if names]
        return pd.DataFrame(columns=used, dtype="str")
    return pd.concat(pieces).apply(lambda column: column.str.strip())


def read_pieces(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> Iterator[pd.DataFrame]:
    """The same, not stripped and some rows at a time; the index counts through all pieces."""
    column_of = find_columns(path, columns, field, encoding)
    used = sorted(set(column_of.values()))
    parquet = path.suffix == ".parquet"
    read = (
        _parquet_chunks(path, used, field) if parquet else _csv_chunks(path, used, encoding, field)
    )
    try:
        for table in read:
            yield pd.DataFrame({meaning: table[name] for meaning, name in column_of.items()})
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None


def _parquet_chunks(path: Path, columns: list[str], field: str) -> Iterator[pd.DataFrame]:
    start = 0
    # As dictionaries: a cell that millions of rows repeat is in memory once, and can be measured.
    file = pq.ParquetFile(path, read_dictionary=columns)
    _check_parquet(file.metadata, path, field)
    for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
        if sum(_text_bytes(column, path, field) for column in batch.columns) > LARGEST_PIECE:
            raise _too_large(path, field, f"{CHUNK_ROWS} rows of over {LARGEST_PIECE} bytes")
        # Cast before pandas gets them: it would make 1.0 of a 1 beside an empty cell.
        texts = [column.cast(pa.string()) for column in batch.columns]
        table = pa.table(texts, batch.schema.names).to_pandas().fillna("")
        yield table.set_index(pd.RangeIndex(start, start + len(table)))
        start += len(table)


def _check_parquet(metadata: pq.FileMetaData, path: Path, field: str) -> None:
    """Raise UserError by what the file says of itself: it may be a thousandth of its contents."""
    if metadata.num_rows > MOST_ROWS:
        raise _too_large(path, field, f"over {MOST_ROWS} rows")
    groups = (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    if max(groups, default=0) > LARGEST_GROUP:
        raise _too_large(path, field, f"a row group of over {LARGEST_GROUP} bytes")


def _text_bytes(column: pa.Array, path: Path, field: str) -> int:
    """Bytes of a column's cells as text. Raises UserError where one is too long."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    lengths = pc.binary_length(column.dictionary)
    if (pc.max(lengths).as_py() or 0) > LONGEST_CELL:
        raise _too_large(path, field, f"a cell of over {LONGEST_CELL} bytes")
    return pc.sum(lengths.take(column.indices)).as_py() or 0


def _csv_chunks(
    path: Path, columns: list[str], encoding: str, field: str
) -> Iterator[pd.DataFrame]:
    _check_lines(path, field)
    yield from pd.read_csv(
        path,
        dtype="str",
        keep_default_na=False,
        encoding=skipping_bom(encoding),
        compression=None,  # else a name such as a.csv.gz would have pandas unpack it
        usecols=columns,
        chunksize=CHUNK_ROWS,
    )


def _check_lines(path: Path, field: str) -> None:
    """Raise UserError if a line of a CSV file is too long to be one of a table."""
    length = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            first, *others = block.split(b"\n")
            longest = max(length + len(first), *map(len, others[:-1]), 0)
            length = len(others[-1]) if others else length + len(first)
            if max(longest, length) > LONGEST_LINE:
                raise _too_large(path, field, f"a line of over {LONGEST_LINE} bytes")


def _too_large(path: Path, field: str, what: str) -> UserError:
    return UserError(
        f"{field}: {path.name} has {what}; no table of records has that, so export it again, or "
        "split it among several sources"
    )
