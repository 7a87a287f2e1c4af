"""Reading whole networks from elsewhere: exported programs, ONNX, TorchScript."""

import io
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from pgdose.errors import UserError
from pgdose.networks import pt2

NEWEST_OPSET = 17  # that onnx2torch reads


def read_module(format: str, content: bytes, name: str) -> nn.Module:
    """The network in a file of one of `study.networks.NETWORK_FORMATS`, except weights.

    UserError, naming the file, if it is refused.
    """
    if format == "exported program":
        return pt2.read(content, name)
    if format == "onnx":
        return _read_onnx(content, name)
    try:
        return torch.jit.load(io.BytesIO(content), map_location="cpu")
    except RuntimeError as error:
        raise UserError(
            f"{name}: not a TorchScript file that torch can read ({first_line(error)}); save one "
            "with torch.jit.save"
        ) from None


def _read_onnx(content: bytes, name: str) -> nn.Module:
    """The graph as torch modules, because onnxruntime gives no gradients."""
    try:
        import onnx
        import onnx2torch
    except ImportError:
        raise UserError(
            f"{name}: ONNX needs two more packages; run: pip install 'pgdose[onnx]'"
        ) from None
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's
        raise UserError(
            f"{name}: not a valid ONNX model ({first_line(error)}); export it again"
        ) from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _weights(model)):
        raise UserError(
            f"{name}: its weights are in another file; put them into this one: "
            "onnx.save_model(model, path, save_as_external_data=False)"
        )
    try:
        _adapt_to_onnx2torch(model)
        network: nn.Module = onnx2torch.convert(model)
    except Exception as error:  # onnx2torch has no errors of its own
        raise UserError(
            f"{name}: onnx2torch cannot convert it ({first_line(error)}); "
            f"export it with opset_version={NEWEST_OPSET}, or give an "
            "exported program (torch.export.save) instead"
        ) from None
    return network


def _weights(message: Any) -> Iterator[Any]:
    """All tensors of a protobuf message, at any depth."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for below in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _weights(below)


def _adapt_to_onnx2torch(model: Any) -> None:
    """Rewrite the model for onnx2torch where its meaning stays the same. In place.

    torch names a weight that two layers share by an Identity, where onnx2torch looks for the
    weight itself; and many operators of a newer opset differ from NEWEST_OPSET's only in the
    number types they accept.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    aliases: dict[str, str] = {}
    for node in list(model.graph.node):
        for place, name in enumerate(node.input):
            node.input[place] = aliases.get(name, name)
        if node.op_type == "Identity" and node.input[0] in weights:
            aliases[node.output[0]] = node.input[0]
            model.graph.node.remove(node)
    (opset,) = (entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset.version > NEWEST_OPSET and all(
        _same_in_newest_opset(node, opset.version) for node in model.graph.node
    ):
        opset.version = NEWEST_OPSET


def _same_in_newest_opset(node: Any, version: int) -> bool:
    """Whether a node of a newer opset has the same inputs and attributes in NEWEST_OPSET."""
    import onnx

    try:
        new, old = (
            onnx.defs.get_schema(node.op_type, opset, node.domain)
            for opset in (version, NEWEST_OPSET)
        )
    except onnx.defs.SchemaError:
        return False
    attributes = {attribute.name for attribute in node.attribute}
    new_inputs, old_inputs = ([entry.name for entry in schema.inputs] for schema in (new, old))
    return new_inputs == old_inputs and attributes <= set(old.attributes)


def first_line(error: Exception) -> str:
    """The first line of an error's message, at most 200 characters, or the name of its class."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
