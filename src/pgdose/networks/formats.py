"""Reading whole networks from elsewhere: exported programs, ONNX, TorchScript."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import torch
from torch import nn

from pgdose.errors import UserError
from pgdose.networks import onnx_file, pt2, torch_archive
from pgdose.networks.graph import Refused

# Reads a file with no more memory than four times its size and 2 GB.
TRIAL = """
import os, resource, sys, torch
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
most = size + 4 * os.path.getsize(sys.argv[1]) + 2 * 10**9
resource.setrlimit(resource.RLIMIT_AS, (most, most))
torch.jit.load(sys.argv[1], map_location="cpu")
"""
TRIAL_SECONDS = 120
MOST_CODE = 2**24  # bytes of TorchScript's source when unpacked


def read_module(format: str, content: bytes, name: str) -> nn.Module:
    """The network in a file of one of `study.networks.NETWORK_FORMATS`, except weights.

    UserError, naming the file, if it is refused.
    """
    if format == "exported program":
        return pt2.read(content, name)
    if format == "onnx":
        return onnx_file.read(content, name)
    return _read_torchscript(content, name)


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


def try_torchscript(path: Path) -> None:
    """UserError if a TorchScript file cannot be read in a process of its own.

    torch's reader ends the process at some damaged files, and asks for any memory at others.
    """
    command = [sys.executable, "-W", "ignore", "-c", TRIAL, str(path)]
    try:
        code = subprocess.run(command, capture_output=True, timeout=TRIAL_SECONDS).returncode
    except subprocess.TimeoutExpired:
        code = 1
    if code:
        raise UserError(
            f"{path.name}: not a TorchScript file that torch {torch.__version__} can read; save "
            "one with torch.jit.save"
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message, at most 200 characters, or the name of its class."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
