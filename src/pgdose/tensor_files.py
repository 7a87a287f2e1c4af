"""Tensors on disk: safetensors files, which hold no code, with JSON metadata and a checksum."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import xxhash
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pgdose.errors import Damaged
from pgdose.tables.output_files import atomic


def _checksum(tensors: Mapping[str, Tensor], metadata: str) -> str:
    """32 hex digits (XXH3, 128 bits) of the metadata and all names, types, shapes and values."""
    digest = xxhash.xxh3_128(metadata.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write atomically; `metadata` is anything that JSON can hold."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata or {})
    sealed = json.dumps({"about": text, "xxh3_128": _checksum(on_cpu, text)})
    with atomic(path) as beside:
        # One key: safetensors writes several in an order that no seed decides.
        save_file(on_cpu, beside, metadata={"pgdose": sealed})


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the metadata that `save` wrote.

    Raises:
        Damaged: the file is not as it was written.
        FileNotFoundError: there is none.
    """
    try:
        with safe_open(path, framework="pt") as file:
            sealed = json.loads(file.metadata()["pgdose"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        intact = sealed["xxh3_128"] == _checksum(tensors, sealed["about"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Damaged(path, f"reading it failed with {type(error).__name__}") from None
    if not intact:
        raise Damaged(path, "its checksum does not match")
    return tensors, json.loads(sealed["about"])
