"""What the histology benchmarks share: routes that take turns, and processes of their own."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_turn(routes: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each route returns, its seconds.

    They take turns, so that what else the machine does hits all, and each begins as many rounds
    as the others. The first round warms the caches and does not count.
    """
    names = list(routes)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(rounds + 1):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(routes[name]())
    return {name: median(times[1:]) for name, times in seconds.items()}


class Clock:
    """`with Clock() as clock: ...`, then `clock.seconds`."""

    seconds = 0.0

    def __enter__(self) -> "Clock":
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start


def alone(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()
