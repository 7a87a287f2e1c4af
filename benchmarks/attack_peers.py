"""Other libraries' PGD as their documentation has it: L-infinity, sign step, clean start.

Each of `PEERS` takes a network, images (n x channels x rows x columns, in [0, 1]), their classes
and alpha, and gives a call (epsilons, steps) -> the adversarial images of each epsilon, made in the
cheapest way that its interface allows. What a network needs once is built outside that call.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pgdose import devices

Call = Callable[[Sequence[float], int], Sequence[Tensor]]


def with_torchattacks(network: nn.Module, images: Tensor, classes: Tensor, alpha: float) -> Call:
    torchattacks = importlib.import_module("torchattacks")

    def call(epsilons: Sequence[float], steps: int) -> list[Tensor]:
        given = {"alpha": alpha, "steps": steps, "random_start": False}
        return [torchattacks.PGD(network, eps=e, **given)(images, classes) for e in epsilons]

    return call


def with_foolbox(network: nn.Module, images: Tensor, classes: Tensor, alpha: float) -> Call:
    """It takes a list of epsilons, and runs through it."""
    foolbox = importlib.import_module("foolbox")
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device=images.device)

    def call(epsilons: Sequence[float], steps: int) -> list[Tensor]:
        attack = foolbox.attacks.LinfPGD(abs_stepsize=alpha, steps=steps, random_start=False)
        _, found, _ = attack(model, images, classes, epsilons=list(epsilons))
        return list(found)

    return call


def with_art(network: nn.Module, images: Tensor, classes: Tensor, alpha: float) -> Call:
    """It takes numpy's arrays and gives them back."""
    evasion = importlib.import_module("art.attacks.evasion")
    estimators = importlib.import_module("art.estimators.classification")
    with torch.no_grad():
        outputs = network(images[:1]).shape[1]
    judge = estimators.PyTorchClassifier(
        network,
        nn.CrossEntropyLoss(),
        tuple(images.shape[1:]),
        outputs,
        clip_values=(0.0, 1.0),
        device_type="gpu" if images.is_cuda else "cpu",
    )
    pixels, labels = images.cpu().numpy(), classes.cpu().numpy()
    given: dict[str, Any] = {"eps_step": alpha, "batch_size": len(images), "verbose": False}

    def call(epsilons: Sequence[float], steps: int) -> list[Tensor]:
        found = []
        for e in epsilons:
            attack = evasion.ProjectedGradientDescent(judge, eps=e, max_iter=steps, **given)
            found.append(torch.from_numpy(attack.generate(pixels, labels)))
        return found

    return call


def with_adv_lib(network: nn.Module, images: Tensor, classes: Tensor, alpha: float) -> Call:
    """It takes an epsilon for each image, so several epsilons go at once, as many as pgdose's do.

    It returns the last iterate that was seen to be wrong, and does not look at the very last one.
    """
    if "visdom" not in sys.modules and importlib.util.find_spec("visdom") is None:
        sys.modules["visdom"] = types.ModuleType("visdom")  # imported for plots that nobody wants
    pgd_linf = importlib.import_module("adv_lib.attacks").pgd_linf

    given: dict[str, Any] = {"random_init": False, "absolute_step_size": alpha}
    at_once = max(devices.MOST_AT_ONCE[images.device.type] // len(images), 1)

    def call(epsilons: Sequence[float], steps: int) -> list[Tensor]:
        found: list[Tensor] = []
        for start in range(0, len(epsilons), at_once):
            some = torch.tensor(epsilons[start : start + at_once]).to(images)
            rows = torch.cat([images] * len(some)), classes.repeat(len(some))
            each = some.repeat_interleave(len(images))
            found += pgd_linf(network, *rows, each, steps=steps, **given).split(len(images))
        return found

    return call


# The name on the package index -> what it is imported as, and how it is called.
PEERS: dict[str, tuple[str, Callable[[nn.Module, Tensor, Tensor, float], Call]]] = {
    "torchattacks": ("torchattacks", with_torchattacks),
    "foolbox": ("foolbox", with_foolbox),
    "adversarial-robustness-toolbox": ("art", with_art),
    "adv-lib": ("adv_lib", with_adv_lib),
}


def installed() -> list[str]:
    """The peers that are there; says which are and which are not."""
    there = [name for name, (module, _) in PEERS.items() if importlib.util.find_spec(module)]
    for name in PEERS:
        told = importlib.metadata.version(name) if name in there else "not installed, left out"
        print(f"{name}: {told}")
    return there
