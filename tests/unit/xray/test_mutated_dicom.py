"""Hundreds of damaged DICOM files through headers and pixels: none crashes, hangs or eats memory.

A separate process reads them, so that a crash of a C library would show as a failed test.

    PYTHONPATH=tests python tests/unit/xray/test_mutated_dicom.py 5000 SEED    # many more, by hand
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
from helpers.dicom_files import (
    NATIVE,
    SYNTAXES,
    data_set_of,
    film,
    header_settings,
    save,
    without_syntax,
)
from helpers.workflow import PROJECT
from pydicom import uid
from pydicom.datadict import dictionary_VR

from pgdose.errors import Rejected
from pgdose.tables.keyed import SourceIds
from pgdose.xray import decode, films, headers
from pgdose.xray.reject_reasons import REASONS

COUNT = 20  # for each of the transfer syntaxes, and of the ways to write a file
SECONDS, MEMORY = 5, 2e9  # of processor time for a file; bytes
ABSURD = (0, 1, 79, 81, 255, 256, 4096, 32767, 65535)
FIELDS = {
    "Rows": ABSURD,
    "Columns": ABSURD,
    "NumberOfFrames": ("", "0", "2", "99999999", "-1"),
    "BitsAllocated": (0, 1, 8, 12, 16, 32, 64, 65535),
    "BitsStored": (0, 1, 7, 8, 13, 16, 17, 65535),
    "HighBit": (0, 7, 15, 16, 65535),
    "SamplesPerPixel": (0, 3, 4, 65535),
    "PixelRepresentation": (1, 2),
    "PhotometricInterpretation": ("RGB", "", "PALETTE COLOR"),
    "PixelPaddingValue": (0, 4095, 65535),
    "WindowWidth": ("0", "-5", "1e308"),
    "RescaleSlope": ("0", "1e308", "-1e-300"),
}


def texture(bits: int) -> np.ndarray:
    """80 x 100 pixels that leave a codestream something to hold."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :100]
    waves = 0.5 + 0.4 * np.sin(y / 9) * np.cos(x / 7) + rng.normal(0, 0.02, (80, 100))
    return (waves.clip(0, 1) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def originals(folder: Path) -> Iterator[tuple[str, Path]]:
    for syntax in SYNTAXES:
        bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
        ds = film(texture(bits), bits, WindowCenter=2000, WindowWidth=3000)
        ds.NumberOfFrames = "1"
        yield syntax, save(ds, folder / f"{uid.UID(syntax).keyword}.dcm", syntax)


def other_originals(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files without a header or a transfer syntax, and greys that are stored as colours."""
    for syntax in (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        path = save(film(texture(12)), folder / f"bare_{uid.UID(syntax).keyword}.dcm", syntax)
        path.write_bytes(data_set_of(path))
        yield syntax, path
    for syntax in (uid.ImplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless):
        path = save(film(texture(12)), folder / f"unstated_{uid.UID(syntax).keyword}.dcm", syntax)
        yield syntax, without_syntax(path)
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless):
        planes = np.stack([texture(8)] * 3, axis=-1)
        ds = film(planes, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB")
        ds.PlanarConfiguration = 0
        yield syntax, save(ds, folder / f"rgb_{uid.UID(syntax).keyword}.dcm", syntax)
    ds = film(texture(8), 8, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        ds.add_new(f"{name}Descriptor", "US", [256, 0, 16])
        ds.add_new(f"{name}Data", "OW", (np.arange(256, dtype="<u2") * 257).tobytes())
    yield uid.ExplicitVRLittleEndian, save(ds, folder / "palette.dcm")


def mutants(
    path: Path, syntax: str, count: int, rng: np.random.Generator
) -> Iterator[tuple[str, bytes]]:
    """(way, content) of files damaged in one of these ways, by turns."""
    content = path.read_bytes()
    pixels = max(content.find(b"\xe0\x7f\x10\x00"), content.find(b"\x7f\xe0\x00\x10"), 0)
    ways: list[Callable[..., bytes]] = [flipped, cut, junk, wrong_length, falsified]
    if syntax not in NATIVE:
        ways += [stream_header, stream_header, stream_header]
    for i in range(count):
        way = ways[i % len(ways)]
        if way is falsified:
            yield way.__name__, falsified(path, rng)
        else:
            yield way.__name__, way(bytearray(content), pixels, rng)


def flipped(content: bytearray, pixels: int, rng: np.random.Generator) -> bytes:
    """Bits anywhere, in the header as often as in the pixels."""
    for _ in range(rng.integers(1, 12)):
        start, end = (132, pixels or len(content)) if rng.random() < 0.5 else (pixels, len(content))
        content[rng.integers(start, end)] ^= 1 << rng.integers(8)
    return bytes(content)


def cut(content: bytearray, pixels: int, rng: np.random.Generator) -> bytes:
    """Not the last four bytes alone, which follow the mark that ends compressed pixels."""
    start = 0 if rng.random() < 0.3 else pixels
    return bytes(content[: rng.integers(start, len(content) - 4)])


def junk(content: bytearray, pixels: int, rng: np.random.Generator) -> bytes:
    """A stretch of random bytes in the pixels."""
    at = int(rng.integers(min(pixels + 12, len(content) - 1), len(content)))
    content[at : at + int(rng.integers(1, 400))] = rng.bytes(int(rng.integers(1, 400)))
    return bytes(content)


def wrong_length(content: bytearray, pixels: int, rng: np.random.Generator) -> bytes:
    """The length of an explicit element, or that of the pixels."""
    if rng.random() < 0.3 and pixels:
        lengths = (0, 1, 7, 2**31, 2**32 - 2, 2**32 - 1, len(content))
        length = lengths[rng.integers(len(lengths))]
        content[pixels + 8 : pixels + 12] = length.to_bytes(4, "little")
        return bytes(content)
    vrs = (b"US", b"UI", b"LO", b"CS", b"SH", b"DS", b"IS", b"PN", b"AS")
    places = [i for i in range(132, pixels or len(content)) if bytes(content[i : i + 2]) in vrs]
    at = int(rng.choice(places)) if places else 140
    content[at + 2 : at + 4] = int(rng.choice((0, 1, 3, 255, 65535))).to_bytes(2, "little")
    return bytes(content)


def falsified(path: Path, rng: np.random.Generator) -> bytes:
    """One to three attributes of the picture, and now and then both sides at once."""
    ds = pydicom.dcmread(path, force=True)
    for keyword in rng.choice(list(FIELDS), rng.integers(1, 4), replace=False):
        choices = FIELDS[keyword]
        value = choices[rng.integers(len(choices))]
        ds.add_new(keyword, "US" if isinstance(value, int) else dictionary_VR(keyword), value)
    if rng.random() < 0.2:
        ds.Rows = ds.Columns = 65535
    with tempfile.TemporaryDirectory() as folder:
        ds.save_as(Path(folder, "film.dcm"), **encoding(ds))
        return Path(folder, "film.dcm").read_bytes()


def encoding(ds: pydicom.Dataset) -> dict[str, bool]:
    """What `save_as` must be told of a data set whose file does not say it."""
    if ds.file_meta.get("TransferSyntaxUID"):
        return {}
    implicit, little = ds.original_encoding
    return {"implicit_vr": bool(implicit), "little_endian": bool(little)}


def stream_header(content: bytearray, pixels: int, rng: np.random.Generator) -> bytes:
    """The first bytes of the codestream: its markers, sizes, depths and tables."""
    # Behind the element (12), the empty offset table (8), the item's tag and length (8).
    start = pixels + 28
    if rng.random() < 0.5:  # at a frame's or picture's own numbers
        for marker in (b"\xff\x51", b"\xff\xc0", b"\xff\xc1", b"\xff\xc3", b"\xff\xf7"):
            at = content.find(marker, start)
            if at >= 0:
                start = at + 2
                break
    for _ in range(rng.integers(1, 5)):
        at = start + int(rng.integers(60))
        if at < len(content):
            content[at] = int(rng.choice((0, 1, 2, 127, 128, 254, 255, int(rng.integers(256)))))
    return bytes(content)


def write_corpus(folder: Path, count: int, seed: int) -> int:
    """`count` files of each transfer syntax; how many in all."""
    (folder / "originals").mkdir()
    (folder / "files").mkdir()
    number = 0
    sources = [*originals(folder / "originals"), *other_originals(folder / "originals")]
    for k, (syntax, path) in enumerate(sources):
        for way, content in mutants(path, syntax, count, np.random.default_rng([seed, k])):
            name = f"{number:06}-{path.stem}-{way}.dcm"
            (folder / "files" / name).write_bytes(content)
            number += 1
    return number


def read_all(folder: Path) -> None:
    """What the child does: one line of JSON for each file, and the process's use at the end."""
    resource.setrlimit(resource.RLIMIT_AS, (4 * 10**9, 4 * 10**9))
    paths = sorted((folder / "files").iterdir())
    files = ((path.name, path) for path in paths)
    rows = headers.read_headers(files, SourceIds(b"k", "x"), header_settings())
    for path in paths:
        start, cpu = time.monotonic(), time.process_time()
        row = next(rows)
        outcomes = {"name": row["record_id"], "header": row["reason"], "detail": row["detail"]}
        for window in ("percentile", "voi"):
            try:
                pixels = films.read_film(path, window).pixels
                assert pixels.dtype == np.uint8 and pixels.ndim == 2
                outcomes[window] = None
            except Rejected as rejected:
                outcomes[window] = rejected.reason
                outcomes[f"{window} detail"] = rejected.detail
        outcomes |= {"cpu": time.process_time() - cpu, "seconds": time.monotonic() - start}
        print(json.dumps(outcomes), flush=True)
    decode.decoder_process.stop()
    # Not ru_maxrss, which begins at what the process had that started this one.
    status = Path("/proc/self/status").read_text()
    reader = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024
    decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"reader": reader, "decoder": decoder}))


def run(folder: Path) -> tuple[list[dict], dict]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    paths = [str(PROJECT / "tests"), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    child = subprocess.run(
        [sys.executable, __file__, "--read", str(folder)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert child.returncode == 0, (child.returncode, child.stdout[-300:], child.stderr[-2000:])
    *rows, used = (json.loads(line) for line in child.stdout.splitlines())
    return rows, used


def check(folder: Path, count: int) -> Counter:
    rows, used = run(folder)
    assert len(rows) == count  # kept + rejected
    slowest = max(row["seconds"] for row in rows)
    print(f"slowest {slowest:.2f} s, most memory {max(used.values()) / 1e6:.0f} MB")
    counts: Counter = Counter()
    for row in rows:
        for step in ("header", "percentile", "voi"):
            assert row[step] is None or row[step] in REASONS, row
            counts[step, row[step]] += 1
        # Of the clock three times as much, for the machine may be busy; the decoder limits itself.
        assert row["cpu"] < SECONDS and row["seconds"] < 3 * SECONDS, row
        # No pixels are shown of a file whose picture the header pass rejects.
        if row["header"] not in (None, "no_patient", "other_modality", "unreadable_header"):
            assert row["percentile"] is not None, row
        # Nor of a file that breaks off. The end of a deflated one may hold no pixel.
        if "-cut" in row["name"] and "Deflated" not in row["name"]:
            assert row["percentile"] is not None, row
    assert used["reader"] < MEMORY and used["decoder"] < MEMORY, used
    return counts


def test_damaged_files_are_kept_or_rejected(tmp_path: Path) -> None:
    count = write_corpus(tmp_path, COUNT, seed=7)
    assert count >= 300
    counts = check(tmp_path, count)
    for step in ("header", "percentile"):  # neither all harmless nor all hopeless
        assert 0.1 < counts[step, None] / count < 0.9
    assert {reason for _, reason in counts} >= {"unreadable_pixels", "absurd_size", "multi_frame"}


if __name__ == "__main__":
    if sys.argv[1] == "--read":
        read_all(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as where:
            total = write_corpus(Path(where), int(sys.argv[1]), int(sys.argv[2]))
            for (step, reason), times in sorted(check(Path(where), total).items(), key=str):
                print(f"{step:12}{reason!s:22}{times:8}")
