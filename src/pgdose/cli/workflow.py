"""Starting Snakemake with the Snakefile of this installation, from whatever folder."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pgdose.errors import UserError
from pgdose.project_files import workflow_root

STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
NO_SNAKEMAKE = (
    "snakemake is not installed here, and it carries studies out; install it with "
    "`pip install 'pgdose[workflow]'`"
)


def snakemake_command(study: Path, options: Sequence[str]) -> list[str]:
    """The command that carries a study out; the study comes first, since some options eat it."""
    if importlib.util.find_spec("snakemake") is None:
        raise UserError(NO_SNAKEMAKE)
    snakefile = workflow_root() / "Snakefile"
    # -P: no module of the working folder is imported, as with the command `snakemake`
    start = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(snakefile)]
    command = [*start, "--configfile", str(study)]
    if not any(o.split("=")[0] in ("--cores", "-c", "--jobs", "-j", "--executor") for o in options):
        command += ["--cores", str(os.cpu_count() or 1)]
    return [*command, *options]


def run_study(study: Path, options: Sequence[str], folder: Path | None = None) -> int:
    """Carry a study out in a folder (default: here); what Snakemake prints goes to the terminal.

    Returns Snakemake's exit status as a shell does: 128 plus the signal that killed it.
    """
    if not Path(folder or ".", study).is_file():
        raise UserError(f"there is no study file {str(study)!r}; correct the path")
    sys.stdout.flush()
    snakemake = subprocess.Popen(snakemake_command(study, options), cwd=folder)
    with signals_passed_on(snakemake):
        status = snakemake.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def signals_passed_on(process: subprocess.Popen) -> Iterator[None]:
    """Pass on the signals that ask this process for an end: the other one ends in good order."""
    if threading.current_thread() is not threading.main_thread():  # it gets no signals
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    passed = {number for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in passed:
        signal.signal(number, lambda number, frame: process.send_signal(number))
    try:
        yield
    finally:
        for number in passed:
            signal.signal(number, before[number])
