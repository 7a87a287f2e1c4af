"""Tensors on disk: safetensors, which hold no code, with what is told of them and a checksum."""

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
from pgdose.records import atomic


def _checksum(tensors: Mapping[str, Tensor], about: str) -> str:
    """32 hex digits (XXH3, 128 bits) of names, types, shapes, values, and what is told."""
    of = xxhash.xxh3_128(about.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        of.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        of.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return of.hexdigest()


def save(
    tensors: Mapping[str, Tensor], path: str | Path, about: Mapping[str, Any] | None = None
) -> None:
    """Write atomically; `about` is whatever JSON can hold."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    told = json.dumps(about or {})
    with atomic(path) as beside:
        save_file(kept, beside, metadata={"pgdose": told, "xxh3_128": _checksum(kept, told)})


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save` wrote, on the CPU; Damaged if it is anything else."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise Damaged(path, f"no whole safetensors file: {type(error).__name__}") from None
    told = metadata.get("pgdose", "")
    if metadata.get("xxh3_128") != _checksum(tensors, told):
        raise Damaged(path, "its checksum does not fit")
    return tensors, json.loads(told)
