"""Batch norm's running statistics: their final values, and a check that they fit.

Both functions mix the images first. Members are sorted by class, and a batch of one class lacks
the variance between the classes.
"""

import torch
from torch import nn

from pgdose.devices import scaled
from pgdose.tables.keyed import generator
from pgdose.training.loading import ImageSource, batches


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def settle_statistics(
    network: nn.Module, members: ImageSource, batch: int, device: torch.device, readers: int = 1
) -> None:
    """Set the running statistics to their means over one pass of mixed batches, weighted by size.

    Running means lag behind the weights when a training set gives few steps; evaluation mode then
    uses statistics that no batch ever had.
    """
    norms = batch_norms(network)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    rng = generator(0, "settle", str(len(members)))
    torch.manual_seed(int(rng.integers(2**63)))  # dropout: the same after a kill
    order = rng.permutation(len(members))
    done = 0
    for images, labels in batches(members, order, batch, device, readers):
        if len(labels) == 1:
            continue  # one image has no variance
        done += len(labels)
        for norm in norms:
            norm.momentum = len(labels) / done
        network(scaled(images, device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@torch.no_grad()
def accuracy_by_batches(
    network: nn.Module, members: ImageSource, batch: int, device: torch.device, readers: int = 1
) -> float | None:
    """The accuracy when batch norm uses each mixed batch's own statistics; None without batch norm.

    If it is much better than the accuracy with running statistics, these do not fit the images.
    The network keeps its running statistics.
    """
    norms = batch_norms(network)
    if not norms:
        return None
    network.eval()
    for norm in norms:
        norm.train()
        norm.track_running_stats = False  # neither used nor updated
    order = generator(0, "by batches", str(len(members))).permutation(len(members))
    correct = total = 0
    for images, labels in batches(members, order, batch, device, readers):
        if len(labels) > 1:
            predicted = network(scaled(images, device)).argmax(dim=1).cpu()
            correct += int((predicted == labels).sum())
            total += len(labels)
    for norm in norms:
        norm.eval()
        norm.track_running_stats = True
    return correct / max(total, 1)
