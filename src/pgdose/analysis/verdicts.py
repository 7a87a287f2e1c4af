"""How the conclusions are answered: findings, the groups' trends, and what makes a verdict.

Margins and tolerances are those of docs/conclusions.md; change them there first.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pgdose.analysis.intervals import contrast_interval

ERROR = 0.05  # the probability of a wrong verdict
MATTERS = 0.05  # the smallest rise of ASR that matters
CEILING = 0.95  # an ASR that leaves no room to rise

SHOWS, DOES_NOT = "shows it", "does not"
CANNOT_TELL, AT_CEILING = "can't be told", "at the ceiling"
NOT_MEASURED = "not measured"  # too few doses or iterations


@dataclass(frozen=True)
class Finding:
    """The answer to a conclusion; `reason` is a sentence with the numbers that it rests on."""

    estimate: float
    low: float
    high: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class Trend:
    """What a group contributes to a conclusion about most groups."""

    group: str
    statistic: str
    estimate: float
    low: float
    high: float
    patients: int
    state: str


def verdict(*, supported: bool, contradicted: bool) -> str:
    """supported, contradicted or undecided."""
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def undecided(reason: str) -> Finding:
    """A finding without an estimate."""
    return Finding(np.nan, np.nan, np.nan, "undecided", reason)


def of_most_groups(states: Mapping[str, str], action: str) -> Finding:
    """The finding about most groups, from the state of each.

    The estimate is the share of the groups that surely do; its interval ends at the share that may.
    `action` is what they do, as in "3 of 4 groups surely grow".
    """
    total = len(states)
    counts = Counter(states.values())
    if not total:
        return undecided("no group has this attack")
    open_ = total - counts[SHOWS] - counts[DOES_NOT]
    reason = f"{counts[SHOWS]} of {total} groups surely {action}, {counts[DOES_NOT]} surely don't"
    if open_:
        reason += f", {open_} can't be told"
    causes = [f"{counts[s]} of them {s}" for s in (AT_CEILING, NOT_MEASURED) if counts[s]]
    if causes:
        reason += f" ({', '.join(causes)})"
    at_least = counts[SHOWS] / total
    answer = verdict(
        supported=counts[SHOWS] > total / 2, contradicted=counts[DOES_NOT] >= total / 2
    )
    return Finding(at_least, at_least, (counts[SHOWS] + open_) / total, answer, reason)


def contrast_ends(
    draws: np.ndarray, patients: int, tail: float, reach: float = 1.0
) -> tuple[float, float]:
    """Both ends of a contrast's interval from its draws, (1 + draws,)."""
    low, high = contrast_interval(draws[:, None], patients, tail, reach)
    return float(low[0]), float(high[0])
