"""Equal images among a group's candidates: copies, and contradictions between classes.

Two records show the same image if their pixels are equal, or their SOPInstanceUID. A source lists
all but one of them as rejects before any class is known. A group decides anew among its own
candidates, so that no contradiction is hidden and chance does not choose the class that stays.
"""

import logging

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SAME = {"duplicate_uid": "instance", "duplicate_pixels": "pixel_hash"}  # reason: column


def settle_equal(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates with one usable record of each image, and none of a contradictory one.

    candidates: of `usability`: record_id, class, stage, reason, usable, pixel_hash and `instance`,
                the hashed SOPInstanceUID

    Of equal images of one class the smallest record_id stays for all. If a person excluded it, the
    image is no longer taken for this class. An image that is taken for several classes is left out
    of all of them (`contradiction`).
    """
    image = same_image(candidates)
    equal = candidates.assign(image=image)[image.notna() & image.duplicated(keep=False)]
    equal = equal.sort_values("record_id")
    copy = equal.duplicated(["image", "class"])
    claims = equal[~copy & equal["reason"].ne("excluded")]
    contradictory = claims.loc[claims.duplicated("image"), "image"]
    contradicts = equal["image"].isin(contradictory)
    contradicts &= ~equal["reason"].isin(["excluded", "several_classes"])
    by_uid = equal["instance"].notna() & equal.duplicated(["instance", "class"])
    names = pd.Series(np.where(by_uid, "duplicate_uid", "duplicate_pixels"), index=equal.index)
    found = equal["reason"].mask(copy & equal["reason"].isna(), names)
    found = found.mask(contradicts, "contradiction")
    reason = candidates["reason"].copy()
    reason[found.index] = found
    return candidates.assign(reason=reason, usable=reason.isna())


def without_copies(rejects: pd.DataFrame) -> pd.DataFrame:
    """The rejects of sources but for copies of equal images, which a group decides on anew."""
    return rejects[~rejects["reason"].isin(SAME)]


def same_image(records: pd.DataFrame) -> pd.Series:
    """A number for each image: records that share pixels or a SOPInstanceUID have the same.

    NaN for a record whose pixels were not read. `records`: pixel_hash and instance, with nulls.
    """
    readable = records["pixel_hash"].notna()
    n = nodes = int(readable.sum())
    rows, keys = [], []
    for column in SAME.values():
        codes, values = pd.factorize(records.loc[readable, column])
        rows.append(np.flatnonzero(codes >= 0))
        keys.append(codes[codes >= 0] + nodes)
        nodes += len(values)
    pairs = np.concatenate(rows), np.concatenate(keys)
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(nodes, nodes))
    numbers = pd.Series(np.nan, index=records.index)
    numbers[readable] = connected_components(graph, directed=False)[1][:n]
    return numbers


def report_equal(log: logging.Logger, group: str, candidates: pd.DataFrame) -> None:
    """Log contradictions, and equal pixels under different patients; see `settle_equal`."""
    contradictions = int(candidates["reason"].eq("contradiction").sum())
    if contradictions:
        log.warning(
            "%s: %d records are left out (contradiction): their image stands in several classes; "
            "correct their labels, or list those that are wrong in `exclude`",
            *(group, contradictions),
        )
    equal = candidates[candidates["pixel_hash"].notna()]
    equal = equal[equal.duplicated("pixel_hash", keep=False)]
    patients = equal.groupby("pixel_hash")["patient"].nunique()
    if several := int((patients > 1).sum()):
        log.warning(
            "%s: %d images have equal pixels under different patients; each is used once at most",
            *(group, several),
        )
