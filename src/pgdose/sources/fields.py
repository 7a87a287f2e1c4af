"""Microscope fields: whole images of known class, cut without overlap into square tiles."""

from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.records import opaque
from pgdose.sources.files import image_size, inside, read_image
from pgdose.sources.table import Indexed, first_of_each


def index(
    table: pd.DataFrame, root: Path, *, key: bytes, source: str, tile: int, patients: str = ""
) -> Indexed:
    """Records of all tiles, row by row through each field; a margin under one tile is dropped.

    `table` has the columns file, patient and class. A record's `parent` is its field.
    """
    records = []
    table, paths, rejects = first_of_each(table, "file", root, key=key, source=source)
    for row in table.to_dict("records"):
        parent = opaque(key, source, row["file"])
        paths.append({"record_id": parent, "path": str(root / row["file"])})
        try:
            if not row["patient"] or not row["class"]:
                raise Rejected("incomplete_row", "patient or class is empty")
            width, height = image_size(inside(root, row["file"]))
            if min(width, height) < tile:
                raise Rejected("too_small", f"{width}x{height}, a tile has {tile}")
        except Rejected as r:
            rejects.append((parent, "index", r.reason, r.detail))
            continue
        for y in range(0, height - tile + 1, tile):
            for x in range(0, width - tile + 1, tile):
                record_id = opaque(key, source, row["file"], f"{x},{y}")
                paths.append({"record_id": record_id, "path": str(root / row["file"])})
                records.append(
                    {
                        "record_id": record_id,
                        "patient": opaque(key, patients or source, "patient", row["patient"]),
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
    if not records:
        raise UserError(f"sources.{source}: not one of its {len(paths)} fields can be read")
    return records, paths, rejects


def read_tiles(path: Path, positions: pd.DataFrame, tile: int) -> np.ndarray:
    """The tiles of one field at `positions` (x, y), uint8 n x tile x tile x 3."""
    field = read_image(path, channels=3)
    places = zip(positions["x"], positions["y"], strict=True)
    return np.stack([field[y : y + tile, x : x + tile] for x, y in places])
