"""Microscope fields: whole images of one class each, cut without overlap into square tiles."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.images.codecs import image_size, read_image
from pgdose.names import NAME_RULE, is_name
from pgdose.tables.keyed import opaque
from pgdose.tables.rejects import Reject
from pgdose.tables.source_files import inside, walk
from pgdose.tables.source_index import first_of_each

SIZES_SHOWN = 5  # in a message


class FieldIndex(NamedTuple):
    """The tiles of all fields."""

    records: list[dict]  # one a tile
    paths: list[dict]  # {record_id, path} of tiles and fields
    rejects: list[Reject]  # fields
    margin_share: float  # of the fields' pixels: margins narrower than a tile, which are dropped


def table_from_layout(root: Path, layout: str) -> pd.DataFrame:
    """All files below `root` as a table for `index_fields`: file (relative), patient, class.

    `layout` is a pattern of the relative path, as "{class}/{patient}/*.tif". {class}, {patient}
    (one character or more) and * (any number) match anything but a slash, from left to right as
    little as possible; all other characters match themselves. A file that does not match has the
    patient and class None.
    """
    pattern = _compile(layout)
    rows = []
    for path in walk(root):
        file = path.relative_to(root).as_posix()
        match = pattern.fullmatch(file)
        names = (_text(match["patient"]), _text(match["class"])) if match else (None, None)
        rows.append((file, *names))
    # As objects: a file name may be no text that a column of strings accepts.
    return pd.DataFrame(rows, columns=["file", "patient", "class"], dtype=object)


def _compile(layout: str) -> re.Pattern[str]:
    placeholders = {
        "{class}": "(?P<class>[^/]+?)",
        "{patient}": "(?P<patient>[^/]+?)",
        "*": "[^/]*?",
    }
    parts = re.split(r"(\{class\}|\{patient\}|\*)", layout)
    return re.compile("".join(placeholders.get(part, re.escape(part)) for part in parts))


def _text(name: str) -> str:
    r"""A file name as text: bytes that are not UTF-8 become \xff and the like."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def index_fields(
    table: pd.DataFrame,
    root: Path,
    *,
    key: bytes,
    source: str,
    tile: int,
    margin: str,
    patients: str,
) -> FieldIndex:
    """Records of all tiles, row by row through each field; a record's `parent` is its field.

    `table` has the columns file (below `root`), patient and class; `patients` names the register
    of patients that the source shares. The right and lower margin of a field that is no whole
    number of tiles is dropped with `margin` "drop"; with "error" it is a UserError that counts the
    sizes. Rejects: incomplete_row, no_class_name, not_in_layout (see `table_from_layout`),
    too_small (for one tile, with "drop"), duplicate_row and those of `inside` and `image_size`.
    """
    records = []
    sizes: Counter[tuple[int, int]] = Counter()
    table, paths, rejects = first_of_each(table, "file", root, key=key, source=source)
    for row in table.to_dict("records"):
        name, path = _text(row["file"]), str(root / row["file"])
        parent = opaque(key, source, name)
        paths.append({"record_id": parent, "path": path})
        try:
            width, height = _check_field(row, root, tile if margin == "drop" else 1)
        except Rejected as r:
            rejects.append(Reject(parent, "index", r.reason, r.detail))
            continue
        sizes[width, height] += 1
        patient = opaque(key, patients, "patient", row["patient"])
        for x, y in _corners(width, height, tile):
            record_id = opaque(key, source, name, f"{x},{y}")
            paths.append({"record_id": record_id, "path": path})
            records.append(
                {
                    "record_id": record_id,
                    "patient": patient,
                    "source": source,
                    "class": row["class"],
                    "rows": tile,
                    "columns": tile,
                    "parent": parent,
                    "x": x,
                    "y": y,
                    "level": 0,
                }
            )
    if margin == "error":
        _check_whole_tiles(sizes, source, tile)
    if not records:
        raise _no_fields(rejects, len(paths), source)
    pixels = sum(width * height * n for (width, height), n in sizes.items())
    return FieldIndex(records, paths, rejects, 1 - len(records) * tile**2 / pixels)


def _corners(width: int, height: int, tile: int) -> Iterator[tuple[int, int]]:
    """x, y of each whole tile, row by row."""
    for y in range(0, height - tile + 1, tile):
        for x in range(0, width - tile + 1, tile):
            yield x, y


def _check_field(row: dict, root: Path, smallest: int) -> tuple[int, int]:
    """(width, height) of a row's field; rejects a row or file that cannot be used."""
    if row["class"] is None:
        raise Rejected("not_in_layout", "the file's path does not match the study's layout")
    if not row["patient"] or not row["class"]:
        raise Rejected("incomplete_row", "patient or class is empty; fill in both")
    if not is_name(row["class"]):
        raise Rejected("no_class_name", f"its class is not a valid name; use {NAME_RULE}")
    width, height = image_size(inside(root, row["file"]))
    if min(width, height) < smallest:
        raise Rejected(
            "too_small",
            f"the field is {width}x{height}, smaller than a tile of {smallest}x{smallest}",
        )
    return width, height


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

    They are views of the field, which is decoded at the call. `bits`: of a channel of files with 16
    bits, see `read_image`. Rejects what `read_image` does, and a field that ends before one of its
    tiles (other_size).
    """
    field = read_image(Path(os.fsdecode(path)), channels=3, bits=bits)
    places = list(zip(positions["x"].astype(int), positions["y"].astype(int), strict=True))
    if any(x + tile > field.shape[1] or y + tile > field.shape[0] for x, y in places):
        raise Rejected(
            "other_size", f"{field.shape[1]}x{field.shape[0]}, smaller than when it was indexed"
        )
    return (field[y : y + tile, x : x + tile] for x, y in places)
