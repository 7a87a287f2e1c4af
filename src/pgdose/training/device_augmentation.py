"""Random variations of a batch on the device, drawn anew in every epoch.

`images.rendering.augment` does the same to one stored image, on the CPU.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pgdose.images.augmentation import draw_augmentation

PARAMETERS = ("flip", "rotation", "scale", "shift_x", "shift_y", "contrast", "brightness", "noise")
COLUMNS = (*PARAMETERS, "noise_seed")


def draw_augmentations(
    rng: np.random.Generator, limits: Mapping[str, float | bool], n: int
) -> Tensor:
    """Parameters of `augment_batch` for n images: n x COLUMNS, float64."""
    draws = [draw_augmentation(rng, limits) for _ in range(n)]
    return torch.tensor([[draw[name] for name in COLUMNS] for draw in draws], dtype=torch.float64)


WHOLE = slice(None)


def augment_batch(images: Tensor, parameters: Tensor, mine: slice = WHOLE) -> Tensor:
    """Images in [0, 1], n x channels x rows x columns, each changed by its row of the parameters.

    Values are not rounded to 8 bits, and one generator draws the noise of the whole batch, seeded
    by the first image's `noise_seed`. If `images` are only those `mine` of the batch, the
    parameters are still those of all.
    """
    seed = int(parameters[0, -1])
    columns = parameters[mine, :-1].to(images.dtype).to(images.device).unbind(dim=1)
    flip, rotation, scale, x, y, contrast, brightness, noise = columns
    flipped = torch.where(flip.bool()[:, None, None, None], images.flip(3), images)
    # The affine map from a pixel of the result to its origin. Each side is 2 long, from -1 to 1,
    # so the units of an oblong image's axes differ, and a rotation has to convert them.
    cos, sin = (f(rotation.deg2rad()) / (1 + scale) for f in (torch.cos, torch.sin))
    x, y = 2 * x, 2 * y
    height, width = images.shape[2:]
    across, down = sin * (height / width), sin * (width / height)
    affine = torch.stack([cos, across, -cos * x - across * y, -down, cos, down * x - cos * y], 1)
    grid = functional.affine_grid(affine.view(-1, 2, 3), list(images.shape), align_corners=False)
    moved = functional.grid_sample(flipped, grid, padding_mode="border", align_corners=False)
    contrast, brightness, noise = (p[:, None, None, None] for p in (contrast, brightness, noise))
    result = (moved - 0.5) * (1 + contrast) + 0.5 + brightness
    source = torch.Generator(images.device).manual_seed(seed)
    shape = (len(parameters), *result.shape[1:])
    normal = torch.randn(shape, generator=source, dtype=result.dtype, device=result.device)
    return (result + noise * normal[mine]).clamp(0, 1).contiguous(memory_format=torch.channels_last)
