"""Batch norm folded into convolutions, for inference."""

import contextlib
import copy
from typing import TypeVar, cast

import torch
from torch import fx
from torch.fx.experimental import optimization

from pgdose.networks.classifier import Classifier, Network
from pgdose.networks.frozen_graph import FrozenGraph

AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def fold(network: AnyNetwork) -> AnyNetwork:
    """A frozen copy for inference: batch norm inside the convolutions, channels last.

    Its logits differ from the network's by rounding. Of a network that is made of others each is
    folded. An opaque network, or one that torch.fx cannot trace, keeps its modules: it is only
    slower.

    Args:
        network: of `pgdose.networks.network_files.load`; it stays as it is.
    """
    folded = copy.deepcopy(network).frozen()
    for part in [module for module in folded.modules() if isinstance(module, Classifier)]:
        if not part.opaque:
            _fold(part)
    return folded


def _fold(network: Classifier) -> None:
    with contextlib.suppress(Exception):  # torch.fx raises errors of many kinds
        fused = optimization.fuse(network.body, inplace=True)
        network.body = FrozenGraph(cast(fx.GraphModule, fused))
    network.frozen().to(memory_format=torch.channels_last)
