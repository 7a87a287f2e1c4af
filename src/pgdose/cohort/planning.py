"""The planned members of a group.

    candidates -> choose (count, at_most, all; sexes balanced) -> split by patient -> add copies
    -> place in stores

Each draw is keyed by the record or the patient, so a larger archive changes few of the choices.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from pgdose.cohort.balancing import choose
from pgdose.cohort.copies import add_copies
from pgdose.cohort.splitting import split
from pgdose.errors import UserError
from pgdose.images.augmentation import draw_augmentation
from pgdose.study.augmentation import Augment
from pgdose.study.classes import Class
from pgdose.tables.keyed import generator
from pgdose.tables.sharding import shard_rows


@dataclass(frozen=True)
class Plan:
    """What a group's members depend on, beside its candidates.

    training: share of the members to learn from; 0 where there is nothing to learn
    augment:  how far copies may differ from their original
    """

    group: str
    classes: Mapping[str, Class]
    seed: int
    training: float
    balance: Collection[str] = ()
    augment: Augment = field(default_factory=Augment)


def plan_members(candidates: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The members of a group, numbered by class, record and copy; not yet placed in stores.

    Adds the columns member, part, copy and augmentation. UserError if a class has too few records,
    or if a part would lack a class.
    """
    members = choose(candidates, plan.classes, plan.balance, plan.seed, plan.group)
    members = members.assign(part=split(members, plan.training, plan.seed, plan.group), copy=0)
    _check_classes(members, plan)
    members = add_copies(members, plan.classes, plan.training, plan.seed, plan.group)
    members = members.sort_values(["class_index", "record_id", "copy"]).reset_index(drop=True)
    limits = plan.augment.model_dump()
    members["augmentation"] = [
        json.dumps(draw_augmentation(generator(plan.seed, f"copy {copy}", record_id), limits))
        if copy
        else None
        for record_id, copy in zip(members["record_id"], members["copy"], strict=True)
    ]
    members["member"] = members.index
    return members


def _check_classes(members: pd.DataFrame, plan: Plan) -> None:
    for name in plan.classes:
        of_class = members[members["class"] == name]
        for part in ("training", "validation") if plan.training else ("validation",):
            if not (of_class["part"] == part).any():
                count = of_class["patient"].nunique()
                raise UserError(
                    f"groups.{plan.group}.classes.{name}: its {len(of_class)} images come from "
                    f"{count} patient{'' if count == 1 else 's'}, so none is left for {part}; "
                    "add patients"
                )


def place(members: pd.DataFrame, group: str, shards: int) -> pd.DataFrame:
    """Members with the `store` and `row` of their own images, cut into shards by row range."""
    places = [
        (f"groups/{group}/images/{shard}.npy", row)
        for shard in range(shards)
        for row in range(len(shard_rows(len(members), shard, shards)))
    ]
    return members.assign(store=[store for store, _ in places], row=[row for _, row in places])
