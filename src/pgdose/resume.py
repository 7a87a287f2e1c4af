"""The finished parts of a long job on disk, so that a killed one goes on and ends the same."""

import contextlib
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pgdose.records import atomic

Part = dict[str, Tensor]


class Parts:
    """A folder of parts in the order in which they were kept.

    The folder's name must tell all that the result depends on: what lies there is believed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def known(self) -> list[Part]:
        """What an earlier job has kept, up to the first that is not whole."""
        found: list[Part] = []
        with contextlib.suppress(FileNotFoundError, SafetensorError):
            while True:
                found.append(load_file(self._file(len(found))))
        self.count = len(found)
        return found

    def keep(self, part: Part) -> None:
        with atomic(self._file(self.count)) as beside:
            save_file({name: tensor.contiguous() for name, tensor in part.items()}, beside)
        self.count += 1

    def remove(self) -> None:
        """When the job is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"
