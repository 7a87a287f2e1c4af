"""Logits of clean images, in evaluation mode."""

import numpy as np
import pytest
from helpers.training import CPU, MakeMembers, network

from pgdose.training import evaluation

pytestmark = pytest.mark.usefixtures("one_thread")


def test_logits_do_not_depend_on_the_batch(members: MakeMembers) -> None:
    net = network()
    one, other = (evaluation.evaluate(net, members(10), batch, CPU) for batch in (3, 10))
    assert one.shape == (10, 2) and one.dtype == np.float32
    assert np.allclose(one, other, atol=1e-5)
    assert np.ptp(one[:, 0]) > 1e-3


def test_accuracy_is_the_share_of_right_classes() -> None:
    logits = np.array([[2, 1], [0, 1], [3, 0], [0, 5]])
    assert evaluation.accuracy(logits, np.array([0, 1, 1, 1])) == 0.75


def test_cross_entropy_is_the_mean_over_the_images() -> None:
    logits = np.log([[0.5, 0.5], [0.25, 0.75]])
    expected = -(np.log(0.5) + np.log(0.75)) / 2
    assert evaluation.cross_entropy(logits, np.array([0, 1])) == pytest.approx(expected)
