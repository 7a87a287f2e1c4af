"""A small network, images and doses for tests of attacks, and short ways to run one."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pgdose.attack import loop
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.steps import Attack
from pgdose.attack.surface import Surface, surface
from pgdose.study.attacks import GradientAttack, NoiseAttack
from pgdose.study.doses import Doses

EPSILONS = [0.01, 0.03, 0.08, 0.2]
ITERATIONS = 12


def network(classes: int = 3, dtype: torch.dtype = torch.float64, gain: float = 1.0) -> nn.Module:
    torch.manual_seed(4)
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 9, classes),
    )
    with torch.no_grad():
        for parameter in body.parameters():
            parameter *= gain
    return body.to(dtype).eval().requires_grad_(False)


def pictures(n: int = 9, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, 8, 8, generator=source, dtype=torch.float64) * 1.4 - 0.2
    return images.clamp(0, 1).to(dtype)


def attack(settings: dict[str, Any]) -> Attack:
    """The attack of these settings of the study; `target` may be the index of a class."""
    fields = {"epsilon": [0.1], **settings}
    if fields.get("kind") == "noise":
        return make(NoiseAttack(**fields))
    target = fields.pop("target", None)
    return make(GradientAttack(**fields), target)


def measure(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    attack: Attack,
    *,
    epsilons: Sequence[float],
    max_iter: int,
    keys: Tensor,
    clean: Tensor | None = None,
    **execution: Any,
) -> Surface:
    """The surface of an attack; `execution` are fields of `Execution`."""
    doses = Doses(tuple(epsilons), max_iter)
    samples = Samples(images, classes, keys, clean)
    return surface(network, samples, attack, doses, Execution(**execution))


def trajectory(
    network: nn.Module,
    attack: Attack,
    samples: Samples,
    epsilon: float,
    max_iter: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The iterates of an attack at one epsilon, each with its logits."""
    return loop.trajectory(network, samples, attack, Doses((epsilon,), max_iter))
