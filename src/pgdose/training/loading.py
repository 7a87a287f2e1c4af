"""Batches on their way from the stores to the device: read ahead, bytes until there.

On the device they are scaled and, if training asks for it, varied.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pgdose.cohort.images import Members
from pgdose.images.augmentation import draw_augmentation

AHEAD = 4  # batches that wait, beside those that are being read


VARIED = ("flip", "rotation", "scale", "shift_x", "shift_y", "contrast", "brightness", "noise")


def draw_variations(rng: np.random.Generator, limits: Mapping[str, float | bool], n: int) -> Tensor:
    """Parameters of `varied` for n images, n x 9: VARIED and `noise_seed`, float64."""
    drawn = [draw_augmentation(rng, limits) for _ in range(n)]
    names = (*VARIED, "noise_seed")
    return torch.tensor([[one[name] for name in names] for one in drawn], dtype=torch.float64)


def varied(images: Tensor, drawn: Tensor) -> Tensor:
    """Images in [0, 1], n x channels x size x size, each changed as `images.augment` would.

    `drawn` is of `draw_variations`. Values are not rounded to 8 bits, and noise comes from one
    generator for all of them, seeded by the first one's `noise_seed`.
    """
    seed = int(drawn[0, -1])
    parameters = drawn[:, :-1].to(images.dtype).to(images.device).unbind(dim=1)
    flip, rotation, scale, x, y, contrast, brightness, noise = parameters
    flipped = torch.where(flip.bool()[:, None, None, None], images.flip(3), images)
    # Where each pixel comes from; the side is 2 long, from -1 to 1.
    cos, sin = (f(rotation.deg2rad()) / (1 + scale) for f in (torch.cos, torch.sin))
    x, y = 2 * x, 2 * y
    turned = torch.stack([cos, sin, -cos * x - sin * y, -sin, cos, sin * x - cos * y], dim=1)
    grid = functional.affine_grid(turned.view(-1, 2, 3), list(images.shape), align_corners=False)
    found = functional.grid_sample(flipped, grid, padding_mode="border", align_corners=False)
    contrast, brightness, noise = (p[:, None, None, None] for p in (contrast, brightness, noise))
    found = (found - 0.5) * (1 + contrast) + 0.5 + brightness
    source = torch.Generator(images.device).manual_seed(seed)
    drift = torch.randn(found.shape, generator=source, dtype=found.dtype, device=found.device)
    return (found + noise * drift).clamp(0, 1).contiguous(memory_format=torch.channels_last)


def batches(
    members: Members,
    order: np.ndarray,
    size: int,
    device: torch.device | None = None,
    readers: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(images uint8, labels int64) in the given order; the last batch may be smaller.

    Threads read them while the device computes: reading, checksums and resizing wait for no other
    Python code. For a GPU they lie in pinned memory.
    """
    labels = torch.tensor(members.labels)
    pinned = device is not None and device.type == "cuda"

    def read(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(members.read(rows))
        return (images.pin_memory() if pinned else images), labels[rows]

    pool = ThreadPoolExecutor(readers, "reader")
    coming: deque[Future[tuple[Tensor, Tensor]]] = deque()
    try:
        for start in range(0, len(order), size):
            coming.append(pool.submit(read, order[start : start + size]))
            if len(coming) > AHEAD + readers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
