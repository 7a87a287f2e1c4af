"""Batch norm folded into convolutions, for inference."""

import contextlib
import copy
from typing import cast

import torch
from torch import fx
from torch.fx.experimental import optimization

from pgdose.networks.classifier import Classifier
from pgdose.networks.frozen_graph import FrozenGraph


def fold(network: Classifier) -> Classifier:
    """A frozen copy for inference: batch norm inside the convolutions, channels last.

    An opaque network, or one that torch.fx cannot trace, keeps its modules: it is only slower.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    if folded.opaque:
        return folded
    with contextlib.suppress(Exception):  # torch.fx raises errors of many kinds
        fused = optimization.fuse(folded.body, inplace=True)
        folded.body = FrozenGraph(cast(fx.GraphModule, fused))
    return folded.eval().to(memory_format=torch.channels_last)
