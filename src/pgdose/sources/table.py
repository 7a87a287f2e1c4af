"""Tables that people hand over, and the `table` source: ready images described by such a table."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.records import opaque
from pgdose.sources.columns import find_columns
from pgdose.sources.files import image_size, inside, parse_age, parse_sex


def read_columns(
    path: Path, columns: Mapping[str, str | list[str] | None], field: str
) -> pd.DataFrame:
    """The wanted columns as text, named by their meaning; empty cells are ''."""
    found = find_columns(path, columns, field)
    if path.suffix == ".parquet":
        wanted = sorted(set(found.values()))
        table = pd.read_parquet(path, columns=wanted, dtype_backend="numpy_nullable")
        table = table.astype("string").fillna("")
    else:
        try:
            table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(f"{field}: {path.name} is not UTF-8; save it as UTF-8") from None
    return pd.DataFrame({meaning: table[name].str.strip() for meaning, name in found.items()})


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
) -> Indexed:
    """Records of the images that `table` names, one row an image.

    `table` has the columns image and patient, and maybe age, sex, view, class, label. `labels`
    maps a label of the study to the table's word for it; a label is 1 where the cell (cut at
    `separator`) holds that word, 0 where it holds others, null where it is empty.
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
        except Rejected as r:
            rejects.append((record_id, "index", r.reason, r.detail))
            continue
        record = {
            "record_id": record_id,
            "patient": opaque(key, patients or source, "patient", row["patient"]),
            "source": source,
            "class": row.get("class") or None,
            "age": parse_age(row.get("age")),
            "sex": parse_sex(row.get("sex")),
            "view": (row.get("view") or "").upper() or None,
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
