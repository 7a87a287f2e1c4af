"""An imported network is checked on some images; one that cannot be attacked is refused."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import EXPECTED, TwoClasses, images
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import classifier, probe, pt2

pytestmark = pytest.mark.usefixtures("one_thread")


class Rounding(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits.round()


class Detached(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits.detach()


class Noisy(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits + torch.rand_like(logits)


class Together(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits - logits.mean(dim=0)


class Two(nn.Module):
    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        return logits, logits


class Infinite(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits / 0


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (TwoClasses(3), "does not take an image of 1 x 16 x 16"),
        (TwoClasses(last=nn.Softmax(dim=1)), "gives probabilities, not logits"),
        (TwoClasses(last=Two()), "gives 2 outputs instead of one tensor, n x classes"),
        (TwoClasses(last=nn.Linear(2, 3)), r"gives \[8, 3\] for 8 images instead of \[8, 2\]"),
        (TwoClasses(last=nn.Linear(2, 1)), r"gives \[8, 1\] for 8 images"),
        (TwoClasses(last=Noisy()), "gives different outputs for the same images in two passes"),
        (TwoClasses(last=Together()), "depends on the other images of the batch"),
        (TwoClasses(last=Infinite()), "not all finite"),
        (TwoClasses(last=Rounding()), "its gradient with respect to the image is 0 everywhere"),
        (TwoClasses(last=Detached()), "gives no gradient with respect to the image"),
    ],
)
def test_a_network_that_cannot_be_attacked_is_refused_with_the_reason(
    network: Any, message: str
) -> None:
    with pytest.raises(UserError, match=f"n.pt2: .*{message}"):
        probe.check(classifier.Classifier(network, EXPECTED).frozen(), images(9, 1, 16), 2, "n.pt2")


def test_a_wrong_number_of_outputs_is_not_cut_to_the_classes() -> None:
    network = TwoClasses(last=nn.Linear(2, 5)).eval()
    five = classifier.Classifier(network, replace(EXPECTED, order=[1, 0]))
    with pytest.raises(UserError, match=r"gives \[8, 5\] for 8 images"):
        probe.check(five, images(9, 1, 16), 2, "n.pt2")


def test_a_fixed_number_of_images_is_named() -> None:
    file = io.BytesIO()
    program = torch.export.export(TwoClasses().eval(), (torch.zeros(8, 1, 16, 16),))
    torch.export.save(program, file)
    network = classifier.Classifier(pt2.read(file.getvalue(), "n.pt2"), EXPECTED, opaque=True)
    network = network.frozen()
    with pytest.raises(UserError, match=r"n\.pt2: (does not take|takes) .* images"):
        probe.check(network, images(9, 1, 16), 2, "n.pt2")


def test_probabilities_are_accepted_where_they_are_declared() -> None:
    expected = replace(EXPECTED, outputs="probabilities")
    network = classifier.Classifier(TwoClasses(last=nn.Softmax(dim=1)), expected)
    probe.check(network, images(9, 1, 16), 2, "n")
    with pytest.raises(UserError, match="do not add up to 1"):
        probe.check(classifier.Classifier(TwoClasses(), expected), images(9, 1, 16), 2, "n")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([20, 20], [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]),
        ([2, 20], [0, 1, 2, 3, 4, 5, 6]),
        ([5, 5, 5], [0, 1, 2, 5, 6, 7, 10, 11, 12]),
    ],
)
def test_some_images_of_each_class_are_probed(counts: list[int], expected: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    assert probe.rows_to_probe(labels, len(counts)).tolist() == expected
