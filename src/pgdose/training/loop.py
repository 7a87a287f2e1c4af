"""The training loop: epochs of Adam on cross-entropy, resumable after a kill.

An epoch's draws depend on (seed, name, epoch) alone, so a killed run resumes from its last whole
epoch and ends, on a CPU, with the same bytes.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from pgdose.study.networks import Training
from pgdose.training import history
from pgdose.training.batch_statistics import settle_statistics
from pgdose.training.data import TrainingData
from pgdose.training.epoch import draw_epoch, not_finite, train_epoch
from pgdose.training.evaluation import accuracy, cross_entropy, evaluate
from pgdose.training.state import TrainingState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resources:
    """What a training runs on.

    devices: they share each batch; batch norm keeps the statistics of the first one's part
    work: folder of the resume state, named by a digest of all that the result depends on; the
        caller removes it when the network is written
    readers: threads that read images
    """

    devices: list[torch.device]
    work: Path
    readers: int = 1


def train(
    network: nn.Module,
    data: TrainingData,
    settings: Training,
    resources: Resources,
    *,
    seed: int,
    name: str,
    on_epoch: Callable[[history.Row], None] = lambda row: None,
) -> pd.DataFrame:
    """Train the network in place; returns `history.COLUMNS`, one row per epoch.

    `name` (group/run) keys the draws; `on_epoch` gets each row when its epoch ends. Columns: loss
    and accuracy of training and validation images, and of the held-out ones if there are any;
    `at_once`, images in memory together; `kept`, 1 for the epoch whose weights the network keeps.

    When memory runs out, half as many images are taken at once and their gradients added up. The
    step still follows the mean loss of `settings.batch` images; only batch norm's statistics are
    then those of the smaller part.

    UserError if a loss or a weight is not finite; the state of the last good epoch stays in work.
    """
    training, device = data.training, resources.devices[0]
    network.to(device).to(memory_format=torch.channels_last)
    state = TrainingState(network, settings, -(-len(training) // settings.batch), device)
    checkpoint = resources.work / "epoch.safetensors"
    state.load(checkpoint)
    for row in state.history:
        on_epoch(row)
    for number in range(len(state.history) + 1, settings.epochs + 1):
        if history.epochs_without_gain(state.history) >= (settings.patience or math.inf):
            log.info("%s: no improvement for %d epochs, training ends", name, settings.patience)
            break
        row = _run_epoch(state, data, resources, seed, name, number)
        state.add_epoch(row)
        state.save(checkpoint)
        on_epoch(row)
    state.restore_best()
    settle_statistics(network, training, state.images_at_once, device, resources.readers)
    return history.as_table(state.history, state.kept_epoch())


def _run_epoch(
    state: TrainingState,
    data: TrainingData,
    resources: Resources,
    seed: int,
    name: str,
    number: int,
) -> history.Row:
    """Train for one epoch and evaluate; returns its row of the history."""
    settings = state.settings
    epoch = draw_epoch(seed, name, number, len(data.training), settings.augment is not None)
    row: history.Row = {"epoch": number, "lr": state.schedule.get_last_lr()[0]}
    scores = train_epoch(state, data.training, epoch, resources.devices, resources.readers)
    row |= {"loss": scores.loss, "training_accuracy": scores.accuracy}
    inference = state.images_at_once, state.device, resources.readers
    if data.held_out is not None:
        logits = evaluate(state.network, data.held_out, *inference)
        row["held_out_loss"] = cross_entropy(logits, data.held_out.labels)
        if not math.isfinite(row["held_out_loss"]):
            raise not_finite(epoch, f"the loss on the held-out images is {row['held_out_loss']}")
        row["held_out_accuracy"] = accuracy(logits, data.held_out.labels)
    logits = evaluate(state.network, data.validation, *inference)
    row["validation_accuracy"] = accuracy(logits, data.validation.labels)
    row["at_once"] = state.images_at_once
    log.info(
        "%s epoch %d/%d: loss %.3f, accuracy %.3f, on validation %.3f",
        *(name, number, settings.epochs, *scores, row["validation_accuracy"]),
    )
    return row
