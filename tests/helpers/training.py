"""Small networks to train, made-up members, and trainings that are killed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from pgdose.cohort.images import Members
from pgdose.images.stores import new_store
from pgdose.study.training import Training
from pgdose.training import loop
from pgdose.training.data import TrainingData

CPU = torch.device("cpu")
SIDE = 12  # pixels
BATCH = 8
MakeMembers = Callable[[int], Members]


class Network(nn.Module):
    """A small network with batch norm and dropout, as InceptionV3 has them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 2, 3),  # of several channels: its weights lie channels last
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(2 * (SIDE - 4) ** 2, 2),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images)
        return logits


class Plain(nn.Module):
    """Neither batch norm nor dropout: its gradients add up exactly, in float64.

    In training mode, more than `capacity` images at a time run out of memory.
    """

    def __init__(self, capacity: int = 1_000) -> None:
        super().__init__()
        self.capacity = capacity
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (SIDE - 2) ** 2, 2)
        ).double()

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory")
        logits: Tensor = self.body(images.double())
        return logits


class Normed(nn.Module):
    """Batch norm without dropout, the last one of a single pixel as at InceptionV3's end.

    In training mode, more than `capacity` images at a time run out of memory in process `where`.
    """

    def __init__(self, capacity: int = 1_000, where: int = 0) -> None:
        super().__init__()
        self.capacity, self.where = capacity, where
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),  # a bias before batch norm would have no effect
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 4, 3, bias=False),
            nn.AdaptiveAvgPool2d(1),
            nn.BatchNorm2d(4),
            nn.Flatten(),
            nn.Linear(4, 2),
        )

    def forward(self, images: Tensor) -> Tensor:
        number = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        if self.training and len(images) > self.capacity and number == self.where:
            raise torch.OutOfMemoryError("CUDA out of memory")
        logits: Tensor = self.body(images)
        return logits


class TwoHeads(Normed):
    """Has an auxiliary head in training, as InceptionV3 has."""

    def forward(self, images: Tensor) -> Any:
        logits = super().forward(images)
        return (logits, logits[:, [1, 0]] ** 2) if self.training else logits


class Strange(Normed):
    """Has a weight that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.ones(3))


class NotANumber(Normed):
    """Its logits are not finite in the second process, in training or when evaluated."""

    def __init__(self, in_training: bool) -> None:
        super().__init__()
        self.in_training = in_training

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        bad = self.training == self.in_training and torch.distributed.get_rank() == 1
        return logits * torch.nan if bad else logits


def normed(kind: type[Normed] = Normed, *arguments: int) -> Any:
    torch.manual_seed(3)
    return kind(*arguments)


def network(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return Network()


def plain(capacity: int = 1_000) -> Any:
    torch.manual_seed(3)
    return Plain(capacity)


def pictures(n: int) -> np.ndarray:
    """The first half is dark, the second bright; noise on both."""
    rng = np.random.default_rng(0)
    base = np.repeat([90, 150], [n - n // 2, n // 2])[:, None, None]
    return np.clip(base + rng.normal(0, 30, (n, SIDE, SIDE)), 0, 255).astype(np.uint8)


def made_up_members(folder: Path, n: int) -> Members:
    """n members of two classes, sorted by class as a group's are."""
    with new_store(folder / f"{n}.npy", n, SIDE, 1) as store:
        for row, picture in enumerate(pictures(n)):
            store.put(row, picture)
    table = pd.DataFrame({"member": range(n), "row": range(n), "store": f"{n}.npy"})
    table["class_index"] = np.repeat([0, 1], [n - n // 2, n // 2])
    return Members(table, folder, SIDE, 1)


def train(
    net: Any,
    members: Members,
    work: Path,
    *,
    held_out: Members | None = None,
    seed: int = 7,
    name: str = "G/full",
    processes: int = 1,
    **changed: Any,
) -> pd.DataFrame:
    """Train on the members, validate on the same; `changed` are settings."""
    settings = Training(**{"epochs": 4, "batch": BATCH, "lr": 0.01, **changed})
    data = TrainingData(members, members, held_out)
    resources = loop.Resources([CPU] * processes, work)
    return loop.train(net, data, settings, resources, seed=seed, name=name)


def weights(net: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in net.state_dict().values())


class KilledError(Exception):
    pass


@contextmanager
def killed_in(number: int, steps: int = 1) -> Iterator[None]:
    """Inside, training dies within this epoch, after some steps."""
    whole = loop.train_epoch

    def dying(state: Any, members: Members, epoch: Any, *rest: Any) -> Any:
        if epoch.number == number:
            uses = epoch.uses and epoch.uses[:steps]
            first = replace(epoch, order=epoch.order[: steps * BATCH], uses=uses)
            whole(state, members, first, *rest)
            raise KilledError
        return whole(state, members, epoch, *rest)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(loop, "train_epoch", dying)
        yield
