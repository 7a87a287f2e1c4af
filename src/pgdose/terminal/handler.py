"""The logging handler that writes one line a job where Snakemake would write a block."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from pgdose.terminal.estimate import expected_seconds, seconds_left
from pgdose.terminal.lines import Columns, label, time_left
from pgdose.terminal.plan import Plan

# Messages without an event that say nothing to a person who runs a study, by how they begin.
ROUTINE = (
    "Building DAG of jobs...",
    "Using shell:",
    "Select jobs to execute...",
    "Conda environments: ignored",
)
# What Snakemake adds at the end; a run in which all went well needs neither.
ENDINGS = ("Complete log(s):", "Elapsed time:")
NOTHING_TO_DO = "Nothing to be done"
# What it says of a job that did not end well: with a run that was stopped, all of its jobs end so.
FAILURES = ("RuleException:", "CalledProcessError")
# Events that give way to the lines of jobs.
REPLACED = {"run_info", "resources_info", "job_started", "job_info", "job_finished", "progress"}
SILENCE, LONGEST_SILENCE = 60.0, 600.0  # seconds without a line until one says what is running
SHOWN = 3  # running jobs that it names


class JobLines(logging.Handler):
    """Stands before Snakemake's own handler: replaces its blocks of jobs, and passes the rest on.

    inner:   Snakemake's handler of the terminal, with its filter and its stream
    plan:    reads the plan, once Snakemake has made it
    title:   begins the first line
    ending:  where to look when there is nothing to be done
    stopped: whether somebody has asked the run to end; its jobs end with it, and none has failed

    Warnings, errors and whatever it does not know pass through. So does everything before a run
    begins, hence the output of `--summary` and the like. If it fails itself, everything passes
    from then on: its lines are never worth a run.
    """

    def __init__(
        self,
        inner: Any,
        plan: Callable[[], Plan],
        title: str,
        ending: Callable[[], str],
        stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.inner, self.read_plan, self.title, self.ending = inner, plan, title, ending
        self.stopped, self.clock = stopped, clock
        self.active = self.broken = False
        self.plan = Plan({}, None, False)
        self.columns = Columns([])
        self.started: dict[int, float] = {}  # of the running jobs
        self.measured: dict[int, float] = {}
        self.failed: set[int] = set()
        self.last_line, self.silence = clock(), SILENCE
        self.closing = threading.Event()

    # --- records ----------------------------------------------------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        try:
            passes = self.broken or self._take(record)
        except BrokenPipeError:
            raise
        except Exception:
            self.broken = passes = True
        if passes:
            self.inner.handle(record)
            self.last_line = self.clock()

    def _take(self, record: logging.LogRecord) -> bool:
        """Note what a record tells and write its line, if it has one; whether it passes through."""
        event = str(getattr(record, "event", None) or "")
        if event == "workflow_started":
            self.active = True
            return False
        if not self.active:
            return True
        if self.stopped() and (event == "job_error" or str(record.msg).startswith(FAILURES)):
            return False
        if event == "run_info":
            self._begin(record)
        elif event == "job_info":
            self._start(record)
        elif event == "job_finished":
            self._finish(record)
        elif event == "job_error":
            self._fail(record)
            return True
        elif not event:
            return self._without_event(record)
        return event not in REPLACED

    def _without_event(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if text.startswith(NOTHING_TO_DO) and (ending := self.ending()):
            record = logging.makeLogRecord(record.__dict__ | {"msg": f"{text}\n{ending}"})
            self.inner.handle(record)
            return False
        all_done = len(self.measured) == len(self.plan.jobs)
        return not text.startswith(ROUTINE + (ENDINGS if all_done else ()))

    def _begin(self, record: logging.LogRecord) -> None:
        self.plan = self.read_plan()
        jobs = self.plan.jobs.values()
        self.columns = Columns([label(job.rule, job.name) for job in jobs])
        count = f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}"
        parts = [f"{self.title}: {count}", self._left().removesuffix(" left")]
        if self._write(record, ", ".join(filter(None, parts))):
            threading.Thread(target=self._watch, daemon=True).start()

    def _start(self, record: logging.LogRecord) -> None:
        number = record.jobid  # type: ignore[attr-defined]
        self.started[number] = self.clock()
        self.failed.discard(number)  # Snakemake tries it again

    def _finish(self, record: logging.LogRecord) -> None:
        number = record.job_id  # type: ignore[attr-defined]
        job = self.plan.jobs.get(number)
        if job is None:  # a target, which runs nothing
            return
        seconds = self.clock() - self.started.pop(number, self.clock())
        self.measured[number] = seconds
        done, name = len(self.measured), label(job.rule, job.name)
        self._write(record, self.columns.finished(done, name, seconds, self._left()))

    def _fail(self, record: logging.LogRecord) -> None:
        number = record.jobid  # type: ignore[attr-defined]
        if job := self.plan.jobs.get(number):
            seconds = self.clock() - self.started.pop(number, self.clock())
            self.failed.add(number)
            self._write(record, self.columns.line("failed", label(job.rule, job.name), seconds))

    # --- lines ------------------------------------------------------------------------------------

    def _left(self) -> str:
        """How long is left, in words; "" if nobody can tell, as after a failure, or at the end."""
        plan, now = self.plan, self.clock()
        if plan.limits is None or self.failed or len(self.measured) == len(plan.jobs):
            return ""
        expected, complete = expected_seconds(plan.jobs, self.measured, plan.typical)
        running = {n: now - start for n, start in self.started.items() if n in expected}
        seconds = seconds_left(plan.jobs, expected, running, plan.limits)
        return time_left(seconds, complete)

    def _write(self, record: logging.LogRecord, line: str) -> bool:
        """Write a line in place of a record, unless `--quiet` hides the record; whether it did."""
        if not self.inner.filter(record):
            return False
        self._write_line(line)
        self.silence = SILENCE
        return True

    def _write_line(self, line: str) -> None:
        self.inner.stream.write(f"{line}\n")
        self.inner.flush()
        self.last_line = self.clock()

    def _watch(self) -> None:
        """Once a second, see whether it is time for a sign of life."""
        while not self.closing.wait(1.0) and not self.broken:
            with self.lock:  # type: ignore[union-attr]
                try:
                    self.show_running()
                except Exception:
                    self.broken = True

    def show_running(self) -> None:
        """After a while without a line, say what is running; the next time after twice as long."""
        now = self.clock()
        if now - self.last_line < self.silence or not self.started:
            return
        oldest = sorted(self.started.items(), key=lambda item: item[1])
        left = self._left()
        for number, start in oldest[:SHOWN]:
            if job := self.plan.jobs.get(number):
                name = label(job.rule, job.name)
                self._write_line(self.columns.line("running", name, now - start, left))
                left = ""
        if len(oldest) > SHOWN:
            more = len(oldest) - SHOWN
            self._write_line(f"{'':{self.columns.counter}}  and {more} more")
        self.silence = min(2 * self.silence, LONGEST_SILENCE)

    def close(self) -> None:
        self.closing.set()
        self.inner.close()
        super().close()


def install(logger: logging.Logger, **settings: Any) -> bool:
    """Stand before Snakemake's handler of the terminal; whether there is one.

    There is none where `--logger` has brought another.
    """
    for inner in logger.handlers:
        if inner.name == "DefaultStreamHandler":
            logger.addHandler(JobLines(inner, **settings))
            logger.removeHandler(inner)
            return True
    return False
