"""One look at the pixels of each image that a group could choose: usable, or why not.

A cohort is drawn among what passes, so that its counts and its balance hold.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pgdose.errors import Rejected
from pgdose.images import codecs
from pgdose.images.rendering import resize
from pgdose.images.stores import checksum
from pgdose.tables import source_files
from pgdose.tables.person_fields import LATERAL
from pgdose.tables.private_paths import SourceFile
from pgdose.tables.screening_schemas import SCREEN
from pgdose.xray import dicom
from pgdose.xray.anatomy import aorta_window, looks_lateral
from pgdose.xray.dicom import Film

SMALL = 64  # pixels; the side at which the spread of greys is taken
REASONS = {
    "file_missing": "the file was there when the source was indexed",
    "file_changed": "its size or date is another than when the source was indexed",
    "lateral": "a film from the side, by its ViewPosition or by the image",
    "not_chest": "BodyPartExamined names another part of the body",
    "tiny": "its shorter side has fewer pixels than `screen.smallest`",
    "blank": "its greys spread less than `screen.least_spread`",
    "saturated": "more than `screen.most_at_ends` of its pixels are black or white",
    "duplicate_uid": "another usable file has the same SOPInstanceUID",
    "duplicate_pixels": "another usable image has the same pixels",
}


def read(file: SourceFile, kind: str, modality: str, window: str = "percentile") -> Film:
    """The pixels of an image of any source: uint8, grey for X-rays, else RGB."""
    path = source_files.unchanged(file)
    if kind == "dicom_archive":
        return dicom.read_film(path, window)
    return Film(codecs.read_image(path, channels=1 if modality == "xray" else 3), "none", None)


def check_header(record: Mapping, limits: Mapping) -> None:
    """Raises Rejected if the headers alone say that an X-ray is of no use."""
    view, part = record["view"], record["body_part"]
    if isinstance(view, str) and view in LATERAL:
        raise Rejected("lateral", f"ViewPosition {view}")
    words = [word.upper() for word in limits.get("body_parts", [])]
    if isinstance(part, str) and words and not any(word in part for word in words):
        raise Rejected("not_chest", REASONS["not_chest"])


def check_image(image: np.ndarray, limits: Mapping) -> None:
    """Raises Rejected if the image is of no use. uint8, rows x columns (x 3)."""
    if min(image.shape[:2]) < limits["smallest"]:
        raise Rejected("tiny", f"{image.shape[1]}x{image.shape[0]}")
    spread = resize(image, SMALL).std()
    if spread < limits["least_spread"]:
        raise Rejected("blank", f"standard deviation {spread:.1f} of 255")
    ends = np.count_nonzero((image == 0) | (image == 255)) / image.size
    if ends > limits["most_at_ends"]:
        raise Rejected("saturated", f"{ends:.2f} of the pixels are black or white")


def check_view(image: np.ndarray, limits: Mapping) -> None:
    """Raises Rejected if a grey image looks like a chest from the side."""
    if limits["lateral_score"] is not None:
        score = looks_lateral(image)
        if score >= limits["lateral_score"]:
            raise Rejected("lateral", f"by the image, score {score:.2f}")


def screen(
    table: Iterable[Mapping],
    paths: Mapping[str, SourceFile],
    *,
    kind: str,
    modality: str,
    limits: Mapping,
) -> pd.DataFrame:
    """The SCREEN table of these records; `paths` gives a record's file, `limits` the thresholds.

    A record has record_id, view, body_part, mm_per_px, and `aorta`: whether its window is wanted.
    """
    rows = []
    for record in table:
        row = {"record_id": record["record_id"], "usable": True}
        try:
            if modality == "xray":
                check_header(record, limits)
            film = read(paths[record["record_id"]], kind, modality)
            check_image(film.pixels, limits)
            if modality == "xray":
                check_view(film.pixels, limits)
            row |= {"pixel_hash": checksum(film.pixels).hex(), "voi": film.offered}
            if record["aorta"]:
                names = ("aorta_x", "aorta_y", "aorta_side", "aorta_confidence")
                window = aorta_window(film.pixels, record["mm_per_px"])
                row |= dict(zip(names, window, strict=True))
        except Rejected as r:
            row |= {"usable": False, "reason": r.reason, "detail": r.detail}
        rows.append(row)
    return pd.DataFrame(rows, columns=SCREEN.names)


def rejects(index: pd.DataFrame, screened: pd.DataFrame, instances: pd.Series) -> pd.DataFrame:
    """All rejects of a source: at the index, at the screen, and all but one of equal images.

    `instances` gives the hashed SOPInstanceUID of a record_id. Of equal images the usable one with
    the smallest record_id stays.
    """
    usable = screened["usable"].astype(bool)
    found = [index, screened[~usable].assign(stage="screen")]
    good = screened[usable].sort_values("record_id")
    good = good.assign(instance=good["record_id"].map(instances))
    for reason, column in (("duplicate_uid", "instance"), ("duplicate_pixels", "pixel_hash")):
        again = good[column].notna() & good[column].duplicated()
        found.append(good[again].assign(stage="screen", reason=reason, detail=REASONS[reason]))
        good = good[~again]
    columns = ["record_id", "stage", "reason", "detail"]
    return pd.concat([part[columns] for part in found]).sort_values(
        ["stage", "reason", "record_id"]
    )
