"""The training loop: the same weights for the same seed, killed or not."""

import copy
import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.workflow import PROJECT
from torch import Tensor, nn

from pgdose import devices
from pgdose.cohort.images import Members
from pgdose.errors import UserError
from pgdose.images.stores import new_store
from pgdose.study.augmentation import Augment
from pgdose.training import loading, loop

CPU = torch.device("cpu")
SIDE = 12
BATCH = 8


pytestmark = pytest.mark.usefixtures("one_thread")


class Network(nn.Module):
    """A small network with batch norm and dropout, as InceptionV3 has them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(4 * (SIDE - 2) ** 2, 2),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images)
        return logits


def network(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return Network()


def pictures(n: int) -> np.ndarray:
    """The first half is dark, the second bright; noise on both."""
    rng = np.random.default_rng(0)
    base = np.repeat([90, 150], [n - n // 2, n // 2])[:, None, None]
    return np.clip(base + rng.normal(0, 30, (n, SIDE, SIDE)), 0, 255).astype(np.uint8)


@pytest.fixture
def members(tmp_path: Path) -> Callable[[int], Members]:
    """n members, sorted by class as a group's are."""

    def some(n: int) -> Members:
        with new_store(tmp_path / f"{n}.npy", n, SIDE, 1) as store:
            for row, picture in enumerate(pictures(n)):
                store.put(row, picture)
        table = pd.DataFrame({"member": range(n), "row": range(n), "store": f"{n}.npy"})
        table["class_index"] = np.repeat([0, 1], [n - n // 2, n // 2])
        return Members(table, tmp_path, SIDE, 1)

    return some


SETTINGS: dict[str, Any] = {"epochs": 4, "batch": BATCH, "lr": 0.01}
KEY: dict[str, Any] = {"seed": 7, "name": "G/full", "devices": [CPU]}
FIELDS = {field.name for field in dataclasses.fields(loop.Settings)}


def train(net: Any, members: Members, work: Path, **changed: Any) -> pd.DataFrame:
    settings = SETTINGS | {k: v for k, v in changed.items() if k in FIELDS}
    others = KEY | {k: v for k, v in changed.items() if k not in FIELDS}
    return loop.train(net, members, members, loop.Settings(**settings), work=work, **others)


def weights(net: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in net.state_dict().values())


Make = Callable[[int], Members]


@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
def test_the_same_seed_gives_the_same_weights(members: Make, tmp_path: Path, schedule: str) -> None:
    one, other = network(), network()
    first = train(one, members(20), tmp_path / "work", schedule=schedule)
    torch.rand(3)  # somebody else's draw
    second = train(other, members(20), tmp_path / "other", schedule=schedule)
    assert weights(one) == weights(other)
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("other", [{"seed": 8}, {"name": "G/n10-r1"}, {"epochs": 3}])
def test_another_seed_or_run_gives_others(
    members: Make, tmp_path: Path, other: dict[str, Any]
) -> None:
    one, two = network(), network()
    train(one, members(20), tmp_path / "work")
    train(two, members(20), tmp_path / "other", **other)
    assert weights(one) != weights(two)


class KilledError(Exception):
    pass


def killed_in(epoch: int, monkeypatch: pytest.MonkeyPatch, steps: int = 1) -> pytest.MonkeyPatch:
    """Training dies within this epoch, after some steps."""
    whole = loop._epoch

    def dying(state: Any, part: Members, order: np.ndarray, *rest: Any) -> tuple[float, float, int]:
        if len(state.history) + 1 == epoch:
            whole(state, part, order[: steps * BATCH], *rest)
            raise KilledError
        return whole(state, part, order, *rest)

    monkeypatch.setattr(loop, "_epoch", dying)
    return monkeypatch


HOW: list[dict[str, Any]] = [
    {"schedule": "one_cycle"},
    {"schedule": "constant"},
    {"schedule": "cosine", "optimizer": "adamw", "weight_decay": 0.1, "label_smoothing": 0.1},
    {"keep": "best", "lr": 0.3},
    {"augment": dict(Augment(rotation=20.0, flip=True))},
]


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("epoch", [1, 2, 4])
@pytest.mark.parametrize("how", HOW, ids=lambda how: "-".join(map(str, how)))
def test_a_killed_run_goes_on_to_the_same_bytes(
    members: Make, tmp_path: Path, epoch: int, steps: int, how: dict[str, Any]
) -> None:
    undisturbed = network()
    how = how | ({"held_out": members(12)} if "keep" in how else {})
    expected = train(undisturbed, members(20), tmp_path / "a", **how)
    if "keep" in how:
        assert expected["kept"].idxmax() < 3, "the last epoch is the best: nothing is chosen"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        killed_in(epoch, patch, steps)
        train(network(), members(20), tmp_path / "b", **how)
    assert (tmp_path / "b" / "epoch.safetensors").exists() == (epoch > 1)
    resumed = network(seed=99)
    if epoch == 1:  # nothing was whole yet: the network begins as it did
        resumed = network()
    history = train(resumed, members(20), tmp_path / "b", **how)
    assert weights(resumed) == weights(undisturbed)
    pd.testing.assert_frame_equal(history, expected)


class Deep(Network):
    """Drops out before batch norm, as EfficientNets do."""

    def __init__(self) -> None:
        super().__init__()
        self.body.insert(1, nn.Dropout(0.5))


@pytest.mark.parametrize("kind", [Network, Deep])
def test_a_run_killed_after_its_last_epoch_still_settles(
    members: Make, tmp_path: Path, kind: type[Network]
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


def test_a_trained_network_is_there_until_it_is_written(members: Make, tmp_path: Path) -> None:
    """A job that dies after its last epoch, on a full disk maybe, has nothing to learn again."""
    one, again = network(), network(seed=99)
    train(one, members(20), tmp_path / "work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_epoch", None)
        train(again, members(20), tmp_path / "work")
    assert weights(one) == weights(again)


def test_history_tells_each_epoch(members: Make, tmp_path: Path) -> None:
    history = train(network(), members(20), tmp_path / "work", schedule="constant")
    assert list(history) == [
        *("epoch", "lr", "loss", "training_accuracy", "validation_accuracy", "at_once", "kept")
    ]
    assert (history["at_once"] == BATCH).all()
    assert history["epoch"].to_list() == [1, 2, 3, 4]
    assert (history["lr"] == 0.01).all()
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def judged(net: Any, part: Members, work: Path, **changed: Any) -> pd.DataFrame:
    """Trained on every second image, judged by the others."""
    odd = np.arange(len(part)) % 2 == 1
    return train(net, part.select(~odd), work, held_out=part.select(odd), **changed)


def held_out_loss(net: Any, part: Members) -> float:
    odd = part.select(np.arange(len(part)) % 2 == 1)
    return loop.cross_entropy(loop.evaluate(net, odd, 4, CPU), odd.labels)


def test_the_best_epoch_is_kept(members: Make, tmp_path: Path) -> None:
    """It is the first with the least loss on the held-out images, and the network is its."""
    part = members(40)
    shorter, longer = plain(), plain()
    with_best = judged(longer, part, tmp_path / "a", keep="best", lr=0.1, epochs=8)
    best = int(with_best["held_out_loss"].argmin()) + 1
    assert best < 8 and with_best["kept"].tolist() == [int(e == best) for e in range(1, 9)]
    assert held_out_loss(longer, part) == pytest.approx(with_best["held_out_loss"].min())
    judged(shorter, part, tmp_path / "b", lr=0.1, epochs=8)
    assert held_out_loss(shorter, part) > with_best["held_out_loss"].min()


def test_training_ends_when_there_is_no_gain(members: Make, tmp_path: Path) -> None:
    whole = judged(plain(), members(40), tmp_path / "a", lr=0.1, epochs=30, schedule="constant")
    ended = judged(
        plain(), members(40), tmp_path / "b", lr=0.1, epochs=30, schedule="constant", patience=2
    )
    best = int(ended["held_out_loss"].argmin())
    assert len(ended) == best + 3 < len(whole) == 30
    pd.testing.assert_frame_equal(whole.iloc[: len(ended), :-1], ended.iloc[:, :-1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(
    members: Make, tmp_path: Path, value: float
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
    going_on = plain()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        killed_in(3, patch)  # it begins with the third
        train(going_on, members(20), tmp_path / "work")
    healthy, expected = plain(), plain()
    train(healthy, members(20), tmp_path / "work")
    train(expected, members(20), tmp_path / "undisturbed")
    assert weights(healthy) == weights(expected)


def test_a_held_out_loss_that_is_no_number_stops(members: Make, tmp_path: Path) -> None:
    class Bad(Network):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits if self.training else logits * torch.nan

    with pytest.raises(UserError, match="epoch 1: the loss on the held-out images is nan"):
        train(Bad(), members(20), tmp_path / "work", held_out=members(12), keep="best")


@pytest.mark.parametrize(
    ("images", "devices", "shared"),
    [(1, 2, False), (2, 2, False), (3, 2, False), (4, 2, True), (5, 4, False), (8, 4, True)],
)
def test_no_device_gets_a_single_image(images: int, devices: int, shared: bool) -> None:
    """Batch norm has no variance of one; chunks are as torch makes them."""

    class Several(nn.DataParallel):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.module, self.device_ids = network(), list(range(devices))

    several = Several()
    assert (loop._of_devices(several, images) is several) == shared
    parts = [len(part) for part in torch.zeros(images, 1).chunk(devices)]
    assert shared == (min(parts) > 1)
    assert loop._of_devices(several.module, images) is several.module


def test_weights_that_are_no_numbers_are_not_kept(members: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"epoch 1: after its last batch weights are no numbers"):
        train(plain(), members(8), tmp_path / "work", lr=float("inf"), schedule="constant")
    assert not (tmp_path / "work").exists()


def test_auxiliary_heads_have_a_weight_in_the_loss(members: Make, tmp_path: Path) -> None:
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
        {"augment": dict(Augment(shift=0.2))},
    ],
)
def test_settings_do_something(members: Make, tmp_path: Path, other: dict[str, Any]) -> None:
    one, two = plain(), plain()
    train(one, members(20), tmp_path / "a")
    train(two, members(20), tmp_path / "b", **other)
    assert weights(one) != weights(two)


def test_what_can_be_learned_is_learned(members: Make, tmp_path: Path) -> None:
    net = network()
    train(net, members(32), tmp_path / "work", epochs=6)
    logits = loop.evaluate(net, members(32), 8, CPU)
    assert loop.accuracy(logits, members(32).labels) > 0.9


def test_each_epoch_has_an_order_and_dropout_of_its_own(
    members: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, draws = [], []
    whole = loop._epoch

    def watched(net: Any, part: Members, order: np.ndarray, *rest: Any) -> tuple[float, float]:
        orders.append(order.tolist())
        draws.append(torch.get_rng_state().numpy().tobytes())
        return whole(net, part, order, *rest)

    monkeypatch.setattr(loop, "_epoch", watched)
    train(network(), members(20), tmp_path / "work")
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len(set(map(tuple, orders))) == len(set(draws)) == 4


def test_a_last_batch_of_one_image_does_no_harm(members: Make, tmp_path: Path) -> None:
    """At the end of InceptionV3 an image has one pixel, of which there is no variance."""
    body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 2))
    history = train(body, members(17), tmp_path / "work")
    assert np.isfinite(history["loss"]).all()
    assert all(torch.isfinite(tensor).all() for tensor in body.state_dict().values())


# --- statistics of batch norm -----------------------------------------------------------------


def first_norm(net: Any, members: Members, batch: int) -> tuple[float, float]:
    loop.settle_statistics(net, members, batch, CPU)
    return float(net.body[0].running_mean), float(net.body[0].running_var)


@pytest.mark.parametrize("batch", [4, 8, 16, 32])
def test_settled_means_are_the_data_s_means(members: Make, batch: int) -> None:
    mean, _ = first_norm(network(), members(32), batch)
    assert mean == pytest.approx((pictures(32) / 255).mean(), abs=1e-6)


@pytest.mark.parametrize("n", [34, 38])
def test_settled_means_are_the_data_s_means_when_the_last_batch_is_smaller(
    members: Make, n: int
) -> None:
    mean, _ = first_norm(network(), members(n), 8)
    assert mean == pytest.approx((pictures(n) / 255).mean(), rel=0.01)


def test_settled_variances_are_those_of_batches_in_which_the_classes_are_mixed(
    members: Make,
) -> None:
    """Members are sorted by class; batches of one class alone have a smaller variance."""
    _, variance = first_norm(network(), members(64), 16)
    assert variance == pytest.approx((pictures(64) / 255).var(), rel=0.2)


def test_settling_does_not_go_by_what_was_there_before(members: Make) -> None:
    one = network()
    other = copy.deepcopy(one)
    other.body[0].running_mean.fill_(5.0)
    assert first_norm(one, members(16), 8) == first_norm(other, members(16), 8)


def test_settling_leaves_the_weights(members: Make) -> None:
    net = network()
    before = [p.clone() for p in net.parameters()]
    loop.settle_statistics(net, members(16), 8, CPU)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


# --- reading ----------------------------------------------------------------------------------


def test_scaled_images_are_from_zero_to_one() -> None:
    images = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    scaled = devices.scaled(images, CPU)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled.ravel(), torch.tensor([0.0, 0.2, 1.0]))


def test_batches_hold_every_row_once_in_the_order_given(members: Make) -> None:
    part = members(10)
    order = np.array([9, 0, 5, 3, 1, 2, 8, 7, 6, 4])
    parts = list(loading.batches(part, order, 4))
    assert [len(images) for images, _ in parts] == [4, 4, 2]
    images = np.concatenate([images for images, _ in parts])
    assert np.array_equal(images[:, 0], pictures(10)[order])
    assert torch.cat([labels for _, labels in parts]).tolist() == part.labels[order].tolist()


def test_evaluation_does_not_go_by_the_batch(members: Make) -> None:
    net = network()
    one, other = (loop.evaluate(net, members(10), batch, CPU) for batch in (3, 10))
    assert one.shape == (10, 2) and one.dtype == np.float32
    assert np.allclose(one, other, atol=1e-5)
    assert np.ptp(one[:, 0]) > 1e-3


def test_statistics_that_do_not_fit_show_beside_those_of_batches(
    members: Make, tmp_path: Path
) -> None:
    part, net = members(40), network()
    train(net, part, tmp_path / "work", epochs=8)
    fitting = loop.accuracy(loop.evaluate(net, part, 10, CPU), part.labels)
    before = weights(net)
    by_batches = loop.by_batch_statistics(net, part, 10, CPU)
    assert by_batches == pytest.approx(fitting, abs=0.1) and by_batches > 0.9
    assert weights(net) == before and not any(m.training for m in net.modules())
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.add_(5)
    assert loop.accuracy(loop.evaluate(net, part, 10, CPU), part.labels) < 0.6
    assert loop.by_batch_statistics(net, part, 10, CPU) == by_batches
    assert loop.by_batch_statistics(plain(), part, 10, CPU) is None


def test_accuracy_is_the_share_of_right_classes() -> None:
    logits = np.array([[2, 1], [0, 1], [3, 0], [0, 5]])
    assert loop.accuracy(logits, np.array([0, 1, 1, 1])) == 0.75


class Plain(nn.Module):
    """Neither batch norm nor dropout: its gradients add up exactly, in float64."""

    def __init__(self, most: int = 1_000, says: str = "CUDA out of memory") -> None:
        super().__init__()
        self.most, self.says = most, says
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (SIDE - 2) ** 2, 2)
        ).double()

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.most:
            raise torch.OutOfMemoryError(self.says)
        logits: Tensor = self.body(images.double())
        return logits


def plain(most: int = 1_000) -> Any:
    torch.manual_seed(3)
    return Plain(most)


@pytest.mark.parametrize(("most", "left"), [(7, 4), (3, 2), (2, 2)])
def test_a_batch_that_memory_does_not_hold_gives_the_same_gradients_in_parts(
    members: Make, tmp_path: Path, most: int, left: int
) -> None:
    whole, parts = plain(), plain(most)
    train(whole, members(22), tmp_path / "a")
    history = train(parts, members(22), tmp_path / "b")
    assert BATCH == 8 and (history["at_once"] == left).all()
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)


def test_where_two_images_are_too_many_the_message_says_so(members: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="memory does not hold 2 images"):
        train(plain(1), members(20), tmp_path / "work")


def test_a_halved_batch_is_still_halved_after_a_kill(members: Make, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        killed_in(3, patch)
        train(plain(5), members(20), tmp_path / "work")
    assert (train(plain(), members(20), tmp_path / "work")["at_once"] == 4).all()


LIMITED = """
import resource, sys
import torch
from torch import nn
from pgdose import training
from pgdose.errors import UserError
torch.set_num_threads(1)
torch.backends.mkldnn.set_flags(False)  # oneDNN has other words for it, that mean more than this
convolutions = nn.Conv2d(1, 64, 3), nn.ReLU(), nn.Conv2d(64, 8, 3)
body = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(8 * 92**2, 2))
images = torch.zeros((64, 1, 96, 96), dtype=torch.uint8).numpy()
labels = torch.zeros(64).long()
settings = training.Settings(epochs=1, batch=64, lr=0.1, schedule="constant")
state = training.State(body, settings, 1, torch.device("cpu"))
training.gradients(state, body, torch.from_numpy(images), labels, 2)
state.optimiser.step()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, -1))
class Members:
    labels = [0] * 64
    def __len__(self): return 64
    def read(self, rows): return images[rows]
order = torch.arange(64).numpy()
loss, _, at_once = training._epoch(state, Members(), order, 64, [torch.device("cpu")], 1, "G", 1)
print("at once", at_once)
"""


def test_a_real_lack_of_memory_halves_the_batch() -> None:
    """The system refuses what more than some of the 64 images would take."""
    run = subprocess.run([sys.executable, "-c", LIMITED], text=True, capture_output=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout.split()[-1]) in (8, 16, 32)


def test_a_damaged_state_is_not_believed(
    members: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = network()
    train(undisturbed, members(20), tmp_path / "a")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        killed_in(3, patch)
        train(network(), members(20), tmp_path / "b")
    state = tmp_path / "b" / "epoch.safetensors"
    content = bytearray(state.read_bytes())
    content[-9] ^= 16
    state.write_bytes(content)
    again = network()
    train(again, members(20), tmp_path / "b")
    assert "damaged" in caplog.text and weights(again) == weights(undisturbed)


@pytest.mark.long
def test_a_hundred_times_the_images_take_no_more_memory() -> None:
    """One epoch on 1,000 and on 100,000 made-up images, in a process each."""
    command = [sys.executable, PROJECT / "benchmarks/training.py", "--memory"]
    run = subprocess.run(command, text=True, capture_output=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert float(run.stdout.split()[-1]) < 1.1, run.stdout
