"""Optimisers by their name in the study, and schedules of the learning rate."""

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

from pgdose.study.training import Training

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def lr_schedule(optimiser: Optimizer, settings: Training, steps: int) -> LRScheduler:
    """The learning rate over `steps` optimiser steps."""
    if settings.schedule == "one_cycle":
        return OneCycleLR(optimiser, settings.lr, steps)
    if settings.schedule == "cosine":
        return CosineAnnealingLR(optimiser, steps)
    return ConstantLR(optimiser, factor=1.0)
