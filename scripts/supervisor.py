"""The small process above each job: it ends the job when asked to, and says what killed it.

A script forks as soon as it has begun. The child becomes the job; the parent stays here and waits.
So a signal is obeyed at once, even while the job computes in a library; a job never outlives
Snakemake; and what no program can say of itself, that it was killed for want of memory, stands in
the job's log.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

from memory_advice import advice, limit_advice

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE = 10  # seconds in which a job that is told to end removes what it has half written
PR_SET_PDEATHSIG = 1  # of Linux: a signal to this process when the one that started it dies
CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)  # also of libraries that get no memory


def supervise(snakemake):
    """Fork, and return in the child alone; the parent waits for it and exits as it does."""
    kills, supervisor = kernel_kills(), os.getpid()
    end_with_parent(signal.SIGTERM)
    end_if_orphan()
    child = os.fork()
    if child:
        status, usage, stopped = wait_for(child)
        message = cause_of_death(snakemake, status, usage, kernel_kills() > kills)
        if message and not stopped:
            write_message(snakemake, message)
        os._exit(status if status >= 0 else 128 - status)
    end_with_parent(signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    handle_signals(stop_job)


def end_with_parent(number):
    """Have the kernel send this process a signal when the process that started it dies."""
    if prctl := getattr(ctypes.CDLL(None), "prctl", None):
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def end_if_orphan():
    """Exit if Snakemake, which functions/stopping.smk names, died before `end_with_parent`."""
    with contextlib.suppress(KeyError, PermissionError):
        try:
            os.kill(int(os.environ["PGDOSE_SNAKEMAKE"]), 0)
        except ProcessLookupError:
            os._exit(1)


def handle_signals(handler):
    """Handle the signals that ask for an end, but not those that `nohup` and the like ignore."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def stop_job(number, frame):
    """End the job as an exception does, so that it removes its temporary files."""
    for each in STOP_SIGNALS:  # others that follow change nothing
        signal.signal(each, lambda number, frame: None)
    sys.exit(128 + number)


def wait_for(child):
    """Its exit status (a negative signal if one killed it), its usage, and whether it was stopped.

    A signal to end goes on to the job, which is killed if that does not end it.
    """
    stops = []

    def send(number):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    def stop(number, frame):
        if not stops:  # others that follow give it no more time
            signal.alarm(PATIENCE)
        stops.append(number)
        send(signal.SIGTERM)

    signal.signal(signal.SIGALRM, lambda number, frame: send(signal.SIGKILL))
    handle_signals(stop)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), usage, bool(stops)


def kernel_kills():
    """How many processes the kernel has killed for memory since this machine started."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def cause_of_death(snakemake, status, usage, by_kernel):
    """A sentence about a job that could say nothing itself, or nothing if it could."""
    job = f"{snakemake.rule} {'/'.join(map(str, snakemake.wildcards))}".rstrip()
    held = f"it held {usage.ru_maxrss * 1024 // 10**6} MB"
    if status == -signal.SIGKILL and by_kernel:
        return (
            f"{job}: the system killed it because memory ran out, when {held}: {advice(snakemake)}"
        )
    if status == -signal.SIGKILL:
        return (
            f"{job}: killed from outside (SIGKILL), by a person or by a limit of memory or time; "
            f"{held}. If memory ran out: {advice(snakemake)}"
        )
    if status < 0 and -status in CRASHES:
        cure = limit_advice() or "Start again; if it crashes there each time, report it"
        return f"{job}: crashed in a library ({signal.Signals(-status).name}); {held}. {cure}"
    return ""


def write_message(snakemake, message):
    """Add a line to the job's log; where that cannot be written, as on a full disk, print it."""
    try:
        with Path(snakemake.log[0]).open("a", encoding="utf-8") as log:
            log.write(f"{message}\n")
    except OSError:
        print(message, file=sys.stderr, flush=True)
