"""Folding batch norm leaves the logits, and the network itself."""

import pytest
import torch
from helpers.networks import images, same, settled, small
from torch import nn

from pgdose.networks import folding

pytestmark = pytest.mark.usefixtures("one_thread")


@torch.no_grad()
def test_folding_leaves_the_logits() -> None:
    network = settled(small()).double()
    folded = folding.fold(network)
    batch = images().double()
    assert torch.allclose(folded(batch), network(batch), rtol=0, atol=1e-10)
    assert network(batch).std() > 1e-6


def test_a_folded_network_is_frozen_and_has_no_batch_norm() -> None:
    network = small().train()
    folded = folding.fold(network)
    assert not folded.training
    assert not any(p.requires_grad for p in folded.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_folding_leaves_the_network_itself() -> None:
    network, twin = small(), small()
    folding.fold(network)
    assert same(network, twin)
    assert network.training and all(p.requires_grad for p in network.parameters())
