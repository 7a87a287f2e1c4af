"""Archives such as ZIP, known by their first bytes: what lies in them is not read."""

import tarfile
from pathlib import Path

SIGNATURES = (
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),  # an empty one
    (b"PK\x07\x08", "ZIP"),  # in several parts
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
)
TAR_BLOCK = 512  # bytes: the header of a member


def archive_format(start: bytes) -> str | None:
    """The format of the archive that begins with these bytes (TAR_BLOCK or more); None: no archive.

    A TAR of any age is known by the checksum of its first header.
    """
    for signature, name in SIGNATURES:
        if start.startswith(signature):
            return name
    try:
        tarfile.TarInfo.frombuf(start[:TAR_BLOCK], "latin-1", "replace")
    except (tarfile.HeaderError, ValueError):
        return None
    return "TAR"


def archive_format_of(path: Path) -> str | None:
    """The format of the archive that a file is; None if it is none, or cannot be read."""
    try:
        with path.open("rb") as file:
            return archive_format(file.read(TAR_BLOCK))
    except OSError:
        return None


def unpack_advice(name: str, below: str = "below the root") -> str:
    """The detail of a reject with the reason `archive`."""
    return f"{'an' if name[0] in 'xR' else 'a'} {name} archive; unpack it {below}"
