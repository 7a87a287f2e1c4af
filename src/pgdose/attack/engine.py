"""The whole response surface of an attack: for each image and epsilon the logits of every iterate.

`surface` is the interface; `trajectory` is the attack loop itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.steps import Attack


@dataclass(frozen=True)
class Surface:
    """What an attack did. n images of which m were right on the clean image.

    clean:    n x classes, logits of the clean images
    attacked: n, whether the image was right and so was attacked
    logits:   m x epsilons x (max_iter + 1) x classes, iteration 0 being the clean image
    change:   m x epsilons, the largest change of any pixel at the last iterate
    """

    clean: Tensor
    attacked: Tensor
    logits: Tensor
    change: Tensor


def trajectory(
    network: nn.Module,
    clean: Tensor,
    classes: Tensor,
    attack: Attack,
    epsilon: float,
    max_iter: int,
    keys: Tensor,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The iterates 0 .. max_iter of one attack, each with its logits."""
    images = clean
    for iteration in range(max_iter + 1):
        with torch.set_grad_enabled(attack.objective is not None and iteration < max_iter):
            images = images.detach().requires_grad_(torch.is_grad_enabled())
            logits = network(images)
        yield images.detach(), logits.detach()
        if iteration == max_iter:
            return
        gradient = None
        if attack.objective is not None:
            lowered = attack.objective(logits, classes).sum()
            (gradient,) = torch.autograd.grad(lowered, images)
        with torch.no_grad():
            images = attack.advance(images, gradient, clean, epsilon, iteration, keys)


def surface(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    attack: Attack,
    *,
    epsilons: Sequence[float],
    max_iter: int,
    keys: Tensor,
    batch: int = 32,
    progress: Callable[[int], None] = lambda n: None,
) -> Surface:
    """Attack each image that the network gets right, at each epsilon.

    network:  in evaluation mode, its weights frozen; images in [0, 1] -> logits
    images:   n x channels x rows x columns, float, on the network's device
    classes:  n, int64, the true class; it is also the predicted one of every attacked image
    keys:     n, int64, on the CPU: identities of the images, for attacks that draw
    progress: called with the number of images done after each batch
    """
    if network.training or any(p.requires_grad for p in network.parameters()):
        raise ValueError("the network must be in evaluation mode with frozen weights")
    parts = []
    for start in range(0, max(len(images), 1), batch):  # no images: an empty surface
        some = slice(start, start + batch)
        parts.append(
            _batch(network, images[some], classes[some], attack, epsilons, max_iter, keys[some])
        )
        progress(min(start + batch, len(images)))
    return Surface(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _batch(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    attack: Attack,
    epsilons: Sequence[float],
    max_iter: int,
    keys: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    with torch.no_grad():
        clean = network(images)
    right = clean.argmax(dim=1) == classes
    originals, true, own = images[right], classes[right], keys[right.cpu()]
    m = len(originals)
    logits = clean.new_empty((m, len(epsilons), max_iter + 1, clean.shape[1]))
    change = clean.new_zeros((m, len(epsilons)))
    if m:
        for e, epsilon in enumerate(epsilons):
            path = trajectory(network, originals, true, attack, epsilon, max_iter, own)
            last = originals
            for iteration, (iterate, judged) in enumerate(path):
                logits[:, e, iteration] = judged
                last = iterate
            change[:, e] = (last - originals).abs().amax(dim=(1, 2, 3))
    return clean.cpu(), right.cpu(), logits.cpu(), change.cpu()
