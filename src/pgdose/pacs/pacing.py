"""When and how fast a server is asked: hours of the day, films per second, waits between tries."""

import datetime
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

LONGEST_WAIT = 120.0  # seconds between two tries
FIRST_WAIT = 1.0
LONGEST_NAP = 60.0  # seconds between two looks at the clock


class Clock(NamedTuple):
    """The clock of this machine; tests bring one of their own."""

    now: Callable[[], datetime.datetime] = datetime.datetime.now
    monotonic: Callable[[], float] = time.monotonic
    # Waits, unless the event is set first.
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


class Hours:
    """The hours of the day in which a server may be asked, from and to, also over midnight."""

    def __init__(self, hours: tuple[str, str] | None) -> None:
        self.bounds = hours and tuple(map(datetime.time.fromisoformat, hours))

    def is_open(self, now: datetime.datetime) -> bool:
        if not self.bounds:
            return True
        start, end = self.bounds
        time_of_day = now.time()
        if start < end:
            return start <= time_of_day < end
        return time_of_day >= start or time_of_day < end

    def seconds_to_opening(self, now: datetime.datetime) -> float:
        """0 while they are open."""
        if self.is_open(now) or not self.bounds:
            return 0.0
        opening = datetime.datetime.combine(now.date(), self.bounds[0], now.tzinfo)
        if opening < now:
            opening += datetime.timedelta(days=1)
        return (opening - now).total_seconds()


class TokenBucket:
    """At most `per_second` films, of all threads together, and `burst` of them at once."""

    def __init__(self, per_second: float | None, clock: Clock, burst: float = 1.0) -> None:
        self.per_second, self.burst, self.clock = per_second, burst, clock
        self._tokens, self._filled = burst, clock.monotonic()
        self._lock = threading.Lock()

    def take(self, stop: threading.Event) -> None:
        """Take a token, and wait for it where there is none; `stop` ends the wait."""
        if self.per_second is None:
            return
        with self._lock:
            now = self.clock.monotonic()
            filled = self._tokens + (now - self._filled) * self.per_second
            self._tokens, self._filled = min(filled, self.burst) - 1, now
            seconds = max(-self._tokens, 0) / self.per_second
        if seconds:  # the token is taken already: whoever comes next waits longer
            self.clock.wait(stop, seconds)


def wait_before_try(number: int, key: str) -> float:
    """Seconds before try `number` (from 1): doubled each time, and different for each key.

    The spread (half to all of it) follows from the key, so that connections that a server has
    dropped together do not come back together, and a run repeats itself.
    """
    longest = min(FIRST_WAIT * 2.0 ** min(number - 1, 30), LONGEST_WAIT)
    return longest * (0.5 + 0.5 * random.Random(f"{key}\0{number}").random())


def wait_for_opening(
    hours: Hours, clock: Clock, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Wait until the hours are open; `stop` ends the wait."""
    seconds = hours.seconds_to_opening(clock.now())
    if seconds:
        say(f"outside of 'fetch.hours'; going on in {seconds / 3600:.1f} h")
    while seconds and not stop.is_set():  # a clock can be set, and a machine can sleep
        clock.wait(stop, min(seconds, LONGEST_NAP))
        seconds = hours.seconds_to_opening(clock.now())
