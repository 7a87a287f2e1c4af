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
from pgdose.tables.output_files import atomic


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
    sealed = json.dumps({"about": told, "xxh3_128": _checksum(kept, told)})
    with atomic(path) as beside:
        # One key: several would stand in an order that no seed decides.
        save_file(kept, beside, metadata={"pgdose": sealed})


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save` wrote, on the CPU; Damaged if it is anything else."""
    try:
        with safe_open(path, framework="pt") as file:
            sealed = json.loads(file.metadata()["pgdose"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fits = sealed["xxh3_128"] == _checksum(tensors, sealed["about"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Damaged(path, f"no whole file of tensors: {type(error).__name__}") from None
    if not fits:
        raise Damaged(path, "its checksum does not fit")
    return tensors, json.loads(sealed["about"])
