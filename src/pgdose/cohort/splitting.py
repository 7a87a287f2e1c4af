"""Splitting members into training and validation; no patient on both sides."""

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.keyed import draw


def split(chosen: pd.DataFrame, training: float, seed: int, group: str) -> pd.Series:
    """`training` or `validation` for each record; no patient on both sides.

    Each stratum (class and sex) has room for its share of validation images. Patients are visited
    in a keyed order, twice: first a patient goes to validation if all their images fit; then also
    if that brings the rooms nearer to full, even if some overflow. A class that still has no
    validation images gets the patient who overfills least, if other patients remain.
    """
    patient, _ = pd.factorize(chosen["patient"], sort=True)
    names = chosen["patient"].drop_duplicates().sort_values()
    stratum = chosen.assign(sex=chosen["sex"].fillna("unknown")).groupby(["class", "sex"]).ngroup()
    images = np.zeros((len(names), stratum.nunique()), dtype=np.int64)  # patients x strata
    np.add.at(images, (patient, stratum.to_numpy()), 1)
    room = rooms(chosen, 1 - training)
    order = np.lexsort((names, draw(seed, f"split {group}", names)))
    in_validation = np.zeros(len(names), dtype=bool)

    def overfill(i: int) -> int:
        return int((np.abs(room - images[i]) - np.abs(room)).sum())

    def take(i: int) -> None:
        in_validation[i] = True
        np.subtract(room, images[i], out=room)

    for i in order:
        if (images[i] <= room).all():
            take(i)
    for i in order[~in_validation[order]]:
        if not room.any():
            break
        if overfill(i) < 0:
            take(i)
    for _, rows in chosen.groupby("class").indices.items():
        patients = order[np.isin(order, patient[rows])]
        if len(patients) > 1 and not in_validation[patients].any():
            take(min(patients, key=overfill))
    part = np.where(in_validation[patient], "validation", "training")
    return pd.Series(part, index=chosen.index, dtype="str")


def rooms(chosen: pd.DataFrame, share: float) -> np.ndarray:
    """int64: how many images of each stratum (class and sex, sorted) make up `share` of it.

    Rounded so that the strata of a class add up to the rounded share of the class.
    """
    sizes = chosen.assign(sex=chosen["sex"].fillna("unknown")).groupby(["class", "sex"]).size()
    upto = sizes.groupby("class").cumsum()
    before = upto - sizes
    return ((upto * share).round() - (before * share).round()).to_numpy(np.int64)


def imbalance(members: pd.DataFrame, training: float) -> pd.DataFrame:
    """How far the split is from the study's proportions, by class and sex of the originals.

    Columns: n_images, n_validation, wanted (validation images by the proportions) and off
    (|n_validation - wanted| / n_images).
    """
    originals = members[members["copy"] == 0]
    by = originals.assign(
        sex=originals["sex"].fillna("unknown"),
        n_images=1,
        n_validation=originals["part"] == "validation",
    ).groupby(["class", "sex"])
    table = by[["n_images", "n_validation"]].sum().astype(int)
    table["wanted"] = rooms(originals, 1 - training)
    table["off"] = (table["n_validation"] - table["wanted"]).abs() / table["n_images"]
    return table


def check_parts(members: pd.DataFrame, hashes: pd.Series, group: str) -> None:
    """UserError if a patient, or an image, stands on both sides of the split.

    `hashes` is indexed by record_id: the pixel hash of each image.
    """
    images = members["record_id"].map(hashes).fillna(members["record_id"])
    for what, keys in (("patient", members["patient"]), ("image", images)):
        sides = members["part"].groupby(keys.to_numpy()).nunique()
        both = sides[sides > 1]
        if len(both):
            ids = members.loc[keys.eq(both.index[0]).to_numpy(), "record_id"].unique()
            raise UserError(
                f"groups.{group}: {len(both)} {what}s are in both training and validation, for "
                f"example records {', '.join(ids[:4])}; exclude one of each"
            )
