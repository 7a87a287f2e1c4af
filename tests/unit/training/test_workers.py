"""Processes of a training: one fails, all end, and the job says why."""

import os
import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers.processes import (
    CPU,
    NotToBePickledError,
    children,
    die_in_the_second,
    fail_in_the_second,
    no_longer_than,
)
from helpers.training import MakeMembers

from pgdose.errors import Damaged, UserError
from pgdose.networks import architectures
from pgdose.training import workers
from pgdose.training.passed_errors import PassedError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_an_error_in_the_second_process_is_the_job_s(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, folder = tmp_path / "here", tmp_path / "work"
    here.mkdir()
    for name in ("random", "signal"):  # no module of the working folder is run
        (here / f"{name}.py").write_text("raise SystemExit")
    monkeypatch.chdir(here)
    yielded = []
    with no_longer_than(60), pytest.raises(KeyError, match="what was missing") as caught:
        yielded.extend(workers.run(fail_in_the_second, [CPU] * 2, folder))
    assert "in fail_in_the_second" in caught.value.__notes__[0]
    (said,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert said.startswith("the process of cpu failed: KeyError at processes.py:")
    assert children(os.getpid()) == [] and not list(folder.iterdir())


def test_of_a_process_that_was_killed_the_job_says_so(tmp_path: Path) -> None:
    """And not that the other one has lost its connection."""
    yielded: list[int] = []
    with no_longer_than(60), pytest.raises(UserError) as caught:
        for item in workers.run(die_in_the_second, [CPU] * 2, tmp_path):
            yielded.append(item)
    assert yielded == [1]
    assert "training.gpus: the process of cpu ended with SIGKILL" in str(caught.value)
    assert "raise training.mem_mb" in str(caught.value)
    assert children(os.getpid()) == [] and not list(tmp_path.iterdir())


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return pickle.loads(pickle.dumps(PassedError.of(caught))).rebuild()


@pytest.mark.parametrize(
    "error",
    [
        UserError("training.lr: too much"),
        Damaged("work/a.npy", "its checksum differs"),
        OSError(28, "No space left on device"),
        torch.OutOfMemoryError("CUDA out of memory"),
        FileNotFoundError(2, "No such file", "a.npy"),
    ],
)
def test_an_error_arrives_as_it_was(error: BaseException) -> None:
    again = raised(error)
    assert type(again) is type(error) and str(again) == str(error)
    for name in ("path", "errno", "filename"):
        assert getattr(again, name, None) == getattr(error, name, None)
    assert "test_workers.py" in again.__notes__[0]


def test_an_error_that_cannot_be_passed_on_is_described() -> None:
    again = raised(NotToBePickledError())
    assert type(again) is RuntimeError
    assert str(again) == "NotToBePickledError: it holds a function"


def test_images_reach_a_process_without_what_was_read(members: MakeMembers) -> None:
    images = members(300)
    few = len(pickle.dumps(images))
    first = images.read(range(300))
    content = pickle.dumps(images)
    assert len(content) == few < first.nbytes
    assert (pickle.loads(content).read(range(300)) == first).all()


@pytest.mark.parametrize(
    "architecture",
    [
        *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s"),
        *("googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2"),
        *("mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5"),
        *("squeezenet1_0", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_16", "timm/resnet10t"),
    ],
)
def test_a_network_of_each_family_reaches_a_process(architecture: str) -> None:
    with torch.device("meta"):
        network = architectures.untrained(architecture, 2, 224)
    again = pickle.loads(pickle.dumps(partial(print, network))).args[0]
    assert list(again.state_dict()) == list(network.state_dict())
