"""The inputs and the result of a check."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pgdose.attack.noise import Noise
from pgdose.attack.projections import BOX, Clip
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack
from pgdose.networks.classifier import probability_offset
from pgdose.study.doses import Doses


@dataclass(frozen=True)
class CheckInputs:
    """A surface of m attacked images, e epsilons and c classes, and k of its images.

    network:       as attacked: in evaluation mode, weights frozen; images in [0, 1] -> logits
    attack:        None for one of another library
    precision:     of the network under attack: fp32, tf32 or bf16
    doses:         of the surface
    level:         of the epsilon that is used where a check uses only one
    classes:       m, int64, the true classes
    logits:        m x e x (max_iter + 1) x c, float; NaN at iterations that were not run
    change:        m x e; zero_gradient and bad_gradient: m; all as in `Surface`
    rows:          k, int64, the positions of these images among the m
    images:        k x channels x rows x columns, float in [0, 1], on the network's device
    keys:          k, int64, identities of these images
    clean:         m x c, logits of the clean images as stored after training
    expensive:     how many of the k the expensive checks use, the first ones; 0: none is made
    queries:       of Square, for each image
    positives:     how many of these images get an adversarial one planted; 0: none
    batch:         images at a time
    flipped_by_square: results of Square, which the checks of all attacks on a network share
    planted:       what was planted, shared in the same way
    """

    network: nn.Module
    attack: Attack | None
    precision: str
    doses: Doses
    level: int
    classes: Tensor
    logits: Tensor
    change: Tensor
    zero_gradient: Tensor
    bad_gradient: Tensor
    rows: Tensor
    images: Tensor
    keys: Tensor
    clean: Tensor
    expensive: int
    queries: int
    positives: int = 0
    batch: int = 32
    flipped_by_square: dict[Hashable, Tensor] = field(default_factory=dict)
    planted: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def is_noise(self) -> bool:
        return isinstance(self.attack, Noise)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Float64, of logits of the network: its decision may have a threshold."""
        offset = probability_offset(self.network)
        logits = logits.double()
        return (logits if offset is None else logits + offset.to(logits)).softmax(dim=-1)

    @property
    def clip(self) -> Clip:
        return self.attack.clip if self.attack else BOX

    @property
    def entries(self) -> int:
        """Of an image."""
        return self.images[0].numel()

    @property
    def epsilon(self) -> float:
        return self.doses.epsilons[self.level]

    @property
    def at_epsilon(self) -> str:
        return f"at epsilon = {self.epsilon:g}"

    @cached_property
    def flips(self) -> Tensor:
        """m x e x (max_iter + 1), bool: taken for another class; false without logits."""
        return torch.stack([self._flips(logits) for logits in self.logits.unbind(1)], dim=1)

    def _flips(self, logits: Tensor) -> Tensor:
        other = logits.argmax(dim=2) != self.classes[:, None]
        return other & logits.isfinite().all(dim=2)

    @property
    def flipped(self) -> Tensor:
        """Bool, of the images of the expensive checks: the attack's success at `epsilon`."""
        return self.flips[self.rows[: self.expensive], self.level, -1]

    @property
    def samples(self) -> Samples:
        """The images of the expensive checks."""
        classes = self.classes[self.rows[: self.expensive]]
        images = self.images[: self.expensive]
        return Samples(images, classes.to(images.device), self.keys[: self.expensive])


class CheckResult(NamedTuple):
    """A check's figure, whether it is in order, one sentence, and more for a reader."""

    figure: float
    passed: bool
    says: str
    details: dict[str, Any] | None = None


class NotApplicable(Exception):  # noqa: N818 - nothing is wrong
    """Why a check cannot be done for an attack."""


Check = Callable[[CheckInputs], CheckResult]


def scale(values: Tensor) -> float:
    """The size against which differences of values are judged: the largest of them, at least 1."""
    return max(1.0, float(values.abs().max()))
