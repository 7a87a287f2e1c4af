"""One optimiser step: the gradients of a batch's mean loss, in as many parts as memory needs."""

import logging
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose.devices import scaled
from pgdose.out_of_memory import halve_batch
from pgdose.study.training import Training
from pgdose.training.device_augmentation import augment_batch
from pgdose.training.ranks import Rank
from pgdose.training.state import TrainingState
from pgdose.training.synchronised_batch_norm import SynchronisedBatchNorm

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """What a process has of a batch of `size` images.

    images: uint8, n x channels x rows x columns, those that it computes, see `own_rows`
    labels: int64, n
    augmentation: how each of all `size` images is varied, from `draw_augmentations`, or None
    """

    images: Tensor
    labels: Tensor
    size: int
    augmentation: Tensor | None = None


class Part(NamedTuple):
    """Images of a batch whose gradients are computed together.

    whole: their positions in the batch
    mine: which of them this process computes; `shared`: others compute the rest
    """

    whole: slice
    mine: slice
    shared: bool


def parts_of(size: int, at_once: int, rank: Rank) -> list[Part]:
    """Divide a batch into parts of at most `at_once` images, but never a single one.

    Batch norm has no variance of one image.
    """
    number = min(-(-size // at_once), size // 2)
    parts = []
    for rows in np.array_split(np.arange(size), max(number, 1)):
        whole = slice(int(rows[0]), int(rows[-1]) + 1)
        parts.append(Part(whole, rank.share(len(rows)), rank.shares(len(rows))))
    return parts


def own_rows(rows: np.ndarray, at_once: int, rank: Rank) -> np.ndarray:
    """Of a batch's rows those that this process computes."""
    parts = parts_of(len(rows), at_once, rank)
    return np.concatenate([rows[part.whole][part.mine] for part in parts])


class Scores(NamedTuple):
    """The mean loss of a batch and its number of correct predictions, scalars on the device."""

    loss: Tensor
    correct: Tensor


def train_step(state: TrainingState, model: nn.Module, batch: Batch) -> Scores:
    """Compute gradients, halving `state.images_at_once` while memory runs out, and step.

    `model` is `state.model`. Among several processes the scores are such that their means are those
    of the batch, and when memory runs out, all processes have to start again.
    """
    dropout = random_state(state.device)
    while True:
        set_random_state(dropout, state.device)  # every try drops out the same
        state.optimiser.zero_grad(set_to_none=True)
        try:
            scores = gradients(state, model, batch)
            break
        except RuntimeError as error:
            if state.rank.size > 1:
                raise
            at_once = min(state.images_at_once, batch.size)
            state.images_at_once = halve_batch(at_once, error, least=2)
        log.warning(
            "out of memory: now %d images at a time, with accumulated gradients",
            state.images_at_once,
        )
    state.step()
    return scores


def gradients(state: TrainingState, model: nn.Module, batch: Batch) -> Scores:
    """Add the gradients of the batch's mean loss to the parameters.

    At most `state.images_at_once` images are in memory together, on all devices. The model takes
    the mean of the processes' gradients, so each one's loss counts as often as there are processes
    that share a part.
    """
    images, labels, size, augmentation = batch
    settings, device = state.settings, state.device
    losses, correct = [], []
    done = 0
    for part in parts_of(size, state.images_at_once, state.rank):
        some = slice(done, done + part.mine.stop - part.mine.start)
        done = some.stop
        times = state.rank.size if part.shared else 1
        classes = labels[some].to(device, non_blocking=True)
        pixels = scaled(images[some], device)
        if augmentation is not None:
            pixels = augment_batch(pixels, augmentation[part.whole], part.mine)
        with SynchronisedBatchNorm(state.rank) if part.shared else nullcontext():
            output = model(pixels)
            # Auxiliary heads, where there are some, add their logits behind the main ones.
            logits, *others = output if isinstance(output, tuple) else (output,)
            loss = _loss(logits, classes, settings)
            for other in others:
                loss = loss + settings.auxiliary * _loss(other, classes, settings)
            loss = loss * (times * len(classes) / size)
            state.scaler.scale(loss).backward()
        losses.append(loss.detach())
        correct.append((logits.argmax(dim=1) == classes).sum() * times)
    return Scores(torch.stack(losses).sum(), torch.stack(correct).sum())


def _loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)


RandomState = tuple[Tensor, Tensor | None]  # of the CPU, and of a GPU


def random_state(device: torch.device) -> RandomState:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


def set_random_state(state: RandomState, device: torch.device) -> None:
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
