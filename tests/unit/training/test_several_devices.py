"""Several processes train a network as one does, but for the rounding of float32."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.processes import (
    BAD,
    CASES,
    CPU,
    Outcome,
    carried_out,
    children,
    gradients_of_inception,
    is_running,
    no_longer_than,
    normalisations,
    passes,
    train_cases,
)
from helpers.training import MakeMembers, Normed, made_up_members, normed, train
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.training import loop, workers
from pgdose.training.epoch import draw_epoch
from pgdose.training.ranks import ALONE, Rank

pytestmark = pytest.mark.usefixtures("one_thread")

WITHIN = 2e-5  # of weights and statistics, which are of the order of 1
PROCESSES = 3  # batches of 8, 8, 5: shares of 3, 3, 2 and 2, 2, 1 images


class Results:
    """What three processes together found, and what one process finds."""

    def __init__(self, folder: Path) -> None:
        def members(n: int) -> Any:
            return made_up_members(folder, n)

        cases = CASES | BAD
        plans = {name: case.plan(members, folder / name) for name, case in cases.items()}
        with no_longer_than(120):
            found = list(workers.run(partial(train_cases, plans), [CPU] * PROCESSES, folder))
        self.of_processes = dict(zip(cases, found, strict=False))
        self.inception = found[len(cases)]
        self.batch_norms = found[len(cases) + 1 : -1]
        self.listening = found[-1]
        self.of_one = {
            name: carried_out(case, case.plan(members, folder / "one" / name), ALONE)
            for name, case in CASES.items()
        }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Iterator[Results]:
    yield Results(tmp_path_factory.mktemp("results"))


def assert_same_weights(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert list(one) == list(other)
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], rtol=1e-5, atol=WITHIN), name


def assert_same_rows(one: Any, other: Any) -> None:
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_several_processes_give_the_weights_of_one(results: Results, name: str) -> None:
    several, one = results.of_processes[name], results.of_one[name]
    assert isinstance(several, Outcome)
    assert_same_weights(several.weights, one.weights)
    assert_same_weights(several.best, one.best)
    assert_same_rows(several.rows, one.rows)


def test_the_cases_are_what_they_claim(results: Results) -> None:
    best = pd.DataFrame(results.of_one["best"].rows)["held_out_loss"]
    assert best.argmin() < 3 and results.of_one["best"].best
    assert 1 < len(results.of_one["patience"].rows) < 8
    assert results.of_one["in parts"].rows[0]["at_once"] == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loss", "G/full, epoch 1: the loss of batch 1 is nan"),
        ("held-out loss", "G/full, epoch 1: the loss on the held-out images is nan"),
    ],
)
def test_what_is_not_finite_in_one_process_stops_all(
    results: Results, name: str, message: str
) -> None:
    """The next cases would hang if it did not."""
    assert results.of_processes[name].startswith(message)


def test_the_gradients_of_inceptionv3_are_those_of_one_process(results: Results) -> None:
    """In float64, so that nothing but rounding is left out."""
    one = gradients_of_inception(ALONE)
    assert list(results.inception) == list(one) and len(one) > 500
    for name, tensor in one.items():
        difference = float((results.inception[name] - tensor).abs().max())
        assert difference <= 1e-8 * max(float(tensor.abs().max()), 1e-6), name


@pytest.mark.parametrize("number", range(len(normalisations())))
def test_batch_norm_of_several_processes_is_that_of_all_images(
    results: Results, number: int
) -> None:
    each = normalisations()[number]
    several, one = results.batch_norms[number], passes(each, ALONE)
    assert list(several) == list(one)
    for name, tensor in one.items():
        difference = float((several[name] - tensor).abs().max())
        assert difference <= each.within * float(tensor.abs().max().clamp(min=1)), name


def test_nobody_but_this_machine_is_listened_to(results: Results) -> None:
    assert results.listening and set(results.listening) == {"0100007F"}  # 127.0.0.1


JOB = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from helpers.processes import CASES, CPU, children
from helpers.training import made_up_members, normed
from pgdose.training import loop
folder = Path(sys.argv[1])
plan = CASES["plain"].plan(lambda n: made_up_members(folder, n), folder / "work")

def on_epoch(row):
    if row["epoch"] == 2:
        print(*children(os.getpid()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

resources = loop.Resources([CPU] * 3, folder / "work")
loop.train(
    normed(), plan.data, plan.settings, resources, seed=7, name="G/full", on_epoch=on_epoch
)
"""


def test_a_killed_job_takes_its_processes_along_and_resumes_to_the_same_bytes(
    results: Results, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT / 'tests'}"}
    job = subprocess.run(
        [sys.executable, "-c", JOB, tmp_path], capture_output=True, text=True, env=environment
    )
    assert job.returncode == -9, job.stderr
    started = [int(word) for word in job.stdout.split()]
    assert len(started) == PROCESSES
    deadline = time.monotonic() + 20
    while any(map(is_running, started)):
        assert time.monotonic() < deadline, "they outlive their job"
        time.sleep(0.05)
    plan = CASES["plain"].plan(lambda n: made_up_members(tmp_path, n), tmp_path / "work")
    resumed, shown = normed(), []
    with pytest.MonkeyPatch.context() as patch, no_longer_than(60):
        patch.setattr(loop, "settle_statistics", lambda *_: None)
        history = loop.train(
            *(resumed, plan.data, plan.settings),
            loop.Resources([CPU] * PROCESSES, tmp_path / "work"),
            seed=7,
            name="G/full",
            on_epoch=shown.append,
        )
    expected = results.of_processes["plain"]
    assert shown == expected.rows and history["epoch"].tolist() == [1, 2, 3, 4]
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, expected.weights[name]), name
    assert children(os.getpid()) == []


def test_where_memory_runs_out_in_one_process_all_take_half_as_many_images(
    members: MakeMembers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second one has room for 3 images: 4 of 8 at first, then 2 of 4."""
    one, two = normed(Normed, 7), normed(Normed, 3, 1)
    alone = train(one, members(21), tmp_path / "a", epochs=2)
    assert (alone["at_once"] == 4).all()
    caplog.set_level("INFO")
    caplog.clear()
    with no_longer_than(60):
        together = train(two, members(21), tmp_path / "b", epochs=2, processes=2)
    assert [r.message for r in caplog.records if "memory" in r.message] == [
        "out of memory: now 4 images at a time, with accumulated gradients"
    ]
    assert "G/full epoch 2/2: loss" in caplog.text
    assert_same_rows(together, alone)
    assert_same_weights(two.state_dict(), one.state_dict())
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["epoch.safetensors"]


def test_where_one_image_per_device_is_too_much_the_message_says_so(
    members: MakeMembers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def run(work: partial, used: Any, folder: Path) -> Iterator[Any]:
        tried.append(work.args[-1])
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(workers, "run", run)
    with pytest.raises(UserError, match="out of memory with 3 images at a time"):
        train(normed(), members(20), tmp_path / "work", processes=3, batch=12)
    assert tried == [12, 6, 3]


def test_after_a_lack_of_memory_no_epoch_is_told_twice(
    members: MakeMembers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that start again begin with the rows of earlier epochs."""
    tried = []

    def run(work: partial, used: Any, folder: Path) -> Iterator[Any]:
        tried.append(work.args[-1])
        for epoch in (1, 2, 3):
            if epoch == 3 and len(tried) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            yield {"epoch": epoch, "at_once": 6}  # of an earlier start, which had to halve 12

    monkeypatch.setattr(workers, "run", run)
    plan = CASES["plain"]._replace(settings={"batch": 12}).plan(members, tmp_path)
    plan = replace(plan, resources=loop.Resources([CPU] * 2, tmp_path))
    assert [row["epoch"] for row in loop.epochs_of_workers(normed(), plan)] == [1, 2, 3]
    assert tried == [12, 3]


def test_processes_drop_out_of_their_own_accord_in_one_order() -> None:
    ranks, epochs, draws = [ALONE, *(Rank(number, 3) for number in range(3))], [], []
    for rank in ranks:
        epochs.append(draw_epoch(7, "G", 2, 20, True, rank))
        draws.append(int(torch.randint(2**60, ())))
    assert draws[0] == draws[1] and len(set(draws)) == 3
    assert len({tuple(epoch.order) for epoch in epochs}) == 1
    assert len({epoch.augmentation.random() for epoch in epochs if epoch.augmentation}) == 1


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 17])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_image_is_one_process_s_or_everyone_s(n: int, size: int) -> None:
    ranks = [Rank(number, size) for number in range(size)]
    shares = [np.arange(n)[rank.share(n)].tolist() for rank in ranks]
    if n < size:
        assert shares == [list(range(n))] * size
    else:
        assert [i for share in shares for i in share] == list(range(n))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert all(rank.shares(n) == (1 < size <= n) for rank in ranks)
