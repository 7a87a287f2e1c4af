"""The training loop: Adam on cross-entropy, one epoch after another, resumable after a kill.

What happens in an epoch depends on (seed, name, epoch) alone, so a run that was killed goes on
from its last whole epoch to the same weights.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from pgdose import tensors
from pgdose.errors import Damaged
from pgdose.images import Members
from pgdose.memory import smaller
from pgdose.networks import Classifier
from pgdose.records import generator

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
    """Train in place; returns per epoch: epoch, lr, loss, accuracy (training and validation), and
    how many images were `at_once` in memory.

    When memory runs out, half as many images are taken at a time and their gradients added up, so
    that a step still follows the mean loss of `batch` images; batch norm's statistics alone are
    then those of what was at once in memory.

    `name` (group/run) keys the order of the images. `work` is a folder for the resume state,
    named by a digest of all that the result depends on; whoever called removes it, when the network
    is written.
    """
    network.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=lr, weight_decay=weight_decay)
    steps = -(-len(training) // batch)
    rate: torch.optim.lr_scheduler.LRScheduler
    if schedule == "one_cycle":
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * steps)
    else:
        rate = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    state = work / "epoch.safetensors"
    history = _resume(state, network, optimiser, rate)
    at_once = history[-1]["at_once"] if history else batch
    for epoch in range(len(history) + 1, epochs + 1):
        rng = generator(seed, f"epoch {epoch}", name)
        torch.manual_seed(int(rng.integers(2**63)))  # dropout
        order = rng.permutation(len(training))
        history.append({"epoch": epoch, "lr": rate.get_last_lr()[0]})
        loss, right, at_once = _epoch(
            network, training, order, batch, at_once, optimiser, rate, device, epoch
        )
        logits = evaluate(network, validation, at_once, device)
        history[-1] |= {
            "loss": loss,
            "training_accuracy": right,
            "validation_accuracy": accuracy(logits, validation.labels),
            "at_once": at_once,
        }
        log.info(
            "%s epoch %d/%d: loss %.3f, accuracy %.3f, on validation %.3f",
            *(name, epoch, epochs, loss, right, history[-1]["validation_accuracy"]),
        )
        _remember(state, history, network, optimiser, rate)
    settle_statistics(network, training, at_once, device)
    return pd.DataFrame(history)


def _epoch(
    network: Classifier,
    training: Members,
    order: np.ndarray,
    batch: int,
    at_once: int,
    optimiser: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
    epoch: int,
) -> tuple[float, float, int]:
    """One pass over the training images: (mean loss, accuracy while learning, images at once)."""
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
        before = torch.get_rng_state()
        while True:
            torch.set_rng_state(before)  # each try drops out the same
            optimiser.zero_grad(set_to_none=True)
            try:
                loss, correct = _gradients(network, images, labels, at_once, device)
                break
            except RuntimeError as error:
                at_once = smaller(min(at_once, len(labels)), error, least=2)
            log.warning("memory ran out: %d images at a time, gradients added up", at_once)
        optimiser.step()
        total += loss * len(labels)
        right += correct
        rate.step()
    return total / len(order), right / len(order), at_once


def _gradients(
    network: Classifier, images: np.ndarray, labels: Tensor, at_once: int, device: torch.device
) -> tuple[float, int]:
    """Add up the gradients of a batch's mean loss; (that loss, how many were right)."""
    total, right = 0.0, 0
    pieces = min(-(-len(labels) // at_once), len(labels) // 2)  # none of one image, as above
    for rows in np.array_split(np.arange(len(labels)), pieces):
        some = labels[rows].to(device)
        logits = network(scaled(images[rows], device))
        loss = functional.cross_entropy(logits, some) * (len(rows) / len(labels))
        loss.backward()
        total += loss.item()
        right += int((logits.argmax(dim=1) == some).sum())
    return total, right


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
    kept = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    known = optimiser.state_dict()
    for number, moments in known["state"].items():
        kept |= {f"optimiser.{number}.{name}": tensor for name, tensor in moments.items()}
    about = {
        "history": history,
        "groups": known["param_groups"],
        "rate": {k: v for k, v in rate.state_dict().items() if not callable(v)},
    }
    tensors.save(kept, state, about)


def _resume(
    state: Path,
    network: Classifier,
    optimiser: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
) -> list[dict]:
    """Put back what `_remember` kept; nothing if there is none, or it is damaged."""
    with contextlib.suppress(FileNotFoundError):
        try:
            kept, about = tensors.load(state)
        except Damaged as error:
            log.warning("%s; training begins anew", error)
            return []
        own: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in kept.items():
            kind, rest = name.split(".", 1)
            if kind == "network":
                own[rest] = tensor
            else:
                number, rest = rest.split(".")
                moments.setdefault(int(number), {})[rest] = tensor
        network.load_state_dict(own)
        optimiser.load_state_dict({"state": moments, "param_groups": about["groups"]})
        rate.load_state_dict(about["rate"])
        log.info("going on after epoch %d", len(about["history"]))
        return list(about["history"])
    return []
