"""Ready images described by a table: one record an image."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from pgdose.errors import Rejected
from pgdose.images.codecs import image_size
from pgdose.names import is_name
from pgdose.tables.keyed import opaque
from pgdose.tables.person_fields import parse_age, parse_sex, parse_view
from pgdose.tables.source_files import inside
from pgdose.tables.source_index import Indexed, first_of_each


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
