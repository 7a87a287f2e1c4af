"""Notes: what was guessed or not understood in a table that a person made.

They go into the log of the source, and as metadata along its tables to `tables/sources.csv` and the
page. A note quotes no identifier.
"""

import json
import logging
from collections.abc import Mapping, Sequence

KEY = "notes"
LOST = ("not understood", "not there", "disagree", "different reports", "could be several")


def log_notes(log: logging.Logger, field: str, notes: Sequence[str]) -> None:
    """Log each note once; where data were lost, as a warning, which a person sees at once."""
    for note in dict.fromkeys(notes):
        level = logging.WARNING if any(word in note for word in LOST) else logging.INFO
        log.log(level, "%s: %s", field, note)


def as_metadata(notes: Sequence[str], of: str = "") -> dict[str, str]:
    """Notes as metadata of a table; `of`: what they are about, where a source has two tables."""
    texts = [f"{of}: {note}" if of else note for note in dict.fromkeys(notes)]
    return {KEY: json.dumps(texts, ensure_ascii=False)}


def from_metadata(metadata: Mapping[str, str]) -> list[str]:
    """The notes of a table, by its metadata."""
    return json.loads(metadata.get(KEY, "[]"))
