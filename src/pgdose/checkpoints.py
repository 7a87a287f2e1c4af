"""Long jobs: their finished parts on disk, so that a killed job resumes, and their progress."""

import contextlib
import logging
import shutil
import sys
import time
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from pgdose import tensor_files
from pgdose.errors import Damaged

Part = dict[str, Tensor]  # with `logits`, a row for each item of the part


class Checkpoints:
    """The finished parts of a job in a folder, in the order in which they were saved.

    The folder's name must be a digest of all that the result depends on: `load` believes what
    lies there.
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
                rows += len(part["logits"])
        self.parts, self.rows = len(parts), rows
        for path in self.folder.glob("*.safetensors"):
            if int(path.stem) >= self.parts:
                path.unlink(missing_ok=True)
        return parts

    def save(self, part: Part) -> None:
        """Save the next part; call `load` first where an earlier job may have left some."""
        tensor_files.save(part, self._file(self.parts), {"follows": self.rows})
        self.parts += 1
        self.rows += len(part["logits"])

    def remove(self) -> None:
        """Remove the folder when the job is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


class Progress:
    """A progress bar on a terminal, and a line a minute in the log."""

    SECONDS = 60  # between two lines

    def __init__(self, log: logging.Logger, name: str) -> None:
        self.log, self.name = log, name
        self.bar = tqdm(desc=name, unit="image", disable=not sys.stderr.isatty())
        self.start = self.last_line = time.monotonic()
        self.first: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, steps: int) -> None:
        """Report `done` of `total` images, and all gradient steps since the job started."""
        now = time.monotonic()
        rate = steps / (now - self.start)
        self.bar.total = total
        self.bar.set_postfix_str(f"{rate:.1f} steps/s", refresh=False)
        self.bar.update(done - self.bar.n)
        if self.first is None:  # the first batch is slower: the remaining time is not based on it
            self.first = (now, done)
        elif now - self.last_line >= self.SECONDS:
            self.last_line = now
            since, before = self.first
            minutes = (total - done) * (now - since) / max(done - before, 1) / 60
            self.log.info(
                "%s: %d of %d images, %.1f steps/s, %.0f min left",
                *(self.name, done, total, rate, minutes),
            )
