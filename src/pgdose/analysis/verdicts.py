"""How the conclusions are answered: findings, verdicts, and what an undecided one lacks.

Margins and tolerances are those of docs/explanation/conclusions.md; change them there first.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

ERROR = 0.05  # the probability of a wrong verdict
MATTERS = 0.05  # the smallest rise of ASR that matters
CEILING, FLOOR = 0.95, 0.05  # an ASR that leaves no room to rise, or to fall
POWER = 0.8  # of the study that an undecided verdict lacks
MOST = 1000.0  # times the patients: beyond it, patients are not what is lacking

SHOWS, DOES_NOT = "shows it", "does not"
CANNOT_TELL, AT_CEILING = "can't be told", "at the ceiling"
NOT_MEASURED = "not measured"  # too few doses or iterations
FEW_PATIENTS = "under four patients"
OF_UNKNOWN_PATIENTS = "of unknown patients"
UNDECIDED = "undecided"


def no_room_to_rise(rates: Sequence[float]) -> bool:
    """Whether the mean ASR of a group's networks is at the ceiling."""
    return bool(np.mean(rates) >= CEILING)


class PValue(Protocol):
    """A one-sided p-value.

    With `more` times the patients and a `power`: the value that a study of this size undercuts
    with this probability, if the effect is the one observed.
    """

    def __call__(self, more: float = 1.0, power: float = 0.5) -> float: ...


def not_tested(more: float = 1.0, power: float = 0.5) -> float:
    """The p-value of what can't be tested."""
    return math.nan


@dataclass(frozen=True)
class Second:
    """A second statistic, which decides no verdict; `says` is its answer in a word or two."""

    statistic: str
    estimate: float
    low: float
    high: float
    says: str


@dataclass(frozen=True)
class Scope:
    """One reading of a conclusion: what a verdict is about, and the tests of either verdict.

    name:  as in "supported on average"; empty if the conclusion has one reading
    number, unit: how many the study has of what would decide it: patients, groups or trainings
    lacks: what else is lacking; empty if more of these would decide it
    """

    name: str
    supported: PValue
    contradicted: PValue
    number: int
    unit: str = "patients"
    lacks: str = ""

    @property
    def p_values(self) -> tuple[float, float]:
        """Of supported and of contradicted, one-sided."""
        return self.supported(1.0, 0.5), self.contradicted(1.0, 0.5)

    @property
    def p(self) -> float:
        """Two-sided, of either verdict; NaN where nothing could be tested."""
        known = [p for p in self.p_values if not math.isnan(p)]
        return min(1.0, 2 * min(known)) if known and not self.lacks else math.nan

    def verdict(self, p: float | None = None) -> str:
        """supported, contradicted or undecided, by a p-value that is corrected, or its own."""
        p = self.p if p is None else p
        if math.isnan(p) or p > ERROR:
            return UNDECIDED
        supported, contradicted = self.p_values
        is_supported = math.isnan(contradicted) or supported <= contradicted
        return "supported" if is_supported else "contradicted"


@dataclass(frozen=True)
class Finding:
    """The answer to a conclusion under one attack.

    reason:   a sentence with the numbers that it rests on
    scopes:   the readings, the strongest claim first; the first decided one is the answer
    lacks:    what is lacking where there are no scopes
    unfit:    why the conclusion does not apply to the study; empty if it does
    networks: the number of trained networks of a group, the most
    """

    statistic: str
    estimate: float
    low: float
    high: float
    reason: str
    scopes: Sequence[Scope] = ()
    lacks: str = ""
    unfit: str = ""
    second: Second | None = None
    networks: int = 1

    def answer(self, p_values: Sequence[float] | None = None) -> tuple[str, Scope | None]:
        """The verdict and its scope, by the p-value of each scope that is corrected, or its own."""
        p_values = [scope.p for scope in self.scopes] if p_values is None else p_values
        for scope, p in zip(self.scopes, p_values, strict=True):
            if (verdict := scope.verdict(p)) != UNDECIDED:
                return verdict, scope
        return UNDECIDED, None

    @property
    def verdict(self) -> str:
        """Under this attack alone."""
        return self.answer()[0]


@dataclass(frozen=True)
class Trend:
    """What a group contributes to a conclusion."""

    group: str
    statistic: str
    estimate: float
    low: float
    high: float
    patients: int
    state: str


def undecided(reason: str, *, lacks: str = "", unfit: str = "") -> Finding:
    """A finding without an estimate."""
    return Finding("", np.nan, np.nan, np.nan, reason, lacks=lacks, unfit=unfit)


def lacking(scope: Scope, tests: int = 1) -> tuple[float, str]:
    """How many patients (groups, trainings) more an undecided scope lacks, and a sentence.

    With the power POWER at the effect that was observed; `tests` is the number of attacks that
    share the error. Infinite where MOST times as many would not do; NaN where others are lacking.
    """
    if scope.lacks:
        return math.nan, scope.lacks
    level = ERROR / 2 / max(tests, 1)
    for more in np.geomspace(1.02, MOST, 140):
        if any(test(more, POWER) <= level for test in (scope.supported, scope.contradicted)):
            number = math.ceil((more - 1) * scope.number)
            return number, f"{number:,} {scope.unit} more, if the effect is the one observed"
    most = int((MOST - 1) * scope.number)
    return math.inf, f"more than {most:,} {scope.unit}: the effect observed lies at the margin"


def count_states(states: Iterable[str], action: str) -> tuple[Second, str]:
    """How many groups surely do something by themselves, as a second statistic and a sentence.

    The estimate is the share that surely do; its interval ends at the share that may.
    """
    counts = Counter(states)
    total = counts.total()
    open_ = total - counts[SHOWS] - counts[DOES_NOT]
    text = f"{counts[SHOWS]} of {total} groups surely {action}, {counts[DOES_NOT]} surely don't"
    if open_:
        text += f", {open_} can't be told"
    causes = [
        f"{counts[state]} of them {state}"
        for state in (AT_CEILING, NOT_MEASURED, FEW_PATIENTS, OF_UNKNOWN_PATIENTS)
        if counts[state]
    ]
    if causes:
        text += f" ({', '.join(causes)})"
    share = counts[SHOWS] / total if total else np.nan
    high = share + open_ / total if total else np.nan
    name = "share of the groups that surely do by themselves"
    return Second(name, share, share, high, ""), text


def networks_text(networks: int) -> str:
    """Which networks the intervals are for."""
    if networks == 1:
        return "for the one network of each group that was trained"
    return f"over {networks} trainings of each group at most"


def state_of(shows: float, does_not: float, level: float = ERROR / 2) -> str:
    """The state of a group by the p-values of either."""
    return SHOWS if shows <= level else DOES_NOT if does_not <= level else CANNOT_TELL


def number(value: float) -> str:
    """A rate or difference in a sentence, with a real minus."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
