"""Microscope fields: whole images of known class, cut without overlap into square tiles."""

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


class Cut(NamedTuple):
    """Records of tiles, {record_id, path} of tiles and fields, rejected fields."""

    records: list[dict]
    paths: list[dict]
    rejects: list[Reject]
    dropped: float  # share of the fields' pixels that lie in margins under one tile


def from_layout(root: Path, layout: str) -> pd.DataFrame:
    """All files below `root` as a table for `index`: file (relative to it), patient, class.

    `layout` is a pattern of that relative path, as "{class}/{patient}/*.tif". {class}, {patient}
    (one character or more) and * (any number) stand for anything but a slash, and from left to
    right for as little as possible; all else stands for itself. Patient and class of a file that
    does not match are None.
    """
    pattern = _compiled(layout)
    rows = []
    for path in walk(root):
        file = path.relative_to(root).as_posix()
        match = pattern.fullmatch(file)
        names = (_text(match["patient"]), _text(match["class"])) if match else (None, None)
        rows.append((file, *names))
    # As objects: a file's name need not be text that a column of strings takes.
    return pd.DataFrame(rows, columns=["file", "patient", "class"], dtype=object)


def _compiled(layout: str) -> re.Pattern[str]:
    open_places = {
        "{class}": "(?P<class>[^/]+?)",
        "{patient}": "(?P<patient>[^/]+?)",
        "*": "[^/]*?",
    }
    parts = re.split(r"(\{class\}|\{patient\}|\*)", layout)
    return re.compile("".join(open_places.get(part, re.escape(part)) for part in parts))


def _text(name: str) -> str:
    r"""A file's name as text: bytes that are no UTF-8 as \xff, all else as it is."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def index(
    table: pd.DataFrame,
    root: Path,
    *,
    key: bytes,
    source: str,
    tile: int,
    margin: str = "error",
    patients: str = "",
) -> Cut:
    """Records of all tiles, row by row through each field; a record's `parent` is its field.

    `table` has the columns file (below `root`), patient and class. Where a field is no whole number
    of tiles, what remains at its right and lower edge is dropped with `margin` "drop"; with "error"
    that is a UserError which counts the sizes. Rejects: incomplete_row, no_class_name,
    not_in_layout (see `from_layout`), too_small (for one tile, with "drop"), duplicate_row and
    those of `inside` and `image_size`.
    """
    records = []
    sizes: Counter[tuple[int, int]] = Counter()
    table, paths, rejects = first_of_each(table, "file", root, key=key, source=source)
    for row in table.to_dict("records"):
        name = _text(row["file"])
        parent = opaque(key, source, name)
        path = str(root / row["file"])
        paths.append({"record_id": parent, "path": path})
        try:
            width, height = _checked_size(row, root, tile if margin == "drop" else 1)
        except Rejected as r:
            rejects.append(Reject(parent, "index", r.reason, r.detail))
            continue
        sizes[width, height] += 1
        patient = opaque(key, patients or source, "patient", row["patient"])
        for y in range(0, height - tile + 1, tile):
            for x in range(0, width - tile + 1, tile):
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
        _check_whole(sizes, source, tile)
    if not records:
        reasons = Counter(reason for _, _, reason, _ in rejects).most_common()
        found = ", ".join(f"{reason} {count}" for reason, count in reasons)
        raise UserError(
            f"sources.{source}: not one of its {len(paths)} fields can be read ({found})"
        )
    pixels = sum(width * height * n for (width, height), n in sizes.items())
    return Cut(records, paths, rejects, 1 - len(records) * tile**2 / pixels)


def _checked_size(row: dict, root: Path, smallest: int) -> tuple[int, int]:
    """(width, height) of the field that a row names; raises Rejected."""
    if row["class"] is None:
        raise Rejected("not_in_layout", "the file's place says neither patient nor class")
    if not row["patient"] or not row["class"]:
        raise Rejected("incomplete_row", "patient or class is empty")
    if not is_name(row["class"]):
        raise Rejected("no_class_name", f"no study can name its class: {NAME_RULE}")
    width, height = image_size(inside(root, row["file"]))
    if min(width, height) < smallest:
        raise Rejected("too_small", f"{width}x{height}, a tile has {smallest}")
    return width, height


def _check_whole(sizes: Counter[tuple[int, int]], source: str, tile: int) -> None:
    odd = Counter({size: n for size, n in sizes.items() if size[0] % tile or size[1] % tile})
    if not odd:
        return
    shown = [f"{width}x{height} ({n})" for (width, height), n in odd.most_common(SIZES_SHOWN)]
    if len(odd) > SIZES_SHOWN:
        shown.append(f"and {len(odd) - SIZES_SHOWN} other sizes")
    raise UserError(
        f"sources.{source}: {odd.total()} of {sizes.total()} fields are not a whole number of "
        f"{tile}-pixel tiles: {', '.join(shown)}; margin: drop cuts what fits"
    )


def read_tiles(
    path: str | bytes | Path, positions: pd.DataFrame, tile: int, bits: int = 16
) -> Iterator[np.ndarray]:
    """The tiles of one field at `positions` (x, y), in their order; uint8 tile x tile x 3.

    They are views of the field, which is decoded when this is called. Rejects what `read_image`
    does, and a field that ends before one of its tiles (other_size).
    """
    field = read_image(Path(os.fsdecode(path)), channels=3, bits=bits)
    places = list(zip(positions["x"].astype(int), positions["y"].astype(int), strict=True))
    if any(x + tile > field.shape[1] or y + tile > field.shape[0] for x, y in places):
        raise Rejected("other_size", f"{field.shape[1]}x{field.shape[0]}")
    return (field[y : y + tile, x : x + tile] for x, y in places)
