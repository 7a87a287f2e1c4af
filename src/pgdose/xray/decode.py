"""Compressed pixels, decoded in a process of its own.

Decoders written in C crash, hang or ask for all memory on a damaged codestream, or spoil their
memory so that a later film fails (found by trying thousands). Here that costs one film and not the
job: a process that is started on the first compressed film forks for each, with limits of memory
and time. If a fork dies the process ends, and the next film starts another.
"""

import atexit
import contextlib
import json
import os
import resource
import struct
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

MEMORY = 2 * 10**9  # bytes of address space
SECONDS = 4  # of processor time for a film, and those of each million pixels
SECONDS_A_MILLION = 2
PATIENCE = 300  # seconds by the clock, for a decoder that waits and uses no processor
# One decoder for each transfer syntax, the one that is kept best: what is decoded does not hang on
# what else is installed. The names are those of pydicom's plug-ins.
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
class Header:
    """What a film's header says of its compressed pixels."""

    syntax: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool


def decode(pixel_data: bytes, header: Header) -> np.ndarray:
    """The words of an encapsulated film of one frame: uint8 or uint16, rows x columns.

    Rejects what has no decoder (no_decoder), what is damaged or another size than its header says
    (unreadable_pixels), and what kills its decoder (decoder_crashed).
    """
    syntax = uid.UID(header.syntax)
    if syntax not in DECODERS:
        raise Rejected("no_decoder", syntax.name if syntax.name != syntax else "unknown syntax")
    answer = _child.ask(json.dumps(asdict(header)).encode(), pixel_data)
    if answer is None:
        raise Rejected("decoder_crashed", syntax.name)
    kind, words = answer
    if kind not in ("uint8", "uint16"):
        raise Rejected("unreadable_pixels", f"{syntax.name}: {kind}")
    return np.frombuffer(words, kind).reshape(header.rows, header.columns)


def _environment() -> dict[str, str]:
    """The child's. Where the package is not installed it is found beside this file."""
    paths = [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


class _Child:
    """The process that decodes; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._end: Connection | None = None

    def ask(self, *request: bytes) -> tuple[str, bytes] | None:
        """(type of the words or what is wrong, the words), None if the process died of it."""
        with self._lock:
            if self._end is None:
                self._start()
            assert self._end is not None
            try:
                for part in request:
                    self._end.send_bytes(part)
                if not self._end.poll(PATIENCE):  # it waits for something and uses no processor
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
                stdout=subprocess.DEVNULL,  # C libraries write there what they like
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        try:
            self._end.recv_bytes()
        except EOFError:  # no fault of the film
            self.stop()
            raise UserError(
                f"compressed DICOM files cannot be decoded: python -m {__name__} does not start"
            ) from None

    def stop(self) -> None:
        if self._end is not None and self._process is not None:
            self._end.close()
            self._process.kill()
            self._process.wait()
        self.forget()

    def forget(self) -> None:
        self._process = self._end = None


_child = _Child()
atexit.register(_child.stop)
os.register_at_fork(after_in_child=_child.forget)  # it is the parent's


# --- in the process that decodes --------------------------------------------------------------


def _serve(end: Connection) -> None:
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    end.send_bytes(b"ready")
    with contextlib.suppress(EOFError):
        while True:
            header, pixel_data = Header(**json.loads(end.recv_bytes())), end.recv_bytes()
            fork = os.fork()
            if fork == 0:
                _answer(end, header, pixel_data)
                os._exit(0)
            if os.waitpid(fork, 0)[1]:
                return


def _answer(end: Connection, header: Header, pixel_data: bytes) -> None:
    seconds = SECONDS + SECONDS_A_MILLION * header.rows * header.columns / 1e6
    _limit(resource.RLIMIT_CPU, round(seconds))
    try:
        words = _decoded(pixel_data, header)
        kind = words.dtype.name
    except Exception as error:
        words, kind = np.empty(0, np.uint8), _told(error)
    end.send_bytes(kind.encode())
    end.send_bytes(words.data.cast("B") if words.size else b"")


def _told(error: Exception) -> str:
    """What is wrong in words that do not come from the file."""
    return error.detail if isinstance(error, Rejected) else type(error).__name__


def _limit(what: int, most: int) -> None:
    """Sets a limit of this process where the system knows it and has no lower one."""
    hard = resource.getrlimit(what)[1]
    if hard == resource.RLIM_INFINITY or most <= hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, hard))


def _decoded(pixel_data: bytes, header: Header) -> np.ndarray:
    stream = get_frame(pixel_data, 0, number_of_frames=1)
    syntax = uid.UID(header.syntax)
    depth = _check_size(stream, header)
    if syntax == uid.JPEGExtended12Bit and depth > 8:
        words = _by_gdcm(stream, header)
    else:
        words = _by_pydicom(pixel_data, header)
    words = words.view(f"u{words.dtype.itemsize}")
    if words.size != header.rows * header.columns:
        raise Rejected("unreadable_pixels", "another number of pixels than the header says")
    return np.ascontiguousarray(words.reshape(header.rows, header.columns))


def _by_pydicom(pixel_data: bytes, header: Header) -> np.ndarray:
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


def _by_gdcm(stream: bytes, header: Header) -> np.ndarray:
    """JPEG of more than 8 bits, which pydicom's plug-in for GDCM does not hand on."""
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
    # GDCM's bytes come as a text.
    return np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), np.uint16)


# --- what a codestream says of itself ---------------------------------------------------------


def _check_size(stream: bytes, header: Header) -> int:
    """The depth in bits of a codestream, 0 for RLE, which does not tell.

    Rejects a codestream that is not one grey plane of the header's size. It is checked before a
    decoder sees it, since decoders allocate what the codestream says.
    """
    if header.syntax == uid.RLELossless:
        return 0
    try:
        j2k = uid.UID(header.syntax).name.find("JPEG 2000") >= 0
        rows, columns, planes, depth = (_j2k_size if j2k else _jpeg_size)(stream)
    except (struct.error, ValueError):
        raise Rejected("unreadable_pixels", "no such codestream") from None
    if (rows, columns, planes) != (header.rows, header.columns, 1):
        raise Rejected("unreadable_pixels", "the codestream's size contradicts the header")
    if depth > header.bits_allocated:
        raise Rejected("unreadable_pixels", "the codestream's depth contradicts the header")
    return depth


def _jpeg_size(stream: bytes) -> tuple[int, int, int, int]:
    """The same of JPEG (ISO 10918-1 B.2.2) and JPEG-LS (ISO 14495-1 C.2.2)."""
    at = 2  # behind SOI
    while True:
        fill, marker, length = struct.unpack_from(">BBH", stream, at)
        if fill != 0xFF or length < 2:
            raise ValueError
        if marker in _FRAMES:
            depth, rows, columns, planes = struct.unpack_from(">BHHB", stream, at + 4)
            return rows, columns, planes, depth
        at += 2 + length


# SOF0 to SOF15 without DHT, JPG and DAC, which stand among them; JPEG-LS's SOF55
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def _j2k_size(stream: bytes) -> tuple[int, int, int, int]:
    """(rows, columns, planes, depth) of JPEG 2000 and HTJ2K (ISO 15444-1 A.5.1)."""
    soc = stream.find(b"\xff\x4f\xff\x51")  # a JP2 header may stand before it
    if soc < 0:
        raise ValueError
    right, bottom, left, top = struct.unpack_from(">4I", stream, soc + 8)
    planes, depth = struct.unpack_from(">HB", stream, soc + 40)
    return bottom - top, right - left, planes, (depth & 0x7F) + 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve(Connection(int(sys.argv[1])))
