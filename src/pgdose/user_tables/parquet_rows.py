"""The rows of a Parquet file that a person made, as text."""

import json
from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pgdose.errors import UserError
from pgdose.user_tables.formats import UserTable, unreadable

# An archive of two million films has tables far below all of these, in bytes but for the first.
MOST_ROWS = 20_000_000
LONGEST_CELL = 2**20  # the longest reports have some 50,000
LARGEST_PIECE = 2**29  # 50,000 rows of 10 kB, as text; pandas needs twice that
LARGEST_GROUP = 2**32  # of a file's row groups, unpacked: a million reports of 4 kB
EXACT = 2**53  # from here on a real number is no exact whole one


def parquet_names(table: UserTable) -> list[str]:
    """The names of the columns of a Parquet file."""
    try:
        return list(pq.read_schema(table.path).names)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise unreadable(table, f"it is no Parquet file ({type(error).__name__})") from None


def parquet_pieces(
    table: UserTable, columns: Sequence[int], rows: int
) -> Iterator[list[pd.Series]]:
    """The columns at these places, as text, some rows at a time; empty cells are "".

    Whole numbers stay whole whatever their type, lists become JSON. Raises UserError for a file of
    absurd size.
    """
    names = parquet_names(table)
    used = sorted({names[place] for place in columns})
    types = pq.read_schema(table.path)
    texts_of = [name for name in used if not pa.types.is_nested(types.field(name).type)]
    # As dictionaries: a cell that millions of rows repeat is in memory once, and can be measured.
    file = pq.ParquetFile(table.path, read_dictionary=texts_of)
    _check_size(file.metadata, table)
    for batch in file.iter_batches(rows, columns=used):
        if sum(_text_bytes(column, table) for column in batch.columns) > LARGEST_PIECE:
            raise too_large(table, f"{rows} rows of over {LARGEST_PIECE} bytes")
        texts = {name: _as_text(batch.column(name)).to_pandas().fillna("") for name in used}
        yield [texts[names[place]] for place in columns]


def too_large(table: UserTable, what: str) -> UserError:
    return table.mistake(
        f" has {what}; no table of records has that, so export it again, or split it among "
        "several sources"
    )


def _check_size(metadata: pq.FileMetaData, table: UserTable) -> None:
    """Raise UserError by what the file says of itself: it may be a thousandth of its contents."""
    if metadata.num_rows > MOST_ROWS:
        raise too_large(table, f"over {MOST_ROWS} rows")
    groups = (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    if max(groups, default=0) > LARGEST_GROUP:
        raise too_large(table, f"a row group of over {LARGEST_GROUP} bytes")


def _text_bytes(column: pa.Array, table: UserTable) -> int:
    """Bytes of a column's cells as text. Raises UserError where one is too long."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    lengths = pc.binary_length(column.dictionary)
    if (pc.max(lengths).as_py() or 0) > LONGEST_CELL:
        raise too_large(table, f"a cell of over {LONGEST_CELL} bytes")
    return pc.sum(lengths.take(column.indices)).as_py() or 0


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        texts = (None if v is None else json.dumps(v, default=str) for v in column.to_pylist())
        return pa.array(texts, pa.string())
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    numbers = column.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), EXACT))
    digits = pc.if_else(whole, numbers, 0).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, digits, numbers.cast(pa.string()))
