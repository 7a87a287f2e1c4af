"""Processes that train a network together, one for each device, and end together.

The job's own process computes nothing meanwhile. It starts the workers, passes on what they log
and yield, and kills all of them as soon as one fails, since a process that waits for the others
in a collective operation can be killed, but not woken. They die with the job, too: a socket pair
joins each one with it, and a worker exits when the job's end closes, for whatever reason.

A job starts its workers as new programs. multiprocessing would run the job's script in each.
"""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed
from torch.distributed import FileStore

from pgdose import devices
from pgdose.errors import UserError
from pgdose.out_of_memory import is_out_of_memory
from pgdose.training.passed_errors import PassedError
from pgdose.training.ranks import Rank

log = logging.getLogger(__name__)

Work = Callable[[Rank, torch.device], Iterator[Any]]

PROGRAM = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import {0}; {0}.serve({1})"
# torch warns that all parameters are in use.
QUIET = {"TORCH_CPP_LOG_LEVEL": "ERROR"}
# Each listens for the others on the loopback device alone.
LOOPBACK = dict.fromkeys(
    ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "lo0" if sys.platform == "darwin" else "lo"
)
# The job's own time limit ends what hangs. Until then a worker may wait for another that reads.
TIMEOUT = timedelta(days=7)
DYING = 5  # seconds after which a worker that was killed is no process any more


class Worker(NamedTuple):
    device: torch.device
    process: subprocess.Popen
    connection: Connection


def run(work: Work, used: list[torch.device], folder: Path) -> Iterator[Any]:
    """Call work(rank, device) in a process for each device; yields what the first one yields.

    `work` is pickled. `folder` is where the processes meet; nothing is left there. If one fails,
    all are killed, and its exception is raised, with its traceback as a note. UserError if one
    of them was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    threads = max(1, torch.get_num_threads() // len(used))
    with tempfile.TemporaryDirectory(prefix="processes-", dir=folder) as meeting:
        workers: list[Worker] = []
        try:
            workers += (_start(device) for device in used)
            for number, worker in enumerate(workers):
                rank = Rank(number, len(used))
                task = pickle.dumps((work, rank, worker.device, f"{meeting}/store", threads))
                try:
                    worker.connection.send_bytes(task)
                except OSError:  # it has ended already
                    raise _ended(workers) from None
            yield from _results(workers)
        finally:
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.process.wait()
                worker.connection.close()


def _start(device: torch.device) -> Worker:
    ours, theirs = Pipe()
    with theirs:
        # A GPU stays claimed until the last process that uses it has ended.
        passed = [theirs.fileno(), *devices.gpu_locks]
        process = subprocess.Popen(
            # -P: no module of the working folder is imported
            [sys.executable, "-P", "-c", PROGRAM.format(__name__, theirs.fileno())],
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # gloo prints to it
            env=QUIET
            | os.environ
            | LOOPBACK
            | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    return Worker(device, process, ours)


def _results(workers: list[Worker]) -> Iterator[Any]:
    """Handle the workers' messages until each has sent its last one."""
    running = {worker.connection: worker for worker in workers}
    while running:
        for connection in wait(list(running)):
            assert isinstance(connection, Connection)
            try:
                kind, content = pickle.loads(connection.recv_bytes())
            except (EOFError, OSError):
                raise _ended(workers) from None
            if kind == "log":
                name, level, text = content
                logging.getLogger(name).log(level, "%s", text)
            elif kind == "item":
                yield content
            elif kind == "end":
                del running[connection]
            else:
                raise _failure(workers, running[connection].device, content)


def _ended(workers: list[Worker]) -> UserError:
    """Of workers that ended without a word: killed, or a fault in a library."""
    deadline = time.monotonic() + DYING
    while all(worker.process.poll() is None for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    ends = []
    for worker in workers:
        if status := worker.process.poll():
            how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            ends.append(f"the process of {worker.device} ended with {how}")
    return UserError(
        f"training.gpus: {' and '.join(ends) or 'a process ended'}. If the system killed it for "
        "want of memory, raise training.mem_mb, which holds for all the processes together. Run "
        "again: training resumes after its last whole epoch"
    )


def _failure(workers: list[Worker], device: torch.device, passed: PassedError) -> BaseException:
    """The exception of the worker that failed first."""
    error = passed.rebuild()
    if isinstance(error, UserError):
        return error
    if isinstance(error, RuntimeError):
        if is_out_of_memory(error):
            return error
        # A lost connection is such an error. One that fails waits to be killed and loses none, so
        # another worker was killed.
        deadline = time.monotonic() + DYING
        while time.monotonic() < deadline:
            if any(other.process.poll() is not None for other in workers):
                return _ended(workers)
            time.sleep(0.05)
    log.error("the process of %s failed: %s at %s", device, type(error).__name__, passed.places)
    return error


class _Link(logging.Handler):
    """A worker's end of its connection with the job; what it logs goes there, too."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection, self.sending = connection, threading.Lock()
        threading.Thread(target=self._exit_with_job, daemon=True).start()

    def _exit_with_job(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            self.connection.recv_bytes()  # nothing comes any more
        os._exit(1)

    def send(self, kind: str, content: Any = None) -> None:
        with self.sending:
            self.connection.send_bytes(pickle.dumps((kind, content)))

    def emit(self, record: logging.LogRecord) -> None:
        self.send("log", (record.name, record.levelno, record.getMessage()))


def serve(file_number: int) -> None:
    """The life of a worker; it ends by the job's hand or with it."""
    connection = Connection(file_number)
    try:
        task = connection.recv_bytes()
    except EOFError:  # the job has ended already
        return
    link = _Link(connection)
    try:
        work, rank, device, meeting, threads = pickle.loads(task)
        if rank.number == 0:  # the others have the same to say
            logging.basicConfig(level=logging.INFO, handlers=[link])
        else:
            logging.disable()
        torch.set_num_threads(threads)
        _join(rank, device, meeting)
        for item in work(rank, device):
            if rank.number == 0:
                link.send("item", item)
        link.send("end")
    except BaseException as error:
        with contextlib.suppress(OSError):  # the job has ended, and this process is about to
            link.send("failure", PassedError.of(error))
    while True:  # until killed: a connection that closed would look like another's failure
        signal.pause()


def _join(rank: Rank, device: torch.device, meeting: str) -> None:
    """Make torch's default process group."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    nccl = device.type == "cuda" and torch.distributed.is_nccl_available()
    store = FileStore(meeting, rank.size)
    store.set_timeout(TIMEOUT)
    torch.distributed.init_process_group(
        "nccl" if nccl else "gloo",
        store=store,
        rank=rank.number,
        world_size=rank.size,
        timeout=TIMEOUT,
    )
