"""Which adversarial images are shown as examples: for Figs. 1 and 2, and for export as files."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax

from pgdose.attack.surface_table import SurfaceTable
from pgdose.cohort import image_draws
from pgdose.study.doses import Doses


def flipped_members(
    surface: SurfaceTable, class_index: pd.Series, level: int, iteration: int
) -> list[int]:
    """The members that are flipped there, rising; `class_index` is the true class by member."""
    true = class_index.loc[surface.members].to_numpy(np.int64)
    return surface.members[surface.flipped(true)[:, level, iteration]].tolist()


def surest(members: Iterable[int], surface: SurfaceTable) -> list[int]:
    """The members by falling clean confidence of the network, the largest probability."""
    clean = softmax(surface.logits[:, :, 0].astype(np.float64), axis=2).max(axis=2)
    surest_at = np.nan_to_num(clean, nan=-1).max(axis=1)  # all epsilons share iteration 0
    confidence = dict(zip(surface.members.tolist(), surest_at.tolist(), strict=True))
    return sorted(members, key=lambda member: (-confidence[member], member))


def choose(
    members: pd.DataFrame, flipped: Iterable[int], attacked: Iterable[int], n: int, draw: np.ndarray
) -> list[int]:
    """Up to n of the attacked members, the flipped ones first; among equals by the draw.

    `members` is the table of members, `draw` one number in [0, 1) for each of its rows.
    """
    order = pd.DataFrame({"member": members["member"].to_numpy(np.int64), "draw": draw})
    order = order[order["member"].isin(list(attacked))]
    order = order.assign(later=~order["member"].isin(list(flipped)))
    return order.sort_values(["later", "draw", "member"])["member"].head(n).tolist()


def export_draw(members: pd.DataFrame, seed: int, group: str) -> np.ndarray:
    """The keyed draw for `choose`; the same for all attacks, so that their images compare."""
    return image_draws.image_draw(members, seed, f"export {group}")


def spread_levels(doses: Doses, most: int) -> list[int]:
    """Up to so many levels, from the smallest epsilon to the largest, evenly spread."""
    count = min(most, len(doses))
    return np.linspace(0, len(doses) - 1, count).round().astype(int).tolist()


def in_turn(members: Mapping[str, Sequence[int]], n: int) -> list[tuple[str, int]]:
    """The first n (group, member), one of each group in turn while it has any."""
    turns = [(i, group) for group, those in members.items() for i in range(len(those))]
    turns.sort(key=lambda turn: turn[0])
    return [(group, members[group][i]) for i, group in turns[:n]]
