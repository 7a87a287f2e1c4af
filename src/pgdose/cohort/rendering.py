"""Rendering the images of a group that owns its pixels: read, cropped, resized, augmented."""

import json
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.images.rendering import render
from pgdose.images.stores import NewStore


def render_members(
    records: Iterable[tuple[str, pd.DataFrame]],
    read: Callable[[str], np.ndarray],
    store: NewStore,
    size: int,
) -> pd.DataFrame:
    """Fill a store with members' images; the table MISSING of those that could not be read.

    records: record_id and the planned members made of it, an original and its copies
    read:    the image of a record_id, uint8, rows x columns (x 3); may raise Rejected
    size:    side of a stored image, pixels
    """
    missing = []
    for record_id, copies in records:
        try:
            image = read(record_id)
        except Rejected as r:
            missing += [(member, r.reason, r.detail) for member in copies["member"]]
            continue
        for copy in copies.to_dict("records"):
            crop = (copy["crop_x"], copy["crop_y"], copy["crop_side"])
            rendered = render(
                image,
                size,
                crop=None if pd.isna(copy["crop_side"]) else crop,
                parameters=json.loads(copy["augmentation"]) if copy["copy"] else None,
            )
            store.put(copy["row"], rendered)
    return pd.DataFrame(missing, columns=["member", "reason", "detail"])
