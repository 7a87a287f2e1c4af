"""The loss of a network's outputs: cross-entropy, of auxiliary heads too."""

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from pgdose.study.training import Training


class Outputs(NamedTuple):
    """What a network gave for n images of a batch.

    loss: their mean loss, a scalar with its graph
    logits: n x classes, of the main head; of clean and of attacked images where a method of
        adversarial training computes both
    images: n x channels x rows x columns, to whose gradient a method of adversarial training
        steps; None for other methods
    """

    loss: Tensor
    logits: tuple[Tensor, ...]
    images: Tensor | None = None


def outputs_of(output: Tensor | tuple[Tensor, ...], labels: Tensor, settings: Training) -> Outputs:
    """The loss and the main logits of what a network returns in training mode.

    Auxiliary heads, where there are some, add their logits behind the main ones.
    """
    logits, *others = output if isinstance(output, tuple) else (output,)
    loss = _loss(logits, labels, settings)
    for other in others:
        loss = loss + settings.auxiliary * _loss(other, labels, settings)
    return Outputs(loss, (logits,))


def _loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)
