"""Notes of a source on how its films are stored and what they do not say, see `headers`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pgdose.xray.orientation import orientation_notes


def film_notes(films: Iterable[Mapping[Any, Any]], orientation: str) -> list[str]:
    """The notes on films that do not say their modality, or are stored mirrored or turned."""
    says, stored = Counter[Any](), Counter[Any]()
    for film in films:
        says[film["says_modality"]] += 1
        stored[film["stored"]] += 1
    notes = []
    if n := says[False]:
        notes.append(f"{n} of {says.total()} films do not say their modality; kept")
    return notes + orientation_notes(stored, orientation)
