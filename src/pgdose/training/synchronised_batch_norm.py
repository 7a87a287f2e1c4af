"""Batch norm with the statistics of all processes' images, on any device.

torch's SyncBatchNorm is for GPUs alone, and replaces modules. This replaces what they call, so the
network stays as it is, and so do the names of its weights.
"""

from typing import Any

import torch
import torch.distributed
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pgdose.training.ranks import Rank


class SynchronisedBatchNorm(TorchFunctionMode):
    """Inside, batch norm in training mode uses and records the statistics of all processes' images.

    Every process must make the same passes, each with at least one image.
    """

    def __init__(self, rank: Rank) -> None:
        super().__init__()
        self.rank = rank

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is functional.batch_norm:
            return _batch_norm(self.rank, *args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _batch_norm(
    rank: Rank,
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`functional.batch_norm`, over all processes if `training`."""
    if not training:
        return functional.batch_norm(
            images, running_mean, running_var, weight, bias, False, momentum, eps
        )
    mean, variance, count = _statistics(rank, images.detach())
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        unbiased = variance * (count / (count - 1))
        running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    result: Tensor = _Normalise.apply(images, weight, bias, mean, variance, count, eps)
    return result


def _statistics(rank: Rank, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of each channel over all processes, and the number of values of one."""
    values = images.to(torch.promote_types(images.dtype, torch.float32))
    variance, mean = torch.var_mean(
        values, [i for i in range(images.dim()) if i != 1], correction=0
    )
    count = mean.new_full((1,), values.numel() / len(mean))
    table = mean.new_zeros(rank.size, 2 * len(mean) + 1)
    table[rank.number] = torch.cat([mean, variance, count])
    torch.distributed.all_reduce(table)
    means, variances, counts = table.split([len(mean), len(mean), 1], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
    return mean, variance, total


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, where all images made mean and variance.

    With y = (x - mean) / sqrt(variance + eps) and the gradient g of the loss to the result,

        gradient to x = weight / sqrt(variance + eps) * (g - mean(g) - y * mean(g * y)),

    the means over all processes (Ioffe and Szegedy 2015, section 3). Those to weight and bias are
    of this process's images; they are averaged with the gradients of all other weights.
    """

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(images, weight, mean, variance, count)
        ctx.eps = eps
        return _normalised(images, weight, bias, mean, variance, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight, mean, variance, count = ctx.saved_tensors
        factor = torch.ones_like(mean) if weight is None else weight
        to_images, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            *(gradient, images, factor, mean, variance, None, None, False, ctx.eps),
            [ctx.needs_input_grad[0], True, True],
        )
        if ctx.needs_input_grad[0]:
            sums = torch.stack([to_weight, to_bias])
            torch.distributed.all_reduce(sums)
            with_y, alone = sums / count * (factor * (variance + ctx.eps).rsqrt())
            to_images = to_images - _normalised(images, with_y, alone, mean, variance, ctx.eps)
        if weight is None:
            return to_images, None, None, None, None, None, None
        return to_images, to_weight, to_bias, None, None, None, None


def _normalised(
    images: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
) -> Tensor:
    """The images normalised with statistics that are given, in one pass of torch."""
    return torch.batch_norm(images, weight, bias, mean, variance, False, 0.0, eps, True)
