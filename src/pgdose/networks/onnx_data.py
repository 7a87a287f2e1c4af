"""Weights of an ONNX model that are in files beside it.

A model may be hostile: only the files that `onnx_locations.data_files` names are read, of them
only plain files, and only the bytes that a tensor's own shape needs.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pgdose.networks.graph import Refused
from pgdose.networks.torch_archive import MOST_SHARED

MOST_BYTES = 2**34  # of a file of weights
INSIDE = (
    "put them into this one: python -c \"import onnx; onnx.save_model(onnx.load('FILE.onnx'), "
    "'FILE.onnx')\""
)


class DataFiles:
    """The files that a model's weights may be in, by their names."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self.files = {file.name: file for file in files}
        self.sizes: dict[str, int] = {}
        self.taken = 0  # bytes

    def tensor(self, entry: Any, dtype: torch.dtype) -> Tensor:
        """The tensor of an entry of the model, whose dims are those of a tensor."""
        place = {item.key: item.value for item in entry.external_data}
        name = place.get("location", "")
        if name not in self.files:
            raise Refused(
                f"its weights are in another file, which does not end in .data or .bin; {INSIDE}"
            )
        dims = list(entry.dims)
        length = dtype.itemsize
        for size in dims:
            length *= size
        offset, said = int(place.get("offset", 0)), int(place.get("length", length))
        if said != length or offset < 0:
            raise ValueError("a tensor of another length than its shape")
        content = self._read(name, offset, length)
        return torch.frombuffer(content, dtype=dtype).reshape(dims) if length else torch.empty(dims)

    def _read(self, name: str, offset: int, length: int) -> bytearray:
        try:
            handle = os.open(self.files[name], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise Refused(
                "its weights are in another file, which does not lie beside it; put the file "
                "there, under the name that it was saved with"
            ) from None
        except OSError:
            raise Refused(
                f"its weights are in another file, which is a link or cannot be opened; {INSIDE}"
            ) from None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise Refused(
                    "its weights are in another file, which is no plain file of at most "
                    f"{MOST_BYTES >> 30} GB; {INSIDE}"
                )
            self.sizes[name] = status.st_size
            self.taken += length
            # Many tensors may share the same bytes.
            if self.taken > sum(self.sizes.values()) + MOST_SHARED:
                raise Refused("its weights are larger than the file that holds them")
            if offset + length > status.st_size:
                raise Refused(
                    "the file beside it that holds its weights is too short; copy both files anew"
                )
            file.seek(offset)
            content = bytearray(file.read(length))
        if len(content) < length:
            raise Refused("the file beside it that holds its weights changed while it was read")
        return content
