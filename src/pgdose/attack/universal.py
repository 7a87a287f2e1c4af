"""Universal perturbations: one change of the pixels for all images, learned on training images.

    max over |delta| <= epsilon of the mean over (x, y) of min(CE(f(clip(x + delta)), y), BETA)

The question is that of Moosavi-Dezfooli et al. (2017); the clipped loss and the stochastic gradient
are those of Shafahi et al. (2020, eq. 3 and algorithm 1). Without the clip a few images, long since
wrong, would decide all further steps. With g the gradient of the mean over a batch, a step is

    v <- MOMENTUM * v + g / mean|g|,    delta <- Clip(delta + rate * sign(v)),

Clip the L-infinity box, the rate falling to 0. The momentum (Dong et al. 2018, MI-FGSM) is the mean
over many batches: what one batch alone wants would cancel out, and the pattern be mostly noise.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.input_checks import check_attacked_logits, check_network
from pgdose.attack.objectives import OBJECTIVES
from pgdose.errors import UserError
from pgdose.networks.classifier import probability_offset
from pgdose.out_of_memory import halve_batch
from pgdose.study.controls import UniversalPerturbation
from pgdose.tables.keyed import generator

BETA = 9.0  # nats, where the loss of an image is cut: a probability of 1e-4
MOMENTUM = 0.9
FIRST_RATE = 0.1  # of epsilon, the first step
WAY = 2.0  # all steps together are at least so many epsilons long: any corner of the box is reached
KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class TrainingImages:
    """The images that a perturbation is learned on.

    number: of them
    read:   numbers of some, int64 -> images, float in [0, 1], n x channels x rows x columns, and
            their true classes, n, int64, both on the network's device
    """

    number: int
    read: Callable[[np.ndarray], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class State:
    """Perturbations and their velocities after some steps: epsilons x channels x rows x columns."""

    delta: Tensor
    velocity: Tensor
    steps: int


def learn(
    network: nn.Module,
    training: TrainingImages,
    settings: UniversalPerturbation,
    order: Callable[[int], np.ndarray],
    *,
    at_once: int = 32,
    start: State | None = None,
    keep: Callable[[State], None] = lambda state: None,
    progress: Callable[[int, int, int], None] = lambda done, total, steps: None,
) -> Tensor:
    """Perturbations, one for each epsilon: epsilons x channels x rows x columns, in [-1, 1].

    network:  images in [0, 1] -> logits; in evaluation mode, its weights frozen
    settings: `epsilon`, `epochs` and `batch` are used
    order:    number of a pass, from 0 -> the training images in the order of this pass
    at_once:  images times epsilons in memory; halved when memory runs out. It changes no result,
              but for rounding
    start:    a state that an earlier call with the same arguments gave to `keep`
    keep:     called with the state once a minute, and at the end
    progress: called with the images seen in all passes, their number, and gradient steps

    UserError without training images, or if the network gives NaN.
    """
    check_network(network)
    if training.number == 0:
        raise UserError("there are no training images to learn a universal perturbation on")
    batch = min(settings.batch, training.number)
    of_a_pass = -(-training.number // batch)
    total, kept_at = settings.epochs * of_a_pass, time.monotonic()
    for step in range(start.steps if start else 0, total):
        number, place = divmod(step, of_a_pass)
        images, classes = training.read(order(number)[place * batch : (place + 1) * batch])
        epsilon = images.new_tensor(settings.epsilon)[:, None, None, None]
        if start is None:
            zeros = images.new_zeros((len(epsilon), *images.shape[1:]))
            start = State(zeros, zeros, 0)
        delta = start.delta.to(images)
        gradient, at_once = _loss_gradient(network, delta, images, classes, at_once)
        check_attacked_logits(gradient)  # NaN has the sign 0
        mean = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-20)
        velocity = MOMENTUM * start.velocity.to(images) + gradient / mean
        moved = delta + epsilon * _rate(step, total) * velocity.sign()
        start = State(moved.clamp(-epsilon, epsilon), velocity, step + 1)
        seen = number * training.number + min((place + 1) * batch, training.number)
        progress(seen, settings.epochs * training.number, step + 1)
        if step + 1 == total or time.monotonic() - kept_at >= KEEP_SECONDS:
            keep(start)
            kept_at = time.monotonic()
    assert start is not None
    return start.delta


def _rate(step: int, total: int) -> float:
    """The length of a step, in parts of epsilon; it falls evenly."""
    return max(FIRST_RATE, 2 * WAY / total) * (1 - step / total)


def _loss_gradient(
    network: nn.Module, delta: Tensor, images: Tensor, classes: Tensor, at_once: int
) -> tuple[Tensor, int]:
    """The gradient of the clipped loss by each perturbation, and what memory allows at once."""
    while True:
        try:
            gradients = []
            for some in delta.split(at_once):
                size = max(1, at_once // len(some))
                parts = zip(images.split(size), classes.split(size), strict=True)
                of_parts = (_gradient(network, some, *part) for part in parts)
                gradients.append(sum(of_parts, torch.zeros_like(some)))
            return torch.cat(gradients), at_once
        except RuntimeError as error:
            at_once = halve_batch(at_once, error)


def _gradient(network: nn.Module, delta: Tensor, images: Tensor, classes: Tensor) -> Tensor:
    """Of the sum over the images, for each of the perturbations."""
    delta = delta.detach().requires_grad_()
    logits = network(perturb(images, delta).flatten(0, 1))
    offset = probability_offset(network)
    if offset is not None:
        logits = logits + offset.to(logits)
    loss = -OBJECTIVES["cross_entropy"](logits, classes.repeat(len(delta)))
    return torch.autograd.grad(loss.clamp(max=BETA).sum(), delta)[0]


def perturb(images: Tensor, delta: Tensor) -> Tensor:
    """Each image with each perturbation, cut to [0, 1].

    n x channels x rows x columns, and epsilons x the same -> epsilons x n x the same
    """
    return (images + delta[:, None]).clamp(0, 1)


def keyed_order(seed: int, name: str, images: int) -> Callable[[int], np.ndarray]:
    """The order of each pass over the images, keyed by seed, `name` and the pass alone."""

    @functools.lru_cache(maxsize=1)  # all steps of a pass ask for it
    def order(number: int) -> np.ndarray:
        return generator(seed, f"universal pass {number}", name).permutation(images)

    return order
