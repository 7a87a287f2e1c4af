"""What a network's file is, by its first bytes: its suffix may be wrong."""

import re
import zipfile
from pathlib import Path

from pgdose.study.network_kinds import ADVICE, refusal
from pgdose.study.networks import FORMAT_NAMES, NETWORK_FORMATS

HEAD = 1024  # bytes
HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
OLD_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the magic number of torch.save before 1.6
MOST_FILES = 50_000  # of an archive
MOST_DIRECTORY = 2**24  # bytes of an archive's list of files, which is read as a whole
TAIL = 2**16 + 200  # bytes at the end of an archive, which say how long that list is


def misfit(path: str | Path, format: str) -> str | None:
    """What is wrong with a file that is to be of a format of the study, as far as its head says.

    The sentence begins with "is ...". OSError if it cannot be opened.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind in ADVICE:
        return f"is {refusal(kind, str(path))}"
    if kind is not None and kind != format:
        suffix = next(s for s, name in NETWORK_FORMATS.items() if name == kind)
        return (
            f"is {FORMAT_NAMES[kind]}, though its name ends in {path.suffix}; rename it so that "
            f"it ends in {suffix}"
        )
    return None


def kind_of(path: Path) -> str | None:
    """A kind of `network_kinds.ADVICE` or a format of the study; None if it may be anything."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        size = path.stat().st_size
    if head.startswith(HDF5):
        return "hdf5"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"ftrt"):
        return "tensorrt"
    if head.startswith(ZIP):
        return _kind_of_archive(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        if OLD_TORCH in head[:40]:
            return "torch"
        return "joblib" if b"joblib" in head or b"sklearn" in head else "pickle"
    # safetensors: the length of the JSON that follows
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size:
        return "weights"
    return None


def _kind_of_archive(path: Path) -> str | None:
    try:
        if _directory_size(path) > MOST_DIRECTORY:
            return None
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:MOST_FILES]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    inside = {name.partition("/")[2] for name in names}  # of the root folder of torch's archives
    if {"config.json", "metadata.json"} <= set(names):
        return "keras"
    if "serialized_exported_program.json" in names or "models/model.json" in inside:
        return "exported program"
    if any(name.startswith("code/") for name in inside):
        return "torchscript"
    return "torch" if "data.pkl" in inside else None


def _directory_size(path: Path) -> int:
    """The largest size of the list of files that the end of an archive states anywhere."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - TAIL, 0))
        tail = file.read(TAIL)
    sizes = [0]
    for mark, place, length in ((b"PK\x05\x06", 12, 4), (b"PK\x06\x06", 40, 8)):
        starts = (match.end() - 4 for match in re.finditer(re.escape(mark), tail))
        sizes += [int.from_bytes(tail[s + place : s + place + length], "little") for s in starts]
    # All ones: the real size stands in the longer record.
    return max(size for size in sizes if size != 2**32 - 1)
