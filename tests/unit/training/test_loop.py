"""The training loop: the same weights for the same seed, killed or not."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.training import (
    BATCH,
    CPU,
    KilledError,
    MakeMembers,
    Network,
    Plain,
    killed_in,
    network,
    plain,
    train,
    weights,
)
from helpers.workflow import PROJECT
from torch import Tensor, nn

from pgdose.cohort.images import Members
from pgdose.errors import UserError
from pgdose.training import loop
from pgdose.training.evaluation import accuracy, cross_entropy, evaluate

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
def test_the_same_seed_gives_the_same_weights(
    members: MakeMembers, tmp_path: Path, schedule: str
) -> None:
    one, other = network(), network()
    first = train(one, members(20), tmp_path / "work", schedule=schedule)
    torch.rand(3)  # somebody else's draw
    second = train(other, members(20), tmp_path / "other", schedule=schedule)
    assert weights(one) == weights(other)
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("other", [{"seed": 8}, {"name": "G/n10-r1"}, {"epochs": 3}])
def test_another_seed_or_run_gives_others(
    members: MakeMembers, tmp_path: Path, other: dict[str, Any]
) -> None:
    one, two = network(), network()
    train(one, members(20), tmp_path / "work")
    train(two, members(20), tmp_path / "other", **other)
    assert weights(one) != weights(two)


SETTINGS: list[dict[str, Any]] = [
    {"schedule": "one_cycle"},
    {"schedule": "constant"},
    {"schedule": "cosine", "optimizer": "adamw", "weight_decay": 0.1, "label_smoothing": 0.1},
    {"keep": "best", "lr": 0.05},
    {"augment": {"rotation": 20.0, "flip": True}},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(map(str, settings)))
def test_a_killed_run_resumes_to_the_same_bytes(
    members: MakeMembers, tmp_path: Path, settings: dict[str, Any]
) -> None:
    undisturbed = network()
    settings = settings | ({"held_out": members(12)} if "keep" in settings else {})
    expected = train(undisturbed, members(20), tmp_path / "undisturbed", **settings)
    if "keep" in settings:
        assert expected["kept"].idxmax() < 3, "the last epoch is the best: nothing is chosen"
    for epoch, steps in itertools.product([1, 2, 4], [1, 2]):
        folder = tmp_path / f"killed in epoch {epoch} after {steps}"
        with killed_in(epoch, steps):
            train(network(), members(20), folder, **settings)
        assert (folder / "epoch.safetensors").exists() == (epoch > 1)
        resumed = network(seed=99)
        if epoch == 1:  # no epoch was complete: the network starts as before
            resumed = network()
        history = train(resumed, members(20), folder, **settings)
        assert weights(resumed) == weights(undisturbed), folder
        pd.testing.assert_frame_equal(history, expected)


class Deep(Network):
    """Drops out before batch norm, as EfficientNets do."""

    def __init__(self) -> None:
        super().__init__()
        self.body.insert(1, nn.Dropout(0.5))


@pytest.mark.parametrize("kind", [Network, Deep])
def test_a_run_killed_after_its_last_epoch_still_settles(
    members: MakeMembers, tmp_path: Path, kind: type[Network]
) -> None:
    def network() -> Network:
        torch.manual_seed(0)
        return kind()

    undisturbed = network()
    train(undisturbed, members(20), tmp_path / "a")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(loop, "settle_statistics", lambda *_: (_ for _ in ()).throw(KilledError))
        train(network(), members(20), tmp_path / "b")
    resumed = network()
    train(resumed, members(20), tmp_path / "b")
    assert weights(resumed) == weights(undisturbed)


def test_a_trained_network_is_there_until_it_is_written(
    members: MakeMembers, tmp_path: Path
) -> None:
    """A job that dies after its last epoch, on a full disk maybe, has nothing to learn again."""
    one, again = network(), network(seed=99)
    train(one, members(20), tmp_path / "work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train_epoch", None)
        train(again, members(20), tmp_path / "work")
    assert weights(one) == weights(again)


def test_the_history_has_a_row_per_epoch(members: MakeMembers, tmp_path: Path) -> None:
    history = train(network(), members(20), tmp_path / "work", schedule="constant")
    assert list(history) == [
        *("epoch", "lr", "loss", "training_accuracy", "validation_accuracy", "at_once", "kept")
    ]
    assert (history["at_once"] == BATCH).all()
    assert history["epoch"].to_list() == [1, 2, 3, 4]
    assert (history["lr"] == 0.01).all()
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def train_with_held_out(net: Any, members: Members, work: Path, **changed: Any) -> pd.DataFrame:
    """Train on every second image; the others are held out."""
    odd = np.arange(len(members)) % 2 == 1
    return train(net, members.select(~odd), work, held_out=members.select(odd), **changed)


def held_out_loss(net: Any, members: Members) -> float:
    odd = members.select(np.arange(len(members)) % 2 == 1)
    return cross_entropy(evaluate(net, odd, 4, CPU), odd.labels)


def test_the_best_epoch_is_kept(members: MakeMembers, tmp_path: Path) -> None:
    """It is the first with the least loss on the held-out images, and the network is its."""
    images = members(40)
    last, best = plain(), plain()
    history = train_with_held_out(best, images, tmp_path / "a", keep="best", lr=0.1, epochs=8)
    epoch = int(history["held_out_loss"].argmin()) + 1
    assert epoch < 8 and history["kept"].tolist() == [int(e == epoch) for e in range(1, 9)]
    assert held_out_loss(best, images) == pytest.approx(history["held_out_loss"].min())
    train_with_held_out(last, images, tmp_path / "b", lr=0.1, epochs=8)
    assert held_out_loss(last, images) > history["held_out_loss"].min()


def test_training_ends_when_there_is_no_gain(members: MakeMembers, tmp_path: Path) -> None:
    settings = {"lr": 0.1, "epochs": 30, "schedule": "constant"}
    whole = train_with_held_out(plain(), members(40), tmp_path / "a", **settings)
    ended = train_with_held_out(plain(), members(40), tmp_path / "b", **settings, patience=2)
    best = int(ended["held_out_loss"].argmin())
    assert len(ended) == best + 3 < len(whole) == 30
    pd.testing.assert_frame_equal(whole.iloc[: len(ended), :-1], ended.iloc[:, :-1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    members: MakeMembers, tmp_path: Path, value: float
) -> None:
    class Bad(Plain):
        steps = 0

        def forward(self, images: Tensor) -> Tensor:
            self.steps += self.training
            logits = super().forward(images)
            return logits * value if self.training and self.steps == 8 else logits

    torch.manual_seed(3)
    bad = Bad()
    with pytest.raises(UserError, match=r"G/full, epoch 3: the loss of batch 2 is (nan|inf)"):
        train(bad, members(20), tmp_path / "work")
    resumed = plain()
    with killed_in(3):  # it begins with the third
        train(resumed, members(20), tmp_path / "work")
    healthy, expected = plain(), plain()
    train(healthy, members(20), tmp_path / "work")
    train(expected, members(20), tmp_path / "undisturbed")
    assert weights(healthy) == weights(expected)


def test_a_held_out_loss_that_is_not_finite_stops(members: MakeMembers, tmp_path: Path) -> None:
    class Bad(Network):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits if self.training else logits * torch.nan

    with pytest.raises(UserError, match="epoch 1: the loss on the held-out images is nan"):
        train(Bad(), members(20), tmp_path / "work", held_out=members(12), keep="best")


def test_weights_that_are_not_finite_are_not_kept(members: MakeMembers, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="epoch 1: some weights are not finite after the last"):
        decay = {"optimizer": "adamw", "lr": 1e300, "weight_decay": 1e300}
        train(plain(), members(8), tmp_path / "work", **decay, schedule="constant")
    assert not (tmp_path / "work").exists()


def test_auxiliary_heads_have_a_weight_in_the_loss(members: MakeMembers, tmp_path: Path) -> None:
    class Two(Plain):
        def forward(self, images: Tensor) -> Any:
            logits = super().forward(images)
            return (logits, -logits) if self.training else logits

    losses = {}
    for weight in (0.0, 0.5):
        torch.manual_seed(3)
        losses[weight] = train(
            Two(), members(8), tmp_path / str(weight), auxiliary=weight, epochs=1
        )
    torch.manual_seed(3)
    alone = train(Plain(), members(8), tmp_path / "alone", epochs=1)
    assert losses[0.0]["loss"][0] == alone["loss"][0] < losses[0.5]["loss"][0]


@pytest.mark.parametrize(
    "other",
    [
        {"label_smoothing": 0.2},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"schedule": "cosine"},
        {"augment": {"shift": 0.2}},
    ],
)
def test_every_setting_changes_the_weights(
    members: MakeMembers, tmp_path: Path, other: dict[str, Any]
) -> None:
    one, two = plain(), plain()
    train(one, members(20), tmp_path / "a")
    train(two, members(20), tmp_path / "b", **other)
    assert weights(one) != weights(two)


def test_what_can_be_learned_is_learned(members: MakeMembers, tmp_path: Path) -> None:
    net = network()
    train(net, members(32), tmp_path / "work", epochs=6)
    logits = evaluate(net, members(32), 8, CPU)
    assert accuracy(logits, members(32).labels) > 0.9


def test_each_epoch_has_an_order_and_dropout_of_its_own(
    members: MakeMembers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, draws = [], []
    whole = loop.train_epoch

    def watched(state: Any, members: Members, epoch: Any, *rest: Any) -> Any:
        orders.append(epoch.order.tolist())
        draws.append(torch.get_rng_state().numpy().tobytes())
        return whole(state, members, epoch, *rest)

    monkeypatch.setattr(loop, "train_epoch", watched)
    train(network(), members(20), tmp_path / "work")
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len(set(map(tuple, orders))) == len(set(draws)) == 4


def test_a_last_batch_of_one_image_does_no_harm(members: MakeMembers, tmp_path: Path) -> None:
    """At the end of InceptionV3 an image has one pixel, which has no variance."""
    body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 2))
    history = train(body, members(17), tmp_path / "work")
    assert np.isfinite(history["loss"]).all()
    assert all(torch.isfinite(tensor).all() for tensor in body.state_dict().values())


def test_a_halved_batch_is_still_halved_after_a_kill(members: MakeMembers, tmp_path: Path) -> None:
    with killed_in(3):
        train(plain(5), members(20), tmp_path / "work")
    assert (train(plain(), members(20), tmp_path / "work")["at_once"] == 4).all()


def test_a_damaged_state_is_not_used(
    members: MakeMembers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = network()
    train(undisturbed, members(20), tmp_path / "a")
    with killed_in(3):
        train(network(), members(20), tmp_path / "b")
    state = tmp_path / "b" / "epoch.safetensors"
    content = bytearray(state.read_bytes())
    content[-9] ^= 16
    state.write_bytes(content)
    again = network()
    train(again, members(20), tmp_path / "b")
    assert "damaged" in caplog.text and weights(again) == weights(undisturbed)


@pytest.mark.long("an epoch on 100,000 images")
def test_a_hundred_times_the_images_take_no_more_memory() -> None:
    """One epoch on 1,000 and on 100,000 made-up images, in a process each."""
    command = [sys.executable, PROJECT / "benchmarks/training.py", "--memory"]
    run = subprocess.run(command, text=True, capture_output=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert float(run.stdout.split()[-1]) < 1.1, run.stdout
