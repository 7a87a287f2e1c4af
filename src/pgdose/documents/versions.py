"""Of several versions of one report, which ones count.

Where a final version is there, preliminary ones do not count; a correction takes the place of what
came before it, and so does a withdrawal, which leaves nothing. What is left may still be several
reports: addenda, or parts. The study's `several` says what those are.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pgdose.documents.report import Status

_RANK = {"preliminary": 0, "unverified": 1, "final": 2, "corrected": 2}


class Version(NamedTuple):
    """A report under one of its ids."""

    id: str
    text: str
    time: str
    status: Status
    uid: str
    replaces: tuple[str, ...]
    path: Path
    part: int

    @property
    def order(self) -> tuple[str, str, int]:
        """By time; those without one come first, files by name, and messages as they stand."""
        return self.time, str(self.path), self.part


def settle(versions: Iterable[Version]) -> tuple[list[Version], list[tuple[Version, str]]]:
    """The versions that count in the order of their times; and the others, each with the reason."""
    of_id: dict[str, list[Version]] = {}
    for version in sorted(versions, key=lambda one: one.order):
        of_id.setdefault(version.id, []).append(version)
    kept: list[Version] = []
    left_out: list[tuple[Version, str]] = []
    for several in of_id.values():
        current = _settle_one(several, left_out)
        kept += current
    kept.sort(key=lambda one: one.order)
    return kept, left_out


def _settle_one(versions: list[Version], left_out: list[tuple[Version, str]]) -> list[Version]:
    """The versions of one id that count, of all in the order of their times."""
    current: list[Version] = []
    for version in versions:
        if version.status == "withdrawn":
            left_out += [(one, "withdrawn") for one in current]
            left_out.append((version, "withdrawal"))
            current = []
        elif version.status == "corrected":
            left_out += [(one, "corrected") for one in current]
            current = [version]
        else:
            current.append(version)
    predecessors = {uid for one in current for uid in one.replaces if uid != one.uid}
    replaced = [one for one in current if one.uid and one.uid in predecessors]
    left_out += [(one, "replaced") for one in replaced]
    current = [one for one in current if one not in replaced]
    best = max((_RANK[one.status] for one in current), default=0)
    # Of preliminary versions alone the newest counts.
    chosen = [one for one in current if _RANK[one.status] == best][-1 if best == 0 else 0 :]
    left_out += [(one, "preliminary") for one in current if one not in chosen]
    return chosen
