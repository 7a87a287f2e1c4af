"""A GraphNetwork as tensors and JSON, and back: what network.safetensors holds of it.

The names of operators are those of the readers' tables; all else is numbers.
"""

from typing import Any

import torch
from torch import Tensor

from pgdose.networks import onnx_operators, pt2
from pgdose.networks.graph import Call, Device, GraphNetwork, Numbers, Value

DTYPES = {str(dtype): dtype for dtype in (*pt2.DTYPES.values(), *onnx_operators.DTYPES.values())}
MEMORY_FORMATS = {str(entry): entry for entry in pt2.MEMORY_FORMATS.values()}


def written(network: GraphNetwork) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the description that `read` takes."""
    weights = {f"weight_{n}": network.get_buffer(f"weight_{n}") for n in network.weights}
    constants = {f"constant_{n}": tensor for n, tensor in network.constants.items()}
    # Copies: tensors of a file may share memory, which safetensors refuses.
    tensors = {name: tensor.clone() for name, tensor in (weights | constants).items()}
    calls = [
        {
            "operator": call.operator,
            "arguments": _encoded(list(call.arguments)),
            "keywords": {key: _encoded(value) for key, value in call.keywords.items()},
            "results": call.results,
            "several": call.several,
        }
        for call in network.calls
    ]
    ends = {"images": network.images, "outputs": network.outputs, "shape": network.shape}
    return tensors, {"calls": calls, **ends}


def read(tensors: dict[str, Tensor], description: dict[str, Any]) -> GraphNetwork:
    """The network that `written` described."""
    calls = [
        Call(
            operator=call["operator"],
            function=_function(call["operator"]),
            arguments=_decoded(call["arguments"]),
            keywords={key: _decoded(value) for key, value in call["keywords"].items()},
            results=tuple(call["results"]),
            several=call["several"],
        )
        for call in description["calls"]
    ]
    numbered: dict[str, dict[int, Tensor]] = {"weight": {}, "constant": {}}
    for name, tensor in tensors.items():
        kind, _, number = name.partition("_")
        numbered[kind][int(number)] = tensor
    return GraphNetwork(
        calls,
        numbered["weight"],
        description["images"],
        description["outputs"],
        description["shape"],
        numbered["constant"],
    )


def _function(operator: str) -> Any:
    if operator.startswith(onnx_operators.PREFIX):
        return onnx_operators.function_of(operator.removeprefix(onnx_operators.PREFIX))
    return pt2.function_of(operator)


def _encoded(value: Any) -> Any:
    """An argument of a call as JSON; anything but plain values is a dict of one key."""
    match value:
        case Value(number):
            return {"value": number}
        case Numbers(number):
            return {"numbers": number}
        case Device():
            return {"device": None}
        case torch.dtype():
            return {"dtype": str(value)}
        case torch.memory_format():
            return {"memory_format": str(value)}
        case torch.layout():
            return {"layout": None}
        case Tensor():
            return {"tensor": value.tolist(), "dtype": str(value.dtype)}
        case list() | tuple():
            return [_encoded(item) for item in value]
    return value


def _decoded(value: Any) -> Any:
    match value:
        case {"value": number}:
            return Value(number)
        case {"numbers": number}:
            return Numbers(number)
        case {"device": None}:
            return Device()
        case {"tensor": content, "dtype": name}:
            return torch.tensor(content, dtype=DTYPES[name])
        case {"dtype": name}:
            return DTYPES[name]
        case {"memory_format": name}:
            return MEMORY_FORMATS[name]
        case {"layout": None}:
            return torch.strided
        case list():
            return [_decoded(item) for item in value]
    return value
