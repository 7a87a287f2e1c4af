"""How long is left: the seconds expected of each job, and how jobs share cores and GPUs."""

import pytest

from pgdose.terminal.estimate import SHORT, TYPICAL, Job, expected_seconds, seconds_left


def chain(*rules: str, **settings: int) -> dict[int, Job]:
    """Jobs of which each needs the one before."""
    return {
        n: Job(rule, "X", frozenset({n - 1} if n else ()), uses=settings)
        for n, rule in enumerate(rules)
    }


def test_the_first_run_of_the_default_study_begins_with_typical_seconds() -> None:
    expected, complete = expected_seconds(chain("train", "members"), {}, typical=True)
    assert expected == {0: TYPICAL["train"], 1: SHORT} and complete


def test_a_slower_machine_scales_what_has_not_been_measured() -> None:
    jobs = chain("phantom_xray", "train")
    expected, _ = expected_seconds(jobs, {0: 3 * TYPICAL["phantom_xray"]}, typical=True)
    assert expected == {1: pytest.approx(3 * TYPICAL["train"])}


def test_jobs_of_a_measured_rule_take_its_mean() -> None:
    jobs = {n: Job("train", str(n)) for n in range(4)} | {4: Job("phantom_xray")}
    measured = {0: 100.0, 1: 200.0, 4: 1.0}  # the hospital says nothing about trainings then
    assert expected_seconds(jobs, measured, typical=False)[0] == {2: 150, 3: 150}


def test_an_earlier_run_tells_long_jobs_of_a_rule_from_short_ones() -> None:
    jobs = {n: Job("train", str(n), earlier=s) for n, s in enumerate([10.0, 40.0, 70.0])}
    expected, complete = expected_seconds(jobs, {0: 20.0}, typical=False)
    assert expected == {1: 80, 2: 140} and complete


def test_rules_that_nobody_has_measured_make_a_lower_bound() -> None:
    """A training on real images may take seconds or days."""
    jobs = {0: Job("headers", "x/0"), 1: Job("train", "X/full"), 2: Job("report")}
    expected, complete = expected_seconds(jobs, {0: 600.0}, typical=False)
    assert expected == {1: 0, 2: TYPICAL["report"]} and not complete
    expected, complete = expected_seconds(jobs, {0: 600.0, 1: 5.0}, typical=False)
    assert expected == {2: TYPICAL["report"]} and complete


def test_only_jobs_with_a_guess_worth_the_name_set_the_pace_of_others() -> None:
    """The typical seconds of reading a hundred films say nothing about a real archive."""
    jobs = {0: Job("headers", "x/0"), 1: Job("train", "X/full", earlier=100.0)}
    assert expected_seconds(jobs, {0: 600.0}, typical=False)[0] == {1: 100}


def left(jobs: dict[int, Job], running: dict[int, float] | None = None, **limits: int) -> float:
    return seconds_left(jobs, dict.fromkeys(jobs, 10.0), running or {}, limits)


def test_jobs_side_by_side_share_the_cores() -> None:
    jobs = {n: Job("attack", str(n), uses={"_cores": 2}) for n in range(6)}
    assert left(jobs, _cores=2) == 60
    assert left(jobs, _cores=4) == left(jobs, _cores=5) == 30
    assert left(jobs, _cores=100) == 10


def test_jobs_in_a_row_do_not_share_them() -> None:
    assert left(chain("train", "attack", "measure", _cores=1), _cores=100) == 30


def test_one_gpu_serves_one_job_while_others_go_on() -> None:
    gpu = {n: Job("train", str(n), uses={"_cores": 1, "gpu": 1}) for n in range(3)}
    other = {n: Job("screen", str(n), uses={"_cores": 1}) for n in range(3, 6)}
    assert left(gpu | other, _cores=8, gpu=1) == left(other | gpu, _cores=8, gpu=1) == 30
    assert left(gpu | other, _cores=8, gpu=3) == 10


def test_running_jobs_have_their_rest_before_them() -> None:
    jobs = chain("train", "attack", _cores=1)
    assert left(jobs, {0: 4.0}, _cores=1) == 16
    assert left(jobs, {0: 99.0}, _cores=1) == 10  # longer than expected: it may end at once


def test_a_job_that_asks_for_more_than_there_is_gets_what_there_is() -> None:
    """As Snakemake scales threads down."""
    assert left({0: Job("train", uses={"_cores": 8})}, _cores=2) == 10


def test_what_is_done_holds_nothing_up() -> None:
    jobs = chain("train", "attack")
    assert seconds_left(jobs, {1: 10.0}, {}, {}) == 10


def test_a_study_of_ten_thousand_jobs_is_no_burden() -> None:
    """An estimate stands on each line: far below the seconds of a job."""
    import time

    jobs = {n: Job("train", str(n), uses={"_cores": 1, "gpu": 1}) for n in range(5000)}
    jobs |= {5000 + n: Job("attack", str(n), frozenset({n}), {"_cores": 1}) for n in range(5000)}
    start = time.perf_counter()
    assert left(jobs, _cores=8, gpu=1) == 50010
    assert time.perf_counter() - start < 2
