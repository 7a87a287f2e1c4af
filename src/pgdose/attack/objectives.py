"""Objectives: (logits n x classes, one class of each image) -> n, large where the class is likely.

An attack lowers the objective of the true class, or raises that of its target.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], Tensor]


def _of_class(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None])[:, 0]


def margin(logits: Tensor, classes: Tensor) -> Tensor:
    """The logit of the class less the largest of the others: negative where the class has lost."""
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return _of_class(logits, classes) - others.amax(dim=1)


def difference_of_logits_ratio(logits: Tensor, classes: Tensor) -> Tensor:
    """The margin over the first less the third logit (DLR, Croce & Hein 2020, eq. 6)."""
    ordered = logits.sort(dim=1, descending=True).values
    return margin(logits, classes) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


def no_wrong_class(logits: Tensor, classes: Tensor) -> Tensor:
    """Minus the log-probability of the likeliest class but the true one.

    To lower it is to raise max over k != y of log p_k, whatever the diagnosis is by then: the
    attack on a detector that trusts confident answers (Stutz et al. 2020).
    """
    return -logits.log_softmax(dim=1).scatter(1, classes[:, None], -torch.inf).amax(dim=1)


# By the names that the study gives them under `gradient_of`.
OBJECTIVES: dict[str, Objective] = {
    "probability": lambda logits, classes: _of_class(logits.softmax(dim=1), classes),
    "logit": _of_class,
    "cross_entropy": lambda logits, classes: _of_class(logits.log_softmax(dim=1), classes),
    "margin": margin,
    "dlr": difference_of_logits_ratio,
    "wrong_class": no_wrong_class,
}
