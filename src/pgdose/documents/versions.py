"""Of several versions of one report, which ones count.

Where a final version is there, preliminary ones do not count; a correction takes the place of what
came before it, and so does a withdrawal, which leaves nothing but the orders beside it. What is
left may still be several reports: addenda, or parts. The study's `several` says what those are.

A version whose text cannot be read takes the place of others, too: then its number has no report,
rather than an outdated one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from pgdose.documents.moments import comparable
from pgdose.documents.report import Status

_RANK = {"preliminary": 0, "unverified": 1, "final": 2, "corrected": 2}
_OF_WITHDRAWALS = ("withdrawn", "withdrawal")
_ORDER = {"corrected": 1, "withdrawn": 2}  # at the same time; all others come before
_NUMBER = re.compile("([0-9]+)")


class Version(NamedTuple):
    """A report under one of its ids. is_unread: it has no text, or one that cannot be read."""

    id: str
    text: str
    time: str
    status: Status
    uid: str
    replaces: tuple[str, ...]
    path: Path
    part: int
    patient: tuple[str, ...] = ()
    is_unread: bool = False

    @property
    def message(self) -> tuple[Path, int]:
        """The document, or the message of a file, that it stands in."""
        return self.path, self.part


class Settled(NamedTuple):
    """Which versions count.

    current: those that count, in the order of their times. outdated: the others that could be
    read, each with the reason. unknown_predecessors: how many documents replace one that is not
    there, while another report with their number counts beside them.
    """

    current: list[Version]
    outdated: list[tuple[Version, str]]
    unknown_predecessors: int


def settle(versions: Iterable[Version]) -> Settled:
    """The versions that count, with times that are digits alone, and the others."""
    of_id: dict[str, list[Version]] = {}
    predecessors: dict[str, set[str]] = {}  # of each document; all are SOPInstanceUIDs
    for version in versions:
        of_id.setdefault(version.id, []).append(version)
        if version.uid:
            predecessors.setdefault(version.uid, set()).update(version.replaces)
    current: list[Version] = []
    outdated: list[tuple[Version, str]] = []
    unknown = 0
    for several in of_id.values():
        if _are_of_several_patients(several):
            outdated += [(one, "other_patient") for one in several]
            continue
        counting = _settle_one(_in_order(several), predecessors, outdated)
        current += counting
        if len(counting) > 1:
            unknown += sum(not predecessors.keys() >= set(one.replaces) for one in counting)
    current.sort(key=lambda one: one.time.split())
    outdated = [(one, reason) for one, reason in outdated if not one.is_unread]
    return Settled(current, outdated, unknown)


def _are_of_several_patients(versions: Iterable[Version]) -> bool:
    """Whether two have no number of their patient in common; programs add noughts before one."""
    numbers: set[str] = set()
    for one in versions:
        of_one = {number.strip().lstrip("0") for number in one.patient} - {""}
        if of_one and numbers and not of_one & numbers:
            return True
        numbers |= of_one
    return False


# Order


def _in_order(versions: Sequence[Version]) -> list[Version]:
    """By time; at the same time corrections behind reports, and withdrawals behind corrections.

    Files come by the numbers in their names, messages as they stand. A time without an hour may be
    any time of its day, and no time may be any.
    """
    times = comparable([one.time for one in versions])
    rank: dict[tuple[Path, int], int] = {}  # orders of one message stay together
    for one in versions:
        rank[one.message] = max(rank.get(one.message, 0), _ORDER.get(one.status, 0))

    def place_of(one: Version) -> tuple[int, list[str | int], int]:
        # Split at numbers: every second part is one.
        parts = enumerate(_NUMBER.split(str(one.path)))
        return rank[one.message], [int(part) if n % 2 else part for n, part in parts], one.part

    def compare(one: Version, other: Version) -> int:
        are_reports = not rank[one.message] and not rank[other.message]
        for mine, others in zip_longest(one.time.split(), other.time.split(), fillvalue=""):
            may_be_equal = mine.startswith(others) or others.startswith(mine)
            if mine != others and (are_reports or not may_be_equal):
                return -1 if mine < others else 1
            if mine != others:
                break
        return -1 if place_of(one) < place_of(other) else 1

    timed = [one._replace(time=time) for one, time in zip(versions, times, strict=True)]
    return sorted(timed, key=cmp_to_key(compare))


# One report


def _settle_one(
    versions: Iterable[Version],
    predecessors: Mapping[str, Iterable[str]],
    outdated: list[tuple[Version, str]],
) -> list[Version]:
    """The versions of one id that count, of all in their order; `outdated` gets the others."""
    versions = _without_empty_parts(versions)
    left_out: list[tuple[Version, str]] = []
    standing: list[Version] = []
    for version in versions:
        if version.status == "withdrawn":
            standing = _left(standing, version, "withdrawn", left_out)
            left_out.append((version, "withdrawal"))
        elif version.status == "corrected":
            standing = [*_left(standing, version, "corrected", left_out), version]
        else:
            standing.append(version)
    standing = _without_replaced(standing, predecessors, left_out)
    current = _without_drafts([one for one in standing if not _is_unread_document(one)], left_out)
    if _outdated_by_unread(standing, current, left_out, predecessors):
        outdated += [
            (one, reason if reason in _OF_WITHDRAWALS else "newer_unread")
            for one, reason in left_out
        ]
        outdated += [(one, "newer_unread") for one in current]
        return []
    outdated += left_out
    return [one for one in current if not one.is_unread]


def _without_empty_parts(versions: Iterable[Version]) -> list[Version]:
    """Without the orders that have no text beside another of their message that has one."""
    versions = list(versions)
    with_text = {one.message for one in versions if not one.is_unread}
    return [one for one in versions if not (one.is_unread and one.message in with_text)]


def _left(
    standing: list[Version], version: Version, reason: str, left_out: list[tuple[Version, str]]
) -> list[Version]:
    """What a correction or withdrawal leaves: other orders of its message, parts of one answer."""
    left_out += [(one, reason) for one in standing if one.message != version.message]
    return [one for one in standing if one.message == version.message]


def _without_replaced(
    standing: list[Version],
    predecessors: Mapping[str, Iterable[str]],
    left_out: list[tuple[Version, str]],
) -> list[Version]:
    of_all = _replaced_by(standing, predecessors)
    of_finished = _replaced_by(
        [one for one in standing if one.status != "preliminary"], predecessors
    )
    current: list[Version] = []
    for one in standing:
        # A draft replaces drafts alone.
        is_replaced = one.uid in (of_all if one.status == "preliminary" else of_finished)
        if is_replaced:
            left_out.append((one, "replaced"))
        else:
            current.append(one)
    return current


def _replaced_by(
    versions: Iterable[Version], predecessors: Mapping[str, Iterable[str]]
) -> set[str]:
    """The SOPInstanceUIDs of what documents replace, and of what those replaced, and so on."""
    replaced: set[str] = set()
    following = [uid for one in versions for uid in one.replaces if uid != one.uid]
    while following:
        uid = following.pop()
        if uid and uid not in replaced:
            replaced.add(uid)
            following += predecessors.get(uid, ())
    return replaced


def _without_drafts(standing: list[Version], left_out: list[tuple[Version, str]]) -> list[Version]:
    """The versions of the highest rank; of drafts alone those of the newest message."""
    best = max((_RANK[one.status] for one in standing), default=0)
    current: list[Version] = []
    for one in standing:
        if _RANK[one.status] == best and (best or one.message == standing[-1].message):
            current.append(one)
        else:
            left_out.append((one, "preliminary"))
    return current


# Versions without a text that can be read


def _is_unread_document(version: Version) -> bool:
    """Other documents with the number of a report are often no versions of it: scanned papers.

    So one that cannot be read takes the place of those alone that it names.
    """
    return version.is_unread and bool(version.uid)


def _outdated_by_unread(
    standing: Sequence[Version],
    current: Sequence[Version],
    left_out: Iterable[tuple[Version, str]],
    predecessors: Mapping[str, Iterable[str]],
) -> bool:
    """Whether a version with a text gave way to one whose text cannot be read."""
    unread = [one for one in standing if one.is_unread]
    if not unread:
        return False
    readable = [one for one in standing if not one.is_unread]
    replaced = _replaced_by(unread, predecessors) - _replaced_by(readable, predecessors)
    by_reason = {
        "corrected": any(one.status == "corrected" for one in unread),
        "preliminary": bool(current) and all(one.is_unread for one in current),
    }
    return any(
        by_reason.get(reason, reason == "replaced" and one.uid in replaced)
        for one, reason in left_out
        if not one.is_unread
    )
