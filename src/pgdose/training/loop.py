"""The training loop: epochs of Adam on cross-entropy, resumable after a kill.

An epoch's draws depend on (seed, name, epoch) alone, so a killed run resumes from its last whole
epoch and ends, on a CPU, with the same bytes.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from pgdose.devices import set_deterministic
from pgdose.out_of_memory import halve_batch
from pgdose.study.training import Training
from pgdose.training import history, workers
from pgdose.training.adversarial import judging_attack
from pgdose.training.batch_statistics import settle_statistics
from pgdose.training.data import TrainingData
from pgdose.training.epoch import attacked_epoch, draw_epoch, not_finite, train_epoch
from pgdose.training.evaluation import accuracy, cross_entropy, evaluate
from pgdose.training.ranks import ALONE, Rank
from pgdose.training.state import TrainingState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resources:
    """What a training runs on.

    devices: they share each batch, a process each if there are several
    work: folder of the resume state, named by a digest of all that the result depends on; the
        caller removes it when the network is written
    readers: threads that read images
    """

    devices: list[torch.device]
    work: Path
    readers: int = 1

    @property
    def checkpoint(self) -> Path:
        return self.work / "epoch.safetensors"


@dataclass(frozen=True)
class Plan:
    """What a training follows; `name` (group/run) and `seed` key its draws."""

    data: TrainingData
    settings: Training
    resources: Resources
    seed: int
    name: str


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
    Adversarial training also has `adversarial_accuracy`, of attacked training images; the loss is
    the one that it lowers, and the held-out images are attacked.

    When memory runs out, half as many images are taken at once and their gradients added up. The
    step still follows the mean loss of `settings.batch` images; only batch norm's statistics are
    then those of the smaller part.

    On several devices the result is that of one, but for rounding and for what dropout hits; see
    `epochs_of_workers`.

    UserError if a loss or a weight is not finite; the state of the last good epoch stays in work.
    """
    plan, device = Plan(data, settings, resources, seed, name), resources.devices[0]
    if len(resources.devices) > 1:
        for row in epochs_of_workers(network, plan):
            on_epoch(row)
        state = last_state(network, plan, device)
    else:
        state = last_state(network, plan, device)
        for row in epochs(state, plan):
            on_epoch(row)
    state.restore_best()
    settle_statistics(network, data.training, state.images_at_once, device, resources.readers)
    return history.as_table(state.history, state.kept_epoch())


def last_state(
    network: nn.Module, plan: Plan, device: torch.device, rank: Rank = ALONE
) -> TrainingState:
    """The state after the last whole epoch, that before the first if there is none."""
    network.to(device).to(memory_format=torch.channels_last)
    steps = -(-len(plan.data.training) // plan.settings.batch)
    state = TrainingState(network, plan.settings, steps, device, rank)
    state.load(plan.resources.checkpoint)
    return state


def epochs(state: TrainingState, plan: Plan) -> Iterator[history.Row]:
    """Train to the end; yields the rows of earlier epochs, and each new one's when it is saved."""
    settings = plan.settings
    if state.history:
        log.info("resuming after epoch %d", len(state.history))
    yield from list(state.history)
    for number in range(len(state.history) + 1, settings.epochs + 1):
        if history.epochs_without_gain(state.history) >= (settings.patience or math.inf):
            log.info(
                "%s: no improvement for %d epochs, training ends", plan.name, settings.patience
            )
            break
        row = _run_epoch(state, plan, number)
        state.add_epoch(row)
        if state.rank.number == 0:
            state.save(plan.resources.checkpoint)
        yield row


def _run_epoch(state: TrainingState, plan: Plan, number: int) -> history.Row:
    """Train for one epoch and evaluate; returns its row of the history, the same in every rank."""
    settings, data, readers = state.settings, plan.data, plan.resources.readers
    augmented = settings.augment is not None
    epoch = draw_epoch(plan.seed, plan.name, number, len(data.training), augmented, state.rank)
    epoch = attacked_epoch(epoch, settings, plan.seed)
    row: history.Row = {"epoch": number, "lr": state.schedule.get_last_lr()[0]}
    scores = train_epoch(state, data.training, epoch, readers)
    row |= {"loss": scores.loss, **scores.accuracies}
    at_once = -(-state.images_at_once // state.rank.size)
    inference = at_once, state.device, readers, state.rank
    if data.held_out is not None:
        change = None
        if settings.adversarial is not None:
            change = judging_attack(
                state.own_model, settings.adversarial, plan.seed, plan.name, len(data.held_out)
            )
        logits = evaluate(state.network, data.held_out, *inference, change)
        row["held_out_loss"] = cross_entropy(logits, data.held_out.labels)
        if not math.isfinite(row["held_out_loss"]):
            raise not_finite(epoch, f"the loss on the held-out images is {row['held_out_loss']}")
        row["held_out_accuracy"] = accuracy(logits, data.held_out.labels)
    logits = evaluate(state.network, data.validation, *inference)
    row["validation_accuracy"] = accuracy(logits, data.validation.labels)
    row["at_once"] = state.images_at_once
    log.info(
        "%s epoch %d/%d: loss %.3f, accuracy %s, on validation %.3f",
        *(plan.name, number, settings.epochs, scores.loss, _shown(scores.accuracies)),
        row["validation_accuracy"],
    )
    return row


def _shown(accuracies: Mapping[str, float]) -> str:
    """Accuracies for the log: `0.912`, and `0.655 under attack`."""
    ends = {"training_accuracy": "", "adversarial_accuracy": " under attack"}
    return " and ".join(f"{share:.3f}{ends[name]}" for name, share in accuracies.items())


def epochs_of_workers(network: nn.Module, plan: Plan) -> Iterator[history.Row]:
    """Let a process on each device train a copy of the network; yields the rows of all epochs.

    The network is left as it is: its last state is in the checkpoint, which the first process
    writes. When memory runs out on one device, all go back to the last whole epoch, and go on from
    there with half as many images at once.
    """
    at_once, yielded = plan.settings.batch, 0
    used, work = plan.resources.devices, plan.resources.work
    while True:
        try:
            for row in workers.run(partial(_work, network, plan, at_once), used, work):
                at_once = row["at_once"]
                if row["epoch"] > yielded:
                    yielded = row["epoch"]
                    yield row
            return
        except RuntimeError as error:
            at_once = halve_batch(at_once, error, least=len(used))
        log.warning("out of memory: now %d images at a time, with accumulated gradients", at_once)


def _work(
    network: nn.Module, plan: Plan, at_once: int, rank: Rank, device: torch.device
) -> Iterator[history.Row]:
    """What a worker does: the epochs of the whole training, on its share of the images."""
    set_deterministic(plan.settings.deterministic, device)
    readers = max(1, plan.resources.readers // rank.size)
    plan = replace(plan, resources=replace(plan.resources, readers=readers))
    state = last_state(network, plan, device, rank)
    state.images_at_once = min(at_once, state.images_at_once)
    return epochs(state, plan)
