"""Inference on clean images: logits, accuracy, cross-entropy."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pgdose.devices import scaled
from pgdose.training.loading import ImageSource, batches
from pgdose.training.ranks import ALONE, Rank


@torch.no_grad()
def evaluate(
    network: nn.Module,
    members: ImageSource,
    batch: int,
    device: torch.device,
    readers: int = 1,
    rank: Rank = ALONE,
) -> np.ndarray:
    """Logits of all members in evaluation mode, float32, n x classes.

    Processes divide the members among themselves; each gets the logits of all.
    """
    network.eval()
    mine = np.arange(len(members))[rank.share(len(members))]
    parts = [
        network(scaled(images, device)).float().cpu()
        for images, _ in batches(members, mine, batch, device, readers)
    ]
    return rank.gather(torch.cat(parts), len(members), device).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose largest logit is that of their class."""
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy in nats, without label smoothing."""
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))
