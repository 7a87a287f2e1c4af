"""Random numbers of a corruption, which depend on its name and the image's key alone."""

import zlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pgdose.attack.draws import generator


def uniform(keys: Tensor, corruption: str, count: int, like: Tensor) -> Tensor:
    """n x count numbers, uniform in [0, 1), on the device and of the type of the images `like`."""
    return _of_each(keys, corruption, lambda source: source.random(count), like)


def normal_patterns(keys: Tensor, corruption: str, like: Tensor) -> Tensor:
    """Standard normal, one pattern for each image, shaped as the images `like`."""
    shape = tuple(like.shape[1:])
    return _of_each(keys, corruption, lambda source: source.standard_normal(shape), like)


def _of_each(
    keys: Tensor,
    corruption: str,
    draw: Callable[[np.random.Generator], np.ndarray],
    like: Tensor,
) -> Tensor:
    purpose = zlib.crc32(corruption.encode())
    values = [torch.from_numpy(draw(generator(key, purpose))) for key in keys.tolist()]
    return torch.stack(values).to(like)


def wide(values: Tensor) -> Tensor:
    """n -> n x 1 x 1 x 1."""
    return values[:, None, None, None]


def pixel_places(like: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pixels' centres from the upper left corner, each rows x columns.

    The unit is the shorter side of the images `like`.
    """
    rows, columns = like.shape[-2:]
    side = min(rows, columns)
    y, x = ((torch.arange(n, device=like.device) + 0.5).to(like) / side for n in (rows, columns))
    down, aside = torch.meshgrid(y, x, indexing="ij")
    return down, aside
