"""Corruptions that blur: motion along a line, and defocus."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pgdose.attack.corruptions.keyed_draws import uniform

_POINTS = 256  # at least, of a line or a disk


def motion_blur(images: Tensor, length: float, keys: Tensor) -> Tensor:
    """The mean along a line, `length` a share of the shorter side; one direction for each image."""
    angle = math.pi * uniform(keys, "motion_blur", 1, images)
    pixels = length * min(images.shape[-2:])
    count = max(_POINTS, math.ceil(4 * pixels))
    place = pixels * ((torch.arange(count, device=images.device).to(images) + 0.5) / count - 0.5)
    return mean_over_points(images, torch.stack([place * angle.sin(), place * angle.cos()], dim=2))


def defocus(images: Tensor, radius: float, keys: Tensor) -> Tensor:
    """The mean over a disk, `radius` a share of the shorter side; the same for all images."""
    pixels = radius * min(images.shape[-2:])
    count = max(_POINTS, math.ceil(16 * pixels**2))
    number = torch.arange(count, device=images.device).to(images) + 0.5
    distance, angle = pixels * (number / count).sqrt(), number * math.pi * (3 - math.sqrt(5))
    points = torch.stack([distance * angle.sin(), distance * angle.cos()], dim=1)
    return mean_over_points(images, points.expand(len(images), -1, -1))


def mean_over_points(images: Tensor, points: Tensor) -> Tensor:
    """The mean of each image moved by all its points; beyond the border the border goes on.

    points: n x m x 2, how far down and to the right, in pixels; between pixels is interpolated
    """
    n, channels = images.shape[:2]
    reach = math.ceil(float(points.abs().max())) if n else 0
    kernels = _kernels(points, reach)
    weights = kernels.repeat_interleave(channels, dim=0)[:, None]
    padded = functional.pad(images, [reach] * 4, mode="replicate")
    joined = padded.reshape(1, n * channels, *padded.shape[-2:])
    return functional.conv2d(joined, weights, groups=max(n * channels, 1)).reshape(images.shape)


def _kernels(points: Tensor, reach: int) -> Tensor:
    """n x (2 reach + 1) x (2 reach + 1): each point's weight on the four pixels round it."""
    width = 2 * reach + 1
    kernels = points.new_zeros((len(points), width * width))
    low = points.floor()
    part = points - low
    for down in (0, 1):
        for aside in (0, 1):
            weight = (part[..., 0] if down else 1 - part[..., 0]) * (
                part[..., 1] if aside else 1 - part[..., 1]
            )
            row, column = (low[..., 0] + down + reach, low[..., 1] + aside + reach)
            place = row.clamp(0, width - 1) * width + column.clamp(0, width - 1)
            kernels.scatter_add_(1, place.long(), weight / points.shape[1])
    return kernels.reshape(-1, width, width)
