"""The films of the X-ray department: their patients, days, kinds and numbers.

A film's place in its kind (norm 0, norm 1, ...) keys all its draws. So more films of a kind leave
the earlier ones as they were.
"""

import datetime
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pgdose.tables.keyed import generator

KINDS = ("norm", "aorta", "tuberculosis", "other", "broken")
NORM_STRATA = ((17, 25), (25, 42), (42, 81))  # years, from and below
# Which stratum each next pair of norm films (one of a woman, one of a man) comes from: 25, 30, 45 %
NORM_ORDER = (2, 1, 0, 2, 1, 2, 0, 2, 1, 2, 0, 2, 1, 2, 0, 1, 2, 1, 0, 2)
AGES = {"aorta": (40, 86), "tuberculosis": (20, 76), "other": (18, 86), "broken": (25, 71)}
MORE_VISITS = 0.12  # share of patients with two or three films
FIRST_DAY = datetime.date(2001, 1, 9)
LAST_DAY = datetime.date(2014, 12, 19)


@dataclass(frozen=True)
class Film:
    """One film of the archive. `place` is its place among the films of its kind."""

    kind: str
    place: int
    patient: int  # the place of the patient's first film
    visit: int  # 0 for the first film
    sex: str
    birth: datetime.date
    day: datetime.date

    @property
    def name(self) -> str:
        """The key of the film's draws."""
        return f"{self.kind} {self.place}"

    @property
    def age(self) -> float:
        """Age on the day of the film, years."""
        return (self.day - self.birth).days / 365.25

    @property
    def full_years(self) -> int:
        """Age in completed years."""
        before = (self.day.month, self.day.day) < (self.birth.month, self.birth.day)
        return self.day.year - self.birth.year - before


def films(seed: int, kind: str, count: int) -> Iterator[Film]:
    """The first `count` films of a kind. Their number changes none of them."""
    waiting: dict[object, deque[tuple[int, int, datetime.date, datetime.date]]]
    waiting = defaultdict(deque)
    for place in range(count):
        sex = "FM"[place % 2]
        stratum = NORM_ORDER[place // 2 % len(NORM_ORDER)] if kind == "norm" else None
        # Only a film of the same sex and stratum can be a next visit, so the balance holds.
        visits = waiting[sex, stratum]
        if not visits:
            ages = NORM_STRATA[stratum] if stratum is not None else AGES[kind]
            birth, days = _visits(seed, kind, place, ages)
            visits.extend((place, visit, birth, day) for visit, day in enumerate(days))
        patient, visit, birth, day = visits.popleft()
        yield Film(kind, place, patient, visit, sex, birth, day)


def _visits(
    seed: int, kind: str, place: int, ages: tuple[int, int]
) -> tuple[datetime.date, list[datetime.date]]:
    """A patient's birthday and days of films, all within `ages` (years, from and below)."""
    rng = generator(seed, "visits", f"{kind} {place}")
    low, high = ages
    times = 1
    if kind != "broken" and rng.uniform() < MORE_VISITS:
        times = int(rng.integers(2, 4))
    years = np.cumsum([0.0, *rng.uniform(0.3, 1.6, times - 1)])
    margin = 0.02  # a week from both ends, so that leap days can't push anyone over
    if high - low > 30 and kind != "tuberculosis" and rng.uniform() < 0.65:
        low, high = max(low, 50), min(high, 71)  # most patients are of these ages
    age = rng.uniform(low + margin, high - margin - years[-1])
    span = (LAST_DAY - FIRST_DAY).days - int(years[-1] * 365.25)
    first = FIRST_DAY + datetime.timedelta(int(rng.integers(0, span)))
    birth = first - datetime.timedelta(int(age * 365.25))
    return birth, [first + datetime.timedelta(int(year * 365.25)) for year in years]


def accession_number(seed: int, film: Film) -> str:
    """The film's number in the department's book."""
    return _number(seed, "accession", film.kind, film.place)


def patient_number(seed: int, film: Film) -> str:
    """The number of the patient's card; the same for all of the patient's films."""
    return _number(seed, "patient", film.kind, film.patient)


def _number(seed: int, purpose: str, kind: str, place: int) -> str:
    """Eight digits that show neither kind nor place; unique, because the map is invertible."""
    serial = place * len(KINDS) + KINDS.index(kind)
    offset = int(generator(seed, purpose, "").integers(10**8))
    return f"{(serial * 73_687_877 + offset) % 10**8:08d}"
