"""A frozen network whose passes are replayed as CUDA graphs: one launch instead of hundreds.

Off by default: no job of a study uses it. `benchmarks/gpu.py` measures whether flips are equal and
what is gained. To switch it on, give `surface` the wrapper in place of the network:

    surface(CudaGraphs(network), samples, attack, doses)

A small network, or a small batch, spends more time on launching kernels than on computing. A CUDA
graph holds the kernels of a pass with all their addresses, so images are copied into a fixed
buffer before each replay, and results out of one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pgdose.networks.input_defences import Defence

log = logging.getLogger(__name__)

MOST_GRAPHS = 12  # batch sizes of which graphs are kept
WARM_UPS = 3  # passes before a capture, in which libraries choose algorithms and take memory


@dataclass(frozen=True)
class Passes:
    """The passes for one batch size, with the buffers that they read and write.

    forward:  images -> logits
    backward: upstream, the gradient by the logits -> gradient, that by the images; to be called
              once after each `forward`, before the forward pass of any other size
    """

    images: Tensor
    logits: Tensor
    upstream: Tensor
    gradient: Tensor
    forward: Callable[[], object]
    backward: Callable[[], object]


Capture = Callable[[nn.Module, Tensor], Passes]


class CudaGraphs(nn.Module):
    """The network, with its passes replayed where gradients by the images are wanted.

    It computes as the network does where that is not possible: without gradients, on a CPU, and
    for good after a capture that failed, which is logged. Precision (`devices.set_precision`) is
    that of the time of the capture.

    The largest batch so far has a graph of its own. A smaller one is padded to the next power of
    two or three quarters of one, with images of earlier batches, whose results are dropped.
    """

    def __init__(
        self, network: nn.Module, most: int = MOST_GRAPHS, capture: Capture | None = None
    ) -> None:
        """`capture` replaces the capture on CUDA; it then serves images on every device."""
        super().__init__()
        self.network, self.most = network, most
        self.fault = _obstacle(network)  # why a capture failed, or is not tried
        self.replays = 0
        self._on_any_device = capture is not None
        self._capture = capture or GraphCapture()
        self._passes: dict[tuple[Any, ...], Passes] = {}  # by rows, and what else a graph holds for
        self._newest = 0  # number of the forward pass whose activations are in memory
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        passes = self._passes_for(images) if self._is_possible(images) else None
        if passes is None:
            output: Tensor = self.network(images)
            return output
        self.replays += 1
        replayed: Tensor = _Replay.apply(images, self, passes)
        return replayed

    @property
    def rows(self) -> list[int]:
        """The batch sizes that have graphs."""
        return sorted(key[0] for key in self._passes)

    def begin_pass(self) -> int:
        """The number of a new forward pass; the activations of earlier ones are gone."""
        self._newest += 1
        return self._newest

    def end_pass(self, number: int) -> None:
        """RuntimeError unless the activations of forward pass `number` are there; then drops them.

        A backward pass reuses the memory of the activations.
        """
        if number != self._newest:
            raise RuntimeError(
                "CUDA graphs: the backward pass comes after another forward or backward pass, "
                "which has overwritten its activations; take the gradient directly after the "
                "forward pass, and once"
            )
        self._newest += 1

    def _is_possible(self, images: Tensor) -> bool:
        if self.fault or not len(images) or not (self._on_any_device or images.is_cuda):
            return False
        return torch.is_grad_enabled() and images.requires_grad

    def _passes_for(self, images: Tensor) -> Passes | None:
        """Passes for at least as many images; None to compute without a graph."""
        alike = _layout(images)
        there = sorted(key[0] for key in self._passes if key[1:] == alike)
        rows = len(images)
        if there and rows < there[-1]:
            rows = min(padded_rows(rows), there[-1])
        if rows not in there:
            if len(self._passes) >= self.most:
                large_enough = [size for size in there if rows <= size <= 2 * rows]
                return self._passes[large_enough[0], *alike] if large_enough else None
            self._add(images, rows)
        return self._passes.get((rows, *alike))

    def _add(self, images: Tensor, rows: int) -> None:
        buffer = torch.zeros(
            (rows, *images.shape[1:]), dtype=images.dtype, device=images.device
        ).contiguous(memory_format=_memory_format(images))
        buffer[: len(images)].copy_(images.detach())
        try:
            self._passes[rows, *_layout(images)] = self._capture(
                self.network, buffer.requires_grad_()
            )
        except Exception as error:  # CUDA's errors are of many kinds
            self.fault = f"{type(error).__name__}: {error}"
            self._passes.clear()
            log.warning(
                "CUDA graphs: capturing a batch of %d failed (%s); the network is computed without "
                "them",
                *(rows, self.fault.splitlines()[0]),
            )


def _obstacle(network: nn.Module) -> str | None:
    """What cannot be captured, such as a codec that runs on the CPU; None if nothing is known."""
    for module in network.modules():
        if isinstance(module, Defence) and not module.keeps_device:
            return f"{type(module).__name__} is computed on the CPU"
    return None


def padded_rows(rows: int) -> int:
    """The next power of two, or three quarters of one, that is not smaller."""
    power = 1 << (rows - 1).bit_length()
    return 3 * power // 4 if power >= 4 and 3 * power // 4 >= rows else power


def _memory_format(images: Tensor) -> torch.memory_format:
    """channels_last where the images lie so, but not where both formats are the same."""
    if images.is_contiguous():
        return torch.contiguous_format
    return torch.channels_last


def _layout(images: Tensor) -> tuple[Any, ...]:
    """What two batches must have in common to share a graph, beside their size."""
    return tuple(images.shape[1:]), images.dtype, images.device, _memory_format(images)


class _Replay(torch.autograd.Function):
    """The two passes as one differentiable function; its results are copies."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, owner: CudaGraphs, passes: Passes) -> Tensor:
        ctx.owner, ctx.passes, ctx.rows = owner, passes, len(images)
        ctx.number = owner.begin_pass()
        passes.images.detach()[: len(images)].copy_(images)
        passes.forward()
        return passes.logits[: len(images)].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        passes, rows = ctx.passes, ctx.rows
        ctx.owner.end_pass(ctx.number)
        passes.upstream[:rows].copy_(upstream)  # the other rows' gradients are dropped
        passes.backward()
        return passes.gradient[:rows].clone(), None, None


class GraphCapture:
    """Captures the passes of a network on CUDA, as torch's notes on CUDA graphs have it.

    All graphs take their memory from one pool: no two of them run at the same time, and results
    are copied out before another one runs, so they may overwrite each other.
    """

    def __init__(self) -> None:
        self.pool: Any = None
        self.stream: Any = None  # one for all, else they could not share the memory

    def __call__(self, network: nn.Module, images: Tensor) -> Passes:
        """`images` is the buffer, which requires a gradient; its content is any valid batch."""
        with torch.cuda.device(images.device):
            if self.pool is None:
                self.pool, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
            stream = self.stream
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    logits = network(images)
                    torch.autograd.grad(logits, images, torch.zeros_like(logits))
            torch.cuda.current_stream().wait_stream(stream)
            del logits
            # thread_local: other threads may go on using CUDA.
            how = {"pool": self.pool, "stream": stream, "capture_error_mode": "thread_local"}
            forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(forward, **how):
                logits = network(images)
            upstream = torch.zeros_like(logits)
            with torch.cuda.graph(backward, **how):
                (gradient,) = torch.autograd.grad(logits, images, upstream)
        return Passes(images, logits.detach(), upstream, gradient, forward.replay, backward.replay)
