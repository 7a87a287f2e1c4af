"""Who takes part: choosing, balancing and splitting records. Pure functions on tables.

    eligible -> choose (count, at_most, all; sexes balanced) -> split by patient -> augmented copies

Each draw is keyed by the record or the patient, so a larger archive changes few of the chosen.
"""

import json
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from pgdose.augmentation import draw_augmentation
from pgdose.errors import UserError
from pgdose.records import draw, generator, shard_rows
from pgdose.sources.columns import listed

TOLERANCE = 0.01  # of a stratum's images: parts further from their proportions are spoken of


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
    fits = np.stack(
        [
            (records["source"].eq(spec["source"]) & eligible(records, spec["where"])).to_numpy()
            for spec in classes.values()
        ]
    )
    one = fits.sum(axis=0) == 1
    index = fits[:, one].argmax(axis=0)
    return records[one].assign(**{"class": np.array(list(classes))[index], "class_index": index})


def fitness(
    found: pd.DataFrame,
    screened: pd.DataFrame,
    rejected: Collection[str],
    *,
    dicom: Collection[str],
    window: str,
    crop: str,
    least_confidence: float,
    boxes: pd.DataFrame | None = None,
    excluded: Collection[str] = (),
) -> pd.DataFrame:
    """The candidates with what the group would do to each, and why it can't take some.

    Adds `window` (how values become grey; `none` for pictures, those not of the sources `dicom`),
    `crop_x crop_y crop_side` (the square to cut out, in pixels), `usable`, and `reason`: null,
    `rejected` (by its source), `no_window`, `aorta_not_found` or `excluded`. `screened` is indexed
    by record_id and so is `boxes`, squares by hand (x, y, side) that go before those found.
    """
    place = screened.index.get_indexer(pd.Index(found["record_id"]))  # -1: never looked at

    def known(column: str) -> pd.Series:
        values = screened[column].array.take(place, allow_fill=True)
        return pd.Series(values, index=found.index)

    applied = "voi " + known("voi") if window == "voi" else window
    reason = pd.Series(None, index=found.index, dtype="str")
    found = found.assign(
        window=np.where(found["source"].isin(dicom), applied, "none"),
        **dict.fromkeys(("crop_x", "crop_y", "crop_side"), np.nan),
    )
    if crop == "aorta":
        by_hand = pd.Series(False, index=found.index)
        for name in ("x", "y", "side"):
            found[f"crop_{name}"] = known(f"aorta_{name}")
            if boxes is not None:
                given = found["record_id"].map(boxes[name])
                by_hand = given.notna()
                found[f"crop_{name}"] = given.fillna(found[f"crop_{name}"])
        unsure = ~(known("aorta_confidence") >= least_confidence)
        reason[unsure & ~by_hand] = "aorta_not_found"
    reason[found["window"].isna()] = "no_window"
    reason[found["record_id"].isin(excluded)] = "excluded"
    reason[(place < 0) | found["record_id"].isin(rejected)] = "rejected"
    return found.assign(reason=reason, usable=reason.isna())


def choose(
    found: pd.DataFrame, classes: Mapping[str, Mapping], balance: list[str], seed: int, group: str
) -> pd.DataFrame:
    """The records of each class, as many as the study asks for.

    `found` are candidates; a column `usable`, if there is one, says which may be chosen.
    `balance`: sex makes the sexes equally many inside each class, class the classes themselves.
    """
    usable = found[found["usable"]] if "usable" in found else found
    strata = ["F", "M"] if "sex" in balance else ["any"]
    usable = usable.assign(
        draw=draw(seed, f"choose {group}", usable["record_id"]),
        stratum=usable["sex"] if "sex" in balance else "any",
    )
    there = usable.groupby(["class", "stratum"]).size()
    each, lacking = {}, []  # of each stratum of a class; which classes have too few
    for name, spec in classes.items():
        available = [int(there.get((name, stratum), 0)) for stratum in strata]
        exact = spec["count"] if isinstance(spec["count"], int) else None
        most = exact or spec["at_most"] or sum(available)
        each[name] = min(*available, most // len(strata))
        if each[name] * len(strata) < (exact or 1):
            lacking.append(_lack(group, name, exact, strata, available))
    if lacking:
        raise UserError(
            "\n".join(lacking) + "\n'at_most: N' or 'count: all' takes what there is:\n"
            f"{_stock(found, classes)}"
        )
    if "class" in balance:
        each = dict.fromkeys(each, min(each.values()))
    usable = usable[usable["stratum"].isin(strata)].sort_values(["draw", "record_id"])
    place = usable.groupby(["class", "stratum"]).cumcount()
    return usable[place < usable["class"].map(each)].drop(columns=["draw", "stratum"])


def _lack(group: str, name: str, exact: int | None, strata: list[str], available: list[int]) -> str:
    what = ", ".join(f"{n} {s}" for s, n in zip(strata, available, strict=True))
    sexes = f" ({what}; the sexes are to be balanced)" if len(strata) > 1 else ""
    return (
        f"groups.{group}.classes.{name}: {exact or 'at least one'} images wanted, "
        f"{min(available) * len(strata)} can be had{sexes}."
    )


def _stock(found: pd.DataFrame, classes: Mapping[str, Mapping]) -> str:
    """What there is: images that fit, and usable ones of them, by class and sex."""
    counted = found.assign(
        sex=found["sex"].fillna("unknown"), usable=found.get("usable", True), images=1
    )
    counted = counted.groupby(["class", "sex"])[["images", "usable"]].sum()
    rows = pd.MultiIndex.from_product([classes, ["F", "M", "unknown"]], names=["class", "sex"])
    return counted.reindex(rows, fill_value=0).astype(int).to_string()


def split(chosen: pd.DataFrame, training: float, seed: int, group: str) -> pd.Series:
    """`training` or `validation` for each record; no patient on both sides.

    Each stratum (class and sex) has room for its share of validation images. Patients come in a
    keyed order, twice: first those go to validation whose images all fit, then those who leave the
    rooms nearer to full than they were, though they overfill some. A class that is still without
    validation images gets the patient who overfills least, if others remain.
    """
    patient, _ = pd.factorize(chosen["patient"], sort=True)
    names = chosen["patient"].drop_duplicates().sort_values()
    stratum = chosen.assign(sex=chosen["sex"].fillna("unknown")).groupby(["class", "sex"]).ngroup()
    images = np.zeros((len(names), stratum.nunique()), dtype=np.int64)  # of a patient in a stratum
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
        own = order[np.isin(order, patient[rows])]
        if len(own) > 1 and not in_validation[own].any():
            take(min(own, key=overfill))
    part = np.where(in_validation[patient], "validation", "training")
    return pd.Series(part, index=chosen.index, dtype="str")


def rooms(chosen: pd.DataFrame, share: float) -> np.ndarray:
    """How many images of each stratum (class and sex, sorted) make `share` of it; whole numbers.

    Rounded so that the strata of a class add up to the rounded share of the class.
    """
    sizes = chosen.assign(sex=chosen["sex"].fillna("unknown")).groupby(["class", "sex"]).size()
    upto = sizes.groupby("class").cumsum()
    before = upto - sizes
    return ((upto * share).round() - (before * share).round()).to_numpy(np.int64)


def imbalance(members: pd.DataFrame, training: float) -> pd.DataFrame:
    """How far the parts are from the proportions asked for, by class and sex of the originals.

    Columns n_images, n_validation, wanted (images in validation), off (share of the stratum by
    which validation differs from what was wanted; 0.01 is one percent).
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
    """Raises UserError where a patient, or an image, stands on both sides of the split.

    `hashes` gives the pixel hash of a record_id.
    """
    images = members["record_id"].map(hashes).fillna(members["record_id"])
    for what, keys in (("patient", members["patient"]), ("image", images)):
        sides = members["part"].groupby(keys.to_numpy()).nunique()
        both = sides[sides > 1]
        if len(both):
            ids = members.loc[keys.eq(both.index[0]).to_numpy(), "record_id"].unique()
            raise UserError(
                f"groups.{group}: {len(both)} {what}s stand in training and in validation; "
                f"for example the records {', '.join(ids[:4])}"
            )


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
    found: pd.DataFrame,
    classes: Mapping[str, Mapping],
    *,
    group: str,
    balance: list[str],
    training: float,
    seed: int,
    augment: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The members of a group, numbered by class, record and copy; no stores yet.

    `found` are candidates, `classes` maps a name to {source, where, count, at_most, augment_to},
    `training` is the share to learn from; 0 where there is nothing to learn. `augment` limits how
    far copies may differ. Raises UserError where there are too few, or where
    a part would lack a class.
    """
    chosen = choose(found, classes, balance, seed, group)
    chosen = chosen.assign(part=split(chosen, training, seed, group), copy=0)
    for name in classes:
        of_class = chosen[chosen["class"] == name]
        for part in ("training", "validation") if training else ("validation",):
            if not (of_class["part"] == part).any():
                raise UserError(
                    f"groups.{group}.classes.{name}: its {len(of_class)} images are of "
                    f"{of_class['patient'].nunique()} patients, so none is left for {part}; "
                    "more patients are needed"
                )
    chosen = add_copies(chosen, classes, training, seed, group)
    chosen = chosen.sort_values(["class_index", "record_id", "copy"]).reset_index(drop=True)
    chosen["augmentation"] = [
        json.dumps(draw_augmentation(generator(seed, f"copy {copy}", record_id), augment or {}))
        if copy
        else None
        for record_id, copy in zip(chosen["record_id"], chosen["copy"], strict=True)
    ]
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


def held_out(learned: pd.DataFrame, share: float, seed: int, run: str) -> pd.Series:
    """Which training members judge the epochs instead of being learned; no patient on both sides.

    Of a patient with copies the copies are on the same side. Every class must be on both.
    """
    part = split(learned.assign(sex=None), 1 - share, seed, f"held out {run}")
    judges = part.eq("validation")
    sides = learned.assign(judges=judges).groupby("class")["judges"].nunique()
    if (sides < 2).any():
        raise UserError(
            f"training.held_out: class {sides.idxmin()} of {run} has too few patients for a part "
            "of their own; keep: last and no patience need none"
        )
    return judges


def place(chosen: pd.DataFrame, group: str, shards: int) -> pd.DataFrame:
    """Members with the `store` and `row` of their own images, cut into shards by row range."""
    places = [
        (f"groups/{group}/images/{shard}.npy", row)
        for shard in range(shards)
        for row in range(len(shard_rows(len(chosen), shard, shards)))
    ]
    return chosen.assign(store=[store for store, _ in places], row=[row for _, row in places])


def check_exclusions(left_out: pd.DataFrame, group: str) -> None:
    """A person's list must have the columns record_id and reason."""
    for column in ("record_id", "reason"):
        if column not in left_out:
            raise UserError(
                f"groups.{group}.exclude: no column {column!r}; {listed(list(left_out.columns))}"
            )


def attacked(validation: pd.DataFrame, images: int | str, seed: int, group: str) -> pd.DataFrame:
    """The validation members that attacks see: all, or a keyed draw of them."""
    if images == "all" or len(validation) <= int(images):
        return validation
    order = validation.assign(draw=image_draw(validation, seed, f"attack {group}"))
    chosen = order.sort_values(["draw", "member"]).head(int(images))
    return chosen.sort_values("member").drop(columns="draw")


def image_keys(chosen: pd.DataFrame, seed: int) -> np.ndarray:
    """One int64 identity for each member's image, for attacks that draw (noise)."""
    return (image_draw(chosen, seed, "attack noise") * 2**53).astype(np.int64)


def image_draw(members: pd.DataFrame, seed: int, purpose: str) -> np.ndarray:
    """One keyed number in [0, 1) for each member's image; copies of a record have their own."""
    return draw(seed, purpose, members["record_id"] + " " + members["copy"].astype(str))
