"""Keyed draws of members' images for attacks."""

import numpy as np
import pandas as pd

from pgdose.tables.keyed import draw


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
