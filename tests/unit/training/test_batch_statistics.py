"""Batch norm's running statistics are those of the training images."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.training import CPU, MakeMembers, network, pictures, plain, train, weights
from torch import nn

from pgdose.cohort.images import Members
from pgdose.training import batch_statistics
from pgdose.training.evaluation import accuracy, evaluate

pytestmark = pytest.mark.usefixtures("one_thread")


def first_norm(net: Any, members: Members, batch: int) -> tuple[float, float]:
    """The mean and variance of the first batch norm after settling."""
    batch_statistics.settle_statistics(net, members, batch, CPU)
    return float(net.body[0].running_mean), float(net.body[0].running_var)


@pytest.mark.parametrize("batch", [4, 8, 16, 32])
def test_settled_means_are_the_data_s_means(members: MakeMembers, batch: int) -> None:
    mean, _ = first_norm(network(), members(32), batch)
    assert mean == pytest.approx((pictures(32) / 255).mean(), abs=1e-6)


@pytest.mark.parametrize("n", [34, 38])
def test_settled_means_are_the_data_s_means_when_the_last_batch_is_smaller(
    members: MakeMembers, n: int
) -> None:
    mean, _ = first_norm(network(), members(n), 8)
    assert mean == pytest.approx((pictures(n) / 255).mean(), rel=0.01)


def test_settled_variances_are_those_of_batches_in_which_the_classes_are_mixed(
    members: MakeMembers,
) -> None:
    """Members are sorted by class; batches of one class alone have a smaller variance."""
    _, variance = first_norm(network(), members(64), 16)
    assert variance == pytest.approx((pictures(64) / 255).var(), rel=0.2)


def test_settling_does_not_depend_on_the_statistics_before(members: MakeMembers) -> None:
    one = network()
    other = copy.deepcopy(one)
    other.body[0].running_mean.fill_(5.0)
    assert first_norm(one, members(16), 8) == first_norm(other, members(16), 8)


def test_settling_leaves_the_weights(members: MakeMembers) -> None:
    net = network()
    before = [p.clone() for p in net.parameters()]
    batch_statistics.settle_statistics(net, members(16), 8, CPU)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_statistics_that_do_not_fit_show_beside_those_of_batches(
    members: MakeMembers, tmp_path: Path
) -> None:
    images, net = members(40), network()
    train(net, images, tmp_path / "work", epochs=8)
    fitting = accuracy(evaluate(net, images, 10, CPU), images.labels)
    before = weights(net)
    by_batches = batch_statistics.accuracy_by_batches(net, images, 10, CPU)
    assert by_batches == pytest.approx(fitting, abs=0.1) and by_batches > 0.9
    assert weights(net) == before and not any(m.training for m in net.modules())
    for norm in batch_statistics.batch_norms(net):
        assert isinstance(norm.running_mean, torch.Tensor)
        norm.running_mean.add_(5)
    assert accuracy(evaluate(net, images, 10, CPU), images.labels) < 0.6
    assert batch_statistics.accuracy_by_batches(net, images, 10, CPU) == by_batches


def test_a_network_without_batch_norm_has_no_such_accuracy(members: MakeMembers) -> None:
    net: nn.Module = plain()
    assert batch_statistics.accuracy_by_batches(net, members(40), 10, CPU) is None
