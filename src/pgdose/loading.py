"""Batches on their way from the stores to the device: read ahead, bytes until there."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pgdose.images import Members

AHEAD = 4  # batches for each reader


def scaled(images: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """uint8 images to float32 in [0, 1] on the device, channels last."""
    tensor = torch.as_tensor(images).to(device, non_blocking=True)
    return (tensor.float() / 255).contiguous(memory_format=torch.channels_last)


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
            if len(coming) > AHEAD * readers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
