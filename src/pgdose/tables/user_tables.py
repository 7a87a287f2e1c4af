"""The one reader of tables that people made (CSV or Parquet)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgdose.tables.user_columns import find_columns, not_decodable, skipping_bom

CHUNK_ROWS = 50_000  # rows of a table in memory at a time


def read_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """The table's columns as text, named by their meaning and stripped; empty cells are ''.

    The arguments are those of `user_columns.find_columns`.
    """
    pieces = list(read_pieces(path, columns, field, encoding))
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
    read = _parquet_chunks(path, used) if path.suffix == ".parquet" else None
    try:
        for table in read or _csv_chunks(path, used, encoding):
            yield pd.DataFrame({meaning: table[name] for meaning, name in column_of.items()})
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None


def _parquet_chunks(path: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    start = 0
    for batch in pq.ParquetFile(path).iter_batches(CHUNK_ROWS, columns=columns):
        # Cast before pandas gets them: it would make 1.0 of a 1 beside an empty cell.
        texts = [column.cast(pa.string()) for column in batch.columns]
        table = pa.table(texts, batch.schema.names).to_pandas().fillna("")
        yield table.set_index(pd.RangeIndex(start, start + len(table)))
        start += len(table)


def _csv_chunks(path: Path, columns: list[str], encoding: str) -> Iterator[pd.DataFrame]:
    yield from pd.read_csv(
        path,
        dtype="str",
        keep_default_na=False,
        encoding=skipping_bom(encoding),
        usecols=columns,
        chunksize=CHUNK_ROWS,
    )
