"""Lines in the log of a long loop."""

import logging

import pytest

from pgdose.progress import log_progress


def test_a_line_stands_at_each_tenth(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(log_progress(range(2500), logging.getLogger("x"), "films")) == [*range(2500)]
    assert caplog.messages == [f"{n} of 2500 films" for n in range(250, 2500, 250)]


def test_a_short_loop_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(log_progress("ab", logging.getLogger("x"), "films")) == ["a", "b"]
    assert caplog.messages == []
