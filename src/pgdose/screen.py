"""One look at the pixels of each image that a group could choose: usable, or why not.

A cohort is drawn among what passes, so that its counts and its balance hold.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pgdose.errors import Rejected
from pgdose.images import resize
from pgdose.records import SCREEN
from pgdose.sources import dicom, files
from pgdose.thorax import aorta_window

SMALLEST = 64  # pixels of the shorter side
LEAST_SPREAD = 4.0  # grey levels of standard deviation; less is a blank film
MOST_AT_ENDS = 0.6  # share of pixels that are black or white; more is a saturated film
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")


def pixel_hash(image: np.ndarray) -> str:
    """Equal for equal pixels."""
    return hashlib.blake2b(image.tobytes() + str(image.shape).encode(), digest_size=12).hexdigest()


def read(path: str | Path, kind: str, modality: str) -> np.ndarray:
    """The pixels of an image of any source: uint8, grey for X-rays, else RGB."""
    if not Path(path).is_file():
        raise Rejected("file_missing", "the file was there when the source was indexed")
    if kind == "dicom_archive":
        return dicom.read_pixels(Path(path))
    return files.read_image(Path(path), channels=1 if modality == "xray" else 3)


def check(image: np.ndarray, view: str | None) -> None:
    """Raises Rejected if the image is of no use."""
    if view in LATERAL:
        raise Rejected("lateral", str(view))
    if min(image.shape[:2]) < SMALLEST:
        raise Rejected("tiny", f"{image.shape[1]}x{image.shape[0]}")
    small = resize(image, SMALLEST)
    if small.std() < LEAST_SPREAD:
        raise Rejected("blank", f"standard deviation {small.std():.1f} of 255")
    ends = float(((image == 0) | (image == 255)).mean())
    if ends > MOST_AT_ENDS:
        raise Rejected("saturated", f"{ends:.2f} of the pixels are black or white")


def screen(
    table: pd.DataFrame, paths: pd.Series, *, kind: str, modality: str, aorta: bool
) -> pd.DataFrame:
    """The SCREEN table of these records; `paths` gives a record's file."""
    rows = []
    for record_id, view in tqdm(
        zip(table["record_id"], table["view"], strict=True), total=len(table), disable=None
    ):
        row = {"record_id": record_id, "usable": True}
        try:
            image = read(paths[record_id], kind, modality)
            check(image, view if modality == "xray" else None)
            row["pixel_hash"] = pixel_hash(image)
            if aorta:
                names = ("aorta_x", "aorta_y", "aorta_side", "aorta_confidence")
                row |= dict(zip(names, aorta_window(image), strict=True))
        except Rejected as r:
            row |= {"usable": False, "reason": r.reason, "detail": r.detail}
        rows.append(row)
    return pd.DataFrame(rows, columns=SCREEN.names)


def rejects(index: pd.DataFrame, screened: pd.DataFrame) -> pd.DataFrame:
    """All rejects of a source: at the index, at the screen, and all but one of equal images."""
    bad = screened[~screened["usable"].astype(bool)].assign(stage="screen")
    good = screened[screened["usable"].astype(bool)].sort_values("record_id")
    again = good[good["pixel_hash"].duplicated()].assign(
        stage="screen", reason="duplicate_pixels", detail="another record has the same pixels"
    )
    columns = ["record_id", "stage", "reason", "detail"]
    return pd.concat([index, bad[columns], again[columns]]).sort_values(
        ["stage", "reason", "record_id"]
    )
