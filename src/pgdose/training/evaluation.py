"""Inference on clean images, or on attacked ones: logits, accuracy, cross-entropy."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose.devices import scaled
from pgdose.out_of_memory import halve_batch
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
    themselves; each gets the logits of all. While memory runs out, fewer images go at a time.
    """
    network.eval()
    mine = np.arange(len(members))[rank.share(len(members))]
    parts: list[Tensor] = []
    done, at_once = 0, batch
    for images, labels in batches(members, mine, batch, device, readers):
        pixels, start = scaled(images, device), 0
        while start < len(labels):
            some = slice(start, start + at_once)
            try:
                judged = pixels[some]
                if change is not None:
                    rows = mine[done + start : done + start + len(judged)]
                    judged = change(judged, labels[some].to(device), rows)
                parts.append(network(judged).float().cpu())
            except RuntimeError as error:
                at_once = halve_batch(at_once, error)
                continue
            start += len(labels[some])
        done += len(labels)
    return rank.gather(torch.cat(parts), len(members), device).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose largest logit is that of their class."""
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy in nats, without label smoothing."""
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))
