"""Networks as whole files from elsewhere: exported programs, ONNX, TorchScript."""

import io
from pathlib import Path

import torch
from torch import nn

from pgdose import programs
from pgdose.errors import UserError

# By a file's suffix; safetensors hold weights alone and want an architecture beside them.
FORMATS = {
    **{".pt2": "exported program", ".onnx": "onnx", ".safetensors": "weights"},
    **{".pt": "torchscript", ".ts": "torchscript", ".torchscript": "torchscript"},
}


def module(format: str, content: bytes, name: str) -> nn.Module:
    """The network in a file of one of FORMATS but weights; UserError if it is refused."""
    if format == "exported program":
        return programs.read(content, name)
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
    outside = onnx.TensorProto.EXTERNAL
    if any(tensor.data_location == outside for tensor in graph.graph.initializer):
        raise UserError(
            f"{name}: its weights lie in another file; save them inside: "
            "onnx.save_model(model, path, save_as_external_data=False)"
        )
    try:
        converted: nn.Module = onnx2torch.convert(graph)
    except NotImplementedError as error:
        raise UserError(
            f"{name}: {_first(error)}. onnx2torch cannot make a network with gradients of it; "
            "give an exported program (torch.export.save) instead"
        ) from None
    return converted


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def format_of(path: Path) -> str:
    """The format of a file by its name; UserError if there is none of it."""
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        raise UserError(f"{path.name}: {path.suffix!r}; one of {', '.join(FORMATS)}")
    return known
