"""The text of a manifest, and reading it back checked.

    # pgdose manifest, format 1
    # written 2026-11-28T06:33:12Z by pgdose 1.0.0
    # study phantom
    # 2 files, 12288 bytes
    # 8192 bytes
    5f2c...  groups/X-TB/images/0.npy
    # 4096 bytes, target sources/breast/thumbnails/0
    77aa...  sources/breast/thumbnails/0/ab12.png
    # sha256 of all lines above 90ab...

It is the form of `sha256sum`, which passes over lines that begin with `#`: in ten years a results
folder can be checked with `sha256sum --check manifest.sha256`, whether or not pgdose still runs.
JSON would need a program of its own. The target of a file is what Snakemake makes it by, if that is
a folder. The study's name tells one signed folder from another, whatever it is called on disk. The
last line tells a cut or changed manifest from a whole one; only a signature protects
against somebody who computes that line anew.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pgdose.errors import Damaged, UserError
from pgdose.manifest.files import (
    MANIFEST,
    describe,
    is_folder,
    is_result_path,
    problem_at,
    shown,
)
from pgdose.names import NAME
from pgdose.tables.output_files import atomic

SHARED = "share.json"  # in a folder that a study gives away, which has a manifest of its own

FORMAT = 1
MOST_BYTES = 64 * 2**20  # of a manifest: about 400,000 files
REMEDY = "restore it from a copy, or write it anew with `snakemake -R manifest`"

# [0-9], since \d is any digit of Unicode.
_FIRST = re.compile(r"# pgdose manifest, format ([0-9]{1,6})")
_WRITTEN = re.compile(
    r"# written ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z) by pgdose (\S+)"
)
_STUDY = re.compile(rf"# study ({NAME})")
_TOTAL = re.compile(r"# ([0-9]{1,12}) files, ([0-9]{1,18}) bytes")
_SIZE = re.compile(r"# ([0-9]{1,18}) bytes(?:, target (.+))?")
_FILE = re.compile(r"([0-9a-f]{64})  (.+)")
_LAST = "# sha256 of all lines above {}\n"
_DATE = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Entry:
    """A listed file."""

    path: str  # below the results folder, with '/'
    size: int  # bytes
    sha256: str  # 64 hex digits
    target: str  # what Snakemake makes it by: the file itself, or a folder above it


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read, and is whole."""

    study: str  # its name
    written: datetime  # UTC
    entries: tuple[Entry, ...]  # by path
    content: bytes  # as it lies on disk: what a signature signs

    @property
    def title(self) -> str:
        return f"{MANIFEST} of study {self.study}, written {self.written:%Y-%m-%d %H:%M} UTC"

    @property
    def size(self) -> int:
        """Bytes of all listed files."""
        return sum(entry.size for entry in self.entries)


def write(entries: Iterable[Entry], path: Path, study: str) -> None:
    """Write a manifest atomically. UserError if a file's name cannot stand in it, or it is none.

    Args:
        study: the study's name.
    """
    ordered = sorted(entries, key=lambda entry: entry.path)
    for entry in ordered:
        if not is_result_path(entry.path):
            raise UserError(f"{_quoted(entry.path)} cannot stand in a manifest; rename it")
    lines = [
        f"# pgdose manifest, format {FORMAT}",
        f"# written {datetime.now(UTC).strftime(_DATE)} by pgdose {_version()}",
        f"# study {study}",
        f"# {len(ordered)} files, {sum(entry.size for entry in ordered)} bytes",
    ]
    for entry in ordered:
        target = "" if entry.target == entry.path else f", target {entry.target}"
        lines += [f"# {entry.size} bytes{target}", f"{entry.sha256}  {entry.path}"]
    content = "".join(f"{line}\n" for line in lines).encode()
    if len(content) > MOST_BYTES - 200:  # the last line has fewer
        raise UserError(
            f"the manifest of {len(ordered)} files is larger than {MOST_BYTES // 2**20} MB, which "
            "pgdose does not read back; move exported images out of the results"
        )
    with atomic(path) as unfinished:
        unfinished.write_bytes(content + _LAST.format(_hex(content)).encode())


def _version() -> str:
    try:
        return metadata.version("pgdose")
    except metadata.PackageNotFoundError:  # an environment of --sdm conda runs the checkout
        return "(checkout)"


def _quoted(path: str) -> str:
    """The beginning of a path that may be anything."""
    return repr(path if len(path) <= 200 else f"{path[:200]}...")


def _hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_finished(results: Path) -> Manifest:
    """The manifest of a study that has come to its end.

    UserError if there is no such folder, or no manifest in it, or another one.
    """
    if not is_folder(results):
        raise UserError(f"there is no folder {shown(results)}; give the results folder of a study")
    try:
        manifest = read(results)
    except FileNotFoundError:
        raise UserError(
            f"{shown(results)} has no manifest, so its study has not come to its end; run it to "
            "the end first"
        ) from None
    if SHARED in {entry.path for entry in manifest.entries}:
        raise UserError(
            f"{shown(results)} is a folder of `pgdose share`, which `pgdose pool` reads; give the "
            "results folder of a study"
        )
    return manifest


def read(results: Path, remedy: str = REMEDY) -> Manifest:
    """The manifest of a results folder.

    Nothing in it leads out of the folder, and no file is listed twice, whoever wrote it. `remedy`
    ends the message of each error.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it is not as it was written.
        UserError: it cannot be read, or is of another format.
    """
    path = results / MANIFEST
    if problem := problem_at(path):
        if problem == "missing":
            raise FileNotFoundError(path)
        raise UserError(f"{shown(path)}: {problem}; {remedy}")
    try:
        too_large = path.stat().st_size > MOST_BYTES
        with path.open("rb") as file:
            content = b"" if too_large else file.read(MOST_BYTES + 1)  # a file of /proc has no size
    except OSError as error:
        raise UserError(f"{shown(path)}: {describe(error)}; {remedy}") from None
    if too_large or len(content) > MOST_BYTES:
        raise UserError(f"{shown(path)}: over {MOST_BYTES // 2**20} MB, so no manifest; {remedy}")
    try:
        return _parse(content)
    except ValueError as error:
        raise Damaged(shown(path), f"{error}; {remedy}") from None


def _parse(content: bytes) -> Manifest:
    """ValueError with what is wrong."""
    if b"\r\n" in content:
        raise ValueError("its line ends were changed: it was copied as text (for instance by git)")
    body, last = _without_last_line(content)
    if last != _LAST.format(_hex(body)).encode():
        raise ValueError("its lines do not match the digest in its last one")
    text = body.decode("utf-8")  # UnicodeDecodeError is a ValueError
    lines = (line[1] for line in re.finditer("([^\n]*)\n", text))  # one at a time
    if int(_next(_FIRST, lines)[1]) != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}, which this version of pgdose reads")
    written = datetime.strptime(_next(_WRITTEN, lines)[1], _DATE).replace(tzinfo=UTC)
    study = _next(_STUDY, lines)[1]
    files, size = map(int, _next(_TOTAL, lines).groups())
    entries = tuple(_entries(lines))
    if (len(entries), sum(entry.size for entry in entries)) != (files, size):
        raise ValueError("the files that it lists are not as many, or as large, as it says")
    if not entries:
        raise ValueError("it lists no file")
    return Manifest(study, written, entries, content)


def _without_last_line(content: bytes) -> tuple[bytes, bytes]:
    place = content.rfind(b"\n", 0, -1) + 1
    return content[:place], content[place:]


def _next(pattern: re.Pattern[str], lines: Iterator[str]) -> re.Match[str]:
    match = pattern.fullmatch(next(lines, ""))
    if match is None:
        raise ValueError("a line has not the form of a manifest's")
    return match


def _entries(lines: Iterator[str]) -> Iterator[Entry]:
    before = ""
    for line in lines:
        size, target = _next(_SIZE, iter([line])).groups()
        sha256, path = _next(_FILE, lines).groups()
        target = target or path
        if not is_result_path(path) or not f"{path}/".startswith(f"{target}/"):
            raise ValueError(f"it lists {_quoted(path)}, which is no file of a results folder")
        if path <= before:
            raise ValueError(f"it lists {_quoted(path)} twice, or out of order")
        before = path
        yield Entry(path, int(size), sha256, target)
