"""Tensors on disk: safetensors files, which hold no code, with JSON metadata and a checksum."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import xxhash
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pgdose.errors import Damaged
from pgdose.tables.output_files import atomic

MOST_METADATA = 32 * 2**20  # bytes; a network of 50,000 calls has some 10 MB


def _checksum(tensors: Iterable[tuple[str, Tensor]], metadata: str) -> str:
    """32 hex digits (XXH3, 128 bits) of the metadata and all names, types, shapes and values.

    The tensors come by name; one of them is in memory at a time if they are read as they come.
    """
    digest = xxhash.xxh3_128(metadata.encode())
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write atomically; `metadata` is anything that JSON can hold."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata or {})
    sealed = json.dumps({"about": text, "xxh3_128": _checksum(sorted(on_cpu.items()), text)})
    if len(sealed) > MOST_METADATA:
        raise ValueError(f"metadata of {len(sealed)} bytes; at most {MOST_METADATA} are read back")
    with atomic(path) as beside:
        # One key: safetensors writes several in an order that no seed decides.
        save_file(on_cpu, beside, metadata={"pgdose": sealed})


def load(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the metadata that `save` wrote.

    Raises:
        Damaged: the file is not as it was written.
        FileNotFoundError: there is none.
    """
    with _errors_as_damaged(path), safe_open(path, framework="pt") as file:
        sealed = _sealed(file)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if sealed["xxh3_128"] != _checksum(sorted(tensors.items()), sealed["about"]):
            raise Damaged(path, "its checksum does not match")
        return tensors, json.loads(sealed["about"])


def check(path: str | Path) -> None:
    """Raise Damaged if the file is not as it was written; one tensor is in memory at a time."""
    with _errors_as_damaged(path), safe_open(path, framework="pt") as file:
        sealed = _sealed(file)
        tensors = ((name, file.get_tensor(name)) for name in sorted(file.keys()))
        if sealed["xxh3_128"] != _checksum(tensors, sealed["about"]):
            raise Damaged(path, "its checksum does not match")


def _sealed(file: Any) -> dict[str, str]:
    """What `save` wrote beside the tensors."""
    text = file.metadata()["pgdose"]
    if len(text) > MOST_METADATA:
        raise ValueError("more metadata than pgdose writes")
    return json.loads(text)


@contextlib.contextmanager
def _errors_as_damaged(path: str | Path) -> Iterator[None]:
    """Raise Damaged for whatever the content of a file, which may be anything, makes fail."""
    try:
        yield
    except (
        *(SafetensorError, ValueError, KeyError, TypeError, AttributeError),
        RecursionError,  # JSON of 100,000 levels
    ) as error:
        raise Damaged(path, f"reading it failed with {type(error).__name__}") from None
