"""How a group would use each candidate (grey window, crop), and why it cannot use some."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from pgdose.study.classes import Image
from pgdose.tables.rejects import GROUP_REASONS, by_id


def usability(
    candidates: pd.DataFrame,
    screened: pd.DataFrame,
    image: Image,
    *,
    xray_sources: Collection[str] = (),
    rejected: pd.Series | None = None,
    excluded: Collection[str] = (),
    boxes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The candidates with window, crop_x, crop_y, crop_side, pixel_hash, stage, reason and usable.

    candidates:    of `eligibility.candidates`
    screened:      the SCREEN table, indexed by record_id
    image:         its `window`, `crop` and `least_confidence` count
    xray_sources:  sources of X-rays; images of others have no window (`none`)
    rejected:      reasons of the records that their source rejected, indexed by record_id; copies
                   are not among them, see `equal_images`
    excluded:      record_ids that a person excluded
    boxes:         squares by hand (x, y, side in pixels), indexed by record_id; they replace the
                   detected ones

    `reason` is null (usable), one of GROUP_REASONS (stage "group"), or that of the source (stage
    "screen"). The crop is a square round (crop_x, crop_y), in pixels of the original.
    """
    rows = screened.index.get_indexer(pd.Index(candidates["record_id"]))  # -1: not screened

    def of_screening(column: str) -> pd.Series:
        values = screened[column].array.take(rows, allow_fill=True)
        return pd.Series(values, index=candidates.index)

    window = "voi " + of_screening("voi") if image.window == "voi" else image.window
    reason = pd.Series(None, index=candidates.index, dtype="str")
    candidates = candidates.assign(
        window=np.where(candidates["source"].isin(xray_sources), window, "none"),
        pixel_hash=of_screening("pixel_hash"),
        stage="group",
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
    reason[rows < 0] = "not_screened"
    reason = candidates["reason"].fillna(reason)
    reason[candidates["record_id"].isin(excluded)] = "excluded"
    if rejected is not None:
        by_source = candidates["record_id"].map(rejected).where(candidates["reason"].isna())
        reason = by_source.fillna(reason)
        candidates["stage"] = np.where(by_source.notna(), "screen", "group")
    return candidates.assign(reason=reason, usable=reason.isna())


def left_out(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates that this group cannot use, as a table of LEFT_OUT.

    A record that fits several classes has a row for each of them.
    """
    unusable = candidates[~candidates["usable"]]
    of_group = unusable["stage"].eq("group")
    return by_id(unusable.assign(detail=unusable["reason"].map(GROUP_REASONS).where(of_group)))
