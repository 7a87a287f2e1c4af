"""One epoch: a pass over the training images in a keyed order.

What is drawn for an epoch depends on (seed, name, number) alone, so a killed training that
resumes draws the same.
"""

import logging
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pgdose.devices import Autocast
from pgdose.errors import UserError
from pgdose.progress import Progress
from pgdose.tables.keyed import generator
from pgdose.training.device_augmentation import draw_augmentations
from pgdose.training.loading import ImageSource, batches
from pgdose.training.state import TrainingState
from pgdose.training.step import Batch, Scores, train_step

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epoch:
    """The draws of one epoch.

    number: from 1
    name: group/run, for messages
    order: rows of the training members, int64
    augmentation: draws the images' variations; None without augmentation
    """

    number: int
    name: str
    order: np.ndarray
    augmentation: np.random.Generator | None = None


def draw_epoch(seed: int, name: str, number: int, images: int, augmented: bool) -> Epoch:
    """Draw the order of the images, and seed torch for dropout and the augmentation."""
    rng = generator(seed, f"epoch {number}", name)
    torch.manual_seed(int(rng.integers(2**63)))  # dropout
    order = rng.permutation(images)
    augmentation = generator(seed, f"vary {number}", name) if augmented else None
    return Epoch(number, name, order, augmentation)


class EpochScores(NamedTuple):
    """Means over the epoch's batches, each taken before its step."""

    loss: float
    accuracy: float


def train_epoch(
    state: TrainingState,
    members: ImageSource,
    epoch: Epoch,
    devices: list[torch.device],
    readers: int = 1,
) -> EpochScores:
    """Step once per batch; UserError if a loss or a weight is not a finite number."""
    model = _training_model(state, devices)
    limits = state.settings.augment.model_dump() if state.settings.augment else {}
    progress = Progress(log, f"{epoch.name} epoch {epoch.number}")
    scores = RunningScores(epoch)
    done = 0
    loaded = batches(members, epoch.order, state.settings.batch, state.device, readers)
    for number, (images, labels) in enumerate(loaded, 1):
        done += len(labels)
        if len(labels) == 1:
            continue  # batch norm has no variance of one image
        drawn = None
        if epoch.augmentation is not None:
            drawn = draw_augmentations(epoch.augmentation, limits, len(labels))
        scores.add(number, len(labels), train_step(state, model, Batch(images, labels, drawn)))
        progress(done, len(epoch.order), number)
    scores.fetch()
    if not all(torch.isfinite(tensor).all() for tensor in state.network.state_dict().values()):
        raise not_finite(epoch, "some weights are not finite after the last batch")
    return EpochScores(scores.loss / len(epoch.order), scores.correct / len(epoch.order))


def _training_model(state: TrainingState, devices: list[torch.device]) -> nn.Module:
    """The network in training mode, in the state's precision, on all devices."""
    model = Autocast(state.network, state.autocast) if state.autocast else state.network
    if len(devices) > 1:
        model = nn.DataParallel(model, devices)
    return model.train()


class RunningScores:
    """Sums of losses and correct predictions, fetched from the device every 50 steps.

    A GPU waits at each fetch.
    """

    STEPS = 50

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self.loss, self.correct = 0.0, 0
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
        losses = torch.stack([each.loss for each in scores]).tolist()
        for number, n, loss in zip(numbers, images, losses, strict=True):
            if not math.isfinite(loss):
                raise not_finite(self.epoch, f"the loss of batch {number} is {loss}")
            self.loss += loss * n
        self.correct += int(torch.stack([each.correct for each in scores]).sum())


def not_finite(epoch: Epoch, fault: str) -> UserError:
    return UserError(
        f"{epoch.name}, epoch {epoch.number}: {fault}. Lower training.lr or set "
        "training.precision: fp32, and run again; training then restarts from epoch 1 "
        f"(work/ keeps the state after epoch {epoch.number - 1} for the present settings)"
    )
