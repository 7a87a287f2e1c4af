"""Progress of a long loop: lines in the job's log."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

LEAST = 100  # items from one line to the next

Item = TypeVar("Item")


def log_progress(items: Sequence[Item], log: logging.Logger, noun: str) -> Iterator[Item]:
    """Yield the items, with a line in the log after each tenth of them (at least LEAST)."""
    tenth = max(len(items) // 10, LEAST)
    for number, item in enumerate(items):
        if number and number % tenth == 0:
            log.info("%d of %d %s", number, len(items), noun)
        yield item


class Progress:
    """A line a minute in the log."""

    SECONDS = 60  # between two lines

    def __init__(self, log: logging.Logger, name: str) -> None:
        self.log, self.name = log, name
        self.start = self.last_line = time.monotonic()
        self.first: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, steps: int) -> None:
        """Report `done` of `total` images, and all gradient steps since the job started."""
        now = time.monotonic()
        if self.first is None:  # the first batch is slower: the remaining time is not based on it
            self.first = (now, done)
        elif now - self.last_line >= self.SECONDS:
            self.last_line = now
            since, before = self.first
            minutes = (total - done) * (now - since) / max(done - before, 1) / 60
            self.log.info(
                "%s: %d of %d images, %.1f steps/s, %.0f min left",
                *(self.name, done, total, steps / (now - self.start), minutes),
            )
