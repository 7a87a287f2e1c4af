"""Folding of batch norm into convolutions, for inference."""

import contextlib
import copy

import torch
from torch.fx.experimental import optimization

from pgdose.networks.classifier import Classifier


def fold(network: Classifier) -> Classifier:
    """A frozen copy for inference: batch norm inside the convolutions, channels last."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    if folded.as_it_came:
        return folded
    with contextlib.suppress(Exception):  # torch cannot see through it: it is slower, no more
        folded.body = optimization.fuse(folded.body, inplace=True)
    return folded.eval().to(memory_format=torch.channels_last)
