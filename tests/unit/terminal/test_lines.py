"""The words of the lines on the terminal."""

import pytest

from pgdose.terminal.lines import Columns, duration, label, time_left

HOUR = 3600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s")),
        *((HOUR - 0.4, "1 h 00 min"), (2.1 * HOUR, "2 h 06 min"), (76 * HOUR, "3 d 04 h")),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "less than a minute"), (49, "less than a minute"), (50, "about 1 min")),
        *((100, "about 2 min"), (59.4 * 60, "about 59 min"), (59.6 * 60, "about 1 h 00 min")),
        *((2.6 * HOUR, "about 2 h 40 min"), (10.4 * HOUR, "about 10 h"), (47 * HOUR, "about 47 h")),
        *((49 * HOUR, "about 2 days"),),
    ],
)
def test_round_numbers_for_what_is_left(seconds: float, text: str) -> None:
    assert time_left(seconds, complete=True) == f"{text} left"


def test_an_incomplete_estimate_is_a_lower_bound() -> None:
    assert time_left(10, complete=False) == "at least 1 min left"
    assert time_left(7 * 60, complete=False) == "at least 7 min left"


def test_a_job_is_called_by_its_rule_and_its_names() -> None:
    assert label("train", "X-TB/full") == "train X-TB/full"
    assert label("report", "") == "report"


def test_columns_are_aligned_and_fit_eighty_characters() -> None:
    jobs = [f"attack a-group/n{n}-r1/paper-literal/0" for n in range(1000)] + ["report"]
    columns = Columns(jobs)
    lines = [
        columns.finished(3, "report", 7, "about 3 min left"),
        columns.finished(1000, "train X-TB/full", 2.4 * HOUR, "about 2 h 30 min left"),
        columns.line("running", "train X-TB/full", 59 * 60, "at least 2 h 30 min left"),
    ]
    for words in (["report", "train", "train"], ["about", "about", "at"]):
        assert len({line.index(word) for line, word in zip(lines, words, strict=True)}) == 1
    assert max(map(len, lines)) == 80
    assert columns.finished(3, "report", 7, "") == columns.finished(3, "report", 7, "").rstrip()
