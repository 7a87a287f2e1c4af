"""Long jobs: how far they are, and their finished parts on disk, so that a killed one goes on."""

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

Part = dict[str, Tensor]


class Parts:
    """A folder of parts in the order in which they were kept.

    The folder's name must tell all that the result depends on: what lies there is believed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = self.rows = 0

    def known(self) -> list[Part]:
        """What an earlier job has kept, up to the first that is not whole; the rest is removed."""
        found: list[Part] = []
        rows = 0
        with contextlib.suppress(FileNotFoundError, Damaged):
            while True:
                part, about = tensor_files.load(self._file(len(found)))
                if about["follows"] != rows:  # one that another job left, in other batches
                    break
                found.append(part)
                rows += len(part["logits"])
        self.count, self.rows = len(found), rows
        for path in self.folder.glob("*.safetensors"):
            if int(path.stem) >= self.count:
                path.unlink(missing_ok=True)
        return found

    def keep(self, part: Part) -> None:
        tensor_files.save(part, self._file(self.count), {"follows": self.rows})
        self.count += 1
        self.rows += len(part["logits"])

    def remove(self) -> None:
        """When the job is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


class Progress:
    """A bar on a terminal, and a line a minute in the log."""

    EVERY = 60  # seconds

    def __init__(self, log: logging.Logger, name: str) -> None:
        self.log, self.name = log, name
        self.bar = tqdm(desc=name, unit="image", disable=not sys.stderr.isatty())
        self.begun = self.told = time.monotonic()
        self.before: tuple[float, int] | None = None

    def __call__(self, done: int, of: int, steps: int) -> None:
        """`done` images of so many, after so many gradient steps since the job began."""
        now = time.monotonic()
        rate = steps / (now - self.begun)
        self.bar.total = of
        self.bar.set_postfix_str(f"{rate:.1f} steps/s", refresh=False)
        self.bar.update(done - self.bar.n)
        if self.before is None:  # no time can be told by one batch: the first is slower
            self.before = (now, done)
        elif now - self.told >= self.EVERY:
            self.told = now
            since, first = self.before
            left = (of - done) * (now - since) / max(done - first, 1) / 60
            what = (self.name, done, of, rate, left)
            self.log.info("%s: %d of %d images, %.1f steps/s, %.0f min left", *what)
