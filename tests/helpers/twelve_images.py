"""Twelve images of two classes, whose measures are worked by hand and by a loop over draws."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.surfaces import dense
from pgdose.analysis.bootstrap import Patients, draw_patients
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.analysis.success import success_rates
from pgdose.study.doses import Doses
from pgdose.tables import keyed

TRUE = pd.Series([0] * 6 + [1] * 6, index=range(12), name="class_index")
IMAGES = {
    0: ("ann", 0.97, "000", "011"),
    1: ("ann", 0.99, "000", "001"),
    2: ("bob", 0.62, "001", "011"),
    3: ("cat", 0.97, "000", "010"),
    4: ("cat", 0.97, "000", "000"),
    6: ("dan", 0.82, "111", "100"),
    7: ("dan", 0.83, "111", "110"),
    8: ("dan", 0.63, "110", "100"),
    9: ("eva", 0.97, "110", "111"),
    10: ("fay", 0.95, "111", "100"),
}
MEMBERS = list(IMAGES)
PATIENTS = [patient for patient, *_ in IMAGES.values()]
EPSILONS = (0.02, 0.1)
DOSES = Doses(EPSILONS, 2)
# Of ten, at iterations 0, 1 and 2: now, and at some iteration up to now.
FINAL = {
    0.02: [0, 0, 3],
    0.1: [0, 6, 7],
}  # 2, 8, 9; then 0, 2, 3, 6, 8, 10 and 0, 1, 2, 6, 7, 8, 10
ANY = {0.02: [0, 0, 3], 0.1: [0, 6, 8]}  # 3 flipped and came back
SEED, DRAWS = 5, 400


def logits_of(seen: str, confidence: float) -> np.ndarray:
    """Two for each iteration, the class that is seen with this probability."""
    pair = np.log([confidence, 1 - confidence])
    return np.concatenate([pair if k == "0" else pair[::-1] for k in seen])


def surface_of(images: dict[int, tuple[str, float, str, str]]) -> pd.DataFrame:
    rows = [
        (member, epsilon, logits_of(seen, confidence))
        for member, (_, confidence, *kinds) in images.items()
        for epsilon, seen in zip(EPSILONS, kinds, strict=True)
    ]
    return pd.DataFrame(rows, columns=["member", "epsilon", "logits"])


SURFACE = surface_of(IMAGES)


def outcomes_of(surface: pd.DataFrame) -> Outcomes:
    return outcomes(dense(surface, DOSES, 2), TRUE, 2)


def drawn_for(found: Outcomes) -> Patients:
    return draw_patients([IMAGES[member][0] for member in found.members], DRAWS, SEED)


FOUND = outcomes_of(SURFACE)
DRAWN = drawn_for(FOUND)
NOTHING = outcomes_of(SURFACE.iloc[:0])


def measured(found: Outcomes = FOUND, n_correct: int = 10) -> pd.DataFrame:
    return success_rates(found, drawn_for(found), n_images=12, n_correct=n_correct)


def wilson_by_hand(hits: float, n: float) -> tuple[float, float]:
    z, p = 1.959963984540054, hits / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def looped(
    statistic: Callable[[list[int]], float], patients: Iterable[str] = PATIENTS
) -> list[float]:
    """A statistic for each draw; it is given how often each image was drawn."""
    whose = list(patients)
    often = {
        name: keyed.generator(SEED, "bootstrap", name).poisson(1.0, DRAWS) for name in set(whose)
    }
    return [statistic([int(often[name][draw]) for name in whose]) for draw in range(DRAWS)]


def rate(flipped: Iterable[bool], counted: Iterable[bool] | None = None) -> Callable:
    """The share of the drawn and counted images that are flipped."""
    hits = list(flipped)
    own = [True] * len(hits) if counted is None else list(counted)

    def of(weights: list[int]) -> float:
        n = sum(w for w, c in zip(weights, own, strict=True) if c)
        k = sum(w for w, c, f in zip(weights, own, hits, strict=True) if c and f)
        return k / n if n else math.nan

    return of


def percentiles_by_hand(draws: list[float], patients: int) -> tuple[float, float]:
    """Expanded for few patients: Student's t in place of the normal quantile, and P/(P-1)."""
    known = sorted(x for x in draws if not math.isnan(x))
    wide = stats.t.ppf(0.975, patients - 1) * math.sqrt(patients / (patients - 1))
    tail = stats.norm.cdf(-wide)
    return tuple(known[max(math.ceil(q * len(known)) - 1, 0)] for q in (tail, 1 - tail))


def effective_by_hand(patients: list[str]) -> float:
    """Kish's effective number of patients, of each image's patient."""
    sizes = [patients.count(p) for p in set(patients)]
    return sum(sizes) ** 2 / sum(m * m for m in sizes)


def interval_by_hand(
    flipped: list[bool], counted: list[bool] | None = None, patients: list[str] = PATIENTS
) -> tuple[float, float]:
    """Of a rate: the score interval, its size from the draws of patients; none of under four."""
    own = [True] * len(flipped) if counted is None else counted
    whose = [p for p, c in zip(patients, own, strict=True) if c]
    hits = [f for f, c in zip(flipped, own, strict=True) if c]
    if len(set(whose)) < 4:
        return math.nan, math.nan
    number, p = effective_by_hand(whose), sum(hits) / len(hits)
    if p in (0, 1):
        return score_by_hand(p, number, stats.norm.ppf(0.975))
    draws = [x for x in looped(rate(flipped, own), patients) if not math.isnan(x)]
    images = min(p * (1 - p) / np.var(draws, ddof=1), len(hits))
    size = min(images, images**0.75 * number**0.25)
    return score_by_hand(p, size, stats.t.ppf(0.975, number - 1))


def score_by_hand(p: float, n: float, z: float) -> tuple[float, float]:
    """Where the test of a rate just does not reject, the quadratic solved."""
    roots = np.roots([1 + z**2 / n, -(2 * p + z**2 / n), p**2]).real
    return max(min(roots), 0), min(max(roots), 1)


def contrast_by_hand(estimate: float, draws: list[float], patients: float) -> tuple[float, float]:
    """Student's t, further out where the draws are skewed to; at least the exact bound."""
    known = np.array([x for x in draws if not math.isnan(x)])
    spread, t = np.std(known, ddof=1), stats.t.ppf(0.975, patients - 1)
    aside = np.mean((known - known.mean()) ** 3) / spread**2 * (2 * t**2 + 1) / 6
    least = 1 - 0.025 ** (1 / patients)
    assert t * spread > least  # or it would be the bound alone that is compared
    return estimate - t * spread + min(aside, 0), estimate + t * spread + max(aside, 0)


def flips(epsilon: float, iteration: int, definition: str = "final") -> list[bool]:
    """Of the ten images, read off the strings above."""
    found = []
    for member, (_, _, *kinds) in IMAGES.items():
        seen = kinds[EPSILONS.index(epsilon)][: iteration + 1]
        wrong = [int(k) != TRUE[member] for k in seen]
        found.append(any(wrong) if definition == "any" else wrong[-1])
    return found


# Two films each of 10 women and 16 men; every third woman's flip, and three men's of four.
WARD = [f"p{i // 2}" for i in range(52)]
WOMEN = [i < 20 for i in range(52)]
WARD_FLIPS = [(i // 2) % 3 == 0 if i < 20 else (i // 2) % 4 > 0 for i in range(52)]


def ward() -> tuple[Outcomes, Patients]:
    """What became of these films at two doses, alike."""
    surface = pd.DataFrame({"member": np.repeat(range(52), 2), "epsilon": [*EPSILONS] * 52})
    surface["logits"] = [logits_of("01" if f else "00", 0.9) for f in WARD_FLIPS for _ in EPSILONS]
    true = pd.Series(0, index=range(52))
    found = outcomes(dense(surface, Doses(EPSILONS, 1), 2), true, 2)
    return found, draw_patients(WARD, DRAWS, SEED)


def ends(row: Any, low: str = "ci_low", high: str = "ci_high") -> Any:
    """Both ends of a row's interval, to compare."""
    return pytest.approx((row[low], row[high]), abs=1e-12, nan_ok=True)


def asr_table(**columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    known = {"run": "full", "attack": "paper", "group": "G", "n_attacked": 9}
    for name, value in known.items():
        if name not in table:
            table[name] = value
    return table
