"""Adversarial images made again from a network: whose, what they look like, and as stored files.

A surface holds logits, not images; an attack is cheap enough to be run again for a few members.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from pgdose.analysis.outcomes import unpack
from pgdose.attack.engine import iterate
from pgdose.attack.steps import Attack
from pgdose.cohort import image_draws
from pgdose.cohort.images import Members
from pgdose.devices import scaled


def nearest(known: Iterable[float], wanted: float) -> float:
    """The amplitude of an attack that is nearest to an operating point."""
    return min(known, key=lambda epsilon: abs(epsilon - wanted))


def flips(
    surface: pd.DataFrame, class_index: pd.Series, classes: int, epsilon: float, iteration: int
) -> tuple[list[int], list[int]]:
    """The members that are flipped there, and all that were attacked; both rising.

    `surface` is the surface's table, `class_index` a member's true class by member number.
    """
    here = surface[surface["epsilon"] == epsilon].sort_values("member")
    if here.empty:  # the network got none of them right
        return [], []
    logits = unpack(here, classes)[:, iteration]
    true = class_index.loc[here["member"]].to_numpy(np.int64)
    flipped = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) != true)
    return here["member"][flipped].tolist(), here["member"].tolist()


def drawn(
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
    """The keyed draw for `drawn`; the same for all attacks, so that their images compare."""
    return image_draws.image_draw(members, seed, f"export {group}")


@dataclass(frozen=True)
class Version:
    """One image before and after an attack: 1 x channels x rows x columns in [0, 1].

    `before` and `after` are probabilities, one for each class.
    """

    clean: Tensor
    adversarial: Tensor
    before: Tensor
    after: Tensor


def again(
    network: nn.Module,
    members: Members,
    member: int,
    attack: Attack,
    *,
    epsilon: float,
    iteration: int,
    max_iter: int,
    seed: int,
) -> Version:
    """The iterate `iteration` of an attack of `max_iter` iterations on one member's image.

    `network` is a folded one; the rest is as for `attack.iterate`.
    """
    device = next(network.parameters()).device
    row = int(np.flatnonzero(members.table["member"] == member)[0])
    clean = scaled(members.read([row]), device)
    true = torch.from_numpy(members.labels[[row]]).to(device)
    key = torch.from_numpy(image_draws.image_keys(members.table.iloc[[row]], seed))
    image, logits = iterate(network, attack, clean, true, epsilon, iteration, max_iter, key)
    with torch.no_grad():
        before = network(clean)
    return Version(clean, image, before[0].softmax(dim=0).cpu(), logits[0].softmax(dim=0).cpu())


# --- files --------------------------------------------------------------------------------------


def as_bytes(image: Tensor) -> np.ndarray:
    """1 x channels x rows x columns in [0, 1] to the nearest uint8, rows x columns or x 3."""
    levels = (image[0] * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)


def difference(
    original: np.ndarray, adversarial: np.ndarray, span: float | None = None
) -> np.ndarray:
    """What an attack changed, as a picture: 0.5 + (adversarial - original) / (2 * span), uint8.

    Both are uint8 as stored, rows x columns or x 3. `span` is the change, in parts of the full
    range, that becomes black or white, usually epsilon; None takes the image's largest one, for
    attacks whose epsilon does not bound a pixel's change. Mid-grey (128) is no change.
    """
    change = (adversarial.astype(np.float64) - original) / 255
    if span is None:
        span = float(np.abs(change).max())
    share = change / (2 * span) if span else change
    return np.rint(np.clip(0.5 + share, 0, 1) * 255).astype(np.uint8)
