"""What the folders and names of files say of them, where a source has no table, or in part."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from pgdose.errors import Rejected
from pgdose.tables.packed_files import archive_format_of, unpack_advice
from pgdose.tables.source_files import walk

PLACES = ("patient", "class", "part")
NOT_IN_LAYOUT = "the file's path does not match the study's layout"


def outside_layout(path: Path) -> Rejected:
    """Why a file is rejected that matches no layout: it is an archive, or lies elsewhere."""
    if name := archive_format_of(path):
        return Rejected("archive", unpack_advice(name))
    return Rejected("not_in_layout", NOT_IN_LAYOUT)


def table_from_layout(root: Path, layout: str | Sequence[str]) -> pd.DataFrame:
    """All files below `root` as a table: file (relative), patient, class and part.

    See `places_of`. A file that does not match has None, one that matches a layout without a place
    "" there.
    """
    files = files_below(root)
    rows = []
    for file in files:
        places = places_of(file, layout)
        rows.append((file, *((places.get(n, "") if places else None) for n in PLACES)))
    # As objects: a file name may be no text that a column of strings accepts.
    return pd.DataFrame(rows, columns=["file", *PLACES], dtype=object)


def files_below(root: Path) -> list[str]:
    """The relative paths of all files below a folder."""
    return [path.relative_to(root).as_posix() for path in walk(root)]


def places_of(file: str, layout: str | Sequence[str]) -> dict[str, str]:
    """The patient, class and part of a file, by the first layout that its path matches; else {}.

    A layout is a pattern of the relative path, as "{class}/{patient}/*.tif". {class}, {patient},
    {part} (one character or more), {file} and * (any number) match anything but a slash, from left
    to right as little as possible; all other characters match themselves.
    """
    for pattern in [layout] if isinstance(layout, str) else layout:
        if match := _compile(pattern).fullmatch(file):
            return {name: as_text(text) for name, text in match.groupdict().items()}
    return {}


@lru_cache
def _compile(layout: str) -> re.Pattern[str]:
    placeholders = {f"{{{name}}}": f"(?P<{name}>[^/]+?)" for name in PLACES}
    placeholders |= {"{file}": "[^/]*?", "*": "[^/]*?"}
    parts = re.split(r"(\{class\}|\{patient\}|\{part\}|\{file\}|\*)", layout)
    return re.compile("".join(placeholders.get(part, re.escape(part)) for part in parts))


def as_text(name: str) -> str:
    r"""A file name as text: bytes that are not UTF-8 become \xff and the like."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
