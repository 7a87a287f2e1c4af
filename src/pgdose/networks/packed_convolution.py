"""A convolution of a frozen network on a CPU, its weights packed for oneDNN once.

torch's own layer packs them again in every forward and backward pass. The operators used here are
those that torch's compiler calls on a CPU.
"""

import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

ONEDNN = torch.ops.mkldnn


class PackedConvolution:
    """`layer`, followed by ReLU if `relu`, for float32 images on the CPU."""

    def __init__(self, layer: nn.Conv2d, relu: bool) -> None:
        self.layer, self.relu = layer, relu
        self.forget()

    @staticmethod
    def is_possible(layer: nn.Module) -> bool:
        """Whether a layer is a convolution that these operators can compute here."""
        return (
            type(layer) is nn.Conv2d
            and layer.groups == 1
            and layer.padding_mode == "zeros"
            and not isinstance(layer.padding, str)
            and platform.machine() in ("x86_64", "AMD64")  # elsewhere nobody has tried them
            and torch.backends.mkldnn.is_available()
            and hasattr(ONEDNN, "_convolution_transpose_pointwise")
        )

    def forget(self) -> None:
        """Pack the weights again when they are next used."""
        self._packed_version = -1
        self._forward: Callable[[Tensor], Tensor] | None = None
        self._backward: dict[torch.Size, Callable[[Tensor], Tensor]] = {}  # by sides of the images

    def forward(self, images: Tensor) -> Tensor:
        """The output, after ReLU if there is one."""
        if self._packed_version != self.layer.weight._version or self._forward is None:
            self.forget()
            self._packed_version = self.layer.weight._version
            self._forward = self._packed_forward(images)
        return self._forward(images)

    def image_gradient(self, gradient: Tensor, sides: torch.Size) -> Tensor:
        """The gradient by images of these sides, given that by the output before ReLU."""
        if sides not in self._backward:
            self._backward[sides] = self._packed_backward(gradient, sides)
        return self._backward[sides](gradient)

    def _packed_forward(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        layer, compute = self.layer, ONEDNN._convolution_pointwise.default
        shape = layer.padding, layer.stride, layer.dilation, 1
        weight = ONEDNN._reorder_convolution_weight(layer.weight, *shape, images.shape)
        rest: tuple[Any, ...] = (
            weight,
            layer.bias,
            *shape,
            "relu" if self.relu else "none",
            [],
            "",
        )
        return lambda images: compute(images, *rest)

    def _packed_backward(self, gradient: Tensor, sides: torch.Size) -> Callable[[Tensor], Tensor]:
        """It is a transposed convolution, its result made larger by what the stride left out."""
        layer, compute = self.layer, ONEDNN._convolution_transpose_pointwise.default
        left_out = [
            side - ((out - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
            for side, out, stride, padding, dilation, kernel in zip(
                sides,
                gradient.shape[2:],
                layer.stride,
                layer.padding,
                layer.dilation,
                layer.kernel_size,
                strict=True,
            )
        ]
        shape = layer.padding, left_out, layer.stride, layer.dilation, 1
        weight = ONEDNN._reorder_convolution_transpose_weight(layer.weight, *shape, gradient.shape)
        rest: tuple[Any, ...] = (weight, None, *shape, "none", [], "")
        return lambda gradient: compute(gradient, *rest)
