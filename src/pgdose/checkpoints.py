"""The finished parts of a long job on disk, so that a killed job resumes.

`attack/batching.py` goes on from them; a training has `training/state.py`. `scripts/work_folder.py`
names the folder.
"""

import contextlib
import shutil
from pathlib import Path

from torch import Tensor

from pgdose import tensor_files
from pgdose.errors import Damaged

Part = dict[str, Tensor]  # with `steps`, a row for each item of the part


class Checkpoints:
    """The finished parts of a job in a folder, in the order in which they were saved.

    The folder's name must be a digest of all that the result depends on: `load` does not check
    which job saved the parts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = self.rows = 0

    def load(self) -> list[Part]:
        """The parts that an earlier job saved, up to the first damaged one; removes the rest."""
        parts: list[Part] = []
        rows = 0
        with contextlib.suppress(FileNotFoundError, Damaged):
            while True:
                part, metadata = tensor_files.load(self._file(len(parts)))
                if metadata["follows"] != rows:  # from another job, with other batches
                    break
                parts.append(part)
                rows += len(part["steps"])
        self.parts, self.rows = len(parts), rows
        for path in self.folder.glob("*.safetensors"):
            if int(path.stem) >= self.parts:
                path.unlink(missing_ok=True)
        return parts

    def save(self, part: Part) -> None:
        """Save the next part; call `load` first where an earlier job may have left some."""
        tensor_files.save(part, self._file(self.parts), {"follows": self.rows})
        self.parts += 1
        self.rows += len(part["steps"])

    def remove(self) -> None:
        """Remove the folder when the job is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"
