"""Of several versions of one report, which ones count.

Where a final version is there, preliminary ones do not count; a correction takes the place of what
came before it, and so does a withdrawal, which leaves nothing but the orders beside it. What is
left may still be several reports: addenda, or parts. The study's `several` says what those are.
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
    def message(self) -> tuple[Path, int]:
        """The document, or the message of a file, that it stands in."""
        return self.path, self.part

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
            current = _left(current, version, "withdrawn", left_out)
            left_out.append((version, "withdrawal"))
        elif version.status == "corrected":
            current = [*_left(current, version, "corrected", left_out), version]
        else:
            current.append(version)
    predecessors = _predecessors(current)
    of_finished = _predecessors(one for one in current if one.status != "preliminary")
    replaced: list[Version] = []
    standing: list[Version] = []
    for one in current:
        # A draft replaces drafts alone.
        is_replaced = one.uid in (predecessors if one.status == "preliminary" else of_finished)
        (replaced if is_replaced else standing).append(one)
    left_out += [(one, "replaced") for one in replaced]
    best = max((_RANK[one.status] for one in standing), default=0)
    chosen = [one for one in standing if _RANK[one.status] == best]
    outdated = [one for one in standing if _RANK[one.status] < best]
    if best == 0:  # of preliminary versions alone the newest counts
        chosen, outdated = chosen[-1:], chosen[:-1]
    left_out += [(one, "preliminary") for one in outdated]
    return chosen


def _left(
    current: list[Version], version: Version, reason: str, left_out: list[tuple[Version, str]]
) -> list[Version]:
    """What a correction or withdrawal leaves: other orders of its message, parts of one answer."""
    left_out += [(one, reason) for one in current if one.message != version.message]
    return [one for one in current if one.message == version.message]


def _predecessors(versions: Iterable[Version]) -> set[str]:
    return {uid for one in versions for uid in one.replaces if uid and uid != one.uid}
