"""Hours of the day, films per second, and waits between tries."""

import datetime
import threading

from helpers.pacs_sources import FakeTime
from hypothesis import given
from hypothesis import strategies as st

from pgdose.pacs.pacing import (
    LONGEST_WAIT,
    Hours,
    TokenBucket,
    wait_before_try,
    wait_for_opening,
)

TIMES = st.times().map(lambda time: time.replace(second=0, microsecond=0, tzinfo=None))
MOMENTS = st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2030, 1, 1))


@given(start=TIMES, end=TIMES, now=MOMENTS)
def test_hours_open_and_close_when_they_say(
    start: datetime.time, end: datetime.time, now: datetime.datetime
) -> None:
    """Of a day's minutes those from the first to before the last, over midnight or not."""
    if start == end:
        return
    hours = Hours((f"{start:%H:%M}", f"{end:%H:%M}"))
    first = start.hour * 60 + start.minute
    length = (end.hour * 60 + end.minute - first) % 1440
    minute = now.hour * 60 + now.minute
    assert hours.is_open(now) == ((minute - first) % 1440 < length)
    seconds = hours.seconds_to_opening(now)
    assert (seconds == 0) == hours.is_open(now)
    assert 0 <= seconds < 86_400
    if seconds:
        opening = now + datetime.timedelta(seconds=seconds)
        assert opening.time() == start
        assert not hours.is_open(opening - datetime.timedelta(milliseconds=1))


def test_without_hours_it_is_always_open() -> None:
    assert Hours(None).seconds_to_opening(datetime.datetime(2026, 1, 1)) == 0


@given(start=TIMES, end=TIMES, now=MOMENTS)
def test_waiting_ends_when_the_hours_open(
    start: datetime.time, end: datetime.time, now: datetime.datetime
) -> None:
    if start == end:
        return
    time, hours = FakeTime(now, moment=0), Hours((f"{start:%H:%M}", f"{end:%H:%M}"))
    said: list[str] = []
    wait_for_opening(hours, time.clock, threading.Event(), said.append)
    assert hours.is_open(time.now())
    assert bool(said) == bool(time.seconds)


@given(
    rate=st.floats(0.01, 1000),
    pauses=st.lists(st.floats(0, 100), min_size=1, max_size=60),
    burst=st.sampled_from([1.0, 5.0]),
)
def test_no_window_has_more_tokens_than_the_rate_allows(
    rate: float, pauses: list[float], burst: float
) -> None:
    time = FakeTime()
    bucket = TokenBucket(rate, time.clock, burst)
    taken = []
    for pause in pauses:
        time.seconds += pause
        bucket.take(threading.Event())
        taken.append(time.seconds)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            window = taken[last] - taken[first]
            assert last - first + 1 <= burst + rate * window + 1e-6


def test_a_bucket_waits_no_longer_than_it_must() -> None:
    time = FakeTime()
    bucket = TokenBucket(2.0, time.clock)
    for _ in range(11):
        bucket.take(threading.Event())
    assert time.seconds == 5.0


def test_threads_share_a_bucket() -> None:
    time = FakeTime()
    bucket = TokenBucket(10.0, time.clock)
    threads = [
        threading.Thread(target=lambda: [bucket.take(threading.Event()) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.seconds >= 79 / 10.0 - 1e-6


@given(number=st.integers(1, 10**6), key=st.text())
def test_waits_are_keyed_bounded_and_grow(number: int, key: str) -> None:
    seconds = wait_before_try(number, key)
    assert seconds == wait_before_try(number, key)
    longest = min(2.0 ** min(number - 1, 30), LONGEST_WAIT)
    assert longest / 2 <= seconds <= longest


def test_connections_do_not_come_back_together() -> None:
    assert len({wait_before_try(5, f"connection {number}") for number in range(8)}) == 8
