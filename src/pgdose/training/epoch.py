"""One epoch: a pass over the training images in a keyed order.

What is drawn for an epoch depends on (seed, name, number) alone, so a killed training that
resumes draws the same. Among several processes each has a dropout of its own; the rest is
the same for any number of them.
"""

import logging
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from pgdose.errors import UserError
from pgdose.progress import Progress
from pgdose.study.training import Training
from pgdose.tables.keyed import generator
from pgdose.training.adversarial import Adversary, free_order
from pgdose.training.device_augmentation import draw_augmentations
from pgdose.training.history import ACCURACIES
from pgdose.training.loading import ImageSource, batches
from pgdose.training.ranks import ALONE, Rank
from pgdose.training.state import TrainingState
from pgdose.training.step import Batch, Scores, own_rows, train_step

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epoch:
    """The draws of one epoch.

    number: from 1
    name: group/run, for messages
    order: rows of the training members, int64
    augmentation: draws the images' variations; None without augmentation
    adversary: draws the attacks of adversarial training; None without it
    uses: how often each batch is used, one after the other; None: once
    """

    number: int
    name: str
    order: np.ndarray
    augmentation: np.random.Generator | None = None
    adversary: Adversary | None = None
    uses: tuple[int, ...] | None = None

    @property
    def images(self) -> int:
        """How many images pass, each as often as it is used."""
        if self.uses is None:
            return len(self.order)
        return len(self.order) // len(self.uses) * sum(self.uses)


def draw_epoch(
    seed: int, name: str, number: int, images: int, augmented: bool, rank: Rank = ALONE
) -> Epoch:
    """Draw the order of the images, and seed torch for dropout and the augmentation."""
    rng = generator(seed, f"epoch {number}", name)
    dropout = int(rng.integers(2**63))
    if rank.number:
        process_rng = generator(seed, f"epoch {number} process {rank.number}", name)
        dropout = int(process_rng.integers(2**63))
    torch.manual_seed(dropout)
    order = rng.permutation(images)
    augmentation = generator(seed, f"vary {number}", name) if augmented else None
    return Epoch(number, name, order, augmentation)


def attacked_epoch(epoch: Epoch, settings: Training, seed: int) -> Epoch:
    """The epoch, its images attacked as `settings.adversarial` says; without it, as it is."""
    if settings.adversarial is None:
        return epoch
    adversary = Adversary(settings.adversarial, seed, epoch.name, epoch.number)
    epoch = replace(epoch, adversary=adversary)
    if settings.adversarial.method != "free":
        return epoch
    order, uses = free_order(settings, seed, epoch.name, epoch.number, len(epoch.order))
    return replace(epoch, order=order, uses=uses)


class EpochScores(NamedTuple):
    """Means over the epoch's batches, each taken before its step.

    accuracies: by their columns of training.csv, see `history.ACCURACIES`
    """

    loss: float
    accuracies: dict[str, float]


def train_epoch(
    state: TrainingState, members: ImageSource, epoch: Epoch, readers: int = 1
) -> EpochScores:
    """Step once per batch; UserError if a loss or a weight is not a finite number."""
    model, batch = state.model.train(), state.settings.batch
    limits = state.settings.augment.model_dump() if state.settings.augment else {}
    progress = Progress(log, f"{epoch.name} epoch {epoch.number}")
    scores = RunningScores(epoch, state.rank)
    done = 0

    def mine(rows: np.ndarray) -> np.ndarray:
        return own_rows(rows, state.images_at_once, state.rank)

    loaded = batches(members, epoch.order, batch, state.device, readers, mine)
    for number, (images, labels) in enumerate(loaded, 1):
        size = min(batch, len(epoch.order) - done)
        done += size
        if size == 1:
            continue  # batch norm has no variance of one image
        drawn = None
        if epoch.augmentation is not None:
            drawn = draw_augmentations(epoch.augmentation, limits, size)
        attack = epoch.adversary.draw(size) if epoch.adversary else None
        data = Batch(images, labels, size, drawn, attack)
        for _ in range(epoch.uses[number - 1] if epoch.uses else 1):
            scores.add(number, size, train_step(state, model, data))
        progress(done, len(epoch.order), number)
    scores.fetch()
    if not all(torch.isfinite(tensor).all() for tensor in state.network.state_dict().values()):
        raise not_finite(epoch, "some weights are not finite after the last batch")
    method = state.settings.adversarial.method if state.settings.adversarial else None
    shares = [float(correct) / epoch.images for correct in scores.correct]
    accuracies = dict(zip(ACCURACIES[method], shares, strict=False))
    return EpochScores(scores.loss / epoch.images, accuracies)


class RunningScores:
    """Sums of losses and correct predictions, fetched from the device every 50 steps.

    A GPU waits at each fetch. So do several processes for each other: each gets the sums of all,
    and raises what the others raise.
    """

    STEPS = 50

    def __init__(self, epoch: Epoch, rank: Rank = ALONE) -> None:
        self.epoch, self.rank = epoch, rank
        self.loss, self.correct = 0.0, np.zeros(1)
        self._pending: list[tuple[int, int, Scores]] = []

    def add(self, number: int, images: int, scores: Scores) -> None:
        """Add the scores of batch `number` (from 1), which has so many images."""
        self._pending.append((number, images, scores))
        if len(self._pending) == self.STEPS:
            self.fetch()

    def fetch(self) -> None:
        if not self._pending:
            return
        numbers, images, scores = zip(*self._pending, strict=True)
        self._pending = []
        losses = self.rank.mean(torch.stack([each.loss for each in scores])).tolist()
        for number, n, loss in zip(numbers, images, losses, strict=True):
            if not math.isfinite(loss):
                raise not_finite(self.epoch, f"the loss of batch {number} is {loss}")
            self.loss += loss * n
        correct = torch.stack([each.correct for each in scores]).sum(dim=0)
        self.correct = self.correct + self.rank.mean(correct).cpu().numpy()


def not_finite(epoch: Epoch, fault: str) -> UserError:
    return UserError(
        f"{epoch.name}, epoch {epoch.number}: {fault}. Lower training.lr or set "
        "training.precision: fp32, and run again; training then restarts from epoch 1 "
        f"(work/ keeps the state after epoch {epoch.number - 1} for the present settings)"
    )
