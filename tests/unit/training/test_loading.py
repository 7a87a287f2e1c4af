"""Batches from the stores, and bytes on the device."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training import BATCH, CPU, MakeMembers, Network, pictures

from pgdose import devices
from pgdose.study.training import Training
from pgdose.training import loading, loop
from pgdose.training.data import TrainingData


def test_scaled_images_are_from_zero_to_one() -> None:
    images = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    scaled = devices.scaled(images, CPU)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled.ravel(), torch.tensor([0.0, 0.2, 1.0]))


def test_batches_hold_every_row_once_in_the_order_given(members: MakeMembers) -> None:
    images = members(10)
    order = np.array([9, 0, 5, 3, 1, 2, 8, 7, 6, 4])
    parts = list(loading.batches(images, order, 4))
    assert [len(pixels) for pixels, _ in parts] == [4, 4, 2]
    pixels = np.concatenate([pixels for pixels, _ in parts])
    assert np.array_equal(pixels[:, 0], pictures(10)[order])
    assert torch.cat([labels for _, labels in parts]).tolist() == images.labels[order].tolist()


def same_batches(images: loading.ImageSource, other: loading.ImageSource, n: int) -> bool:
    order = np.random.default_rng(0).permutation(n)
    pairs = zip(loading.batches(images, order, 4), loading.batches(other, order, 4), strict=True)
    return all(torch.equal(a, b) and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_resident_images_are_read_once_and_give_the_same_batches(
    members: MakeMembers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "AT_ONCE", 3)
    images = members(10)
    resident = loading.Resident(images, CPU, readers=2)
    monkeypatch.setattr(type(images), "read", lambda self, rows: pytest.fail("read again"))
    assert same_batches(resident, resident, 10)
    monkeypatch.undo()
    assert same_batches(resident, images, 10) and len(resident) == 10
    assert resident.images.dtype == torch.uint8


@pytest.mark.parametrize(("free", "fits"), [(10 * 12 * 12 / 0.3 + 1, True), (1000, False)])
def test_only_images_that_fit_become_resident(
    members: MakeMembers, monkeypatch: pytest.MonkeyPatch, free: float, fits: bool
) -> None:
    images, made = members(10), object()
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**12))
    monkeypatch.setattr(loading, "Resident", lambda *arguments: made)
    result = loading.resident(images, torch.device("cuda"))
    assert result is (made if fits else images)
    assert loading.resident(images, CPU) is images


def test_overlapped_images_are_copied_by_the_reader_threads_before_they_are_wanted(
    members: MakeMembers,
) -> None:
    copied: list[str] = []
    enough = threading.Event()

    def copy(images: torch.Tensor) -> torch.Tensor:
        copied.append(threading.current_thread().name)
        if len(copied) == 3:
            enough.set()
        return images.clone()

    images = members(20)
    loaded = loading.batches(loading.Overlapped(images, CPU, copy), np.arange(20), 4)
    next(loaded)
    assert enough.wait(10)  # two more than were wanted
    assert all(name.startswith("reader") for name in copied)
    list(loaded)
    assert len(copied) == 5
    assert same_batches(loading.Overlapped(images, CPU), images, 20)


@pytest.mark.parametrize("wrap", [loading.Overlapped, loading.Resident])
def test_a_training_ends_with_the_same_weights_however_it_reads(
    members: MakeMembers, tmp_path: Path, wrap: Callable[..., loading.ImageSource]
) -> None:
    images = members(20)
    settings = Training(epochs=2, batch=BATCH, lr=1e-3)
    weights = []
    for number, training in enumerate((images, wrap(images, CPU))):
        torch.manual_seed(0)
        network = Network()
        resources = loop.Resources([CPU], tmp_path / str(number))
        data = TrainingData(training, images)
        loop.train(network, data, settings, resources, seed=0, name="G")
        weights.append(network.state_dict())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
