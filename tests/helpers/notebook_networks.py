"""Networks as people have them in notebooks, with images and labels that they mostly get right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SIDE = 12
FAST: dict[str, Any] = {"progress": False, "epsilons": [0.01, 0.05, 0.2], "max_iter": 4}


def body(outputs: int = 2, channels: int = 1, dtype: torch.dtype = torch.float32) -> nn.Module:
    """With batch norm and dropout, in evaluation mode."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(54, outputs),
    )
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    norm.running_mean.uniform_(-0.2, 0.2)
    return network.to(dtype).eval()


def pictures(n: int = 12, channels: int = 0) -> np.ndarray:
    """n x rows x columns, or with channels last; float32 in [0, 1], some dark and some bright."""
    source = np.random.default_rng(5)
    shape = (SIDE, SIDE, channels) if channels else (SIDE, SIDE)
    bright = source.random((n, *[1] * len(shape)))
    return (bright * source.random((n, *shape))).astype(np.float32)


def as_batch(images: np.ndarray) -> Tensor:
    """n x channels x rows x columns."""
    tensor = torch.from_numpy(images)
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def balanced(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Shift the last layer so that every class is predicted, and give the predictions as labels.

    One label is wrong on purpose.
    """
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    pixels = as_batch(images).to(last.weight.dtype)
    with torch.no_grad():
        logits = network(pixels)
        last.bias -= logits.median(dim=0).values
        labels = network(pixels).argmax(dim=1)
    labels[0] = (labels[0] + 1) % logits.shape[1]
    assert len(labels.unique()) == logits.shape[1]
    return np.asarray(labels)


class Outputs(nn.Module):
    """A network whose outputs are in another form."""

    def __init__(self, network: nn.Module, form: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, images: Tensor) -> Any:
        return self.form(self.network(images))


def one_number(logits: Tensor) -> Tensor:
    return logits[:, 1:] - logits[:, :1]
