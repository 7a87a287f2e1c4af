"""The well-known attacks, beside other libraries' of the same name: the same images.

torchattacks and foolbox compute in the dtype that they are given: compared in float64. ART casts
images to float32, so a gradient near 0 may change its sign: flips and rates are compared.
All start at the clean image, since draws differ.
"""

import importlib
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.attack import trajectory
from torch import Tensor, nn

from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.study.attacks import FORMS, GradientAttack

STEPS, N = 10, 200


pytestmark = pytest.mark.usefixtures("one_thread")


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 6, 3, stride=2), nn.Tanh()]
    body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 9, 3)).double()
    body = body.eval().requires_grad_(False)
    for layer in (body[0], body[2]):
        layer.weight *= 3  # so bent that the gradient's sign changes on the way
    body[-1].bias -= body(pictures()).mean(dim=0)  # so that all classes come up
    return body


def pictures(low: float = -0.2, high: float = 1.2) -> Tensor:
    """8 x 8 greys; some pixels at either end of [0, 1], if the limits lie beyond."""
    source = torch.Generator().manual_seed(1)
    drawn = torch.rand(N, 1, 8, 8, generator=source, dtype=torch.float64)
    return (low + (high - low) * drawn).clamp(0, 1)


NETWORK = network()


def ours(form: str, images: Tensor, epsilon: float, alpha: float) -> Tensor:
    """The last iterates of a form of the study file, without its random start."""
    parts = GradientAttack(form=form, alpha=alpha, epsilon=[epsilon], max_iter=_steps(form))
    attack = replace(make(parts), start="clean")
    samples = Samples(images, NETWORK(images).argmax(dim=1), torch.arange(N))
    path = trajectory(NETWORK, attack, samples, epsilon, _steps(form))
    *_, (last, _) = path
    return last


def _steps(form: str) -> int:
    return FORMS[form].get("max_iter", STEPS)


def changed(images: Tensor, classes: Tensor) -> Tensor:
    return NETWORK(images.double()).argmax(dim=1) != classes


# --- torchattacks and foolbox ---------------------------------------------------------------------

# pgd and bim are one attack when both start at the clean image. torchattacks' PGDL2 adds 1e-10 to
# the gradient's length, of a loss averaged over the batch: a step 1e-7 shorter, unless told not to.
SAME: list[tuple[str, float, str, str, dict[str, Any]]] = [
    ("fgsm", 1.0, "torchattacks", "FGSM", {}),
    ("bim", 0.02, "torchattacks", "BIM", {}),
    ("pgd", 0.02, "torchattacks", "PGD", {"random_start": False}),
    ("mi-fgsm", 0.02, "torchattacks", "MIFGSM", {"decay": 1.0}),
    ("pgd-l2", 0.1, "torchattacks", "PGDL2", {"random_start": False, "eps_for_division": 0}),
    ("fgsm", 1.0, "foolbox", "LinfFastGradientAttack", {}),
    ("bim", 0.02, "foolbox", "LinfBasicIterativeAttack", {}),
    ("pgd", 0.02, "foolbox", "LinfPGD", {"random_start": False}),
    ("pgd-l2", 0.1, "foolbox", "L2PGD", {"random_start": False}),
]


@pytest.mark.parametrize(
    ("form", "alpha", "library", "name", "extra"), SAME, ids=[f"{s[0]}-{s[2]}" for s in SAME]
)
def test_the_same_images_in_float64(
    form: str, alpha: float, library: str, name: str, extra: dict[str, Any]
) -> None:
    """foolbox's MI-FGSM is left out: it adds up the *signs* of gradients, which is another attack.

    With its momentum at 0 it is bim, which is compared.
    """
    module, images = pytest.importorskip(library), pictures()
    classes = NETWORK(images).argmax(dim=1)
    size = {"torchattacks": "alpha", "foolbox": "abs_stepsize"}[library]
    given = extra if form == "fgsm" else {size: alpha, "steps": STEPS} | extra
    for epsilon in (0.2, 0.5) if form == "pgd-l2" else (0.03, 0.12):
        if library == "torchattacks":
            theirs = getattr(module, name)(NETWORK, eps=epsilon, **given)(images, classes)
        else:
            model = module.PyTorchModel(NETWORK, bounds=(0, 1), device="cpu")
            theirs = getattr(module.attacks, name)(**given).run(
                model, images, classes, epsilon=epsilon
            )
        found = ours(form, images, epsilon, alpha)
        assert theirs.dtype == torch.float64
        assert (found - theirs).abs().max() < 1e-8
        assert (found - images).flatten(1).norm(dim=1).min() > 0.1
    assert 0.1 < changed(found, classes).double().mean() < 1  # the larger epsilon does something


# --- ART ------------------------------------------------------------------------------------------

ART: list[tuple[str, float, float, str, dict[str, Any]]] = [
    ("fgsm", 0.12, 1.0, "FastGradientMethod", {}),
    ("bim", 0.12, 0.02, "BasicIterativeMethod", {"max_iter": STEPS}),
    ("pgd", 0.12, 0.02, "ProjectedGradientDescent", {"max_iter": STEPS}),
    ("mi-fgsm", 0.12, 0.02, "MomentumIterativeMethod", {"max_iter": STEPS, "decay": 1.0}),
    ("pgd-l2", 0.2, 0.05, "ProjectedGradientDescent", {"max_iter": STEPS, "norm": 2}),
]


@pytest.mark.parametrize(
    ("form", "epsilon", "alpha", "name", "given"), ART, ids=[entry[0] for entry in ART]
)
def test_art_in_float32_changes_the_same_classes(
    form: str, epsilon: float, alpha: float, name: str, given: dict[str, Any]
) -> None:
    """With L2 ART cuts to [0, 1] first and to the ball then, which differs where both bind.

    So the L2 images keep away from both ends of the range.
    """
    pytest.importorskip("art")
    evasion = importlib.import_module("art.attacks.evasion")
    estimators = importlib.import_module("art.estimators.classification")
    images = pictures(0.3, 0.7) if form == "pgd-l2" else pictures()
    classes = NETWORK(images).argmax(dim=1)
    body = network().float()
    given = {"eps": epsilon, "batch_size": N} | given
    if form != "fgsm":
        given |= {"eps_step": alpha, "verbose": False}
    judge = estimators.PyTorchClassifier(
        body, nn.CrossEntropyLoss(), (1, 8, 8), 3, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = getattr(evasion, name)(judge, **given)
    theirs = torch.from_numpy(attack.generate(images.float().numpy(), classes.numpy()))
    assert theirs.dtype == torch.float32
    found = ours(form, images, epsilon, alpha)
    assert form != "pgd-l2" or (found.min() > 0 and found.max() < 1)
    flips, others = changed(found, classes), changed(theirs, classes)
    assert (flips != others).double().mean() <= 0.005
    assert abs(flips.double().mean() - others.double().mean()) <= 0.01
    assert 0.1 < flips.double().mean() < 1
    # Nearly every pixel too: images that only flip alike would be another attack.
    assert ((found - theirs).abs() > 1e-5).double().mean() <= 0.005
