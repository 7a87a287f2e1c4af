"""The attack loop, and single trajectories made with it.

`descend` is the loop: evaluate the network on the iterates, step to the next ones, until each
attack is at its end. `trajectory` yields the iterates of one attack; `iterate` gives the one that
the response surface counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from pgdose.attack.objectives import margin
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack, Items, attack_on, loss, target_class
from pgdose.study.doses import Doses


@dataclass
class Step:
    """One iteration of n items."""

    items: Items
    logits: Tensor
    gradient: Tensor | None  # with 0 for entries that are not finite; None if none was needed
    bad: Tensor  # n, the share of these entries
    continues: Tensor  # n, bool: whether an item has further iterations
    following: Items  # those that have, one iteration on


def descend(network: nn.Module, attack: Attack, items: Items) -> Iterator[Step]:
    """The attack loop: evaluate the iterates and step to the next; items at their end leave.

    Between two steps the caller may change `following`: end an attack, or add others.
    """
    while len(items):
        continues = items.iteration < items.last
        logits, gradient = evaluate(network, attack, items, bool(continues.any()))
        gradient, bad = _finite(gradient, logits)
        following = items.select(continues)
        if len(following):
            rows = slice(None) if len(following) == len(items) else continues
            their_gradient = None if gradient is None else gradient[rows]
            following = attack.advance(following, logits[rows], their_gradient)
            following.iteration = following.iteration + 1
        step = Step(items, logits, gradient, bad, continues, following)
        yield step
        items = step.following


def evaluate(
    network: nn.Module, attack: Attack, items: Items, steps: bool
) -> tuple[Tensor, Tensor | None]:
    """Logits of the iterates, and the gradient of the loss by their pixels.

    The gradient is None where no item `steps` on, or the attack needs none.
    """
    differentiate = steps and attack.objective is not None
    with torch.set_grad_enabled(differentiate):
        images = items.images.detach().requires_grad_(differentiate)
        logits = network(images)
        if not differentiate:
            return logits, None
        (gradient,) = torch.autograd.grad(loss(attack, items, logits).sum(), images)
    return logits.detach(), gradient


def _finite(gradient: Tensor | None, logits: Tensor) -> tuple[Tensor | None, Tensor]:
    """The gradient with 0 for what is not finite, and n, the share of that."""
    none = logits.new_zeros(len(logits))
    if gradient is None or gradient.sum().isfinite():
        return gradient, none
    bad = (~gradient.isfinite()).flatten(1).to(logits.dtype).mean(dim=1)
    return gradient.nan_to_num(0.0, 0.0, 0.0), bad


def initial_items(
    attack: Attack,
    samples: Samples,
    targets: Tensor,
    doses: Doses,
    levels: Sequence[int],
    restart: int = 0,
) -> Items:
    """Iterate 0 of all images at some of the epsilons (`levels`), epsilon after epsilon."""
    images = samples.images
    n, e = len(images), len(levels)
    level = torch.tensor(list(levels), device=images.device).repeat_interleave(n)
    epsilons = torch.tensor(doses.epsilons, dtype=images.dtype, device=images.device)
    repeated = images if e == 1 else images.repeat(e, 1, 1, 1)
    items = Items(
        images=repeated,
        clean=repeated,
        target_class=targets.repeat(e),
        keys=samples.keys.to(images.device).repeat(e),
        epsilon=epsilons[level][:, None, None, None],
        last=torch.full_like(level, doses.max_iter),
        row=torch.arange(n, device=images.device).repeat(e),
        level=level,
        iteration=torch.zeros_like(level),
    )
    items.images = attack.initial_images(items, restart)
    return items


def trajectory(
    network: nn.Module,
    samples: Samples,
    attack: Attack,
    doses: Doses,
    level: int = 0,
    restart: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The iterates 0 .. max_iter of one attack at one epsilon, each with its logits; no shortcuts.

    With a random start iterate 0 is that start; of APGD an iterate is the best so far. It is one of
    several restarts; `iterate` says which of them counts.
    """
    with torch.no_grad():
        targets = target_class(attack, network(samples.images), samples.classes)
    attack = attack_on(attack, network)
    items = initial_items(attack, samples, targets, doses, [level], restart)
    for step in descend(network, attack, items):
        images, logits = attack.result(step.items, step.logits)
        yield images.detach(), logits


def iterate(
    network: nn.Module,
    samples: Samples,
    attack: Attack,
    doses: Doses,
    level: int,
    iteration: int,
) -> tuple[Tensor, Tensor]:
    """The images of the surface's `iteration` at an epsilon, and their logits.

    `doses` are those of the surface, since the steps of APGD depend on max_iter. Of several
    restarts the first that flips an image counts, else the one that came nearest.
    """
    images, logits = samples.images, samples.images.new_empty(0)
    for restart in range(attack.restarts):
        path = trajectory(network, samples, attack, doses, level, restart)
        other_images, other_logits = next(islice(path, iteration, None))
        if not restart:
            images, logits = other_images, other_logits
            continue
        before = margin(logits, samples.classes)
        better = (before > 0) & (margin(other_logits, samples.classes) < before)
        images = torch.where(better[:, None, None, None], other_images, images)
        logits = torch.where(better[:, None], other_logits, logits)
    return images, logits
