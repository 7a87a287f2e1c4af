"""Times of documents and messages: read in every form, and compared."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.documents.moments import comparable, moment

FORMS = ["%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y.%m.%d %H:%M:%S"]
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31))
ZONES = st.integers(-14 * 4, 14 * 4).map(
    lambda quarters: timezone(timedelta(minutes=15 * quarters))
)


@given(TIMES, st.sampled_from(FORMS), st.sampled_from(["", "Z", "+0000", "-05:00"]))
def test_every_form_gives_the_same_digits(time: datetime, form: str, zone: str) -> None:
    zones = {"": "", "Z": "+0000", "+0000": "+0000", "-05:00": "-0500"}
    assert moment(f" {time:{form}}{zone}") == f"{time:%Y%m%d%H%M%S}{zones[zone]}"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("2020-01-02", "20200102"),
        ("20200102", "20200102"),
        ("20200102+0100", "20200102"),  # no clock to shift
        ("2020010203", "2020010203"),
        ("202001020304-0500", "202001020304-0500"),
        ("20200102030405.1234+0100", "202001020304051234+0100"),
        ("2020-01-02T03:04:05.123Z", "20200102030405123+0000"),
        ("20200102030405^S", "20200102030405"),
        ("20200102 NAME", "20200102"),
        ("202001029999", "20200102"),
        ("20200102030405+9900", "20200102030405"),
        *((text, "") for text in ("", "00000000", "20201301", "202001", "02.01.2020", "NAME")),
    ],
)
def test_parts_of_a_time_and_what_is_none(text: str, digits: str) -> None:
    assert moment(text) == digits


@given(st.text(st.sampled_from("0129-+:.TZ ^"), max_size=30))
def test_whatever_stands_there_can_be_compared(text: str) -> None:
    times = comparable([moment(text), moment(f"{text}+0100"), "20200102030405+0100"])
    assert all(time.isdigit() or not time for time in times)


@given(st.lists(st.tuples(TIMES, ZONES), min_size=1))
def test_times_with_zones_are_in_utc(pairs: list[tuple[datetime, timezone]]) -> None:
    times = [time.replace(tzinfo=zone, microsecond=0) for time, zone in pairs]
    texts = comparable([moment(time.isoformat()) for time in times])
    assert texts == [f"{time.astimezone(UTC):%Y%m%d%H%M%S}" for time in times]
    without = comparable([*(moment(time.isoformat()) for time in times), "20200102030405"])
    assert without == [*(f"{time:%Y%m%d%H%M%S}" for time in times), "20200102030405"]


def test_each_of_several_moments_is_compared_with_its_like() -> None:
    times = ["20200102100000+0300 20200101", "20200102090000+0000"]
    assert comparable(times) == ["20200102070000 20200101", "20200102090000"]
    assert comparable(["", ""]) == ["", ""]
