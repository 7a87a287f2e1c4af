"""Progress of a long loop in the job's log."""

import logging
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
