"""Decoding compressed pixels in a separate process.

Decoders written in C crash, hang or ask for all memory on a damaged codestream, or corrupt their
memory so that a later film fails (thousands of damaged files showed all of it). Here that costs
one film and not the job: the first compressed film starts a process, which forks for each film,
with limits of memory and time. If a fork dies the process ends, and the next film starts another.
"""

import atexit
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder

from pgdose.errors import Rejected, UserError
from pgdose.xray.codestream import codestream_size

MEMORY = 2 * 10**9  # bytes of address space
SECONDS = 4  # of processor time for a film
SECONDS_A_MILLION = 2  # and for each million of its pixels
WAIT = 300  # seconds by the clock, for a decoder that hangs without using the processor
# One decoder for each transfer syntax, so that other installed packages change no pixel. Each is
# the best maintained one; the names are those of pydicom's plug-ins.
DECODERS = {
    uid.RLELossless: "pydicom",
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: "pillow",  # 8 bits; more go to gdcm, see _by_gdcm
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
}


@dataclass(frozen=True)
class PixelHeader:
    """What the header of a film says about its compressed pixels."""

    syntax: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool


def decode(pixel_data: bytes, header: PixelHeader) -> np.ndarray:
    """The words of an encapsulated film of one frame: uint8 or uint16, rows x columns.

    Raises Rejected: no_decoder; unreadable_pixels (damaged, or not the size of the header);
    decoder_crashed (killed, or out of its limits).
    """
    syntax = uid.UID(header.syntax)
    if syntax not in DECODERS:
        raise Rejected("no_decoder", syntax.name if syntax.name != syntax else "unknown syntax")
    answer = decoder_process.ask(json.dumps(asdict(header)).encode(), pixel_data)
    if answer is None:
        raise Rejected("decoder_crashed", syntax.name)
    kind, words = answer
    if kind not in ("uint8", "uint16"):
        raise Rejected("unreadable_pixels", f"{syntax.name}: {kind}")
    return np.frombuffer(words, kind).reshape(header.rows, header.columns)


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
        """(dtype of the words or the error, the words); None if the process died or hung."""
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
                [sys.executable, "-m", __name__, str(other.fileno())],
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
            header, pixel_data = PixelHeader(**json.loads(end.recv_bytes())), end.recv_bytes()
            fork = os.fork()
            if fork == 0:
                _answer(end, header, pixel_data)
                os._exit(0)
            if os.waitpid(fork, 0)[1]:
                return


def _answer(end: Connection, header: PixelHeader, pixel_data: bytes) -> None:
    seconds = SECONDS + SECONDS_A_MILLION * header.rows * header.columns / 1e6
    _limit(resource.RLIMIT_CPU, round(seconds))
    try:
        words = _decoded(pixel_data, header)
        kind = words.dtype.name
    except Exception as error:
        words, kind = np.empty(0, np.uint8), _describe(error)
    end.send_bytes(kind.encode())
    end.send_bytes(words.data.cast("B") if words.size else b"")


def _describe(error: Exception) -> str:
    """The error in words that do not come from the file."""
    return error.detail if isinstance(error, Rejected) else type(error).__name__


def _limit(limit: int, most: int) -> None:
    """Set a limit of this process, unless the system lacks it or has a lower one."""
    hard = resource.getrlimit(limit)[1]
    if hard == resource.RLIM_INFINITY or most <= hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, hard))


def _decoded(pixel_data: bytes, header: PixelHeader) -> np.ndarray:
    stream = get_frame(pixel_data, 0, number_of_frames=1)
    syntax = uid.UID(header.syntax)
    depth = _check_size(stream, header)
    if syntax == uid.JPEGExtended12Bit and depth > 8:
        words = _by_gdcm(stream, header)
    else:
        words = _by_pydicom(pixel_data, header)
    words = words.view(f"u{words.dtype.itemsize}")
    if words.size != header.rows * header.columns:
        raise Rejected("unreadable_pixels", "the number of pixels contradicts the header")
    return np.ascontiguousarray(words.reshape(header.rows, header.columns))


def _by_pydicom(pixel_data: bytes, header: PixelHeader) -> np.ndarray:
    syntax = uid.UID(header.syntax)
    options: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": header.bits_allocated,
        "bits_stored": header.bits_stored,
        "pixel_representation": int(header.signed),
        "pixel_keyword": "PixelData",
    }
    return get_decoder(syntax).as_array(
        pixel_data, index=0, raw=True, decoding_plugin=DECODERS[syntax], **options
    )[0]


def _by_gdcm(stream: bytes, header: PixelHeader) -> np.ndarray:
    """JPEG of more than 8 bits, which pydicom's GDCM plug-in refuses."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    syntax = gdcm.TransferSyntax.GetTSType(header.syntax)
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    bits = header.bits_stored
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, 0))
    # GDCM hands its bytes over as a str.
    return np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), np.uint16)


def _check_size(stream: bytes, header: PixelHeader) -> int:
    """The bit depth that a codestream states; 0 if it states none.

    Rejects a codestream that is not one grey plane of the header's size. This runs before any
    decoder, since decoders allocate the size that the codestream states.
    """
    try:
        size = codestream_size(stream, header.syntax)
    except ValueError:
        raise Rejected(
            "unreadable_pixels", "the codestream is not of its transfer syntax"
        ) from None
    if size is None:
        return 0
    if (size.rows, size.columns, size.planes) != (header.rows, header.columns, 1):
        raise Rejected("unreadable_pixels", "the codestream's size contradicts the header")
    if size.depth > header.bits_allocated:
        raise Rejected("unreadable_pixels", "the codestream's depth contradicts the header")
    return size.depth


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve(Connection(int(sys.argv[1])))
