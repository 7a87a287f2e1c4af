"""Networks as whole files from elsewhere: exported programs, ONNX, TorchScript."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pgdose.errors import UserError
from pgdose.networks import pt2
from pgdose.study.networks import NETWORK_FORMATS


def module(format: str, content: bytes, name: str) -> nn.Module:
    """The network in a file of one of NETWORK_FORMATS but weights; UserError if it is refused."""
    if format == "exported program":
        return pt2.read(content, name)
    if format == "onnx":
        return _of_onnx(content, name)
    try:
        return torch.jit.load(io.BytesIO(content), map_location="cpu")
    except RuntimeError as error:
        raise UserError(f"{name}: no TorchScript that torch can read ({_first(error)})") from None


def _of_onnx(content: bytes, name: str) -> nn.Module:
    """A graph of torch's modules: onnxruntime gives no gradients."""
    try:
        import onnx
        import onnx2torch
    except ImportError:
        raise UserError(
            f"{name}: ONNX wants two more packages: pip install 'pgdose[onnx]'"
        ) from None
    try:
        graph = onnx.load_model_from_string(content)
        onnx.checker.check_model(graph)
    except Exception as error:  # protobuf's and the checker's
        raise UserError(f"{name}: no valid ONNX model ({_first(error)})") from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _weights(graph)):
        raise UserError(
            f"{name}: its weights lie in another file; save them inside: "
            "onnx.save_model(model, path, save_as_external_data=False)"
        )
    try:
        _known_to_onnx2torch(graph)
        converted: nn.Module = onnx2torch.convert(graph)
    except Exception as error:  # it has none of its own
        raise UserError(
            f"{name}: {_first(error)}. onnx2torch cannot make a network with gradients of it; "
            f"export it with opset_version={NEWEST}, or give an exported program "
            "(torch.export.save) instead"
        ) from None
    return converted


def _weights(part: Any) -> Iterator[Any]:
    """All tensors of a model, wherever in it they stand."""
    if part.DESCRIPTOR.name == "TensorProto":
        yield part
        return
    for field, value in part.ListFields():
        if field.message_type is not None:
            for below in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _weights(below)


NEWEST = 17  # opset that onnx2torch knows


def _known_to_onnx2torch(model: Any) -> None:
    """Say the same in words of an older opset where that is all there is to it. In place.

    Many operators of a newer one only take more types of numbers; and torch names a weight that two
    layers share by an Identity, where onnx2torch looks for the weight itself.
    """
    import onnx

    weights = {tensor.name for tensor in model.graph.initializer}
    aliases: dict[str, str] = {}
    for node in list(model.graph.node):
        for place, given in enumerate(node.input):
            node.input[place] = aliases.get(given, given)
        if node.op_type == "Identity" and node.input[0] in weights:
            aliases[node.output[0]] = node.input[0]
            model.graph.node.remove(node)
    (opset,) = (entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset.version <= NEWEST:
        return

    def same(node: Any) -> bool:
        try:
            new, old = (
                onnx.defs.get_schema(node.op_type, version, node.domain)
                for version in (opset.version, NEWEST)
            )
        except onnx.defs.SchemaError:
            return False
        used = {attribute.name for attribute in node.attribute}
        names = [[entry.name for entry in schema.inputs] for schema in (new, old)]
        return names[0] == names[1] and used <= set(old.attributes)

    if all(same(node) for node in model.graph.node):
        opset.version = NEWEST


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def format_of(path: Path) -> str:
    """The format of a file by its name; UserError if there is none of it."""
    known = NETWORK_FORMATS.get(path.suffix.lower())
    if known is None:
        raise UserError(f"{path.name}: {path.suffix!r}; one of {', '.join(NETWORK_FORMATS)}")
    return known
