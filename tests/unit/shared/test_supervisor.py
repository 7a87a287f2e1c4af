"""The process above each job, by itself: what it does with signals at odd moments."""

import signal
import subprocess
import sys
import time

from helpers.workflow import PROJECT

PROGRAM = f"""
import os, signal, sys, time
sys.path.insert(0, {str(PROJECT / "scripts")!r})
import supervisor

supervisor.PATIENCE = 2
child = os.fork()
if not child:
    {{child}}
    os._exit(0)
print(flush=True)
status, usage, stopped = supervisor.wait_for(child)
{{after}}
print(status, stopped)
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def started(child: str, after: str = "pass") -> subprocess.Popen[str]:
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(child=child, after=after)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    assert running.stdout and running.stdout.readline() == "\n"
    return running


def test_signals_that_repeat_give_a_deaf_job_no_more_time() -> None:
    running = started(DEAF)
    began = time.monotonic()
    while running.poll() is None and time.monotonic() - began < 10:
        time.sleep(0.5)
        running.terminate()
    assert time.monotonic() - began < 5
    assert running.communicate()[0] == "-9 True\n"


def test_a_signal_after_the_end_of_the_job_changes_nothing() -> None:
    """The result of a job that ended well is kept, and nothing is printed."""
    running = started("pass", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1)")
    assert running.communicate(timeout=20)[0] == "0 False\n"
