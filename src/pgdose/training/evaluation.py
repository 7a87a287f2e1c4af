"""Inference on clean images, or on attacked ones: logits, accuracy, cross-entropy."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose.devices import scaled
from pgdose.training.loading import ImageSource, batches
from pgdose.training.ranks import ALONE, Rank

#: (images in [0, 1], their classes, their numbers among the members) -> images to judge
Change = Callable[[Tensor, Tensor, np.ndarray], Tensor]


@torch.no_grad()
def evaluate(
    network: nn.Module,
    members: ImageSource,
    batch: int,
    device: torch.device,
    readers: int = 1,
    rank: Rank = ALONE,
    change: Change | None = None,
) -> np.ndarray:
    """Logits of all members in evaluation mode, float32, n x classes.

    `change` makes other images of them first, as an attack does. Processes divide the members among
    themselves; each gets the logits of all.
    """
    network.eval()
    mine = np.arange(len(members))[rank.share(len(members))]
    parts: list[Tensor] = []
    done = 0
    for images, labels in batches(members, mine, batch, device, readers):
        pixels = scaled(images, device)
        if change is not None:
            pixels = change(pixels, labels.to(device), mine[done : done + len(labels)])
        done += len(labels)
        parts.append(network(pixels).float().cpu())
    return rank.gather(torch.cat(parts), len(members), device).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose largest logit is that of their class."""
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy in nats, without label smoothing."""
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))
