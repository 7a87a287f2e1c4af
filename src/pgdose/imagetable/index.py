"""Ready images that a table describes: one record an image."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.errors import Rejected
from pgdose.images.codecs import image_size
from pgdose.names import is_name
from pgdose.tables.keyed import SourceIds
from pgdose.tables.person_fields import parse_age, parse_sex, parse_view
from pgdose.tables.rejects import Reject
from pgdose.tables.source_files import inside
from pgdose.tables.source_index import SourceIndex, first_of_each


class TableLabels(NamedTuple):
    """How a table states labels: the words in one cell of a row."""

    words: Mapping[str, str]  # for each label of the study the table's word for it
    separator: str | None = None  # between the words of a cell; None: a cell holds one word

    def read(self, cell: str) -> dict[str, int | None]:
        """{label: 1 or 0}: whether the cell holds the label's word; all None if it is empty."""
        cell_words = cell.split(self.separator) if self.separator else [cell]
        present = {word.strip() for word in cell_words}
        return {label: int(word in present) if cell else None for label, word in self.words.items()}


def index_images(
    table: pd.DataFrame,
    root: Path,
    ids: SourceIds,
    labels: TableLabels | None = None,
    views: Collection[str] = (),
) -> SourceIndex:
    """Records of the images that `table` names, one row an image, all cells text.

    `table` has the columns image (a file below `root`) and patient, and may have age, sex, view,
    class, and label (for `labels`). A class that no study can name becomes null. `views` are those
    that the study uses, see `parse_view`.
    """
    labels = labels or TableLabels({})
    records = []
    table, paths, rejects = first_of_each(table, "image", root, key=ids.key, source=ids.source)
    for row in table.to_dict("records"):
        record_id = ids.record(str(row["image"]))
        paths.append({"record_id": record_id, "path": str(root / row["image"])})
        try:
            record = _record(row, root, ids, views)
        except Rejected as rejected:
            rejects.append(Reject(record_id, "index", rejected.reason, rejected.detail))
            continue
        if labels.words:
            states = labels.read(row["label"])
            record |= {f"label_{label}": state for label, state in states.items()}
        records.append({"record_id": record_id} | record)
    return SourceIndex(records, paths, rejects)


def _record(row: Mapping, root: Path, ids: SourceIds, views: Collection[str]) -> dict:
    """The record of one row, but for its id and labels. Raises Rejected."""
    if not row["patient"]:
        raise Rejected(
            "no_patient",
            "the table has no patient for it; give one, because patients decide the split",
        )
    width, height = image_size(inside(root, row["image"]))
    return {
        "patient": ids.patient(row["patient"]),
        "source": ids.source,
        "class": row["class"] if is_name(row.get("class") or "") else None,
        "age": parse_age(row.get("age")),
        "sex": parse_sex(row.get("sex")),
        "view": parse_view(row.get("view"), views),
        "rows": height,
        "columns": width,
    }
