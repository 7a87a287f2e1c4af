"""A small network, images and doses for tests of attacks."""

import torch
from torch import Tensor, nn

EPSILONS = [0.01, 0.03, 0.08, 0.2]
ITERATIONS = 12


def network(classes: int = 3, dtype: torch.dtype = torch.float64, gain: float = 1.0) -> nn.Module:
    torch.manual_seed(4)
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 9, classes),
    )
    with torch.no_grad():
        for parameter in body.parameters():
            parameter *= gain
    return body.to(dtype).eval().requires_grad_(False)


def pictures(n: int = 9, dtype: torch.dtype = torch.float64) -> Tensor:
    source = torch.Generator().manual_seed(1)
    images = torch.rand(n, 1, 8, 8, generator=source, dtype=torch.float64) * 1.4 - 0.2
    return images.clamp(0, 1).to(dtype)
