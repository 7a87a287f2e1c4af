"""Decoding compressed pixels in a separate process.

Decoders written in C crash, hang or ask for all memory on a damaged codestream, or corrupt their
memory so that a later film fails (thousands of damaged files showed all of it). Here that costs
one film and not the job: the first compressed film starts a process, which forks for each film and
decoder, with limits of memory and time. If a fork dies the process ends, and the next film, or the
next decoder of this one, starts another.
"""

import atexit
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import numpy as np
from pydicom import uid

from pgdose.errors import Rejected, UserError
from pgdose.xray.decoders import DECODERS, ContradictionError, PixelHeader, decode_words

MEMORY = 2 * 10**9  # bytes of address space
SECONDS = 4  # of processor time for a film, for each decoder
SECONDS_A_MILLION = 2  # and for each million of its values
WAIT = 300  # seconds by the clock, for a decoder that hangs without using the processor
WORDS, CONTRADICTION, FAILURE = ("uint8", "uint16"), "contradiction", "failure"  # kinds of answers


def decode(pixel_data: bytes, header: PixelHeader) -> np.ndarray:
    """The words of an encapsulated film of one frame: uint8 or uint16, rows x columns x samples.

    The decoders of its transfer syntax are asked in their order, until one can read it. Raises
    Rejected, as the first of them failed: no_decoder; unreadable_pixels (damaged, or not the size
    of the header); decoder_crashed (killed, or out of its limits).
    """
    syntax = uid.UID(header.syntax)
    if not syntax:
        raise Rejected("no_decoder", "no transfer syntax, and the pixels show none that is read")
    if syntax not in DECODERS:
        raise Rejected("no_decoder", syntax.name if syntax.name != syntax else "unknown syntax")
    first: Rejected | None = None
    for name in DECODERS[syntax]:
        request = asdict(header) | {"decoder": name}
        answer = decoder_process.ask(json.dumps(request).encode(), pixel_data)
        if answer is None:
            first = first or Rejected("decoder_crashed", syntax.name)
            continue
        kind, content = answer
        if kind in WORDS:
            shape = (header.rows, header.columns, header.samples)
            return np.frombuffer(content, kind).reshape(shape)
        first = first or Rejected("unreadable_pixels", f"{syntax.name}: {content.decode()}")
        if kind == CONTRADICTION:  # whichever decoder is asked
            break
    assert first is not None
    raise first


def _environment() -> dict[str, str]:
    """The environment of the process. An uninstalled package is imported from beside this file."""
    paths = [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


class DecoderProcess:
    """The process that decodes; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._end: Connection | None = None

    def ask(self, *request: bytes) -> tuple[str, bytes] | None:
        """(dtype, the words) or (CONTRADICTION or FAILURE, why); None if it died or hung."""
        with self._lock:
            if self._end is None:
                self._start()
            assert self._end is not None
            try:
                for part in request:
                    self._end.send_bytes(part)
                if not self._end.poll(WAIT):
                    self.stop()
                    return None
                return self._end.recv_bytes().decode(), self._end.recv_bytes()
            except (EOFError, OSError):
                self.stop()
                return None

    def _start(self) -> None:
        self._end, other = Pipe()
        with other:
            self._process = subprocess.Popen(
                # -P: no module of the working folder is imported
                [sys.executable, "-P", "-m", __name__, str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # C libraries print to it
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        try:
            self._end.recv_bytes()
        except EOFError:  # not the fault of the film
            self.stop()
            raise UserError(
                f"compressed DICOM files cannot be decoded: python -m {__name__} does not start; "
                "run that command to see why"
            ) from None

    @property
    def pid(self) -> int | None:
        """None while no process runs."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        if self._end is not None and self._process is not None:
            self._end.close()
            self._process.kill()
            self._process.wait()
        self.forget()

    def forget(self) -> None:
        self._process = self._end = None


decoder_process = DecoderProcess()
atexit.register(decoder_process.stop)
os.register_at_fork(after_in_child=decoder_process.forget)  # the process is the parent's


# --- in the process that decodes --------------------------------------------------------------


def _serve(end: Connection) -> None:
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    end.send_bytes(b"ready")
    with contextlib.suppress(EOFError):
        while True:
            request, pixel_data = json.loads(end.recv_bytes()), end.recv_bytes()
            fork = os.fork()
            if fork == 0:
                _answer(end, request.pop("decoder"), PixelHeader(**request), pixel_data)
                os._exit(0)
            if os.waitpid(fork, 0)[1]:
                return


def _answer(end: Connection, decoder: str, header: PixelHeader, pixel_data: bytes) -> None:
    values = header.rows * header.columns * header.samples
    _limit(resource.RLIMIT_CPU, round(SECONDS + SECONDS_A_MILLION * values / 1e6))
    try:
        words = decode_words(decoder, pixel_data, header)
        kind, content = words.dtype.name, words.tobytes()
    except ContradictionError as error:
        kind, content = CONTRADICTION, str(error).encode()
    except Exception as error:  # in words that do not come from the file
        kind, content = FAILURE, type(error).__name__.encode()
    end.send_bytes(kind.encode())
    end.send_bytes(content)


def _limit(limit: int, most: int) -> None:
    """Set a limit of this process, unless the system lacks it or has a lower one."""
    hard = resource.getrlimit(limit)[1]
    if hard == resource.RLIM_INFINITY or most <= hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, hard))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve(Connection(int(sys.argv[1])))
