# What ends a run: SIGTERM and SIGHUP do what Ctrl-C does, and end the jobs too.
#
# Snakemake by itself waits for its jobs when it gets SIGTERM, for hours if they take so long. Ctrl-C ends
# them because the terminal sends it to all processes. What stops a service sends its signal to Snakemake alone.

import contextlib
import os
import signal
import threading
import time

import psutil
from snakemake.settings.types import ExecMode
from snakemake.shell import shell

STOPPED_BY = []  # the name of the signal that ended this run

# The shell gives way to the job, so that a signal of Snakemake reaches it, and the job learns when
# Snakemake dies (scripts/supervisor.py).
shell.prefix("exec ")
os.environ.update(PGDOSE_SNAKEMAKE=str(os.getpid()))


def stop_run(number, frame):
    """End the jobs, and leave Snakemake as Ctrl-C does: it cancels what is queued, and unlocks."""
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(
            each, lambda number, frame: None
        )  # a second one must not interrupt that
    STOPPED_BY.append(signal.Signals(number).name)
    threading.Thread(target=end_jobs, daemon=True).start()
    raise KeyboardInterrupt


def end_jobs():
    """Ask each job on this machine to end, also those that begin meanwhile."""
    asked = set()
    while True:
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                # Not the commands of an executor, which cancel what a cluster has queued.
                is_job = any(".snakemake/scripts" in word for word in process.cmdline())
                if is_job and process not in asked:
                    asked.add(process)
                    process.terminate()
        time.sleep(0.2)


def catch_signals():
    """Handle the signals that ask for an end, but not those that `nohup` and the like ignore.

    Also `onstart`: Snakemake's scheduler, made just before, has set a handler of its own.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop_run)


if (
    workflow.exec_mode == ExecMode.DEFAULT
    and threading.current_thread() is threading.main_thread()
):
    catch_signals()
