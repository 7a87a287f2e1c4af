"""The progress of an attack: a line that is written over, or now and then a new one."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from pgdose.terminal.lines import duration

WIDTH = 24  # of the bar, in characters


class ProgressBar:
    """Called with images that are attacked, all of them, and gradient steps, as `Execution` does.

    In a terminal and in a notebook one line is written over; elsewhere a line comes each SECONDS.
    """

    SECONDS = 30.0  # between two lines where a line cannot be written over

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.title, self.stream = title, stream or sys.stderr
        self.overwrites = self.stream.isatty() or "ipykernel" in sys.modules
        self.start = self.last_line = time.monotonic()
        self.length = 0

    def __call__(self, done: int, total: int, steps: int) -> None:
        now = time.monotonic()
        share = done / max(total, 1)
        left = (now - self.start) * (1 - share) / share if share else 0.0
        text = f"{self.title}: {done} of {total} images"
        if left:
            text += f", {duration(left)} left"
        if self.overwrites:
            full = round(WIDTH * share)
            self._write(f"[{'#' * full}{'.' * (WIDTH - full)}] {text}")
        elif now - self.last_line >= self.SECONDS:
            self.last_line = now
            print(text, file=self.stream, flush=True)

    def _write(self, line: str) -> None:
        print(f"\r{line:<{self.length}}", end="", file=self.stream, flush=True)
        self.length = len(line)

    def close(self) -> None:
        """End the line that was written over."""
        if self.length:
            print(file=self.stream, flush=True)


@contextlib.contextmanager
def progress_bar(title: str, shown: bool) -> Iterator[Callable[[int, int, int], None]]:
    """What to call with the progress; it writes nothing unless it is `shown`."""
    if not shown:
        yield lambda done, total, steps: None
        return
    bar = ProgressBar(title)
    try:
        yield bar
    finally:
        bar.close()
