"""What one iteration of an attack does. Small parts that combine in the study file.

Images are float, n x channels x rows x columns, in [0, 1]; epsilon is in the same unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], Tensor]

OBJECTIVES: dict[str, Objective] = {
    # (logits n x classes, class of each n) -> what descent is to lower, n
    "probability": lambda logits, classes: _of(logits.softmax(dim=1), classes),
    "logit": lambda logits, classes: _of(logits, classes),
    "cross_entropy": lambda logits, classes: _of(logits.log_softmax(dim=1), classes),
}


def _of(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None])[:, 0]


def into_box(images: Tensor, clean: Tensor, epsilon: float) -> Tensor:
    """The nearest images within epsilon of the clean ones (L-infinity) and within [0, 1]."""
    return torch.minimum(torch.maximum(images, clean - epsilon), clean + epsilon).clamp(0, 1)


class Attack(Protocol):
    """One iteration: from the iterate (and its gradient, if wanted) to the next one."""

    @property
    def objective(self) -> Objective | None:
        """What descent lowers; None: the attack asks for no gradient."""

    def advance(
        self,
        images: Tensor,
        gradient: Tensor | None,
        clean: Tensor,
        epsilon: float,
        iteration: int,
        keys: Tensor,
    ) -> Tensor: ...


@dataclass(frozen=True)
class Gradient:
    """Eq. 1 of Kovalev & Voynov (2019) in both readings, raw or by the gradient's sign.

    clip = iterate:   x[k+1] = Clip(x[k] - rate * g), Clip the box round the clean image
    clip = gradient:  x[k+1] = x[k] - rate * clamp(g, -epsilon, epsilon), cut to [0, 1]
    with g the gradient of the objective, or its sign (step = sign).
    """

    objective: Objective
    step: str
    clip: str
    rate: float

    def advance(
        self,
        images: Tensor,
        gradient: Tensor | None,
        clean: Tensor,
        epsilon: float,
        iteration: int,
        keys: Tensor,
    ) -> Tensor:
        assert gradient is not None
        if self.clip == "gradient":
            return (images - self.rate * gradient.clamp(-epsilon, epsilon)).clamp(0, 1)
        direction = gradient.sign() if self.step == "sign" else gradient
        return into_box(images - self.rate * direction, clean, epsilon)


@dataclass(frozen=True)
class Noise:
    """The control: uniform noise in [-epsilon, epsilon], drawn anew at each iteration.

    Keyed by image and iteration: one pattern for all epsilons, whatever the batch.
    """

    objective: None = None

    def advance(
        self,
        images: Tensor,
        gradient: Tensor | None,
        clean: Tensor,
        epsilon: float,
        iteration: int,
        keys: Tensor,
    ) -> Tensor:
        noise = [_uniform(clean.shape[1:], int(key), iteration) for key in keys]
        return into_box(clean + epsilon * torch.stack(noise).to(clean), clean, epsilon)


def _uniform(shape: torch.Size, key: int, iteration: int) -> Tensor:
    # numpy's, since torch's generator on the CPU takes no more than 32 bits of a seed.
    source = np.random.SeedSequence(key, spawn_key=(iteration,))
    return torch.from_numpy(np.random.default_rng(source).uniform(-1, 1, tuple(shape)))


def make(settings: dict[str, Any]) -> Attack:
    """An attack from its entry in the study file (`kind`, `gradient_of`, `step`, ...)."""
    if settings["kind"] == "noise":
        return Noise()
    rate = settings["lr"] if settings["step"] == "raw" else settings["alpha"]
    objective = OBJECTIVES[settings["gradient_of"]]
    return Gradient(objective, settings["step"], settings["clip"], rate)
