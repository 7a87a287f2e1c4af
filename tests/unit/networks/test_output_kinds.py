"""What a network's outputs mean: logits, decisions and probabilities of each kind."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import EXPECTED, images
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import classifier, probe
from pgdose.networks.classifier import Classifier, Preprocessing, probability_offset
from pgdose.study.networks import ExistingNetwork, Input, Outputs

pytestmark = pytest.mark.usefixtures("one_thread")
PLAIN = replace(EXPECTED, mean=[0.0], std=[1.0])


class Given(nn.Module):
    """Gives the pixels of an image: an output is whatever a test puts into one."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1)


def decoded(values: np.ndarray, order: list[int] | None = None, **meaning: Any) -> tuple[Any, Any]:
    """Decision logits and probabilities of outputs, n x number, in float64."""
    expected = replace(
        Preprocessing.from_study(Input(channels=1), Outputs(**meaning), order), mean=[0.0]
    )
    network = Classifier(Given(), expected).double()
    logits = network(torch.from_numpy(values)[:, None, None])
    offset = probability_offset(network)
    return logits, (logits if offset is None else logits + offset).softmax(dim=1)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


THRESHOLDS = [None, 0.5, 0.02, 0.3, 0.97]


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize(
    ("meaning", "outputs_of"),
    [
        ({"outputs": "logit"}, lambda z: z[:, None]),
        ({"outputs": "sigmoid"}, lambda z: sigmoid(z)[:, None]),
        ({"outputs": "multilabel", "label": 1}, lambda z: np.stack([9 + z, z, -z], 1)),
        (
            {"outputs": "multilabel", "label": "b", "labels": ["a", "b"], "activation": "sigmoid"},
            lambda z: np.stack([np.full_like(z, 0.3), sigmoid(z)], 1),
        ),
        ({"outputs": "logits"}, lambda z: np.stack([3 - z, np.full_like(z, 3)], 1)),
        ({"outputs": "probabilities"}, lambda z: np.stack([sigmoid(-z), sigmoid(z)], 1)),
    ],
)
def test_two_classes_by_their_formulas(
    meaning: dict[str, Any], outputs_of: Any, threshold: float | None, order: list[int]
) -> None:
    """p = 1 / (1 + exp(-z)) is the second class's probability, and p > threshold decides for it."""
    z = np.linspace(-12, 12, 97) + 1e-3
    logits, probabilities = decoded(outputs_of(z), order, threshold=threshold, **meaning)
    p = sigmoid(z)
    expected = np.stack([1 - p, p], axis=1)[:, order]
    assert np.abs(probabilities.numpy() - expected).max() < 1e-6
    positive = order.index(1)
    decided = (logits.argmax(dim=1) == positive).numpy()
    t = 0.5 if threshold is None else threshold
    assert (decided == (p > t)).all() and decided.any() and not decided.all()
    shift = math.log(t / (1 - t))
    margin = (logits[:, positive] - logits[:, 1 - positive]).numpy()
    assert np.abs(margin - (z - shift)).max() < 1e-5


@given(st.floats(-30, 30), st.floats(0.001, 0.999))
def test_the_logits_of_one_number_have_gradients_of_one_size(z: float, threshold: float) -> None:
    expected = replace(
        PLAIN, outputs="logit", threshold=threshold, order=[0, 1], layout="channels_first"
    )
    image = torch.full((1, 1, 1, 1), z, dtype=torch.float64, requires_grad=True)
    network = Classifier(Given(), expected).double()
    for number, sign in ((0, -1), (1, 1)):
        (gradient,) = torch.autograd.grad(network(image)[0, number], image)
        assert gradient.item() == sign * 0.5


def test_other_labels_are_those_over_a_half() -> None:
    outputs = torch.tensor([[0.4, -1.0, 2.0], [-0.1, 3.0, 0.1]])[:, None, None]
    of = {"outputs": "multilabel", "label": 1}
    network = Classifier(Given(), replace(PLAIN, **of))
    assert network.other_labels(outputs).tolist() == [[True, True], [False, True]]
    network = Classifier(Given(), replace(PLAIN, **of, activated=True))
    assert network.other_labels(outputs).tolist() == [[False, True], [False, False]]
    assert Classifier(Given(), PLAIN).other_labels(outputs) is None


def test_a_flat_row_of_outputs_is_one_number_for_each_image() -> None:
    class Flat(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return pixels.mean(dim=(1, 2, 3))

    for kind in ("logit", "sigmoid"):
        network = Classifier(Flat(), replace(PLAIN, outputs=kind, order=[0, 1])).frozen()
        probe.check(network, images(9, 1, 16), 2, "n")
        assert network(images(3, 1, 16)).shape == (3, 2)


class Wide(nn.Module):
    """So many outputs, behind a module."""

    def __init__(self, width: int, last: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(256, width), last or nn.Identity())

    def forward(self, pixels: Tensor) -> Any:
        return self.layers(pixels - 0.5)


class Bad(nn.Module):
    """NaN for the dark half of the images."""

    def forward(self, logits: Tensor) -> Tensor:
        return torch.where(logits > logits.median(), torch.nan, logits)


@pytest.mark.parametrize(
    ("body", "meaning", "message"),
    [
        (Wide(2), {"outputs": "logit"}, r"gives \[8, 2\] for 8 images, but 'outputs: logit' is"),
        (Wide(2), {"outputs": "sigmoid"}, "set 'outputs: probabilities' if it has one output for"),
        (Wide(1), {}, r"gives \[8, 1\].*or set 'outputs: logit' or 'sigmoid'"),
        (Wide(1), {"outputs": "sigmoid"}, "'outputs: sigmoid' is declared, but its outputs lie"),
        (
            Wide(3),
            {"outputs": "multilabel", "activated": True},
            "'activation: sigmoid' is declared, but its outputs lie between",
        ),
        (
            Wide(3),
            {"outputs": "multilabel", "label": 3},
            "'label' is 3, but the network has 3 outputs; give a number from 0 to 2",
        ),
        (Wide(1, Bad()), {"outputs": "logit"}, "NaN or infinity for 4 of 8 images"),
    ],
)
def test_outputs_that_are_not_as_declared_are_refused(
    body: nn.Module, meaning: dict[str, Any], message: str
) -> None:
    network = Classifier(body, replace(PLAIN, order=[0, 1], **meaning)).frozen()
    with pytest.raises(UserError, match=f"n.pt2: .*{message}"):
        probe.check(network, images(9, 1, 16), 2, "n.pt2")


@pytest.mark.parametrize(
    ("width", "meaning", "message"),
    [
        (2, {"outputs": "logits"}, "set 'outputs: multilabel' with 'label' and 'activation: s"),
        (1, {"outputs": "logit"}, "set 'outputs: sigmoid' if a sigmoid made them"),
        (1, {"outputs": "logit", "threshold": 0.9}, "set 'outputs: sigmoid'"),
        (3, {"outputs": "multilabel", "label": 2}, "set 'activation: sigmoid' if a sigmoid made"),
    ],
)
def test_undeclared_sigmoids_are_refused_and_logits_there_can_be_insisted_on(
    width: int, meaning: dict[str, Any], message: str
) -> None:
    sigmoids, some = Wide(width, nn.Sigmoid()), 20 * images(40, 1, 16) - 10
    for order in ([0, 1], [1, 0]):
        expected = replace(PLAIN, order=order, **meaning)
        network = Classifier(sigmoids, expected).frozen()
        with pytest.raises(UserError, match=f"n: the .* all lie in .*{message}.*activation: none"):
            probe.check_scale(network(some).numpy(), network, "n")
        logits = Classifier(Wide(width), expected).frozen()
        assert not probe.check_scale(logits(some).numpy(), logits, "n")
        insisted = Classifier(sigmoids, replace(expected, logits_insisted=True)).frozen()
        assert not probe.check_scale(insisted(some).numpy(), insisted, "n")


@pytest.mark.parametrize(("n", "spread"), [(499, 0.4), (499, 0.6), (500, 0.4)])
def test_few_outputs_that_differ_little_are_noted_only(n: int, spread: float) -> None:
    network = Classifier(Given(), replace(PLAIN, order=[0, 1]))
    logits = np.stack([np.linspace(0.3, 0.3 + spread, n), np.full(n, 0.6)], axis=1)
    if (n, spread) == (499, 0.4):
        (note,) = probe.check_scale(logits, network, "n")
        assert "the 998 outputs for 499 images all lie in [0, 1]" in note
    else:
        with pytest.raises(UserError, match=rf"n: the {2 * n} outputs for {n} images all lie"):
            probe.check_scale(logits, network, "n")


def test_images_without_a_finite_output_are_counted_over_all_images() -> None:
    network = Classifier(Given(), replace(PLAIN, outputs="sigmoid", order=[0, 1]))
    logits = np.array([[1.0, -1.0], [np.nan, 0.0], [2.0, -np.inf], [3.0, -3.0]])
    with pytest.raises(UserError, match=r"n: gives NaN or infinity for 2 of 4 images"):
        probe.check_scale(logits, network, "n")


def test_declared_probabilities_pass_the_check_of_the_scale() -> None:
    some = images(9, 1, 16)
    for body, meaning in (
        (Wide(1, nn.Sigmoid()), {"outputs": "sigmoid"}),
        (Wide(3, nn.Sigmoid()), {"outputs": "multilabel", "activated": True}),
        (Wide(2, nn.Softmax(1)), {"outputs": "probabilities"}),
    ):
        network = Classifier(body, replace(PLAIN, order=[0, 1], **meaning)).frozen()
        probe.check(network, some, 2, "n")
        probe.check_scale(network(some).numpy(), network, "n")


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"outputs": "logit", "label": 3}, "label", "is for networks with several labels"),
        ({"labels": ["a", "b"]}, "labels", "is for networks with several labels"),
        ({"outputs": "multilabel"}, "label", "needs the label to be audited"),
        ({"outputs": "multilabel", "label": "x"}, "label", "'labels' does not name the outputs"),
        (
            {"outputs": "multilabel", "label": "effusoin", "labels": ["effusion", "edema"]},
            "label",
            "did you mean 'effusion'",
        ),
        (
            {"outputs": "multilabel", "label": 2, "labels": ["effusion", "edema"]},
            "label",
            "2 is not one of the 2 outputs in 'labels'; use 0 to 1",
        ),
        (
            {"outputs": "multilabel", "label": 0, "labels": ["a", "a"]},
            "labels",
            "must name each output once",
        ),
        ({"outputs": "logit", "classes": ["a", "b", "c"]}, "classes", r"list two, \[negative, po"),
        ({"threshold": 0.3, "classes": ["a", "b", "c"]}, "threshold", "is for two classes, but"),
        ({"activation": "none", "outputs": "sigmoid"}, "activation", "contradicts"),
        ({"activation": "sigmoid"}, "activation", "is for 'outputs: multilabel'"),
        ({"threshold": 0.0}, None, "greater than 0"),
        ({"threshold": 1.0}, None, "less than 1"),
        ({"threshold": float("nan")}, None, "finite"),
    ],
)
def test_mistakes_of_the_study(fields: dict[str, Any], field: str | None, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        ExistingNetwork.model_validate({"file": "a.pt2", "classes": ["a", "b"], **fields})
    if field is not None:
        assert caught.value.errors()[0]["ctx"]["field"] == field


def test_the_metadata_of_a_file_build_the_same_wrapper() -> None:
    meaning = Outputs(outputs="multilabel", label=2, activation="sigmoid", threshold=0.2)
    expected = Preprocessing.from_study(Input(), meaning, [1, 0])
    assert classifier.Preprocessing(**expected.as_metadata()) == expected


def test_several_outputs_without_a_clear_one_are_named() -> None:
    class Several(nn.Module):
        def forward(self, pixels: Tensor) -> dict[str, Tensor]:
            return {"mask": pixels, "anna": pixels, "probs": pixels.mean(dim=(2, 3))}

    network = Classifier(Several(), PLAIN, opaque=True).frozen()
    with pytest.raises(UserError, match=r"gives 3 outputs \(mask, another, probs\) instead of one"):
        probe.check(network, images(9, 1, 16), 2, "n")
