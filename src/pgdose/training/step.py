"""One optimiser step: the gradients of a batch's mean loss, in as many parts as memory needs."""

import logging
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.devices import scaled
from pgdose.out_of_memory import halve_batch
from pgdose.training import adversarial
from pgdose.training.device_augmentation import augment_batch
from pgdose.training.losses import Outputs, outputs_of
from pgdose.training.ranks import Rank
from pgdose.training.state import TrainingState
from pgdose.training.synchronised_batch_norm import SynchronisedBatchNorm

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """What a process has of a batch of `size` images.

    images: uint8, n x channels x rows x columns, those that it computes, see `own_rows`
    labels: int64, n
    augmentation: how each of all `size` images is varied, from `draw_augmentations`, or None
    attack: on all `size` images, in adversarial training
    """

    images: Tensor
    labels: Tensor
    size: int
    augmentation: Tensor | None = None
    attack: adversarial.InnerAttack | None = None


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
    """The mean loss of a batch and its numbers of correct predictions, on the device.

    loss: a scalar
    correct: one number for each of `history.ACCURACIES`
    """

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
    images, labels, size, augmentation, attack = batch
    losses, correct, perturbations = [], [], []
    done = 0
    for part in parts_of(size, state.images_at_once, state.rank):
        some = slice(done, done + part.mine.stop - part.mine.start)
        done = some.stop
        times = state.rank.size if part.shared else 1
        classes = labels[some].to(state.device, non_blocking=True)
        pixels = scaled(images[some], state.device)
        if augmentation is not None:
            pixels = augment_batch(pixels, augmentation[part.whole], part.mine)
        own_attack = None if attack is None else attack.select(part.whole, part.mine)
        with SynchronisedBatchNorm(state.rank) if part.shared else nullcontext():
            outputs = _outputs(state, model, pixels, classes, own_attack, part)
            loss = outputs.loss * (times * len(classes) / size)
            state.scaler.scale(loss).backward()
        losses.append(loss.detach())
        correct.append(
            torch.stack([(x.argmax(dim=1) == classes).sum() * times for x in outputs.logits])
        )
        if own_attack is not None and outputs.images is not None:
            moved = adversarial.moved_perturbation(own_attack, pixels, outputs.images)
            n = part.whole.stop - part.whole.start
            perturbations.append(state.rank.gather(moved, n, state.device))
    if perturbations:  # not earlier: a batch that memory does not hold begins anew
        state.perturbation[:size] = torch.cat(perturbations)
    return Scores(torch.stack(losses).sum(), torch.stack(correct).sum(dim=0))


def _outputs(
    state: TrainingState,
    model: nn.Module,
    pixels: Tensor,
    classes: Tensor,
    attack: adversarial.InnerAttack | None,
    part: Part,
) -> Outputs:
    """The loss of a part of a batch, of clean or of attacked images."""
    settings = state.settings
    if attack is None or settings.adversarial is None:
        return outputs_of(model(pixels), classes, settings)
    if settings.adversarial.method == "free":
        carried = state.carried_perturbation(pixels)[part.whole][part.mine]
        return adversarial.free(model, carried, attack, pixels, classes, settings)
    method = {"pgd": adversarial.pgd, "trades": adversarial.trades}[settings.adversarial.method]
    return method(model, state.own_model, attack, pixels, classes, settings)


RandomState = tuple[Tensor, Tensor | None]  # of the CPU, and of a GPU


def random_state(device: torch.device) -> RandomState:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


def set_random_state(state: RandomState, device: torch.device) -> None:
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
