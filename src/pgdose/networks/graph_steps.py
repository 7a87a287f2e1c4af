"""What one step of a frozen graph computes, forward and backward; `frozen_graph` runs them."""

import operator
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from pgdose.networks.packed_convolution import PackedConvolution

# What the backward pass of a step needs: a tensor that autograd is to keep, and anything else.
Record = tuple[Tensor | None, Any]
NOTHING: Record = (None, None)
Gradients = Sequence[Tensor | None]  # one for each input


class NotLaidOutError(Exception):
    """A layer turned out not to be what a step can compute."""


class Operation:
    """Subclasses define both passes. `recording` says whether a backward pass will follow."""

    gives_new_tensors = False  # whether nobody else has the gradients that `backward` returns

    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        """The output and its record."""
        raise NotImplementedError

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        """The gradients by the inputs, given that by the output."""
        raise NotImplementedError


class Convolution(Operation):
    """A convolution, and the ReLU after it if there is one."""

    gives_new_tensors = True

    def __init__(self, layer: nn.Conv2d, relu: bool) -> None:
        self.packed = PackedConvolution(layer, relu)

    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        (images,) = inputs
        output = self.packed.forward(images)
        return output, (output if self.packed.relu else None, images.shape[2:])

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        output, sides = record
        if output is not None:
            gradient = relu_gradient(gradient, output, may_overwrite)
        return (self.packed.image_gradient(gradient, sides),)


class Relu(Operation):
    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        output = inputs[0].relu()
        return output, (output, None)

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        output, _ = record
        assert output is not None
        return (relu_gradient(gradient, output, may_overwrite),)


def relu_gradient(gradient: Tensor, output: Tensor, may_overwrite: bool) -> Tensor:
    """The gradient by the input of ReLU, given its output."""
    if not may_overwrite:
        return torch.ops.aten.threshold_backward(gradient, output, 0)
    torch.ops.aten.threshold_backward(gradient, output, 0, grad_input=gradient)
    return gradient


class Sum(Operation):
    """The sum of two tensors of one shape."""

    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        first, second = inputs
        if first.shape != second.shape:
            raise NotLaidOutError
        return first + second, NOTHING

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        return gradient, gradient


class Concatenation(Operation):
    """Tensors one behind the other, by their channels."""

    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        return torch.cat(inputs, dim=1), (None, [part.shape[1] for part in inputs])

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        _, channels = record
        return gradient.split(channels, dim=1)


class OneLayer(Operation):
    """Any other node, differentiated by autograd on its own.

    `differentiated`: the nodes that depend on the images.
    """

    def __init__(
        self, node: fx.Node, graph: fx.GraphModule, differentiated: Collection[fx.Node]
    ) -> None:
        self.node, self.graph = node, graph
        layer = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
        if getattr(layer, "inplace", False):
            setattr(layer, "inplace", False)  # noqa: B010 - autograd lets no leaf be written over
        self.variable = [n in differentiated for n in node.all_input_nodes]

    def forward(self, inputs: list[Any], recording: bool) -> tuple[Any, Record]:
        leaves: list[Tensor | None] = []
        for number, value in enumerate(inputs):
            variable = (
                self.variable[number]
                and isinstance(value, Tensor)
                and value.dtype.is_floating_point
            )
            if variable:
                inputs[number] = value.detach().requires_grad_(recording)
            leaves.append(inputs[number] if variable else None)
        with torch.set_grad_enabled(recording):
            output = self._compute(dict(zip(self.node.all_input_nodes, inputs, strict=True)))
        if isinstance(output, Tensor):
            return output.detach(), (None, (output, leaves))
        if isinstance(output, int | float | torch.Size | torch.dtype | torch.device):
            return output, NOTHING
        raise NotLaidOutError

    def _compute(self, values: dict[fx.Node, Any]) -> Any:
        node, target = self.node, self.node.target
        args = fx.node.map_arg(node.args, values.__getitem__)
        options = dict(fx.node.map_arg(node.kwargs, values.__getitem__))
        if "inplace" in options:
            options["inplace"] = False
        if isinstance(target, str):
            if node.op == "get_attr":
                return operator.attrgetter(target)(self.graph)
            if node.op == "call_module":
                return self.graph.get_submodule(target)(*args, **options)
            return getattr(args[0], target)(*args[1:], **options)
        return target(*args, **options)

    def backward(self, gradient: Tensor, record: Record, may_overwrite: bool) -> Gradients:
        output, leaves = record[1]
        by = [leaf for leaf in leaves if leaf is not None]
        if not by or not output.requires_grad:
            return [None] * len(leaves)
        # Attacks of other libraries take several gradients after one forward pass.
        parts = torch.autograd.grad(output, by, gradient, retain_graph=True, allow_unused=True)
        remaining = iter(parts)
        return [None if leaf is None else next(remaining) for leaf in leaves]
