"""Parts of a group's training members: of a given size, or held out to judge the epochs."""

import pandas as pd

from pgdose.cohort.splitting import split
from pgdose.errors import UserError
from pgdose.tables.keyed import draw


def subset(training: pd.DataFrame, size: int, seed: int, run: str) -> pd.DataFrame:
    """A keyed part of the training members, equally many of each class (Fig. 3d).

    UserError if a class has too few.
    """
    classes = training["class_index"].nunique()
    per_class, fewest = size // classes, training.groupby("class_index").size().min()
    if per_class > fewest:
        raise UserError(
            f"training_size.sizes: {size} needs {per_class} training images of each class, but one "
            f"class has {fewest}; use at most {fewest * classes}"
        )
    order = training.assign(draw=draw(seed, f"subset {run}", training["record_id"]))
    return (
        order.sort_values(["draw", "member"])
        .groupby("class_index")
        .head(per_class)
        .sort_values("member")
        .drop(columns="draw")
    )


def held_out(training: pd.DataFrame, share: float, seed: int, run: str) -> pd.Series:
    """Bool, one for each training member: it judges the epochs instead of being learned.

    No patient, and no original and its copy, stand on both sides. UserError if a class would lack
    a side.
    """
    part = split(training.assign(sex=None), 1 - share, seed, f"held out {run}")
    judging = part.eq("validation")
    sides = training.assign(judging=judging).groupby("class")["judging"].nunique()
    if (sides < 2).any():
        raise UserError(
            f"training.held_out: class {sides.idxmin()} of {run} has too few patients to hold some "
            "out; use 'keep: last' without 'patience'"
        )
    return judging
