"""Transfer: what other networks make of the adversarial images of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.input_checks import check_attacked_logits, check_doses, check_network
from pgdose.attack.loop import iterate
from pgdose.attack.samples import Samples
from pgdose.attack.selection import select_attacked
from pgdose.attack.steps import Attack
from pgdose.study.doses import Doses


@dataclass(frozen=True)
class Transfer:
    """What judges make of n images, of which m were attacked through one network.

    attacked: n, bool; as in `surface.Surface`
    logits:   m x judges x (1 + epsilons) x classes; first of the clean image, then at each epsilon
    batch:    images at a time, at the end
    """

    attacked: Tensor
    logits: Tensor
    batch: int


def transfer(
    network: nn.Module,
    judges: Sequence[nn.Module],
    samples: Samples,
    attack: Attack,
    doses: Doses,
    iteration: int,
    execution: Execution | None = None,
) -> Transfer:
    """Attack `network`, and show the images of `iteration` to each of the judges.

    Judges take what the network takes, images in [0, 1] -> logits of the same classes; it may be
    one of them. The rest is as for `surface.surface`.
    """
    execution = execution or Execution()
    for judge in judges:
        check_network(judge)
    check_doses(doses, attack.clip)
    selection = select_attacked(network, samples, attack, execution.batch)

    def judge_all(images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.stack([judge(images) for judge in judges], dim=1)

    def compute(some: Tensor, batch: int) -> Part:
        batch_samples = samples.select(some)
        judged = [judge_all(batch_samples.images)]
        for level in range(len(doses)):
            images = batch_samples.images
            if len(some):
                images, _ = iterate(network, batch_samples, attack, doses, level, iteration)
            judged.append(judge_all(images))
        logits = torch.stack(judged, dim=2)
        check_attacked_logits(logits)
        steps = torch.full((len(some),), len(doses) * iteration * attack.restarts)
        return {"logits": logits.cpu(), "steps": steps}

    rows = selection.attacked.nonzero()[:, 0]
    values, batch = in_parts(compute, rows, selection.batch, execution)
    return Transfer(selection.attacked.cpu(), values["logits"], batch)
