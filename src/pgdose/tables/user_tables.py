"""The one reader of tables that people made (CSV or Parquet)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgdose.tables.user_columns import find_columns, not_decodable, with_mark

ROWS = 50_000  # of a table, held at a time


def read_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """The wanted columns as text, named by their meaning and stripped; empty cells are ''."""
    pieces = list(read_pieces(path, columns, field, encoding))
    if not pieces:
        return pd.DataFrame(columns=[name for name, of in columns.items() if of], dtype="str")
    return pd.concat(pieces).apply(lambda column: column.str.strip())


def read_pieces(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> Iterator[pd.DataFrame]:
    """The same as it stands in the file, some rows at a time; the index numbers them through."""
    found = find_columns(path, columns, field, encoding)
    wanted = sorted(set(found.values()))

    def named(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({meaning: table[name] for meaning, name in found.items()})

    if path.suffix == ".parquet":
        first = 0
        for batch in pq.ParquetFile(path).iter_batches(ROWS, columns=wanted):
            # As text before pandas sees it, which makes 1.0 of a 1 beside an empty cell.
            texts = [column.cast(pa.string()) for column in batch.columns]
            table = pa.table(texts, batch.schema.names).to_pandas().fillna("")
            yield named(table.set_index(pd.RangeIndex(first, first + len(table))))
            first += len(table)
        return
    try:
        yield from map(
            named,
            pd.read_csv(
                path,
                dtype="str",
                keep_default_na=False,
                encoding=with_mark(encoding),
                usecols=wanted,
                chunksize=ROWS,
            ),
        )
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None
