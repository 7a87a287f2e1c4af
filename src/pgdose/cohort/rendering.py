"""Rendering the images of a group that owns its pixels: read, cropped, resized, augmented."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.images.fitting import render
from pgdose.images.stores import NewStore


def by_record(members: pd.DataFrame) -> dict[str, list[dict]]:
    """The members made of each record, an original and its copies, as dictionaries of the columns.

    A small frame for each record would take longer than reading its image.
    """
    of_record: dict[str, list[dict]] = {}
    for member in members.to_dict("records"):
        of_record.setdefault(member["record_id"], []).append(member)
    return of_record


def render_members(
    records: Iterable[tuple[str, list[dict]]],
    read: Callable[[str], np.ndarray],
    store: NewStore,
    fitting: Mapping[str, Any],
) -> pd.DataFrame:
    """Fill a store with members' images; the table MISSING of those that could not be read.

    records: items of `by_record`
    read:    the image of a record_id, uint8, rows x columns (x 3); may raise Rejected
    fitting: size, fit and resize_to of `fit_image`
    """
    missing = []
    for record_id, members in records:
        try:
            image = read(record_id)
        except Rejected as r:
            missing += [(member["member"], r.reason, r.detail) for member in members]
            continue
        for member in members:
            crop = (member["crop_x"], member["crop_y"], member["crop_side"])
            rendered = render(
                image,
                **fitting,
                crop=None if pd.isna(member["crop_side"]) else crop,
                parameters=json.loads(member["augmentation"]) if member["copy"] else None,
            )
            store.put(member["row"], rendered)
    return pd.DataFrame(missing, columns=["member", "reason", "detail"])
