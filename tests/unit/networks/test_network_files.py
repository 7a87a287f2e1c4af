"""Networks on disk are loaded as they were saved."""

from pathlib import Path

import pytest
import torch
from helpers.networks import images, same, saved, settled, small

from pgdose.networks import network_files

pytestmark = pytest.mark.usefixtures("one_thread")


@torch.no_grad()
def test_a_saved_network_is_loaded_as_it_was(tmp_path: Path) -> None:
    network = settled(small(3))
    loaded = network_files.load(saved(tmp_path / "network.safetensors", network, classes=3))
    assert same(loaded, network) and not loaded.training
    assert torch.equal(loaded(images()), network(images()))


def test_the_same_network_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    one, other = (saved(tmp_path / f"{i}.safetensors", small()) for i in range(2))
    assert one.read_bytes() == other.read_bytes()


def test_a_network_in_channels_last_is_saved_too(tmp_path: Path) -> None:
    network = small().to(memory_format=torch.channels_last)
    assert same(network_files.load(saved(tmp_path / "n.safetensors", network)), network)
