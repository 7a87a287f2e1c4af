"""Attacks that wait for a place in the batch."""

from pgdose.attack.steps import Items


class Queue:
    """Items, first in, first out."""

    def __init__(self, items: Items | None = None) -> None:
        self._parts = [] if items is None else [items]

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def add(self, items: Items) -> None:
        if len(items):
            self._parts.append(items)

    def take(self, most: int) -> Items:
        """The first ones, at least one and at most `most`."""
        return Items.join(self._first(most))

    def fill_up(self, running: Items, most: int) -> Items:
        """The running items with others beside them, up to `most`.

        Where steps remember something, those that have not begun wait until all others are done:
        they have no memory yet.
        """
        parts = [running] if len(running) else []
        others = self._first(most - len(running), list(running.memory) if parts else None)
        return Items.join(parts + others) if others else running

    def _first(self, most: int, memory: list[str] | None = None) -> list[Items]:
        """The first items that remember the same things: those in `memory`, or the first one's."""
        taken: list[Items] = []
        while self._parts and most > 0:
            part = self._parts[0]
            memory = list(part.memory) if memory is None else memory
            if list(part.memory) != memory:
                break
            taken.append(part.select(slice(most)))
            self._parts[:1] = [part.select(slice(most, None))] if len(part) > most else []
            most -= len(taken[-1])
        return taken
