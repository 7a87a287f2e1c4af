"""One optimiser step: the gradients of a batch's mean loss, in as many parts as memory needs."""

import logging
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose.devices import scaled
from pgdose.out_of_memory import halve_batch
from pgdose.study.training import Training
from pgdose.training.device_augmentation import augment_batch
from pgdose.training.state import TrainingState

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """images: uint8, n x channels x rows x columns; labels: int64, n;
    augmentation: how each image is varied, from `draw_augmentations`, or None."""

    images: Tensor
    labels: Tensor
    augmentation: Tensor | None = None


class Scores(NamedTuple):
    """The mean loss of a batch and its number of correct predictions, scalars on the device."""

    loss: Tensor
    correct: Tensor


def train_step(state: TrainingState, model: nn.Module, batch: Batch) -> Scores:
    """Compute gradients, halving `state.images_at_once` while memory runs out, and step.

    `model` is `state.network`, or a wrapper of it that computes in another precision or on
    several devices.
    """
    dropout = random_state(state.device)
    while True:
        set_random_state(dropout, state.device)  # every try drops out the same
        state.optimiser.zero_grad(set_to_none=True)
        try:
            scores = gradients(state, model, batch)
            break
        except RuntimeError as error:
            at_once = min(state.images_at_once, len(batch.labels))
            state.images_at_once = halve_batch(at_once, error, least=2)
        log.warning(
            "out of memory: now %d images at a time, with accumulated gradients",
            state.images_at_once,
        )
    state.step()
    return scores


def gradients(state: TrainingState, model: nn.Module, batch: Batch) -> Scores:
    """Add the gradients of the batch's mean loss to the parameters.

    At most `state.images_at_once` images are in memory together, but never a single one: batch
    norm has no variance of one image.
    """
    images, labels, augmentation = batch
    settings, device = state.settings, state.device
    losses, correct = [], []
    parts = min(-(-len(labels) // state.images_at_once), len(labels) // 2)
    for rows in torch.arange(len(labels)).tensor_split(parts):
        some = slice(int(rows[0]), int(rows[-1]) + 1)
        classes = labels[some].to(device, non_blocking=True)
        pixels = scaled(images[some], device)
        if augmentation is not None:
            pixels = augment_batch(pixels, augmentation[some])
        output = on_enough_devices(model, len(pixels))(pixels)
        # Auxiliary heads, where there are some, add their logits behind the main ones.
        logits, *others = output if isinstance(output, tuple) else (output,)
        loss = _loss(logits, classes, settings)
        for other in others:
            loss = loss + settings.auxiliary * _loss(other, classes, settings)
        loss = loss * (len(classes) / len(labels))
        state.scaler.scale(loss).backward()
        losses.append(loss.detach())
        correct.append((logits.argmax(dim=1) == classes).sum())
    return Scores(torch.stack(losses).sum(), torch.stack(correct).sum())


def _loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)


def on_enough_devices(model: nn.Module, images: int) -> nn.Module:
    """The model on all its devices, or on the first alone if one would get a single image."""
    if not isinstance(model, nn.DataParallel):
        return model
    each = -(-images // len(model.device_ids))
    module: nn.Module = model.module
    return module if each == 1 or images % each == 1 else model


RandomState = tuple[Tensor, Tensor | None]  # of the CPU, and of a GPU


def random_state(device: torch.device) -> RandomState:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


def set_random_state(state: RandomState, device: torch.device) -> None:
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
