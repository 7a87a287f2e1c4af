"""How a group would use each candidate (grey window, crop), and why it cannot use some."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from pgdose.study.classes import Image
from pgdose.tables.rejects import by_id


def usability(
    candidates: pd.DataFrame,
    screened: pd.DataFrame,
    image: Image,
    *,
    dicom_sources: Collection[str] = (),
    rejected: Collection[str] = (),
    excluded: Collection[str] = (),
    boxes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The candidates with the columns window, crop_x, crop_y, crop_side, reason and usable.

    candidates:    at least record_id and source
    screened:      the SCREEN table, indexed by record_id
    image:         its `window`, `crop` and `least_confidence` count
    dicom_sources: sources of DICOM files; images of others have no window (`none`)
    rejected:      record_ids that their source rejected
    excluded:      record_ids that a person excluded
    boxes:         squares by hand (x, y, side in pixels), indexed by record_id; they replace the
                   detected ones

    `reason` is null (usable), `rejected`, `excluded`, `no_window` or `aorta_not_found`. The crop is
    a square round (crop_x, crop_y), in pixels of the original.
    """
    rows = screened.index.get_indexer(pd.Index(candidates["record_id"]))  # -1: not screened

    def of_screening(column: str) -> pd.Series:
        values = screened[column].array.take(rows, allow_fill=True)
        return pd.Series(values, index=candidates.index)

    window = "voi " + of_screening("voi") if image.window == "voi" else image.window
    reason = pd.Series(None, index=candidates.index, dtype="str")
    candidates = candidates.assign(
        window=np.where(candidates["source"].isin(dicom_sources), window, "none"),
        **dict.fromkeys(("crop_x", "crop_y", "crop_side"), np.nan),
    )
    if image.crop == "aorta":
        by_hand = pd.Series(False, index=candidates.index)
        for name in ("x", "y", "side"):
            candidates[f"crop_{name}"] = of_screening(f"aorta_{name}")
            if boxes is not None:
                drawn = candidates["record_id"].map(boxes[name])
                by_hand = drawn.notna()
                candidates[f"crop_{name}"] = drawn.fillna(candidates[f"crop_{name}"])
        unsure = ~(of_screening("aorta_confidence") >= image.least_confidence)
        reason[unsure & ~by_hand] = "aorta_not_found"
    reason[candidates["window"].isna()] = "no_window"
    reason[candidates["record_id"].isin(excluded)] = "excluded"
    reason[(rows < 0) | candidates["record_id"].isin(rejected)] = "rejected"
    return candidates.assign(reason=reason, usable=reason.isna())


def left_out(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates that this group cannot use, as rejects; not those their source rejected."""
    unusable = ~candidates["usable"] & candidates["reason"].ne("rejected")
    return by_id(candidates[unusable].assign(stage="group"))
