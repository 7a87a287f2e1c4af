"""Batches of images from the stores, read ahead by threads while the device computes.

On a GPU the step copies each batch from pinned memory. Two other ways, for one GPU, are off by
default; `benchmarks/gpu.py` measures what they gain. Give `train` one of them in place of members:

    TrainingData(Overlapped(members, device), ...)   copied ahead of the step, by the reader threads
    TrainingData(resident(members, device), ...)     on the GPU from the beginning, where they fit
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pgdose.cohort.images import Members

AHEAD = 4  # batches that wait, beside those that are being read
AT_ONCE = 1024  # images that are copied together to stay on the device
RESIDENT_SHARE = 0.3  # of a GPU's free memory that images may fill; the step needs the rest


class ImageSource(Protocol):
    """What batches are read from: `Members`, or one of the classes below.

    labels: the class index of each image, int64
    read: numbers of images -> uint8, n x channels x rows x columns
    """

    @property
    def labels(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def read(self, rows: Iterable[int]) -> np.ndarray | Tensor: ...


def batches(
    members: ImageSource,
    order: np.ndarray,
    size: int,
    device: torch.device | None = None,
    readers: int = 1,
    mine: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(images uint8, labels int64) in the given order; the last batch may be smaller.

    Threads suffice: reading, checksums and resizing release Python's lock. For a GPU the images
    lie in pinned memory, unless they are on it already. `mine` chooses from a batch's rows those
    that are wanted here.
    """
    labels = torch.tensor(members.labels)
    pinned = device is not None and device.type == "cuda"

    def read(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.as_tensor(members.read(rows))
        return (images.pin_memory() if pinned and not images.is_cuda else images), labels[rows]

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


class Overlapped:
    """Members whose images the reader threads copy to the GPU, while the step computes."""

    def __init__(
        self,
        members: ImageSource,
        device: torch.device,
        copy: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """`copy` replaces the copy to the device."""
        self.members, self.labels = members, members.labels
        self._copy = copy or side_stream_copy(device)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, rows: Iterable[int]) -> Tensor:
        return self._copy(torch.as_tensor(self.members.read(rows)))


def side_stream_copy(device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function that copies images to the device beside what it computes; none for a CPU."""
    if device.type != "cuda":
        return lambda images: images
    stream = torch.cuda.Stream(device)

    def copy(images: Tensor) -> Tensor:
        with torch.cuda.stream(stream):
            copied = images.pin_memory().to(device, non_blocking=True)
        stream.synchronize()
        # Its memory belongs to the side stream; it may be reused only when the step is done.
        copied.record_stream(torch.cuda.default_stream(device))
        return copied

    return copy


class Resident:
    """Members whose images all lie on the device as uint8."""

    def __init__(self, members: ImageSource, device: torch.device, readers: int = 1) -> None:
        self.labels = members.labels
        self.images = torch.empty(0, dtype=torch.uint8, device=device)
        done = 0
        for images, _ in batches(members, np.arange(len(members)), AT_ONCE, device, readers):
            if not done:
                self.images = self.images.new_empty((len(members), *images.shape[1:]))
            self.images[done : done + len(images)] = images.to(device)
            done += len(images)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, rows: Iterable[int]) -> Tensor:
        return self.images[torch.tensor(list(rows), dtype=torch.int64, device=self.images.device)]


def resident(members: Members, device: torch.device, readers: int = 1) -> Members | Resident:
    """The members with their images on the GPU; as they are on a CPU, or where they do not fit."""
    if device.type != "cuda":
        return members
    rows, columns = members.size
    needed = len(members) * members.channels * rows * columns
    if needed > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return members
    return Resident(members, device, readers)
