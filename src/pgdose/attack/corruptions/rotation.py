"""Rotation about the middle of the image."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pgdose.attack.corruptions.keyed_draws import uniform


def rotation(images: Tensor, degrees: float, keys: Tensor) -> Tensor:
    """Turned by so many degrees, half of the images to the left; mirrored beyond the border."""
    to_left = uniform(keys, "rotation", 1, images)[:, 0] < 0.5
    angle = torch.where(to_left, -1.0, 1.0).to(images) * math.radians(degrees)
    rows, columns = images.shape[-2:]
    zero = torch.zeros_like(angle)
    # Places are in [-1, 1] along both sides, however long these are.
    across = [angle.cos(), -angle.sin() * rows / columns, zero]
    down = [angle.sin() * columns / rows, angle.cos(), zero]
    turned = torch.stack([torch.stack(across, 1), torch.stack(down, 1)], dim=1)
    grid = functional.affine_grid(turned, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
