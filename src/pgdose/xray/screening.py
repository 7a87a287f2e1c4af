"""Screening: one look at the pixels of each image that a group could choose.

Every image is usable or has a reason why not, so that a cohort is drawn from usable images only
and its counts and its balance hold. `source_rejects` puts the rejects of all shards together.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.images.burned_in_text import text_regions
from pgdose.images.perceptual_hash import SIDE, perceptual_hash
from pgdose.images.rendering import resize
from pgdose.images.stores import checksum
from pgdose.tables.person_fields import LATERAL
from pgdose.tables.private_paths import SourceFile
from pgdose.tables.screening_schemas import SCREEN
from pgdose.xray.aorta_window import aorta_window
from pgdose.xray.chest_fit import ChestFit
from pgdose.xray.films import Film
from pgdose.xray.reject_reasons import REASONS
from pgdose.xray.source_images import ImageSettings, read_source_image


def screen(
    records: Iterable[Mapping],
    paths: Mapping[str, SourceFile],
    *,
    images: ImageSettings,
    limits: Mapping,
) -> pd.DataFrame:
    """Screen records; returns a table of SCREEN.

    A record has record_id, view, body_part, mm_per_px, and `aorta`: whether to find its aorta
    window. `paths` gives the file of a record_id, `limits` are the source's `screen`, `bits` those
    of its pictures.
    """
    rows = []
    for record in records:
        row = {"record_id": record["record_id"], "usable": True}
        try:
            file = paths[record["record_id"]]
            if images.modality == "xray":
                check_header(record, limits)
            film = read_source_image(file, images)
            small = check_image(film.pixels, limits)
            chest = ChestFit(film.pixels) if images.modality == "xray" else None
            if chest:
                check_view(chest, limits)
            row |= burned_in_text(film, images.modality)
            check_text(row, limits)
            row |= _describe(record, film, small, chest)
        except Rejected as rejected:
            row |= {"usable": False, "reason": rejected.reason, "detail": rejected.detail}
        rows.append(row)
    return pd.DataFrame(rows, columns=SCREEN.names)


def _describe(record: Mapping, film: Film, small: np.ndarray, chest: ChestFit | None) -> dict:
    """The columns of SCREEN that only a usable image has."""
    row = {"pixel_hash": checksum(film.pixels).hex(), "voi": film.offered}
    row["perceptual_hash"] = perceptual_hash(small)
    if record["aorta"]:
        window = aorta_window(film.pixels, record["mm_per_px"], chest)
        row |= {f"aorta_{name}": value for name, value in window._asdict().items()}
    return row


def check_header(record: Mapping, limits: Mapping) -> None:
    """Raise Rejected if the headers alone rule an X-ray out: lateral, not_chest."""
    view, part = record["view"], record["body_part"]
    if isinstance(view, str) and view in LATERAL:
        raise Rejected("lateral", f"ViewPosition {view}")
    words = [word.upper() for word in limits.get("body_parts", [])]
    if isinstance(part, str) and words and not any(word in part for word in words):
        raise Rejected("not_chest", REASONS["not_chest"])


def check_image(image: np.ndarray, limits: Mapping) -> np.ndarray:
    """The image (uint8, rows x columns, or x 3) as SIDE x SIDE pixels.

    Raises Rejected: tiny, blank, saturated.
    """
    if min(image.shape[:2]) < limits["smallest"]:
        raise Rejected("tiny", f"{image.shape[1]}x{image.shape[0]}")
    small = resize(image, SIDE)
    spread = small.std()
    if spread < limits["least_spread"]:
        raise Rejected("blank", f"standard deviation {spread:.1f} of 255")
    ends = np.count_nonzero(image + np.uint8(1) < 2) / image.size  # 255 + 1 is 0
    if ends > limits["most_at_ends"]:
        raise Rejected("saturated", f"{ends:.2f} of the pixels are black or white")
    return small


def check_view(chest: ChestFit, limits: Mapping) -> None:
    """Raise Rejected (lateral) if a film looks like a chest from the side."""
    if limits["lateral_score"] is not None:
        score = chest.lateral_score()
        if score >= limits["lateral_score"]:
            raise Rejected("lateral", f"by the image, score {score:.2f}")


def burned_in_text(film: Film, modality: str) -> dict:
    """The columns of SCREEN on text in the pixels, by the pixels and by the file's header.

    Tissue is full of shapes in rows, so histology is not searched.
    """
    regions = None if modality == "histology" else len(text_regions(film.pixels))
    return {"text_regions": regions, "says_burned_in": film.says_burned_in}


def check_text(row: Mapping, limits: Mapping) -> None:
    """Raise Rejected (burned_in_text) for an image with text, if the study leaves such out."""
    if limits["burned_in_text"] != "reject":
        return
    if row["says_burned_in"]:
        raise Rejected("burned_in_text", "BurnedInAnnotation YES")
    if regions := row["text_regions"]:
        raise Rejected("burned_in_text", f"by the image, rows of letters: {regions}")
