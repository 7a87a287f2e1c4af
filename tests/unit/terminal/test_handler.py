"""Snakemake's records in, one line a job out; everything else stays as Snakemake words it."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from pgdose.terminal import handler as handler_module
from pgdose.terminal.estimate import Job
from pgdose.terminal.handler import JobLines, install
from pgdose.terminal.plan import Plan

JOBS = {
    3: Job("train", "X-TB/full", uses={"_cores": 1}, earlier=100.0),
    4: Job("attack", "X-TB/full/paper/0", frozenset({3}), {"_cores": 1}, earlier=200.0),
}
WARNING = "sources.xray: 4 files seem to declare a wrong character set"


class Run:
    """A logger as Snakemake sets it up, with our handler before its own, and a clock."""

    def __init__(self, plan: Plan | None, *quiet: Quietness, ending: str = "") -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.logger = logging.Logger("snakemake", logging.INFO)
        inner = ColorizingTextHandler(nocolor=True, stream=self.stream)
        inner.addFilter(DefaultFilter(set(quiet), False, False, False, False))  # type: ignore[arg-type]
        inner.setFormatter(DefaultFormatter(set(quiet), show_failed_logs=True))
        inner.name = "DefaultStreamHandler"
        self.logger.addHandler(inner)

        def read_plan() -> Plan:
            assert plan, "the plan cannot be read"
            return plan

        self.installed = install(
            self.logger,
            **{"plan": read_plan, "title": "Study s", "ending": lambda: ending},
            clock=lambda: self.now,
        )

    def log(self, text: str | None, event: LogEvent | None = None, **extra: Any) -> None:
        self.logger.info(text, extra={"event": event, **extra} if event else extra)

    def begin(self) -> None:
        self.log("Workflow has started!", LogEvent.WORKFLOW_STARTED, quietness=Quietness.HOST)
        for text in ("Building DAG of jobs...", "Using shell: /usr/bin/bash"):
            self.log(text)
        self.log("Provided cores: 2", LogEvent.RESOURCES_INFO, cores=2)
        self.log("Job stats:\njob  count\n", LogEvent.RUN_INFO, stats={"total": 2})
        self.log("Select jobs to execute...")
        self.log("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[3])

    def start(self, number: int) -> None:
        extra = {"input": ["/archive/a.dcm"], "output": ["o"], "wildcards": {}, "reason": "why"}
        self.log(f"Jobid: {number}", LogEvent.JOB_INFO, jobid=number, rule_name="train", **extra)

    def finish(self, number: int) -> None:
        self.log(f"Finished jobid: {number}", LogEvent.JOB_FINISHED, job_id=number)
        self.log(None, LogEvent.PROGRESS, done=1, total=2)

    def fail(self, number: int, log: Path) -> None:
        extra = {"rule_name": "train", "rule_msg": None, "input": [], "output": ["o"], "aux": {}}
        extra |= {"log": [str(log)], "conda_env": None, "container_img": None, "shellcmd": None}
        extra |= {"event": LogEvent.JOB_ERROR, "jobid": number, "indent": False}
        self.logger.error("Error in rule train", extra=extra)

    def end(self) -> None:
        self.log("Complete log(s): /home/me/.snakemake/log/x.log")
        self.log("Elapsed time: 0:05:00")

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def handler(self) -> JobLines:
        (handler,) = self.logger.handlers
        assert isinstance(handler, JobLines)
        return handler


@pytest.fixture
def plan() -> Plan:
    return Plan(JOBS, {"_cores": 2}, typical=False)


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests look for signs of life themselves."""
    monkeypatch.setattr(JobLines, "_watch", lambda self: None)
    yield


def test_a_run_is_one_line_a_job(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    run.start(3)
    run.now = 150.0
    run.finish(3)
    run.start(4)
    run.now = 390.0
    run.finish(4)
    run.log("Done in 6 min 30 s. Look at results/s/report.html")
    run.end()
    assert run.lines() == [
        "Study s: 2 jobs, about 5 min",
        "    1/2  train X-TB/full            2 min 30 s  about 5 min left",
        "    2/2  attack X-TB/full/paper/0   4 min 00 s",
        "Done in 6 min 30 s. Look at results/s/report.html",
    ]


def test_a_target_that_runs_nothing_has_no_line(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    run.start(0)
    run.finish(0)
    assert len(run.lines()) == 1


def test_a_failed_job_is_named_above_snakemake_s_words_and_its_log(
    plan: Plan, tmp_path: Path
) -> None:
    log = tmp_path / "train.log"
    log.write_text("groups.X-TB: needs 5000 images\n")
    run = Run(plan)
    run.begin()
    run.start(3)
    run.now = 26.0
    run.fail(3, log)
    run.logger.error("Exiting because a job execution failed.")
    run.end()
    lines = run.lines()
    assert lines[1].split() == ["failed", "train", "X-TB/full", "26", "s"]
    text = "\n".join(lines)
    for words in ("Error in rule train:", f"log: {log}", "groups.X-TB: needs 5000 images"):
        assert words in text
    assert lines[-3].startswith("Exiting because")
    assert lines[-2].startswith("Complete log(s)") and lines[-1].startswith("Elapsed time")


def test_after_a_failure_there_is_no_estimate_until_the_job_is_tried_again(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    run.start(3)
    run.fail(3, Path("none"))
    assert run.handler._left() == ""
    run.start(3)
    assert run.handler._left() == "about 5 min left"


def test_warnings_errors_and_unknown_messages_pass(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    before = len(run.lines())
    run.logger.warning(WARNING)
    run.logger.error("WorkflowError")
    run.log("Job 3 has been submitted with SLURM jobid 17")
    assert run.lines()[before:] == [
        *(WARNING, "WorkflowError", "Job 3 has been submitted with SLURM jobid 17"),
    ]


def test_before_a_run_begins_everything_passes(plan: Plan) -> None:
    run = Run(plan)
    run.log("Building DAG of jobs...")
    assert run.lines() == ["Building DAG of jobs..."]


def test_a_run_with_nothing_to_do_says_where_its_results_are(plan: Plan) -> None:
    run = Run(plan, ending="Look at results/s/report.html")
    run.log("Workflow has started!", LogEvent.WORKFLOW_STARTED)
    run.log("Nothing to be done (all requested files are present and up to date).")
    assert run.lines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "Look at results/s/report.html",
    ]


@pytest.mark.parametrize("quiet", [Quietness.PROGRESS, Quietness.ALL])
def test_quiet_hides_the_lines(plan: Plan, quiet: Quietness) -> None:
    run = Run(plan, quiet)
    run.begin()
    run.start(3)
    run.finish(3)
    assert run.lines() == []


def test_silence_is_broken_by_what_is_running_ever_more_rarely(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    run.start(3)
    said = []
    for second in range(0, 3000):
        run.now = float(second)
        before = len(run.lines())
        run.handler.show_running()
        if len(run.lines()) > before:
            said.append(second)
    assert said == [60, 180, 420, 900, 1500, 2100, 2700]
    assert run.lines()[1].split()[:5] == ["running", "train", "X-TB/full", "1", "min"]
    run.finish(3)
    run.start(4)
    run.now += 60
    run.handler.show_running()
    assert run.lines()[-1].split()[:3] == ["running", "attack", "X-TB/full/paper/0"]


def test_of_many_running_jobs_some_are_named() -> None:
    run = Run(Plan({n: Job("train", f"G{n}/full") for n in range(100)}, None, False))
    run.begin()
    for number in range(100):
        run.start(number)
    run.now = 60.0
    run.handler.show_running()
    assert run.lines()[0] == "Study s: 100 jobs"
    assert [line.split()[:3] for line in run.lines()[1:]] == [
        *(["running", "train", f"G{n}/full"] for n in range(3)),
        ["and", "97", "more"],
    ]


def test_no_file_of_a_person_is_named(plan: Plan) -> None:
    run = Run(plan)
    run.begin()
    run.start(3)
    run.finish(3)
    assert "archive" not in run.stream.getvalue()


def test_a_fault_of_ours_leaves_the_run_to_snakemake_s_words() -> None:
    run = Run(None)
    run.begin()
    run.finish(3)
    text = run.stream.getvalue()
    assert "Job stats:" in text and "Finished jobid: 3" in text and "1 of 2 steps" in text


def test_a_logger_of_the_user_s_is_left_alone() -> None:
    logger = logging.Logger("snakemake")
    logger.addHandler(own := logging.NullHandler())
    assert not install(logger, plan=None, title="", ending=None)
    assert logger.handlers == [own]


def test_closing_ends_the_watch_and_closes_snakemake_s_handler(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(plan)
    closed: list[bool] = []
    monkeypatch.setattr(run.handler.inner, "close", lambda: closed.append(True))
    run.handler.close()
    assert closed and run.handler.closing.is_set()
    assert handler_module.SILENCE == 60
