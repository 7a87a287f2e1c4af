"""Reading whole networks from elsewhere: exported programs, ONNX, TorchScript."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from pgdose.errors import UserError
from pgdose.networks import onnx_file, pt2, torch_archive
from pgdose.networks.graph import Refused

MOST_CODE = 2**24  # bytes of TorchScript's source when unpacked


def read_module(format: str, content: bytes, name: str, data: Iterable[Path] = ()) -> nn.Module:
    """The network in a file of one of `study.networks.NETWORK_FORMATS`, except weights.

    `data`: files beside it that hold its weights (`onnx_locations.data_files`). UserError, naming
    the file, if it is refused.
    """
    if format == "exported program":
        return pt2.read(content, name)
    if format == "onnx":
        return onnx_file.read(content, name, data)
    if format == "torchscript":
        return _read_torchscript(content, name)
    raise UserError(f"{name}: holds a network of an unknown format; make it again")


def _read_torchscript(content: bytes, name: str) -> nn.Module:
    try:
        torch_archive.entries(content, compressed=MOST_CODE)
        return torch.jit.load(io.BytesIO(content), map_location="cpu")
    except Refused as refused:
        raise UserError(f"{name}: refused, because {refused}") from None
    except (RuntimeError, ValueError, IndexError, MemoryError, zipfile.BadZipFile):
        raise UserError(
            f"{name}: not a TorchScript file that torch {torch.__version__} can read; save one "
            "with torch.jit.save"
        ) from None


def without_sources(content: bytes) -> bytes:
    """A TorchScript archive without what running it does not need.

    These are notes of where its maker's source files lay, and the images that it was traced with.
    """
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, part in torch_archive.entries(content, compressed=MOST_CODE).items():
            if not (name.endswith(".debug_pkl") or "/traced_inputs" in name):
                archive.writestr(name, part)
    return kept.getvalue()


def first_line(error: Exception) -> str:
    """The first line of an error's message, printable, or what its class says."""
    if isinstance(error, MemoryError) or "alloc" in str(error):
        return "it takes too much memory"
    lines = "".join(c if c.isprintable() else "\n" for c in str(error)).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
