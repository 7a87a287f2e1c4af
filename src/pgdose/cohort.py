"""Who takes part: choosing, balancing and splitting records. Pure functions on tables.

    eligible -> choose (count, at_most, all; sexes balanced) -> split by patient -> augmented copies

Each draw is keyed by the record or the patient, so a larger archive changes few of the chosen.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.records import draw, shard_rows


def eligible(records: pd.DataFrame, where: Mapping) -> pd.Series:
    """Which records fit a class's `where`; ages are full years, both ends included."""
    fits = pd.Series(True, index=records.index)
    if where.get("label") is not None:
        column = f"label_{where['label']}"
        if column not in records:
            known = records.filter(regex="^label_").columns.str.removeprefix("label_")
            raise UserError(
                f"where.label: {where['label']!r} is no label of the source; "
                f"known: {', '.join(known) or 'none'}"
            )
        fits &= records[column].eq(1).fillna(False).astype(bool)
    if where.get("class") is not None:
        fits &= records["class"].eq(where["class"])
    if where.get("age") is not None:
        fits &= (records["age"] // 1).between(*where["age"])
    if where.get("sex") is not None:
        fits &= records["sex"].eq(where["sex"])
    if where.get("view") is not None:
        fits &= records["view"].isin(where["view"])
    return fits


def candidates(records: pd.DataFrame, classes: Mapping[str, Mapping]) -> pd.DataFrame:
    """Records that fit exactly one class of the group, with `class` and `class_index` set."""
    fits = pd.DataFrame(
        {
            name: records["source"].eq(spec["source"]) & eligible(records, spec["where"])
            for name, spec in classes.items()
        }
    )
    found = records[fits.sum(axis=1) == 1].copy()
    found["class"] = fits.loc[found.index].idxmax(axis=1).astype("str")
    found["class_index"] = found["class"].map({name: i for i, name in enumerate(classes)})
    return found


def choose(
    found: pd.DataFrame, classes: Mapping[str, Mapping], balance: list[str], seed: int, group: str
) -> pd.DataFrame:
    """The records of each class, as many as the study asks for.

    `balance`: sex makes the sexes equally many inside each class, class the classes themselves.
    """
    found = found.assign(draw=draw(seed, f"choose {group}", found["record_id"]))
    found = found.sort_values(["draw", "record_id"])
    strata = ["F", "M"] if "sex" in balance else ["any"]
    found["stratum"] = found["sex"] if "sex" in balance else "any"
    there = found.groupby(["class", "stratum"]).size()
    each, lacking = {}, []  # of each stratum of a class; which classes have too few
    for name, spec in classes.items():
        available = [int(there.get((name, stratum), 0)) for stratum in strata]
        exact = spec["count"] if isinstance(spec["count"], int) else None
        most = exact or spec["at_most"] or sum(available)
        each[name] = min(*available, most // len(strata))
        if each[name] * len(strata) < (exact or 1):
            lacking.append(_lack(group, name, exact, strata, available))
    if lacking:
        known = found.assign(sex=found["sex"].fillna("unknown")).groupby(["class", "sex"])
        raise UserError(
            "\n".join(lacking) + "\n'at_most: N' or 'count: all' takes what there is. "
            "Usable images by class and sex:\n" + known.size().unstack(fill_value=0).to_string()
        )
    if "class" in balance:
        each = dict.fromkeys(each, min(each.values()))
    found = found[found["stratum"].isin(strata)]
    place = found.groupby(["class", "stratum"]).cumcount()
    return found[place < found["class"].map(each)].drop(columns=["draw", "stratum"])


def _lack(group: str, name: str, exact: int | None, strata: list[str], available: list[int]) -> str:
    what = ", ".join(f"{n} {s}" for s, n in zip(strata, available, strict=True))
    sexes = f" ({what}; the sexes are to be balanced)" if len(strata) > 1 else ""
    return (
        f"groups.{group}.classes.{name}: {exact or 'at least one'} images wanted, "
        f"{min(available) * len(strata)} can be had{sexes}."
    )


def split(
    chosen: pd.DataFrame, training: float, balance: list[str], seed: int, group: str
) -> pd.Series:
    """`training` or `validation` for each record; no patient on both sides.

    Each stratum (class, and sex if balanced) has room for its share of validation images. Patients
    come in a keyed order, twice: first those go to validation whose images all fit, then those
    who leave the rooms nearer to full than they were, though they overfill some. A class that is
    still without validation images gets the patient who overfills least, if others remain.
    """
    strata = chosen["class"].astype(str)
    if "sex" in balance:
        strata = strata + " " + chosen["sex"].astype(str)
    room = Counter((strata.value_counts() * (1 - training)).round().astype(int).to_dict())
    images = strata.groupby(chosen["patient"]).agg(Counter)
    keys = pd.Series(draw(seed, f"split {group}", images.index), index=images.index)
    patients = keys.rename("draw").reset_index().sort_values(["draw", "patient"])["patient"]
    validation: set[str] = set()

    def overfill(patient: str) -> int:
        return sum(abs(room[s] - n) - abs(room[s]) for s, n in images[patient].items())

    def take(patient: str) -> None:
        validation.add(patient)
        room.subtract(images[patient])

    for patient in patients:
        if all(room[stratum] >= n for stratum, n in images[patient].items()):
            take(patient)
    for patient in patients[~patients.isin(validation)]:
        if overfill(patient) < 0:
            take(patient)
    for _, of_class in chosen["patient"].groupby(chosen["class"].astype(str)):
        own = patients[patients.isin(of_class)]
        if len(own) > 1 and not own.isin(validation).any():
            take(min(own, key=overfill))
    part = np.where(chosen["patient"].isin(validation), "validation", "training")
    return pd.Series(part, index=chosen.index, dtype="str")


def add_copies(
    members: pd.DataFrame, classes: Mapping[str, Mapping], training: float, seed: int, group: str
) -> pd.DataFrame:
    """Augmented copies (copy = 1, 2, ..) up to `augment_to`, in each part its share of them."""
    parts = []
    for (name, part), originals in members.groupby(["class", "part"], sort=False):
        total = classes[str(name)]["augment_to"]
        if total is None:
            parts.append(originals)
            continue
        in_training = round(total * training)
        wanted = in_training if part == "training" else total - in_training
        order = draw(seed, f"copies {group}", originals["record_id"])
        originals = originals.iloc[np.argsort(order, kind="stable")]
        repeats = -(-max(wanted, len(originals)) // len(originals))
        copies = pd.concat([originals.assign(copy=k) for k in range(repeats)])
        parts.append(copies.head(max(wanted, len(originals))))
    return pd.concat(parts)


def members(
    records: pd.DataFrame,
    classes: Mapping[str, Mapping],
    *,
    group: str,
    balance: list[str],
    training: float,
    seed: int,
) -> pd.DataFrame:
    """The members of a group, numbered by class, record and copy; no stores yet.

    `classes` maps a name to {source, where, count, at_most, augment_to}. `records` are the usable
    ones alone. Raises UserError where there are too few, or where a part would lack a class.
    """
    chosen = choose(candidates(records, classes), classes, balance, seed, group)
    chosen = chosen.assign(part=split(chosen, training, balance, seed, group), copy=0)
    for name in classes:
        of_class = chosen[chosen["class"] == name]
        for part in ("training", "validation"):
            if not (of_class["part"] == part).any():
                raise UserError(
                    f"groups.{group}.classes.{name}: its {len(of_class)} images are of "
                    f"{of_class['patient'].nunique()} patients, so none is left for {part}; "
                    "more patients are needed"
                )
    chosen = add_copies(chosen, classes, training, seed, group)
    chosen = chosen.sort_values(["class_index", "record_id", "copy"]).reset_index(drop=True)
    chosen["member"] = chosen.index
    return chosen


def subset(chosen: pd.DataFrame, size: int, seed: int, run: str) -> pd.DataFrame:
    """A keyed part of a group's training members, equal numbers of each class (Fig. 3d)."""
    each = size // chosen["class_index"].nunique()
    fewest = chosen.groupby("class_index").size().min()
    if each > fewest:
        raise UserError(
            f"training_size.sizes: {size} wants {each} training images of each class, but one "
            f"has {fewest}; at most {fewest * chosen['class_index'].nunique()} is possible"
        )
    order = chosen.assign(draw=draw(seed, f"subset {run}", chosen["record_id"]))
    return (
        order.sort_values(["draw", "member"])
        .groupby("class_index")
        .head(each)
        .sort_values("member")
        .drop(columns="draw")
    )


def place(chosen: pd.DataFrame, group: str, shards: int) -> pd.DataFrame:
    """Members with the `store` and `row` of their own images, cut into shards by row range."""
    places = [
        (f"groups/{group}/images/{shard}.npy", row)
        for shard in range(shards)
        for row in range(len(shard_rows(len(chosen), shard, shards)))
    ]
    return chosen.assign(store=[store for store, _ in places], row=[row for _, row in places])


def check_exclusions(left_out: pd.DataFrame, path: str, group: str) -> None:
    """A person's list must have the columns record_id and reason."""
    for column in ("record_id", "reason"):
        if column not in left_out:
            raise UserError(
                f"groups.{group}.exclude: no column {column!r} in {path}; "
                f"its columns are: {', '.join(left_out.columns)}"
            )


def attacked(validation: pd.DataFrame, images: int | str, seed: int, group: str) -> pd.DataFrame:
    """The validation members that attacks see: all, or a keyed draw of them."""
    if images == "all" or len(validation) <= int(images):
        return validation
    names = validation["record_id"] + " " + validation["copy"].astype(str)
    order = validation.assign(draw=draw(seed, f"attack {group}", names))
    chosen = order.sort_values(["draw", "member"]).head(int(images))
    return chosen.sort_values("member").drop(columns="draw")


def image_keys(chosen: pd.DataFrame, seed: int) -> np.ndarray:
    """One int64 identity for each member's image, for attacks that draw (noise)."""
    names = chosen["record_id"] + " " + chosen["copy"].astype(str)
    return (draw(seed, "attack noise", names) * 2**53).astype(np.int64)
