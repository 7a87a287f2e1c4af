"""The training loop: Adam on cross-entropy, one epoch after another, resumable after a kill.

What happens in an epoch depends on (seed, name, epoch) alone, so a run that was killed goes on
from its last whole epoch to the same weights.
"""

import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from pgdose.images import Members
from pgdose.networks import Classifier
from pgdose.records import atomic, generator

log = logging.getLogger(__name__)


def scaled(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 images to float32 in [0, 1] on the device, channels last."""
    tensor = torch.from_numpy(images).to(device)
    return (tensor.float() / 255).contiguous(memory_format=torch.channels_last)


def batches(members: Members, order: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """(images uint8, labels int64) in the given order; the last batch may be smaller."""
    labels = torch.tensor(members.labels)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield members.read(rows), labels[rows]


@torch.no_grad()
def evaluate(network: Classifier, members: Members, batch: int, device: torch.device) -> np.ndarray:
    """Logits of all members in evaluation mode, float32, n x classes."""
    network.eval()
    parts = [
        network(scaled(images, device)).float().cpu()
        for images, _ in batches(members, np.arange(len(members)), batch)
    ]
    return torch.cat(parts).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def train(
    network: Classifier,
    training: Members,
    validation: Members,
    *,
    seed: int,
    name: str,
    epochs: int,
    batch: int,
    lr: float,
    weight_decay: float,
    schedule: str,
    device: torch.device,
    work: Path,
) -> pd.DataFrame:
    """Train in place; returns per epoch: epoch, lr, loss, accuracy (training and validation).

    `name` (group/run) keys the order of the images. `work` is a folder for the resume state,
    named by a digest of all that the result depends on; it is removed at the end.
    """
    network.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=lr, weight_decay=weight_decay)
    steps = -(-len(training) // batch)
    rate: torch.optim.lr_scheduler.LRScheduler
    if schedule == "one_cycle":
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * steps)
    else:
        rate = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    state = work / "epoch.pt"
    history = _resume(state, network, optimiser, rate)
    for epoch in range(len(history) + 1, epochs + 1):
        rng = generator(seed, f"epoch {epoch}", name)
        torch.manual_seed(int(rng.integers(2**63)))  # dropout
        order = rng.permutation(len(training))
        history.append({"epoch": epoch, "lr": rate.get_last_lr()[0]})
        loss, right = _epoch(network, training, order, batch, optimiser, rate, device, epoch)
        logits = evaluate(network, validation, batch, device)
        history[-1] |= {
            "loss": loss,
            "training_accuracy": right,
            "validation_accuracy": accuracy(logits, validation.labels),
        }
        log.info(
            "%s epoch %d/%d: loss %.3f, accuracy %.3f, on validation %.3f",
            *(name, epoch, epochs, loss, right, history[-1]["validation_accuracy"]),
        )
        _remember(state, history, network, optimiser, rate)
    settle_statistics(network, training, batch, device)
    shutil.rmtree(work, ignore_errors=True)
    return pd.DataFrame(history)


def _epoch(
    network: Classifier,
    training: Members,
    order: np.ndarray,
    batch: int,
    optimiser: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
    epoch: int,
) -> tuple[float, float]:
    """One pass over the training images: (mean loss, accuracy while learning)."""
    network.train()
    total, right = 0.0, 0
    bar = tqdm(
        batches(training, order, batch),
        total=-(-len(order) // batch),
        desc=f"epoch {epoch}",
        leave=False,
        disable=not sys.stderr.isatty(),
    )
    for images, labels in bar:
        if len(labels) == 1:
            continue  # batch norm has no variance of one image
        labels = labels.to(device)
        logits = network(scaled(images, device))
        loss = functional.cross_entropy(logits, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(labels)
        right += int((logits.argmax(dim=1) == labels).sum())
        rate.step()
    return total / len(order), right / len(order)


@torch.no_grad()
def settle_statistics(
    network: Classifier, training: Members, batch: int, device: torch.device
) -> None:
    """Batch norm's running statistics as means over one pass of mixed batches, by their size.

    Running means lag behind the weights when a set makes few steps, and evaluation mode then
    judges by statistics that no batch ever had. Members are sorted by class, so they are mixed
    first: batches of one class would lack the variance between the classes.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    order = generator(0, "settle", str(len(training))).permutation(len(training))
    seen = 0
    for images, labels in batches(training, order, batch):
        if len(labels) == 1:
            continue
        seen += len(labels)
        for norm in norms:
            norm.momentum = len(labels) / seen
        network(scaled(images, device))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def _remember(
    state: Path,
    history: list[dict],
    network: Classifier,
    optimiser: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    with atomic(state) as beside:
        torch.save(
            {
                "history": history,
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "rate": {k: v for k, v in rate.state_dict().items() if not callable(v)},
            },
            beside,
        )


def _resume(
    state: Path,
    network: Classifier,
    optimiser: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
) -> list[dict]:
    if not state.exists():
        return []
    known = torch.load(state, weights_only=True, map_location="cpu")
    network.load_state_dict(known["network"])
    optimiser.load_state_dict(known["optimiser"])
    rate.load_state_dict(known["rate"])
    log.info("going on after epoch %d", len(known["history"]))
    return list(known["history"])
