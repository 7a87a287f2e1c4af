"""The operators of ONNX that are read, each as a function of torch.

A function's positional parameters are the operator's inputs, its keywords the attributes; a model
with any other attribute is refused. Two keywords are not attributes: `opset`, the version of the
model's operators, and `outputs`, how many results the model uses. Inputs that are shapes, axes and
the like arrive as Python numbers. Each meaning is that of the operator's page in the ONNX
specification.
"""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pgdose.networks.graph import Refused, WholeDivision
from pgdose.networks.onnx_resize import resize_axis

PREFIX = "onnx."  # of the operators' names in a graph
OLDEST_OPSET, NEWEST_OPSET = 7, 28  # of the standard operators

MOST_PIXELS = 2**15  # of a side that Resize makes

# By the number of a TensorProto's data type.
DTYPES = {
    **{1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32},
    **{7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16},
}
Ints = Sequence[int]


@dataclass(frozen=True)
class Operator:
    """An operator's function, and what its signature says.

    numbers: positions of the inputs that arrive as Python numbers
    keywords: names of its attributes, and `opset` and `outputs` if it has them
    most_inputs: None: any number
    several: whether it returns several results
    """

    function: Callable[..., Any]
    keywords: frozenset[str] = frozenset()
    numbers: frozenset[int] = frozenset()
    most_inputs: int | None = 1
    several: bool = False


UNARY: dict[str, Callable[..., Any]] = {
    **{"Abs": torch.abs, "Acos": torch.acos, "Acosh": torch.acosh, "Asin": torch.asin},
    **{"Asinh": torch.asinh, "Atan": torch.atan, "Atanh": torch.atanh, "Ceil": torch.ceil},
    **{"Cos": torch.cos, "Cosh": torch.cosh, "Erf": torch.erf, "Exp": torch.exp},
    **{"Floor": torch.floor, "HardSwish": F.hardswish, "IsNaN": torch.isnan},
    **{"Log": torch.log, "Mish": F.mish, "Neg": torch.neg, "Not": torch.logical_not},
    **{"Reciprocal": torch.reciprocal, "Relu": torch.relu, "Round": torch.round},
    **{"Sigmoid": torch.sigmoid, "Sign": torch.sign, "Sin": torch.sin, "Sinh": torch.sinh},
    **{"Softplus": F.softplus, "Softsign": F.softsign, "Sqrt": torch.sqrt},
    **{"Tan": torch.tan, "Tanh": torch.tanh},
}
BINARY: dict[str, Callable[..., Any]] = {
    **{"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "MatMul": torch.matmul},
    **{"And": torch.logical_and, "Or": torch.logical_or, "Xor": torch.logical_xor},
    **{"Equal": torch.eq, "Greater": torch.gt, "GreaterOrEqual": torch.ge},
    **{"Less": torch.lt, "LessOrEqual": torch.le},
}
OPERATORS: dict[str, Operator] = {
    **{name: Operator(function) for name, function in UNARY.items()},
    **{name: Operator(function, most_inputs=2) for name, function in BINARY.items()},
}


def operator(
    *names: str, numbers: Sequence[int] = (), several: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters.values()
        keywords = frozenset(p.name for p in parameters if p.kind == p.KEYWORD_ONLY)
        any_number = any(p.kind == p.VAR_POSITIONAL for p in parameters)
        most = None if any_number else len(parameters) - len(keywords)
        for name in names:
            OPERATORS[name] = Operator(function, keywords, frozenset(numbers), most, several)
        return function

    return enter


def function_of(name: str) -> Callable[..., Any]:
    """The function of an operator by its name in ONNX; KeyError if it is not read."""
    return OnOneDevice(OPERATORS[name].function)


class OnOneDevice:
    """Calls a function with tensors of one device; those made of shapes are on the CPU."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        devices = {a.device for a in arguments if isinstance(a, Tensor)} - {torch.device("cpu")}
        if devices:
            (device,) = devices
            arguments = tuple(a.to(device) if isinstance(a, Tensor) else a for a in arguments)
        return self.function(*arguments, **keywords)


# --- values ------------------------------------------------------------------------------------


@operator("Identity")
def identity(x: Tensor) -> Tensor:
    return x


@operator("Constant")
def constant(
    *,
    value: Tensor | None = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_int: int | None = None,
    value_ints: Ints | None = None,
) -> Tensor:
    if value is not None:
        if not isinstance(value, Tensor):
            raise ValueError("a constant that is no tensor")
        return value
    floats = value_float if value_floats is None else value_floats
    if floats is not None:
        return torch.tensor(floats, dtype=torch.float32)
    ints = value_int if value_ints is None else value_ints
    return torch.tensor(ints, dtype=torch.int64)


@operator("ConstantOfShape", numbers=[0])
def constant_of_shape(shape: Ints, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return torch.zeros(list(shape))
    return value.reshape(()).expand(list(shape)).clone()


@operator("Shape")
def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


@operator("Size")
def size(x: Tensor) -> Tensor:
    return torch.tensor(x.numel(), dtype=torch.int64)


@operator("Range", numbers=[0, 1, 2])
def range_(start: float, limit: float, delta: float) -> Tensor:
    whole = all(isinstance(value, int) for value in (start, limit, delta))
    count = max(math.ceil((limit - start) / delta), 0)
    steps = torch.arange(count, dtype=torch.int64 if whole else torch.float32)
    return start + steps * delta


@operator("EyeLike")
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    ones = torch.ones(x.shape, dtype=_dtype(dtype) if dtype else x.dtype)
    return ones.tril(k).triu(k)


@operator("OneHot", numbers=[1])
def one_hot(indices: Tensor, depth: Any, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(depth[0] if isinstance(depth, list) else depth)
    indices = indices.long()
    positions = torch.where(indices < 0, indices + count, indices).unsqueeze(axis)
    places = torch.arange(count, device=indices.device)
    rank = indices.ndim + 1
    places = places.view([-1 if i == axis % rank else 1 for i in range(rank)])
    return torch.where(positions == places, values[1], values[0])


def _dtype(number: int) -> torch.dtype:
    if number not in DTYPES:
        raise Refused(f"the number type {number} is not read")
    return DTYPES[number]


@operator("Cast")
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(_dtype(to))


@operator("CastLike")
def cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(like.dtype)


# --- element by element --------------------------------------------------------------------------


@operator("Div")
def div(a: Tensor, b: Tensor) -> Tensor:
    if a.is_floating_point() or b.is_floating_point():
        return torch.div(a, b)
    return WholeDivision(torch.div)(a, b, rounding_mode="trunc")


@operator("Pow")
def power(a: Tensor, b: Tensor) -> Tensor:
    return torch.pow(a, b).to(a.dtype)


@operator("Mod")
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    return WholeDivision(torch.fmod if fmod else torch.remainder)(a, b)


@operator("Sum")
def sum_(*terms: Tensor) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@operator("Mean")
def mean(*terms: Tensor) -> Tensor:
    total: Tensor = sum_(*terms)
    return total / len(terms)


@operator("Max")
def maximum(*terms: Tensor) -> Tensor:
    largest = terms[0]
    for term in terms[1:]:
        largest = torch.maximum(largest, term)
    return largest


@operator("Min")
def minimum(*terms: Tensor) -> Tensor:
    smallest = terms[0]
    for term in terms[1:]:
        smallest = torch.minimum(smallest, term)
    return smallest


@operator("Where")
def where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(condition, a, b)


@operator("IsInf")
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    negative, positive = torch.isneginf(x), torch.isposinf(x)
    return (negative & bool(detect_negative)) | (positive & bool(detect_positive))


@operator("Clip")
def clip(
    x: Tensor,
    low: Tensor | None = None,
    high: Tensor | None = None,
    *,
    min: float | None = None,
    max: float | None = None,
) -> Tensor:
    lowest: Any = min if low is None else low
    highest: Any = max if high is None else high
    return x if lowest is None and highest is None else torch.clamp(x, lowest, highest)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(x, alpha)


@operator("Selu")
def selu(x: Tensor, *, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> Any:
    return gamma * F.elu(x, alpha)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return x * torch.sigmoid(alpha * x)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@operator("PRelu")
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, slope * x, x)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.threshold(x, alpha, 0.0)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return (alpha * x + beta).clamp(0, 1)


@operator("Shrink")
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    shrunk = torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, 0))
    return shrunk.to(x.dtype)


@operator("Dropout", numbers=[2])
def dropout(
    x: Tensor,
    share: Tensor | None = None,
    training: Any = None,
    *,
    ratio: float = 0.5,
    seed: int = 0,
) -> Tensor:
    if training:
        raise Refused("dropout is active; export the network in evaluation mode")
    return x


# --- along axes --------------------------------------------------------------------------------


def _softmax(function: Callable[..., Tensor], x: Tensor, axis: int | None, opset: int) -> Tensor:
    if opset >= 13:
        return function(x, dim=-1 if axis is None else axis)
    start = (1 if axis is None else axis) % x.ndim  # of all axes from here on, together
    rows: Tensor = flatten(x, axis=start)
    return function(rows, dim=1).reshape(x.shape)


@operator("Softmax")
def softmax(x: Tensor, *, axis: int | None = None, opset: int) -> Tensor:
    return _softmax(F.softmax, x, axis, opset)


@operator("LogSoftmax")
def log_softmax(x: Tensor, *, axis: int | None = None, opset: int) -> Tensor:
    return _softmax(F.log_softmax, x, axis, opset)


def _enter_reduction(name: str, function: Callable[[Tensor, list[int], bool], Tensor]) -> None:
    @operator(name, numbers=[1])
    def reduce(
        x: Tensor,
        axes_given: Ints | None = None,
        *,
        axes: Ints | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        chosen = list((axes if axes_given is None else axes_given) or ())
        if not chosen and not noop_with_empty_axes:
            chosen = list(range(x.ndim))
        return function(x, chosen, bool(keepdims))


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % max(x.ndim, 1) for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _over(function: Callable[..., Tensor]) -> Callable[[Tensor, list[int], bool], Tensor]:
    """A reduction that leaves the values as they are over no axes, where torch takes all."""
    return lambda x, axes, keep: function(x, axes, keepdim=keep) if axes else x


def _total(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.sum(axes, keepdim=keep, dtype=x.dtype) if axes else x


def _norm(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """By torch's own, of which the gradient of 0 is 0."""
    if not axes:
        return x.abs()
    return (
        torch.linalg.vector_norm(x.double(), dim=axes, keepdim=keep).to(x.dtype)
        if (not x.is_floating_point())
        else torch.linalg.vector_norm(x, dim=axes, keepdim=keep)
    )


for _name, _function in {
    "ReduceMean": _over(torch.mean),
    "ReduceSum": _total,
    "ReduceMax": _over(torch.amax),
    "ReduceMin": _over(torch.amin),
    "ReduceProd": _product,
    "ReduceL1": lambda x, axes, keep: _total(x.abs(), axes, keep),
    "ReduceL2": _norm,
    "ReduceLogSum": lambda x, axes, keep: _total(x, axes, keep).log(),
    "ReduceLogSumExp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep) if axes else x,
    "ReduceSumSquare": lambda x, axes, keep: _total(x * x, axes, keep),
}.items():
    _enter_reduction(_name, _function)


def _extreme(
    function: Callable[..., Tensor], x: Tensor, axis: int, keepdims: int, last: int
) -> Tensor:
    if not last:
        return function(x, dim=axis, keepdim=bool(keepdims))
    return x.shape[axis] - 1 - function(x.flip(axis), dim=axis, keepdim=bool(keepdims))


@operator("ArgMax")
def arg_max(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _extreme(torch.argmax, x, axis, keepdims, select_last_index)


@operator("ArgMin")
def arg_min(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _extreme(torch.argmin, x, axis, keepdims, select_last_index)


@operator("TopK", numbers=[1], several=True)
def top_k(
    x: Tensor,
    count: Any = None,
    *,
    k: int | None = None,
    axis: int = -1,
    largest: int = 1,
    sorted: int = 1,
) -> Any:
    number: Any = k if count is None else count[0] if isinstance(count, list) else count
    values, places = torch.sort(
        x, dim=axis, descending=bool(largest), stable=True
    )  # of equal ones the first
    return values.narrow(axis, 0, int(number)), places.narrow(axis, 0, int(number))


@operator("CumSum", numbers=[1])
def cumulative_sum(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    dim = int(axis[0] if isinstance(axis, list) else axis)
    x = x.flip(dim) if reverse else x
    total = x.cumsum(dim, dtype=x.dtype)
    if exclusive:
        total = torch.cat([torch.zeros_like(_part(x, dim, slice(0, 1))), total], dim)
        total = _part(total, dim, slice(0, -1))
    return total.flip(dim) if reverse else total


@operator("Einsum")
def einsum(*terms: Tensor, equation: str) -> Tensor:
    if not re.fullmatch(r"[A-Za-z,.> -]{1,200}", equation):
        raise Refused("an equation of Einsum that is not read")
    return torch.einsum(equation, *terms)


@operator("Gemm")
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
) -> Tensor:
    product = (a.T if transA else a) @ (b.T if transB else b)
    product = product if alpha == 1 else alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


@operator("Attention")
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    q_num_heads: int | None = None,
    scale: float | None = None,
    softmax_precision: int | None = None,
    softcap: float = 0.0,
    qk_matmul_output_mode: int = 0,
) -> Tensor:
    if softcap or (is_causal and mask is not None):
        raise Refused("this form of Attention is not read")
    in_heads = query.ndim == 3  # n x length x (heads * size)
    if in_heads:
        if not (q_num_heads and kv_num_heads):
            raise Refused("Attention without its numbers of heads")
        query = query.unflatten(2, (q_num_heads, -1)).transpose(1, 2)
        key, value = (
            part.unflatten(2, (kv_num_heads, -1)).transpose(1, 2) for part in (key, value)
        )
    groups = query.shape[1] != key.shape[1]
    result = F.scaled_dot_product_attention(
        query, key, value, mask, 0.0, bool(is_causal), scale=scale, enable_gqa=groups
    )
    return result.transpose(1, 2).flatten(2) if in_heads else result


# --- shapes ------------------------------------------------------------------------------------


@operator("Reshape", numbers=[1])
def reshape(x: Tensor, target: Ints, *, allowzero: int = 0) -> Tensor:
    sizes = [
        x.shape[i] if length == 0 and not allowzero else length for i, length in enumerate(target)
    ]
    return x.reshape(sizes)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Transpose")
def transpose(x: Tensor, *, perm: Ints | None = None) -> Tensor:
    return x.permute(list(range(x.ndim))[::-1] if perm is None else list(perm))


@operator("Squeeze", numbers=[1])
def squeeze(x: Tensor, axes_given: Ints | None = None, *, axes: Ints | None = None) -> Tensor:
    chosen = axes if axes_given is None else axes_given
    if chosen is None:
        return x.squeeze()
    if any(x.shape[axis] != 1 for axis in chosen):
        raise ValueError("Squeeze of an axis that is longer than 1")
    return x.squeeze(tuple(chosen))


@operator("Unsqueeze", numbers=[1])
def unsqueeze(x: Tensor, axes_given: Any = None, *, axes: Ints | None = None) -> Tensor:
    chosen = axes if axes_given is None else axes_given
    chosen = chosen if isinstance(chosen, list | tuple) else [chosen]
    rank = x.ndim + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


@operator("Concat")
def concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, axis)


@operator("Split", numbers=[1], several=True)
def split_(
    x: Tensor,
    lengths: Ints | None = None,
    *,
    axis: int = 0,
    split: Ints | None = None,
    num_outputs: int | None = None,
    outputs: int,
) -> tuple[Tensor, ...]:
    chosen = split if lengths is None else lengths
    if chosen is not None:
        return x.split(list(chosen), axis)
    return x.split(-(-x.shape[axis] // (num_outputs or outputs)), axis)


@operator("Slice", numbers=[1, 2, 3, 4])
def slice_(
    x: Tensor,
    first: Ints | None = None,
    last: Ints | None = None,
    along: Ints | None = None,
    steps: Ints | None = None,
    *,
    starts: Ints | None = None,
    ends: Ints | None = None,
    axes: Ints | None = None,
) -> Tensor:
    begin, end = starts if first is None else first, ends if last is None else last
    if begin is None or end is None:
        raise ValueError("Slice without starts and ends")
    chosen = axes if along is None else along
    chosen = range(len(begin)) if chosen is None else chosen
    for axis, start, stop, step in zip(chosen, begin, end, steps or [1] * len(begin), strict=True):
        length = x.shape[axis]
        if step < 0:  # a start below the first is the first, where Python takes nothing
            start = max(start, -length)
        places = range(*slice(start, stop, step).indices(length))
        if step > 0:
            x = _part(x, axis, slice(places.start, max(places.stop, places.start), step))
        elif places:
            x = _part(x, axis, slice(places[-1], places[0] + 1, -step)).flip(axis)
        else:
            x = _part(x, axis, slice(0, 0))
    return x


def _part(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[(slice(None),) * (axis % x.ndim) + (part,)]


def _from_start(indices: Tensor, length: int) -> Tensor:
    """Indices that may count from the end, as int64 from the start."""
    indices = indices.long()
    return torch.where(indices < 0, indices + length, indices)


@operator("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    axis = axis % x.ndim
    rows = x.index_select(axis, _from_start(indices, x.shape[axis]).reshape(-1))
    return rows.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operator("GatherElements")
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return x.gather(axis, _from_start(indices, x.shape[axis]))


@operator("GatherND")
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    depth = indices.shape[-1]
    batch = x.shape[:batch_dims]
    places = [
        torch.arange(n, device=x.device).view([-1] + [1] * (indices.ndim - 2 - i))
        for i, n in enumerate(batch)
    ]
    parts = [_from_start(indices[..., i], x.shape[batch_dims + i]) for i in range(depth)]
    return x[(*places, *parts)]


@operator("ScatterElements", "Scatter")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    places = _from_start(indices, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, places, updates)
    reductions = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
    return x.scatter_reduce(axis, places, updates, reductions[reduction])


@operator("ScatterND")
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    if reduction not in ("none", "add"):
        raise Refused("this reduction of ScatterND is not read")
    places = [_from_start(indices[..., i], x.shape[i]) for i in range(indices.shape[-1])]
    return x.index_put(tuple(places), updates, accumulate=reduction == "add")


@operator("Expand", numbers=[1])
def expand(x: Tensor, target: Ints) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(target)))


@operator("Tile", numbers=[1])
def tile(x: Tensor, repeats: Ints) -> Tensor:
    return x.repeat(list(repeats))


@operator("Trilu", numbers=[1])
def trilu(x: Tensor, diagonal: Any = None, *, upper: int = 1) -> Tensor:
    k = int(diagonal[0] if isinstance(diagonal, list) else diagonal or 0)
    return x.triu(k) if upper else x.tril(k)


@operator("Pad", numbers=[1, 2, 3])
def pad(
    x: Tensor,
    widths: Ints | None = None,
    fill: Any = None,
    along: Ints | None = None,
    *,
    mode: str = "constant",
    pads: Ints | None = None,
    value: float = 0.0,
) -> Tensor:
    amounts = pads if widths is None else widths
    if amounts is None:
        raise ValueError("Pad without widths")
    axes = [axis % x.ndim for axis in (range(x.ndim) if along is None else along)]
    pairs = dict(zip(axes, _pairs(amounts), strict=True))
    if mode == "constant":
        number = fill[0] if isinstance(fill, list) else value if fill is None else fill
        return _pad(x, [pairs.get(axis, (0, 0)) for axis in range(x.ndim)], number)
    for axis, (before, after) in pairs.items():
        if before or after:
            n = x.shape[axis]
            places = torch.arange(-before, n + after, device=x.device)
            if mode == "edge":
                places = places.clamp(0, n - 1)
            elif mode == "wrap":
                places = places % n
            elif mode == "reflect":
                places = (n - 1 - (places % max(2 * n - 2, 1) - (n - 1)).abs()).abs()
            else:
                raise Refused("this mode of Pad is not read")
            x = x.index_select(axis, places)
    return x


def _pairs(amounts: Ints) -> list[tuple[int, int]]:
    """(before, after) of each axis; ONNX writes all that go before, then all that go after."""
    half = len(amounts) // 2
    return list(zip(amounts[:half], amounts[half:], strict=True))


def _pad(x: Tensor, pairs: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last axes of x, one pair each; negative numbers cut off."""
    if not any(map(any, pairs)):
        return x
    return F.pad(x, [n for pair in reversed(pairs) for n in pair], value=value)


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    if mode == "CRD":
        return F.pixel_shuffle(x, blocksize)
    parts = x.unflatten(1, (blocksize, blocksize, -1)).permute(0, 3, 4, 1, 5, 2)
    return parts.flatten(4, 5).flatten(2, 3)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    if mode == "CRD":
        return F.pixel_unshuffle(x, blocksize)
    parts = x.unflatten(3, (-1, blocksize)).unflatten(2, (-1, blocksize))
    return parts.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


@operator("Col2Im", numbers=[1, 2])
def columns_to_image(
    x: Tensor,
    image: Ints,
    block: Ints,
    *,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    pairs = _pairs(pads or [0] * 4)
    if len(image) != 2 or any(before != after for before, after in pairs):
        raise Refused("this form of Col2Im is not read")
    padding = tuple(before for before, _ in pairs)
    steps, gaps = tuple(strides or (1, 1)), tuple(dilations or (1, 1))
    return F.fold(x, tuple(image), tuple(block), gaps, padding, steps)


@operator("Resize", numbers=[1, 2, 3])
def resize(
    x: Tensor,
    second: Any = None,
    scales: Any = None,
    sizes: Ints | None = None,
    *,
    antialias: int = 0,
    axes: Ints | None = None,
    coordinate_transformation_mode: str | None = None,
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str | None = None,
    opset: int,
) -> Tensor:
    old = opset < 11  # the second input was that of the scales
    scales = second if old else scales
    transformation = coordinate_transformation_mode or ("asymmetric" if old else "half_pixel")
    nearest = nearest_mode or ("floor" if old else "round_prefer_floor")
    if keep_aspect_ratio_policy != "stretch" or transformation == "tf_crop_and_resize":
        raise Refused("this form of Resize is not read")
    chosen = [axis % x.ndim for axis in (range(x.ndim) if axes is None else axes)]
    if sizes:
        lengths = list(sizes)
        factors = [n / x.shape[axis] for n, axis in zip(lengths, chosen, strict=True)]
    else:
        factors = list(scales)
        # In float32, which is what scales are: 0.7 times 10 is 7.
        products = torch.tensor(factors) * torch.tensor([x.shape[axis] for axis in chosen])
        lengths = [int(product) for product in products.tolist()]
    if max(lengths, default=0) > MOST_PIXELS:
        raise Refused(f"it resizes to {max(lengths)} pixels")
    for axis, length, factor in zip(chosen, lengths, factors, strict=True):
        if length != x.shape[axis] or factor != 1:
            x = resize_axis(
                x,
                axis,
                length,
                factor,
                mode=mode,
                transformation=transformation,
                nearest=nearest,
                cubic=cubic_coeff_a,
                exclude_outside=bool(exclude_outside),
                antialias=bool(antialias),
            )
    return x


@operator("Upsample", numbers=[1])
def upsample(
    x: Tensor, given: Any = None, *, mode: str = "nearest", scales: Any = None, opset: int
) -> Tensor:
    result: Tensor = resize(x, scales if given is None else given, mode=mode, opset=min(opset, 10))
    return result


@operator("GridSample")
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Tensor:
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    return F.grid_sample(x, grid, modes.get(mode, mode), padding_mode, bool(align_corners))


# --- convolutions and pools --------------------------------------------------------------------


def _window(
    x: Tensor,
    kernel: Ints,
    auto_pad: str,
    pads: Ints | None,
    strides: Ints | None,
    dilations: Ints | None,
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Strides, dilations and (before, after) paddings of a sliding window."""
    n = len(kernel)
    steps, gaps = list(strides or [1] * n), list(dilations or [1] * n)
    if auto_pad == "NOTSET":
        return steps, gaps, _pairs(pads or [0] * 2 * n)
    if auto_pad == "VALID":
        return steps, gaps, [(0, 0)] * n
    pairs = []
    for length, size_, step, gap in zip(x.shape[2:], kernel, steps, gaps, strict=True):
        total = max((-(-length // step) - 1) * step + (size_ - 1) * gap + 1 - length, 0)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return steps, gaps, pairs


CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOLS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


@operator("Conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    steps, gaps, pairs = _window(x, weight.shape[2:], auto_pad, pads, strides, dilations)
    convolution = CONVOLUTIONS[x.ndim - 2]
    if all(before == after for before, after in pairs):
        padding = [before for before, _ in pairs]
        return convolution(x, weight, bias, steps, padding, gaps, group)
    return convolution(_pad(x, pairs), weight, bias, steps, 0, gaps, group)


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    n = x.ndim - 2
    steps, gaps = list(strides or [1] * n), list(dilations or [1] * n)
    more = list(output_padding or [0] * n)
    pairs = _pairs(pads or [0] * 2 * n)
    if output_shape or auto_pad.startswith("SAME"):
        pairs = []
        for i in range(n):
            full = (x.shape[2 + i] - 1) * steps[i] + more[i] + (weight.shape[2 + i] - 1) * gaps[i]
            length = output_shape[-n:][i] if output_shape else x.shape[2 + i] * steps[i]
            total = full + 1 - length
            if total < 0:
                raise Refused("ConvTranspose with a larger output_shape is not read")
            half, rest = total // 2, total - total // 2
            pairs.append((half, rest) if auto_pad == "SAME_UPPER" else (rest, half))
    plain = TRANSPOSED[n](x, weight, bias, steps, 0, 0, group, gaps)
    # An output padding adds rows that no image pixel reaches: they hold the bias alone.
    lengths = [(before, after - extra) for (before, after), extra in zip(pairs, more, strict=True)]
    if all(after >= 0 for _, after in lengths):
        return _pad(plain, [(-before, -after) for before, after in lengths])
    padding = [before for before, _ in pairs]
    if any(before != after for before, after in pairs):
        raise Refused("ConvTranspose with such an output padding is not read")
    return TRANSPOSED[n](x, weight, bias, steps, padding, more, group, gaps)


def _pool_pairs(
    x: Tensor,
    kernel: Ints,
    steps: Ints,
    gaps: Ints,
    pairs: list[tuple[int, int]],
    ceil_mode: int,
) -> list[tuple[int, int]]:
    """The paddings with which a pool without `ceil_mode` gives the same windows."""
    if not ceil_mode:
        return pairs
    result = []
    for length, size_, step, gap, (before, after) in zip(
        x.shape[2:], kernel, steps, gaps, pairs, strict=True
    ):
        reach = (size_ - 1) * gap + 1
        count = -(-(length + before + after - reach) // step) + 1
        if (count - 1) * step >= length + before:  # it would begin in the padding
            count -= 1
        result.append((before, (count - 1) * step + reach - length - before))
    return result


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    storage_order: int = 0,
    strides: Ints | None = None,
) -> Tensor:
    steps, gaps, pairs = _window(x, kernel_shape, auto_pad, pads, strides, dilations)
    pairs = _pool_pairs(x, kernel_shape, steps, gaps, pairs, ceil_mode)
    pool = MAX_POOLS[len(kernel_shape)]
    if all(b == a and b <= k // 2 for (b, a), k in zip(pairs, kernel_shape, strict=True)):
        return pool(x, list(kernel_shape), steps, [before for before, _ in pairs], gaps)
    lowest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    return pool(_pad(x, pairs, lowest), list(kernel_shape), steps, 0, gaps)


@operator("AveragePool")
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    if any(gap != 1 for gap in dilations or ()):
        raise Refused("AveragePool with dilations is not read")
    steps, gaps, pairs = _window(x, kernel_shape, auto_pad, pads, strides, None)
    pool, kernel = AVERAGE_POOLS[len(kernel_shape)], list(kernel_shape)
    wider = _pool_pairs(x, kernel, steps, gaps, pairs, ceil_mode)
    if wider == pairs and all(
        b == a and b <= k // 2 for (b, a), k in zip(pairs, kernel, strict=True)
    ):
        padding = [before for before, _ in pairs]
        return pool(x, kernel, steps, padding, False, bool(count_include_pad))
    counted = torch.ones_like(x[:1, :1])
    if count_include_pad:
        counted = _pad(counted, pairs, 1.0)
        rest = [(0, w[1] - p[1]) for w, p in zip(wider, pairs, strict=True)]
    else:
        rest = wider
    share = pool(_pad(counted, rest), kernel, steps)
    return pool(_pad(x, wider), kernel, steps) / share


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return x.amax(dim=tuple(range(2, x.ndim)), keepdim=True)


# --- normalisation -----------------------------------------------------------------------------


@operator("BatchNormalization")
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean_: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
) -> Tensor:
    if training_mode or not spatial:
        raise Refused(
            "batch norm is in training mode; export the network in evaluation mode"
            if training_mode
            else "BatchNormalization with spatial=0 is not read"
        )
    return F.batch_norm(x, mean_, variance, scale, bias, eps=epsilon)


@operator("InstanceNormalization")
def instance_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5
) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensor:
    result = F.layer_norm(x, x.shape[axis:], eps=epsilon) * scale
    return result if bias is None else result + bias


@operator("RMSNormalization")
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    return F.rms_norm(x, x.shape[axis:], eps=epsilon) * scale


@operator("GroupNormalization")
def group_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    epsilon: float = 1e-5,
    num_groups: int,
    stash_type: int = 1,
) -> Tensor:
    if len(scale) == num_groups:  # before opset 21
        each = x.shape[1] // num_groups
        scale, bias = scale.repeat_interleave(each), bias.repeat_interleave(each)
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@operator("LRN")
def local_response_normalization(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    squares = _pad((x * x).flatten(2).transpose(1, 2), [((size - 1) // 2, size // 2)])
    means = F.avg_pool1d(squares, size, 1).transpose(1, 2).reshape(x.shape)
    return x / (bias + alpha * means) ** beta


@operator("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    return F.normalize(x, float(p), axis)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(x: Tensor, *, axes: Ints = (0, 2, 3)) -> Tensor:
    centred = x - x.mean(list(axes), keepdim=True)
    return centred / ((centred * centred).mean(list(axes), keepdim=True).sqrt() + 1e-9)
