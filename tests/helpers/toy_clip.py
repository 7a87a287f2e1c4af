"""A clip that the library does not have: epsilon is the sum of all changes of pixels (L1)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgdose.attack.draws import uniform_patterns
from pgdose.attack.projections import Clip, whole_gradient
from pgdose.attack.settings import make
from pgdose.attack.steps import Attack
from pgdose.study.attacks import GradientAttack


def sums(change: Tensor) -> Tensor:
    return change.flatten(1).abs().sum(dim=1)


def shrink(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    change = images - clean
    size = sums(change)[:, None, None, None]
    return torch.where(size > epsilon, clean + change * (epsilon / size), images).clamp(0, 1)


def unit_sum(gradient: Tensor) -> Tensor:
    return gradient / sums(gradient)[:, None, None, None].clamp_min(1e-20)


def start(clean: Tensor, epsilon: Tensor, generators: list[np.random.Generator]) -> Tensor:
    return shrink(clean + epsilon * unit_sum(uniform_patterns(clean, generators)), clean, epsilon)


SUM = Clip(
    name="sum",
    project=shrink,
    limit_gradient=whole_gradient,
    bounds_change=True,
    is_box=False,
    largest_epsilon=math.inf,
    full_range=float,
    sizes=sums,
    noise_amplitude=lambda epsilon, entries: 2 * epsilon / entries,
    apgd_direction=unit_sum,
    random_start=start,
)


def attack(settings: dict[str, Any]) -> Attack:
    """The attack of these settings with `clip: sum`, which must be in CLIPS and not in a study."""
    entry = GradientAttack(**{"epsilon": [0.1], **settings})
    return make(entry.model_copy(update={"clip": "sum"}))
