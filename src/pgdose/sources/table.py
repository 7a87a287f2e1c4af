"""Tables that people hand over, and the `table` source: ready images described by such a table."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgdose.errors import Rejected
from pgdose.names import is_name
from pgdose.records import opaque
from pgdose.sources.columns import find_columns, not_decodable, with_mark
from pgdose.sources.files import image_size, inside, parse_age, parse_sex, parse_view

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


Reject = tuple[str, str, str, str]  # record_id, stage, reason, detail
Indexed = tuple[list[dict], list[dict], list[Reject]]  # records, paths, rejects


def first_of_each(
    table: pd.DataFrame, column: str, root: Path, *, key: bytes, source: str
) -> tuple[pd.DataFrame, list[dict], list[Reject]]:
    """The rows that name a file for the first time; paths and rejects of the others."""
    again = table[column].duplicated()
    paths, rejects = [], []
    for number, name in table.loc[again, column].items():
        record_id = opaque(key, source, str(name), f"row {number}")
        paths.append({"record_id": record_id, "path": str(root / str(name))})
        rejects.append((record_id, "index", "duplicate_row", "the file has a row already"))
    return table[~again], paths, rejects


def index(
    table: pd.DataFrame,
    root: Path,
    *,
    key: bytes,
    source: str,
    labels: Mapping[str, str] | None = None,
    separator: str | None = None,
    patients: str = "",
    views: Collection[str] = (),
) -> Indexed:
    """Records of the images that `table` names, one row an image.

    `table` has the columns image and patient, and maybe age, sex, view, class, label. `labels`
    maps a label of the study to the table's word for it; a label is 1 where the cell (cut at
    `separator`) holds that word, 0 where it holds others, null where it is empty. A class that no
    study can name is null; `views` are those that the study asks for, see `parse_view`.
    """
    records = []
    table, paths, rejects = first_of_each(table, "image", root, key=key, source=source)
    for row in table.to_dict("records"):
        record_id = opaque(key, source, str(row["image"]))
        paths.append({"record_id": record_id, "path": str(root / row["image"])})
        try:
            if not row["patient"]:
                raise Rejected("no_patient", "patients keep the two parts apart")
            width, height = image_size(inside(root, row["image"]))
            age = parse_age(row.get("age"))
        except Rejected as r:
            rejects.append((record_id, "index", r.reason, r.detail))
            continue
        record = {
            "record_id": record_id,
            "patient": opaque(key, patients or source, "patient", row["patient"]),
            "source": source,
            "class": row["class"] if is_name(row.get("class") or "") else None,
            "age": age,
            "sex": parse_sex(row.get("sex")),
            "view": parse_view(row.get("view"), views),
            "rows": height,
            "columns": width,
        }
        if labels:
            cell = row["label"]
            words = {w.strip() for w in (cell.split(separator) if separator else [cell])}
            for name, word in labels.items():
                record[f"label_{name}"] = int(word in words) if cell else None
        records.append(record)
    return records, paths, rejects
