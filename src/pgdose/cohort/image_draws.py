"""Keyed draws of members' images for attacks: which are attacked, and what seeds their noise."""

import numpy as np
import pandas as pd

from pgdose.tables.keyed import draw


def attacked(validation: pd.DataFrame, images: int | str, seed: int, group: str) -> pd.DataFrame:
    """The validation members that attacks are run on: all, or a keyed draw of so many."""
    if images == "all" or len(validation) <= int(images):
        return validation
    order = validation.assign(draw=image_draw(validation, seed, f"attack {group}"))
    first = order.sort_values(["draw", "member"]).head(int(images))
    return first.sort_values("member").drop(columns="draw")


def image_keys(members: pd.DataFrame, seed: int) -> np.ndarray:
    """int64, n: an identity for each member's image, from which attacks draw noise and starts."""
    return (image_draw(members, seed, "attack noise") * 2**53).astype(np.int64)


def image_draw(members: pd.DataFrame, seed: int, purpose: str) -> np.ndarray:
    """float64 in [0, 1), n: a keyed number for each member's image; copies have their own."""
    return draw(seed, purpose, members["record_id"] + " " + members["copy"].astype(str))
