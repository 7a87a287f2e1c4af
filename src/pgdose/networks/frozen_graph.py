"""A frozen network on a CPU: its graph laid out as steps, forward and backward.

An attack needs the gradient by the images and never that by the weights, thousands of times. So
autograd sees the whole network as one function. Inside, convolutions have packed weights and their
ReLU built in, and gradients add up in place. Every other kind of layer is differentiated by
autograd on its own.

Results are those of the plain graph, mostly to the last bit, always within float32 rounding.
Elsewhere (a GPU, float64, one thread, another graph) the plain graph computes.
"""

import copy
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from pgdose.networks.graph_steps import (
    Concatenation,
    Convolution,
    NotLaidOutError,
    OneLayer,
    Operation,
    Record,
    Relu,
    Sum,
)
from pgdose.networks.packed_convolution import PackedConvolution

RELU_FUNCTIONS = (torch.relu, torch.relu_, functional.relu, functional.relu_)
NEW_SUMS = (operator.add, torch.add)
SUMS = (*NEW_SUMS, operator.iadd)
IN_PLACE_OPERATORS = (
    *(operator.iadd, operator.isub, operator.imul, operator.imatmul, operator.itruediv),
    *(operator.ifloordiv, operator.imod, operator.ipow, operator.ilshift, operator.irshift),
    *(operator.iand, operator.ior, operator.ixor, operator.iconcat, operator.setitem),
)
IMAGES = -1  # in place of a step's number


@dataclass
class Step:
    """One step, known by its place in the list.

    inputs:   the steps whose outputs it takes
    finished: the steps whose outputs no later one takes
    """

    operation: Operation
    inputs: list[int]
    finished: list[int] = field(default_factory=list)


class FrozenGraph(nn.Module):
    """Images, n x channels x rows x columns, to the output of the plain graph."""

    def __init__(self, plain: fx.GraphModule) -> None:
        super().__init__()
        self.plain = plain
        self.steps = lay_out(plain)
        convolutions = sum(isinstance(step.operation, Convolution) for step in self.steps)
        if 2 * convolutions < len(self.steps):  # autograd is quicker with many other layers
            self.steps = []

    def forward(self, images: Tensor) -> Any:
        if self.steps and is_worthwhile(images):
            try:
                if torch.is_grad_enabled() and images.requires_grad:
                    return _Whole.apply(images, self.steps)
                return _forward(self.steps, images, recording=False)[0]
            except NotLaidOutError:
                self.steps = []
        return self.plain(images)

    def __deepcopy__(self, memo: dict[int, Any]) -> "FrozenGraph":
        """Steps belong to their graph, so a copy lays out its own."""
        return FrozenGraph(copy.deepcopy(self.plain, memo))


def is_worthwhile(images: Tensor) -> bool:
    """Whether steps are possible and quicker: with one thread torch's layers are as quick."""
    on_cpu = images.device.type == "cpu" and torch.get_num_threads() > 1
    return on_cpu and images.dtype == torch.float32


def _forward(
    steps: Sequence[Step], images: Tensor, recording: bool
) -> tuple[Tensor, Sequence[Record]]:
    """The output of the last step, and the records of all."""
    values: dict[int, Any] = {IMAGES: images}
    records = []
    for number, step in enumerate(steps):
        inputs = [values[n] for n in step.inputs]
        values[number], record = step.operation.forward(inputs, recording)
        if recording:
            records.append(record)
        for n in step.finished:
            del values[n]
    return values[len(steps) - 1], records


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, steps: Sequence[Step]) -> Tensor:
        output, records = _forward(steps, images, recording=True)
        ctx.save_for_backward(*(tensor for tensor, _ in records))
        ctx.steps, ctx.others = steps, [other for _, other in records]
        return output.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        records = list(zip(ctx.saved_tensors, ctx.others, strict=True))
        sums: dict[int, Tensor] = {len(records) - 1: gradient}
        unshared: set[int] = set()  # the steps whose sum no other step holds
        for number in reversed(range(len(records))):
            if number not in sums:
                continue
            step = ctx.steps[number]
            total, may_overwrite = sums.pop(number), number in unshared
            for n, part in zip(
                step.inputs,
                step.operation.backward(total, records[number], may_overwrite),
                strict=True,
            ):
                if part is None:
                    continue
                if n not in sums:
                    sums[n] = part
                    if step.operation.gives_new_tensors:
                        unshared.add(n)
                elif n in unshared:
                    sums[n].add_(part)
                else:
                    sums[n] = sums[n] + part
                    unshared.add(n)
        return sums.get(IMAGES), None


def lay_out(graph: fx.GraphModule) -> list[Step]:
    """The steps of a graph; none for one that has to stay as it is."""
    steps: list[Step] = []
    places: dict[fx.Node, int] = {}
    differentiated: set[fx.Node] = set()  # what depends on the images
    for node in graph.graph.nodes:
        if node in places:  # the ReLU of a convolution
            continue
        inputs = node.all_input_nodes
        if node.op == "placeholder" and not places:
            places[node] = IMAGES
            differentiated.add(node)
        elif node.op == "output" and steps and places.get(node.args[0]) == len(steps) - 1:
            break
        elif node.op in ("placeholder", "output") or _overwrites_shared(node, graph):
            return []
        else:
            operation, covered = _operation(node, graph, differentiated)
            steps.append(Step(operation, [places[n] for n in inputs]))
            places |= dict.fromkeys(covered, len(steps) - 1)
            if not differentiated.isdisjoint(inputs):
                differentiated.update(covered)
    last_use = {n: number for number, step in enumerate(steps) for n in step.inputs}
    for n, number in last_use.items():
        steps[number].finished.append(n)
    return steps


def _operation(
    node: fx.Node, graph: fx.GraphModule, differentiated: set[fx.Node]
) -> tuple[Operation, list[fx.Node]]:
    """The operation of a node, and all nodes that it covers."""
    layer, inputs = _layer(node, graph), node.all_input_nodes
    if isinstance(layer, nn.Conv2d) and PackedConvolution.is_possible(layer):
        users = list(node.users)
        relu = len(users) == 1 and _is_relu(users[0], graph)
        return Convolution(layer, relu), [node, *users] if relu else [node]
    if _is_relu(node, graph):
        return Relu(), [node]
    plain_call = node.op == "call_function" and not node.kwargs
    if plain_call and node.target in SUMS and list(node.args) == inputs and len(inputs) == 2:
        return Sum(), [node]
    if node.op == "call_function" and node.target is torch.cat:
        parts, *dim = [*node.args, *node.kwargs.values()]
        if dim == [1] and isinstance(parts, list | tuple) and list(parts) == inputs:
            return Concatenation(), [node]
    return OneLayer(node, graph, differentiated), [node]


def _layer(node: fx.Node, graph: fx.GraphModule) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _is_relu(node: fx.Node, graph: fx.GraphModule) -> bool:
    if node.op == "call_function":
        return node.target in RELU_FUNCTIONS
    return type(_layer(node, graph)) is nn.ReLU or (
        node.op == "call_method" and node.target in ("relu", "relu_")
    )


def _overwrites_shared(node: fx.Node, graph: fx.GraphModule) -> bool:
    """Whether a node may write over a tensor that another node reads too."""
    layer, target = _layer(node, graph), node.target
    supported = _is_relu(node, graph) or target is operator.iadd
    if layer is not None:
        supported = writes = bool(getattr(layer, "inplace", False))
    elif node.kwargs.get("inplace"):
        supported = writes = True
    elif node.op == "get_attr":
        return False
    else:
        name = target if isinstance(target, str) else getattr(target, "__name__", "")
        writes = name.endswith("_") or target in IN_PLACE_OPERATORS
        # Its place in a function's arguments is not known.
        of_torch = getattr(target, "__module__", "") == functional.__name__
        writes |= of_torch and any(arg is True for arg in node.args)
    return writes and (not supported or _is_shared(node.all_input_nodes[0], graph))


def _is_shared(node: fx.Node, graph: fx.GraphModule) -> bool:
    """Whether other nodes read this node's tensor, or one that it is a view of."""
    if len(node.users) > 1 or node.op in ("placeholder", "get_attr"):
        return True
    makes_its_own = isinstance(_layer(node, graph), nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    makes_its_own |= node.op == "call_function" and node.target in (*NEW_SUMS, torch.cat)
    return not makes_its_own and any(_is_shared(n, graph) for n in node.all_input_nodes)
