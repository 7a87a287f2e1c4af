"""The training loop: Adam on cross-entropy, one epoch after another, resumable after a kill.

What happens in an epoch depends on (seed, name, epoch) alone, so a run that was killed goes on
from its last whole epoch to the same weights.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose import tensor_files
from pgdose.checkpoints import Progress
from pgdose.cohort.images import Members
from pgdose.devices import Lower, allow, scaled
from pgdose.errors import Damaged, UserError
from pgdose.out_of_memory import smaller
from pgdose.tables.keyed import generator
from pgdose.training.loading import batches, draw_variations, varied

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What of `training` in the study the weights depend on, once there is a network."""

    epochs: int
    batch: int
    lr: float
    optimizer: str = "adam"  # or adamw
    schedule: str = "one_cycle"  # or cosine, constant
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    auxiliary: float = 0.4  # weight of the loss of auxiliary heads, where there are some
    precision: str = "fp32"  # or tf32, bf16, fp16; on CUDA
    keep: str = "last"  # or best: the epoch with the least loss on the held-out images
    patience: int | None = None  # epochs without a smaller one, after which training ends
    augment: dict[str, Any] | None = None  # limits of augmentation, drawn anew in each epoch


@torch.no_grad()
def evaluate(
    network: nn.Module, members: Members, batch: int, device: torch.device, readers: int = 1
) -> np.ndarray:
    """Logits of all members in evaluation mode, float32, n x classes."""
    network.eval()
    parts = [
        network(scaled(images, device)).float().cpu()
        for images, _ in batches(members, np.arange(len(members)), batch, device, readers)
    ]
    return torch.cat(parts).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))


def train(
    network: nn.Module,
    learned: Members,
    validation: Members,
    settings: Settings,
    *,
    seed: int,
    name: str,
    devices: list[torch.device],
    work: Path,
    held_out: Members | None = None,
    readers: int = 1,
    tell: Callable[[dict[str, float]], None] = lambda epoch: None,
) -> pd.DataFrame:
    """Train in place; returns a row per epoch.

    Columns: epoch, lr, loss, accuracy (training and validation; with `held_out` its loss and
    accuracy too), `at_once`, how many images were in memory at a time, and `kept`, 1 for the epoch
    whose weights the network has in the end. `tell` is given each row as soon as it is known.

    When memory runs out, half as many images are taken at a time and their gradients added up, so
    that a step still follows the mean loss of `batch` images; batch norm's statistics alone are
    then those of what was at once in memory. Several devices share a batch, each with statistics
    of its own part, of which the first's are kept.

    `name` (group/run) keys the order of the images. `work` is a folder for the resume state,
    named by a digest of all that the result depends on; whoever called removes it, when the network
    is written. A loss that is no number is a UserError, and the state of the last good epoch stays.
    """
    device = devices[0]
    network.to(device).to(memory_format=torch.channels_last)
    state = State(network, settings, -(-len(learned) // settings.batch), device)
    kept_in = work / "epoch.safetensors"
    state.load(kept_in)
    for row in state.history:
        tell(row)
    at_once = int(state.history[-1]["at_once"]) if state.history else settings.batch
    for epoch in range(len(state.history) + 1, settings.epochs + 1):
        if state.epochs_without_gain() >= (settings.patience or math.inf):
            log.info("%s: no gain for %d epochs, training ends", name, settings.patience)
            break
        rng = generator(seed, f"epoch {epoch}", name)
        torch.manual_seed(int(rng.integers(2**63)))  # dropout
        order = rng.permutation(len(learned))
        row = {"epoch": epoch, "lr": state.rate.get_last_lr()[0]}
        vary = generator(seed, f"vary {epoch}", name) if settings.augment is not None else None
        found = _epoch(state, learned, order, at_once, devices, epoch, name, readers, vary)
        row |= {"loss": found[0], "training_accuracy": found[1]}
        at_once = found[2]
        if held_out is not None:
            logits = evaluate(network, held_out, at_once, device, readers)
            row["held_out_loss"] = cross_entropy(logits, held_out.labels)
            if not math.isfinite(row["held_out_loss"]):
                what = f"the loss on the held-out images is {row['held_out_loss']}"
                raise _no_number(name, epoch, what)
            row["held_out_accuracy"] = accuracy(logits, held_out.labels)
        logits = evaluate(network, validation, at_once, device, readers)
        row |= {"validation_accuracy": accuracy(logits, validation.labels), "at_once": at_once}
        log.info(
            "%s epoch %d/%d: loss %.3f, accuracy %.3f, on validation %.3f",
            *(name, epoch, settings.epochs, *found[:2], row["validation_accuracy"]),
        )
        state.add(row)
        state.save(kept_in)
        tell(row)
    state.take_kept()
    settle_statistics(network, learned, at_once, device, readers)
    return pd.DataFrame(state.history).assign(
        kept=lambda table: (table["epoch"] == state.kept()).astype(int)
    )


def _epoch(
    state: "State",
    learned: Members,
    order: np.ndarray,
    at_once: int,
    devices: list[torch.device],
    epoch: int,
    name: str,
    readers: int,
    vary: np.random.Generator | None = None,
) -> tuple[float, float, int]:
    """One pass over the training images: (mean loss, accuracy while learning, images at once)."""
    settings, device = state.settings, devices[0]
    learning = Lower(state.network, state.lower) if state.lower else state.network
    if len(devices) > 1:
        learning = nn.DataParallel(learning, devices)
    learning.train()
    progress = Progress(log, f"{name} epoch {epoch}")
    told = _Told(name, epoch)
    done = 0
    for number, (images, labels) in enumerate(
        batches(learned, order, settings.batch, device, readers), 1
    ):
        done += len(labels)
        if len(labels) == 1:
            continue  # batch norm has no variance of one image
        drawn = None
        if vary:
            drawn = draw_variations(vary, settings.augment or {}, len(labels))
        before = _random_state(device)
        while True:
            _set_random_state(before, device)  # each try drops out the same
            state.optimiser.zero_grad(set_to_none=True)
            try:
                found = gradients(state, learning, images, labels, at_once, drawn)
                told.add(number, len(labels), *found)
                break
            except RuntimeError as error:
                at_once = smaller(min(at_once, len(labels)), error, least=2)
            log.warning("memory ran out: %d images at a time, gradients added up", at_once)
        state.step()
        progress(done, len(order), number)
    told.fetch()
    if not all(torch.isfinite(tensor).all() for tensor in state.network.state_dict().values()):
        raise _no_number(name, epoch, "after its last batch weights are no numbers")
    return told.loss / len(order), told.right / len(order), at_once


class _Told:
    """Loss and right answers, fetched from the device now and then: a GPU waits for each fetch."""

    EVERY = 50  # steps

    def __init__(self, name: str, epoch: int) -> None:
        self.name, self.epoch = name, epoch
        self.loss, self.right = 0.0, 0
        self._coming: list[tuple[int, int, Tensor, Tensor]] = []

    def add(self, number: int, images: int, loss: Tensor, right: Tensor) -> None:
        self._coming.append((number, images, loss, right))
        if len(self._coming) == self.EVERY:
            self.fetch()

    def fetch(self) -> None:
        if not self._coming:
            return
        numbers, images, losses, rights = zip(*self._coming, strict=True)
        self._coming = []
        for number, n, loss in zip(numbers, images, torch.stack(losses).tolist(), strict=True):
            if not math.isfinite(loss):
                raise _no_number(self.name, self.epoch, f"the loss of batch {number} is {loss}")
            self.loss += loss * n
        self.right += int(torch.stack(rights).sum())


def _no_number(name: str, epoch: int, what: str) -> UserError:
    return UserError(
        f"{name}, epoch {epoch}: {what}; the state after epoch {epoch - 1} is kept in work/. "
        "Try a smaller training.lr, or training.precision: fp32, with which it begins anew"
    )


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


def gradients(
    state: "State",
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    at_once: int,
    drawn: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Add up the gradients of a batch's mean loss; (that loss, how many were right).

    `drawn` is how the images are varied, of `draw_variations`.
    """
    settings, device = state.settings, state.device
    losses, right = [], []
    pieces = min(-(-len(labels) // at_once), len(labels) // 2)  # none of one image, as above
    rows = torch.arange(len(labels)).tensor_split(pieces)
    for part, some, own in zip(
        images.tensor_split(pieces), labels.tensor_split(pieces), rows, strict=True
    ):
        some = some.to(device, non_blocking=True)
        seen = scaled(part, device)
        if drawn is not None:
            seen = varied(seen, drawn[own])
        # An auxiliary head's logits come beside those that count.
        answer = _of_devices(network, len(part))(seen)
        logits, *others = answer if isinstance(answer, tuple) else (answer,)
        loss = _loss(logits, some, settings)
        for other in others:
            loss = loss + settings.auxiliary * _loss(other, some, settings)
        loss = loss * (len(part) / len(labels))
        state.scaler.scale(loss).backward()
        losses.append(loss.detach())
        right.append((logits.argmax(dim=1) == some).sum())
    return torch.stack(losses).sum(), torch.stack(right).sum()


def _of_devices(network: nn.Module, images: int) -> nn.Module:
    """The network on all its devices, or on the first, where one would get a single image."""
    if not isinstance(network, nn.DataParallel):
        return network
    each = -(-images // len(network.device_ids))
    module: nn.Module = network.module
    return module if each == 1 or images % each == 1 else network


def _loss(logits: Tensor, labels: Tensor, settings: Settings) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)


@torch.no_grad()
def settle_statistics(
    network: nn.Module, learned: Members, batch: int, device: torch.device, readers: int = 1
) -> None:
    """Batch norm's running statistics as means over one pass of mixed batches, by their size.

    Running means lag behind the weights when a set makes few steps, and evaluation mode then
    judges by statistics that no batch ever had. Members are sorted by class, so they are mixed
    first: batches of one class would lack the variance between the classes.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    rng = generator(0, "settle", str(len(learned)))
    torch.manual_seed(int(rng.integers(2**63)))  # of what is dropped out, after a kill too
    order = rng.permutation(len(learned))
    seen = 0
    for images, labels in batches(learned, order, batch, device, readers):
        if len(labels) == 1:
            continue
        seen += len(labels)
        for norm in norms:
            norm.momentum = len(labels) / seen
        network(scaled(images, device))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


@torch.no_grad()
def by_batch_statistics(
    network: nn.Module, members: Members, batch: int, device: torch.device, readers: int = 1
) -> float | None:
    """The accuracy where batch norm goes by each mixed batch; None without batch norm.

    One that is much better than with running statistics says that these do not fit.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return None
    network.eval()
    for norm in norms:
        norm.train()
        norm.track_running_stats = False  # what it knows stays, and is not asked
    order = generator(0, "by batches", str(len(members))).permutation(len(members))
    right = seen = 0
    for images, labels in batches(members, order, batch, device, readers):
        if len(labels) > 1:
            answer = network(scaled(images, device)).argmax(dim=1).cpu()
            right += int((answer == labels).sum())
            seen += len(labels)
    for norm in norms:
        norm.eval()
        norm.track_running_stats = True
    return right / max(seen, 1)


# Of the table that `train` returns, but for those of a held-out part.
COLUMNS = ["epoch", "lr", "loss", "training_accuracy", "validation_accuracy", "at_once", "kept"]
OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
LOWER = {"bf16": torch.bfloat16, "fp16": torch.float16}


class State:
    """All that a training goes on from after an epoch."""

    def __init__(
        self, network: nn.Module, settings: Settings, steps: int, device: torch.device
    ) -> None:
        self.network, self.settings, self.device = network, settings, device
        self.optimiser = OPTIMISERS[settings.optimizer](
            network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        total = settings.epochs * steps
        self.rate: torch.optim.lr_scheduler.LRScheduler = {
            "one_cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, settings.lr, total),
            "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, total),
            "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
        }[settings.schedule](self.optimiser)
        self.lower = LOWER.get(allow(settings.precision, device))
        # Small gradients vanish in fp16 unless they are enlarged.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.lower == torch.float16)
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}

    def step(self) -> None:
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.rate.step()

    def add(self, row: dict[str, Any]) -> None:
        self.history.append(row)
        if self.settings.keep == "best" and self.kept() == row["epoch"]:
            self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def kept(self) -> int:
        """The epoch whose weights count: the last, or the first with the least held-out loss."""
        if self.settings.keep == "last":
            return int(self.history[-1]["epoch"])
        return int(min(self.history, key=lambda row: row["held_out_loss"])["epoch"])

    def epochs_without_gain(self) -> int:
        if not self.history or "held_out_loss" not in self.history[0]:
            return 0
        losses = [row["held_out_loss"] for row in self.history]
        return len(losses) - 1 - losses.index(min(losses))

    def take_kept(self) -> None:
        if self.best:
            self.network.load_state_dict(self.best)

    def save(self, path: Path) -> None:
        kept = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        kept |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        known = self.optimiser.state_dict()
        for number, moments in known["state"].items():
            kept |= {f"optimiser.{number}.{name}": tensor for name, tensor in moments.items()}
        about = {
            "history": self.history,
            "groups": known["param_groups"],
            "rate": {k: v for k, v in self.rate.state_dict().items() if not callable(v)},
            "scaler": self.scaler.state_dict(),
        }
        tensor_files.save(kept, path, about)

    def load(self, path: Path) -> None:
        """Put back what `save` kept; nothing if there is none, or it is damaged."""
        try:
            kept, about = tensor_files.load(path)
        except FileNotFoundError:
            return
        except Damaged as error:
            log.warning("%s; training begins anew", error)
            return
        own: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in kept.items():
            kind, rest = name.split(".", 1)
            if kind == "network":
                own[rest] = tensor
            elif kind == "best":
                self.best[rest] = tensor.to(self.device)
            else:
                number, rest = rest.split(".")
                moments.setdefault(int(number), {})[rest] = tensor
        self.network.load_state_dict(own)
        self.optimiser.load_state_dict({"state": moments, "param_groups": about["groups"]})
        self.rate.load_state_dict(about["rate"])
        self.scaler.load_state_dict(about["scaler"])
        self.history = list(about["history"])
        log.info("going on after epoch %d", len(self.history))
