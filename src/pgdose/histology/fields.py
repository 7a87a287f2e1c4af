"""Microscope fields: whole images of one class each, cut without overlap into square tiles."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.images.codecs import read_image
from pgdose.images.picture_header import Header, read_header
from pgdose.names import NAME_RULE, is_name
from pgdose.study.class_patterns import ClassWords, with_names
from pgdose.tables.keyed import SourceIds
from pgdose.tables.rejects import Reject
from pgdose.tables.source_files import inside
from pgdose.tables.source_index import SourceIndex
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.layouts import as_text, outside_layout
from pgdose.user_tables.repeated_rows import Merged, merge_rows, repeated_records
from pgdose.user_tables.source_rows import clean_patients, find_files, note_pages

UNMAPPED = (
    "its word for the class is in none of the source's 'classes'; add it there (`pgdose words` "
    "lists the words)"
)
SIZES_SHOWN = 5  # in a message


class FieldIndex(NamedTuple):
    """The tiles of all fields: records of tiles, paths of tiles and fields, rejects of fields."""

    tiles: SourceIndex
    margin_share: float  # of the fields' pixels: margins narrower than a tile, which are dropped


class FieldRows(NamedTuple):
    """The rows of a source of fields, all cells text, and what the study says of them.

    rows:     the columns file, patient and class, and maybe line
    table:    where they come from, for messages
    settings: the source's keys in the study
    """

    rows: pd.DataFrame
    table: UserTable
    settings: Mapping[str, Any]


def index_fields(fields: FieldRows, root: Path, ids: SourceIds, notes: list[str]) -> FieldIndex:
    """Records of all tiles, row by row through each field; a record's `parent` is its field.

    The right and lower margin of a field that is no whole number of tiles is dropped with `margin`
    "drop"; with "error" it is a UserError that counts the sizes. Rejects: incomplete_row,
    no_class_name, unmapped_class, not_in_layout (see `layouts.table_from_layout`), too_small (for
    one tile, with "drop"), conflicting_rows, file_unsure and those of `inside` and `read_header`.
    """
    tile, margin = fields.settings["tile"], fields.settings["margin"]
    classes = fields.settings["classes"]
    words = ClassWords(with_names(classes)) if classes else None
    merged, paths, rejects = _one_row_a_field(fields, root, ids, notes)
    records = []
    sizes: Counter[tuple[int, int]] = Counter()
    several_pages = 0
    for row in merged.rows.to_dict("records"):
        name, path = as_text(row["file"]), str(root / row["file"])
        parent = ids.record(name)
        paths.append({"record_id": parent, "path": path})
        try:
            merged.check(row["file"])
            row["class"] = _class_of(row, words, root)
            header = _check_field(row, root, tile if margin == "drop" else 1)
        except Rejected as r:
            rejects.append(Reject(parent, "index", r.reason, r.detail))
            continue
        sizes[header.width, header.height] += 1
        several_pages += header.pages > 1
        patient = ids.patient(row["patient"])
        for x, y in _corners(header.width, header.height, tile):
            record_id = ids.part(name, f"{x},{y}")
            paths.append({"record_id": record_id, "path": path})
            records.append(
                {
                    "record_id": record_id,
                    "patient": patient,
                    "source": ids.source,
                    "class": row["class"],
                    "rows": tile,
                    "columns": tile,
                    "bits_stored": header.bits,
                    "parent": parent,
                    "x": x,
                    "y": y,
                    "level": 0,
                }
            )
    note_pages(several_pages, notes)
    if margin == "error":
        _check_whole_tiles(sizes, ids.source, tile)
    if not records:
        raise _no_fields(rejects, len(paths), ids.source)
    pixels = sum(width * height * n for (width, height), n in sizes.items())
    repeated = repeated_records(merged, ids, fields.settings["several"])
    tiles = SourceIndex(records, paths, rejects, repeated)
    return FieldIndex(tiles, 1 - len(records) * tile**2 / pixels)


def _one_row_a_field(
    fields: FieldRows, root: Path, ids: SourceIds, notes: list[str]
) -> tuple[Merged, list[dict], list[Reject]]:
    """The fields that are there; paths and rejects of the others."""
    rows = fields.rows.reset_index(drop=True)
    if "line" not in rows:
        rows = rows.assign(line=range(1, len(rows) + 1))
    files, paths, rejects = find_files(rows["file"], root, ids, fields.table, notes)
    rows = rows.assign(file=files).dropna(subset="file")
    rows["patient"] = clean_patients(rows, ids, fields.table, fields.settings, notes)
    rows = rows[["file", "line", "patient", "class"]]
    return merge_rows(rows, "file", fields.settings["several"], fields.table, notes), paths, rejects


def _corners(width: int, height: int, tile: int) -> Iterator[tuple[int, int]]:
    """x, y of each whole tile, row by row."""
    for y in range(0, height - tile + 1, tile):
        for x in range(0, width - tile + 1, tile):
            yield x, y


def _class_of(row: dict, words: ClassWords | None, root: Path) -> str:
    """The class of a row's field: that of its word, or without `words` the word itself."""
    if row["class"] is None:
        raise outside_layout(root / row["file"])
    if not row["patient"] or not row["class"]:
        raise Rejected("incomplete_row", "patient or class is empty; fill in both")
    if words:
        name = words.find(row["class"])
        if name is None:
            raise Rejected("unmapped_class", UNMAPPED)
        return name
    if not is_name(row["class"]):
        raise Rejected(
            "no_class_name",
            f"its class is not a valid name ({NAME_RULE}); say with 'classes' which class it "
            "stands for (`pgdose words` lists the words)",
        )
    return row["class"]


def _check_field(row: dict, root: Path, smallest: int) -> Header:
    """The header of a row's field; rejects a file that cannot be used."""
    header = read_header(inside(root, row["file"]))
    if min(header.width, header.height) < smallest:
        raise Rejected(
            "too_small",
            f"the field is {header.width}x{header.height}, smaller than a tile of "
            f"{smallest}x{smallest}",
        )
    return header


def _check_whole_tiles(sizes: Counter[tuple[int, int]], source: str, tile: int) -> None:
    odd = Counter({size: n for size, n in sizes.items() if size[0] % tile or size[1] % tile})
    if not odd:
        return
    shown = [f"{width}x{height} ({n})" for (width, height), n in odd.most_common(SIZES_SHOWN)]
    if len(odd) > SIZES_SHOWN:
        shown.append(f"and {len(odd) - SIZES_SHOWN} other sizes")
    raise UserError(
        f"sources.{source}: {odd.total()} of {sizes.total()} fields are not a whole number of "
        f"{tile}-pixel tiles: {', '.join(shown)}; set 'margin: drop' to cut off the rest"
    )


def _no_fields(rejects: list[Reject], fields: int, source: str) -> UserError:
    reasons = Counter(reason for _, _, reason, _ in rejects).most_common()
    counts = ", ".join(f"{reason} {count}" for reason, count in reasons)
    return UserError(
        f"sources.{source}: none of its {fields} fields can be read ({counts}); correct its "
        "table, layout or files"
    )


def read_field_tiles(
    path: str | bytes | Path, positions: pd.DataFrame, tile: int, bits: int
) -> Iterator[np.ndarray]:
    """The tiles of one field at `positions` (x, y), in their order; uint8 tile x tile x 3.

    They are views of the field, which is decoded at the call. `bits`: those in use of channels with
    more than 8, see `read_image`. Rejects what `read_image` does, and a field that ends before one
    of its tiles (other_size).
    """
    field = read_image(Path(os.fsdecode(path)), channels=3, bits=bits)
    places = list(zip(positions["x"].astype(int), positions["y"].astype(int), strict=True))
    if any(x + tile > field.shape[1] or y + tile > field.shape[0] for x, y in places):
        raise Rejected(
            "other_size", f"{field.shape[1]}x{field.shape[0]}, smaller than when it was indexed"
        )
    return (field[y : y + tile, x : x + tile] for x, y in places)
