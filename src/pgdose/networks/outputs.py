"""From a network's outputs to logits of classes, and from these to probabilities and decisions.

Two-class logits stand for one number z, the log-odds of the second class: they are -z/2 and z/2,
so that their softmax is the network's probability, and the gradients of both classes are of one
size. A threshold t other than 0.5 moves the decision and not the probability: the logits that an
attack is given are less `offset`, -s/2 and s/2 with s = log(t / (1 - t)). Their largest is the
class that the network decides for, and softmax(logits + offset) is its probability.
"""

import math

import torch
from torch import Tensor

from pgdose.study.networks import OF_ONE_NUMBER


def class_logits(outputs: Tensor, kind: str, label: int = 0, *, activated: bool = False) -> Tensor:
    """n x classes, the logits of the probabilities that outputs mean.

    Outputs of a wrong shape are returned as they are: `probe` refuses them.

    Args:
        outputs: as the network gives them.
        kind: as `outputs` of the study.
        label: of several labels, the number of the audited output.
        activated: whether outputs of several labels are probabilities.
    """
    if outputs.dtype in (torch.float16, torch.bfloat16):
        outputs = outputs.float()
    if kind == "probabilities":
        return _log(outputs)
    if kind not in OF_ONE_NUMBER:
        return outputs
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    several = kind == "multilabel"
    if outputs.ndim != 2 or (outputs.shape[1] <= label if several else outputs.shape[1] != 1):
        return outputs
    number = outputs[:, label if several else 0]
    if kind == "sigmoid" or (several and activated):
        number = _log(number) - _log(1 - number)
    return torch.stack([-number / 2, number / 2], dim=1)


def _log(probabilities: Tensor) -> Tensor:
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def offset(threshold: float | None) -> list[float] | None:
    """What the logits of [negative, positive] are less by; None where the larger one decides."""
    if threshold is None or threshold == 0.5:
        return None
    half = (math.log(threshold) - math.log1p(-threshold)) / 2
    return [-half, half]
