"""The objective that goes on after the flip: gradient_of: wrong_class."""

import foolbox
import pytest
import torch
from helpers.attack import attack, measure
from torch import Tensor, nn

from pgdose.attack.objectives import OBJECTIVES

wrong_class = OBJECTIVES["wrong_class"]

pytestmark = pytest.mark.usefixtures("one_thread")


def network(classes: int) -> nn.Module:
    torch.manual_seed(3)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, classes)]
    body = nn.Sequential(*layers).double().eval().requires_grad_(False)
    body[-1].weight *= 4
    body[-1].bias -= body(pictures()).mean(dim=0)  # so that all classes come up
    return body


def pictures(n: int = 30) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.rand(n, 1, 6, 6, generator=source, dtype=torch.float64)


def test_the_value_and_gradient_in_closed_form() -> None:
    """d/dz of -log p_j, j the likeliest wrong class, is p less the unit vector of j."""
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0], [5.0, 5.0, 0.0]], dtype=torch.float64)
    classes = torch.tensor([0, 0, 1])
    likeliest = torch.tensor([2, 1, 0])
    logits.requires_grad_()
    value = wrong_class(logits, classes)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    p = logits.detach().softmax(dim=1)
    expected = -p.gather(1, likeliest[:, None])[:, 0].log()
    assert torch.allclose(value, expected, rtol=0, atol=1e-12)
    unit = torch.zeros_like(p).scatter(1, likeliest[:, None], 1.0)
    assert torch.allclose(gradient, p - unit, rtol=0, atol=1e-12)


def test_of_two_classes_it_is_foolbox_s_attack_towards_the_other_class() -> None:
    one, images = network(2), pictures()
    classes = one(images).argmax(dim=1)
    ours = measure(
        *(one, images, classes),
        attack({"gradient_of": "wrong_class", "step": "sign", "alpha": 0.01, "clip": "iterate"}),
        **{"epsilons": (0.03,), "max_iter": 8, "keys": torch.arange(len(images))},
    )
    theirs = foolbox.attacks.LinfPGD(abs_stepsize=0.01, steps=8, random_start=False)
    model = foolbox.PyTorchModel(one, bounds=(0, 1), device="cpu")
    towards = foolbox.criteria.TargetedMisclassification(1 - classes)
    _, adversarial, _ = theirs(model, images, towards, epsilons=0.03)
    assert torch.allclose(one(adversarial), ours.logits[:, 0, -1].double(), rtol=0, atol=1e-6)
    assert (ours.logits[:, 0, -1].argmax(dim=1) != classes).any()


def test_it_makes_wrong_diagnoses_surer_than_lowering_the_true_class_does() -> None:
    one, images = network(5), pictures(60)
    classes = one(images).argmax(dim=1)

    def confidence(gradient_of: str) -> tuple[Tensor, Tensor]:
        """Of the last iterates, and whether they are wrong."""
        settings = {"gradient_of": gradient_of, "step": "sign", "alpha": 0.01, "clip": "iterate"}
        surface = measure(
            *(one, images, classes, attack(settings)),
            **{"epsilons": (0.1,), "max_iter": 20, "keys": torch.arange(len(images))},
        )
        last = surface.logits[:, 0, -1]
        return last.softmax(dim=1).amax(dim=1), last.argmax(dim=1) != classes

    (sure, flipped), (other, other_flipped) = confidence("wrong_class"), confidence("logit")
    both = flipped & other_flipped
    assert both.sum() > 20
    assert (sure[both] > other[both] + 1e-9).double().mean() > 0.6
    assert sure[both].mean() > other[both].mean() + 0.05
