"""Small networks, and images for them."""

import torch
from torch import Tensor, nn

from pgdose.networks import architectures, classifier


def small(classes: int = 2, seed: int = 0) -> classifier.Classifier:
    torch.manual_seed(seed)
    return architectures.build("inception_v3", classes, 75, 0.0625, None)


def settled(network: classifier.Classifier) -> classifier.Classifier:
    """With batch norms that do something: random statistics, gains and offsets."""
    source = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=source)
    return network.eval()


def images(n: int = 2, channels: int = 1, size: int = 75) -> Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(2))
