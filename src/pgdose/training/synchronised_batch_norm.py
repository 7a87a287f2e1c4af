"""Batch norm with the statistics of all processes' images, on any device.

torch's SyncBatchNorm is for GPUs alone, and replaces modules. This replaces what they call, so the
network stays as it is, and so do the names of its weights.
"""

import inspect
from typing import Any, NamedTuple

import torch
import torch.distributed
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pgdose.training.ranks import Rank

SIGNATURE = inspect.signature(functional.batch_norm)


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
        kwargs = kwargs or {}
        if function is functional.batch_norm:
            call = SIGNATURE.bind(*args, **kwargs)
            call.apply_defaults()
            if call.arguments["training"]:
                return _batch_norm(self.rank, **call.arguments)
        return function(*args, **kwargs)


class Statistics(NamedTuple):
    """Mean and (biased) variance of each channel, and from how many values, over all processes."""

    mean: Tensor
    variance: Tensor
    values: Tensor


def _batch_norm(
    rank: Rank,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    *,
    momentum: float,
    eps: float,
    **affine: Any,
) -> Tensor:
    """`functional.batch_norm` in training mode, over all processes."""
    statistics = _statistics(rank, input.detach())
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(statistics.mean.to(running_mean.dtype), momentum)
        unbiased = statistics.variance * (statistics.values / (statistics.values - 1))
        running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    result: Tensor = _Normalise.apply(input, affine["weight"], affine["bias"], statistics, eps)
    return result


def _statistics(rank: Rank, images: Tensor) -> Statistics:
    values = images.to(torch.promote_types(images.dtype, torch.float32))
    others = [i for i in range(images.dim()) if i != 1]
    variance, mean = torch.var_mean(values, others, correction=0)
    channels = len(mean)
    count = mean.new_full((1,), values.numel() / channels)
    table = mean.new_zeros(rank.size, 2 * channels + 1)
    table[rank.number] = torch.cat([mean, variance, count])
    torch.distributed.all_reduce(table)
    means, variances, counts = table.split([channels, channels, 1], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
    return Statistics(mean, variance, total)


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
        statistics: Statistics,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(images, weight, *statistics)
        ctx.eps = eps
        return _normalised(images, weight, bias, statistics, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight, *saved = ctx.saved_tensors
        statistics = Statistics(*saved)
        factor = torch.ones_like(statistics.mean) if weight is None else weight
        to_images, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            *(
                gradient,
                images,
                factor,
                statistics.mean,
                statistics.variance,
                None,
                None,
                False,
                ctx.eps,
            ),
            [ctx.needs_input_grad[0], True, True],
        )
        if ctx.needs_input_grad[0]:
            sums = torch.stack([to_weight, to_bias])
            torch.distributed.all_reduce(sums)
            with_y, alone = (
                sums / statistics.values * (factor * (statistics.variance + ctx.eps).rsqrt())
            )
            to_images = to_images - _normalised(images, with_y, alone, statistics, ctx.eps)
        if weight is None:
            return to_images, None, None, None, None
        return to_images, to_weight, to_bias, None, None


def _normalised(
    images: Tensor, weight: Tensor | None, bias: Tensor | None, statistics: Statistics, eps: float
) -> Tensor:
    """The images normalised with statistics that are given, in one pass of torch."""
    return torch.batch_norm(
        images, weight, bias, statistics.mean, statistics.variance, False, 0.0, eps, True
    )
