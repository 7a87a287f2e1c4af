"""Augmented copies of members."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.study.classes import Class
from pgdose.tables.keyed import draw


def add_copies(
    members: pd.DataFrame, classes: Mapping[str, Class], training: float, seed: int, group: str
) -> pd.DataFrame:
    """The members with augmented copies (copy = 1, 2, ...) up to `augment_to` of their class.

    Each part gets its share of the total; `training` is the share of training. Copies stay in the
    part of their original.
    """
    parts = []
    for (name, part), originals in members.groupby(["class", "part"], sort=False):
        total = classes[str(name)].augment_to
        if total is None:
            parts.append(originals)
            continue
        in_training = round(total * training)
        share = in_training if part == "training" else total - in_training
        amount = max(share, len(originals))
        order = draw(seed, f"copies {group}", originals["record_id"])
        originals = originals.iloc[np.argsort(order, kind="stable")]
        repeats = -(-amount // len(originals))
        copies = pd.concat([originals.assign(copy=k) for k in range(repeats)])
        parts.append(copies.head(amount))
    return pd.concat(parts)
