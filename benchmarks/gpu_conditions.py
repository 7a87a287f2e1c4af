"""The conditions of the part `checks`: its sizes, deterministic mode, and memory that runs out."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pgdose import devices


@dataclass(frozen=True)
class Sizes:
    width: float
    size: int
    images: int  # under attack
    iterations: int
    trained: int  # images
    epochs: int
    steps: int  # by which the attacked network learns

    @classmethod
    def of(cls, toy: bool) -> "Sizes":
        return cls(0.0625, 75, 6, 3, 24, 2, 6) if toy else cls(0.25, 96, 24, 8, 160, 10, 40)


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[dict[str, str]]:
    """Deterministic mode; what torch says of operations that have none comes into the mapping."""
    messages: dict[str, str] = {}
    before = torch.backends.cudnn.benchmark
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        devices.set_deterministic(True, device)
        try:
            yield messages
        finally:
            devices.set_deterministic(False, device)
            torch.backends.cudnn.benchmark = before
    said = {str(warning.message)[:150] for warning in caught}
    if said:
        messages["warnings"] = " / ".join(sorted(said)[:3])


class OfCapacity(nn.Module):
    """On the CPU, where no memory can be limited: more images at a time run out of it."""

    def __init__(self, network: nn.Module, capacity: int) -> None:
        super().__init__()
        self.network, self.capacity = network, capacity
        self.train(network.training)

    def forward(self, images: Tensor) -> Any:
        if len(images) > self.capacity:
            raise torch.OutOfMemoryError("out of memory: more images than the toy's capacity")
        return self.network(images)


@contextlib.contextmanager
def limited_memory(
    network: nn.Module, device: torch.device, batch: int, image: Tensor
) -> Iterator[nn.Module]:
    """A limit that a forward and backward pass of the batch does not fit into, half of it does."""
    if device.type == "cpu":
        yield OfCapacity(network, batch // 2)
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_reserved(device)
    repeated = image[:1].to(device).repeat(batch, 1, 1, 1)
    images = repeated.contiguous(memory_format=torch.channels_last).requires_grad_()
    output = network(images)
    logits = output[0] if isinstance(output, tuple) else output
    logits.sum().backward()  # also of the weights, if they are not frozen
    network.zero_grad(set_to_none=True)
    needed = torch.cuda.max_memory_allocated(device) - before
    del output, logits, images, repeated
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    allowed = torch.cuda.memory_reserved(device) + 0.7 * max(needed, 0)
    torch.cuda.set_per_process_memory_fraction(min(allowed / total, 1.0), device)
    try:
        yield network
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        torch.cuda.empty_cache()
