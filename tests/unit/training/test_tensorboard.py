"""Each epoch's numbers for TensorBoard."""

import sys
from pathlib import Path

import pytest

from pgdose.errors import UserError
from pgdose.training import tensorboard


def test_each_epoch_can_be_read_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write = tensorboard.epoch_writer(tmp_path / "events")
    for epoch in (1, 2, 3):
        write({"epoch": epoch, "loss": 1 / epoch, "validation_accuracy": 0.5})
    read = EventAccumulator(str(tmp_path / "events"))
    read.Reload()
    assert set(read.Tags()["scalars"]) == {"loss", "validation_accuracy"}
    assert [(e.step, round(e.value, 3)) for e in read.Scalars("loss")] == [
        (1, 1.0),
        (2, 0.5),
        (3, 0.333),
    ]


def test_nothing_is_written_without_a_folder(tmp_path: Path) -> None:
    tensorboard.epoch_writer(None)({"epoch": 1, "loss": 1.0})


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"pip install 'pgdose\[tensorboard\]'"):
        tensorboard.epoch_writer(tmp_path)
