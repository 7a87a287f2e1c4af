"""What every script shares: its log, what a person reads there when it fails, a quick exit.

Every job reruns when this module changes, so nothing else belongs here. Scripts import it first.
"""

import atexit
import contextlib
import errno
import gc
import json
import logging
import os
import shutil
import sys
import traceback
from pathlib import Path

# Where the package is not installed (an environment of --sdm conda), it is taken from here.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from memory_advice import advice, is_out_of_memory, limit_advice
from supervisor import supervise

from pgdose.errors import Damaged, UserError

# The job that Snakemake started this process for; a test has none.
JOB = getattr(sys.modules["__main__"], "snakemake", None)
if JOB is not None:
    supervise(JOB)  # before anything large is imported
    sys.excepthook = lambda kind, error, places: fail(JOB, error)

# Until `job` begins: all that imports make stays, and searching it for garbage takes half a second.
gc.disable()


@contextlib.contextmanager
def job(snakemake):
    """Log to the job's file, warnings to the terminal too; on failure log what to do, exit with 1.

    A UserError is logged as its message alone. A damaged file is set aside, so that the next start
    makes it again. Of other errors the log holds only the type and the places in the code, since
    it lies with the results and a message may quote a file; the terminal shows the whole traceback.
    """
    log = start_log(snakemake)
    gc.enable()
    try:
        yield log
    except Exception as error:
        fail(snakemake, error)
    if snakemake is JOB:
        end_process()


def start_log(snakemake):
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=log_handlers(snakemake))
    return logging.getLogger(snakemake.rule)


def fail(snakemake, error):
    """Log what to do about an error, and exit with 1."""
    log = logging.getLogger(snakemake.rule)
    if not logging.root.handlers:  # a library that the script imports failed: `job` has not begun
        start_log(snakemake)
    if isinstance(error, Damaged):
        aside = Path(f"{error.path}.damaged")
        with contextlib.suppress(FileNotFoundError):  # another job was first
            Path(error.path).rename(aside)
        log.error("%s", error)
        log.error("The file was renamed to %s; run the study again to make it anew", aside)
    elif isinstance(error, UserError):
        log.error("%s", error)
    elif is_disk_full(error):
        log.error("%s", disk_full_message(snakemake.output[0], "work", *full_temporary_folder()))
    elif is_out_of_memory(error):
        log.error("out of memory: %s", limit_advice() or advice(snakemake))
    else:
        frames = traceback.extract_tb(error.__traceback__)
        places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
        log.error("rule %s failed: %s at %s", snakemake.rule, type(error).__name__, places)
        traceback.print_exception(error)
    sys.exit(1)


def end_process():
    """Exit without taking the modules apart, which takes a second where torch is among them."""
    atexit._run_exitfuncs()  # closes the logs and removes temporary files, as at any exit
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def log_handlers(snakemake):
    """The job's log file, and the terminal, which it shares with other jobs.

    Errors go to the file alone: Snakemake shows the log of a job that failed. They go to
    the terminal if there is no file, as on a full disk.
    """
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    name = f"{snakemake.rule} {'/'.join(map(str, snakemake.wildcards))}".rstrip()
    terminal.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    handlers = [terminal]
    with contextlib.suppress(OSError):
        handlers.append(logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8"))
        terminal.addFilter(lambda record: record.levelno < logging.ERROR)
    for handler in handlers:  # other libraries quote files and their names
        handler.addFilter(lambda record: is_ours(record.name, snakemake.rule))
    return handlers


def is_ours(logger, rule):
    """Whether a logger is the job's own, or one of pgdose."""
    return logger == rule or logger.partition(".")[0] in ("pgdose", "pgdose_phantom")


def is_disk_full(error):
    """Whether a full disk caused an error; some libraries drop the errno, so texts count too."""
    while error is not None:
        text = str(error).lower()
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "no space left on device" in text or "disk quota exceeded" in text:
            return True
        error = error.__cause__ or error.__context__
    return False


def full_temporary_folder():
    """The folder of temporary files, if it is the full one."""
    folder = os.environ.get("TMPDIR", "/tmp")
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < 10**6:
            yield folder


def disk_full_message(*paths):
    """What to do about a full disk; it names the fullest of the places that a job writes to."""
    folders = [Path(path) for path in paths]
    folders = [next(f for f in (folder, *folder.parents) if f.is_dir()) for folder in folders]
    free, folder = min((shutil.disk_usage(folder).free, str(folder)) for folder in folders)
    return (
        f"{folder}: no space left on its disk ({free // 10**6} MB free). Make room, or move the "
        "folder to a larger disk and leave a link (of temporary files: name another folder in "
        "TMPDIR); then start again: what is done is kept"
    )


def settings(params, name="settings"):
    """A param that the rules wrote as JSON."""
    return json.loads(getattr(params, name))
