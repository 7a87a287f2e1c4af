"""Batches of images from the stores, read ahead by threads while the device computes."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pgdose.cohort.images import Members

AHEAD = 4  # batches that wait, beside those that are being read


def batches(
    members: Members,
    order: np.ndarray,
    size: int,
    device: torch.device | None = None,
    readers: int = 1,
    mine: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(images uint8, labels int64) in the given order; the last batch may be smaller.

    Threads suffice: reading, checksums and resizing release Python's lock. For a GPU the images
    lie in pinned memory. `mine` chooses from a batch's rows those that are wanted here.
    """
    labels = torch.tensor(members.labels)
    pinned = device is not None and device.type == "cuda"

    def read(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(members.read(rows))
        return (images.pin_memory() if pinned else images), labels[rows]

    pool = ThreadPoolExecutor(readers, "reader")
    pending: deque[Future[tuple[Tensor, Tensor]]] = deque()
    try:
        for start in range(0, len(order), size):
            pending.append(pool.submit(read, mine(order[start : start + size])))
            if len(pending) > AHEAD + readers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
