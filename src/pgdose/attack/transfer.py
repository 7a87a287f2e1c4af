"""Transfer: what other networks make of the adversarial images of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.engine import (
    BROKEN,
    Part,
    attackable,
    check_doses,
    check_network,
    in_parts,
    iterate,
)
from pgdose.attack.steps import Attack
from pgdose.errors import UserError


@dataclass(frozen=True)
class Transfer:
    """What judges say of n images, of which m were attacked through one network.

    attacked: n, bool; as in `engine.Surface`
    logits:   m x judges x (1 + epsilons) x classes; first of the clean image, then at each epsilon
    batch:    images at a time, at the end
    """

    attacked: Tensor
    logits: Tensor
    batch: int


def transfer(
    network: nn.Module,
    judges: Sequence[nn.Module],
    images: Tensor,
    classes: Tensor,
    attack: Attack,
    *,
    epsilons: Sequence[float],
    iteration: int,
    max_iter: int,
    keys: Tensor,
    batch: int = 32,
    parts: Sequence[Part] = (),
    keep: Callable[[Part], None] = lambda part: None,
    progress: Callable[[int, int, int], None] = lambda done, of, steps: None,
) -> Transfer:
    """Attack `network`, and show the images of `iteration` to each of the judges.

    Judges see what it sees, images in [0, 1] -> logits of the same classes; it may be one of them.
    The rest is as for `engine.surface`.
    """
    for judge in judges:
        check_network(judge)
    check_doses(epsilons, max_iter, attack.clip)
    _, right, _, batch = attackable(network, images, classes, attack, batch)

    def shown(to_all: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.stack([judge(to_all) for judge in judges], dim=1)

    def one_batch(some: Tensor, batch: int) -> Part:
        own, true, key = images[some], classes[some], keys[some.to(keys.device)]
        seen = [shown(own)]
        for epsilon in epsilons:
            found = own
            if len(some):
                found, _ = iterate(network, attack, own, true, epsilon, iteration, max_iter, key)
            seen.append(shown(found))
        logits = torch.stack(seen, dim=2)
        if not logits.isfinite().all():
            raise UserError(BROKEN)
        steps = torch.full((len(some),), len(epsilons) * iteration * attack.restarts)
        return {"logits": logits.cpu(), "steps": steps}

    found, batch = in_parts(one_batch, right.nonzero()[:, 0], batch, parts, keep, progress)
    return Transfer(right.cpu(), found["logits"], batch)
