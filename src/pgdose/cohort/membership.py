"""The members of a group: chosen, split, augmented copies added."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.cohort.selection import choose
from pgdose.cohort.splitting import split
from pgdose.errors import UserError
from pgdose.images.augmentation import draw_augmentation
from pgdose.tables.keyed import draw, generator
from pgdose.tables.sharding import shard_rows


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


def settle(planned: pd.DataFrame, missing: pd.DataFrame, group: str) -> pd.DataFrame:
    """The planned members whose image could be read; everything downstream uses these alone.

    `missing` has the column member. UserError where a class loses all its images of a part.
    """
    members = planned[~planned["member"].isin(missing["member"])]
    parts = pd.MultiIndex.from_frame(planned[["class", "part"]].drop_duplicates())
    left = pd.MultiIndex.from_frame(members[["class", "part"]].drop_duplicates())
    for name, part in parts.difference(left):
        raise UserError(
            f"groups.{group}.classes.{name}: none of its images in {part} could be read; see "
            f"groups/{group}/unreadable.parquet for the reasons, and mend or exclude the files"
        )
    return members


def unreadable(planned: pd.DataFrame, missing: pd.DataFrame) -> pd.DataFrame:
    """`missing` as rejects of the stage "render": record_id, stage, reason, detail."""
    record_of = planned.set_index("member")["record_id"]
    return missing.assign(record_id=missing["member"].map(record_of), stage="render")


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
