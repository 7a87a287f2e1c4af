"""What the conclusions need of one attack on one network: a few rates and their bootstrap draws.

Small, so that the draws of all groups fit side by side: conclusions compare groups, and patients
who are in several groups are drawn jointly.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pgdose.analysis import bootstrap, result_files
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.needed_dose import needed_dose, pair_counts
from pgdose.analysis.outcomes import Outcomes
from pgdose.study.doses import Doses
from pgdose.tables import parquet

_PARTS = ("by_epsilon", "by_iteration", "pairs")


@dataclass(frozen=True)
class ConclusionDraws:
    """Draws in rows, row 0 the sample itself; NaN where nothing was measured.

    doses:        those of the attack, with e epsilons
    by_epsilon:   (1 + draws, e), ASR at each epsilon, at the operating iteration
    by_iteration: (1 + draws, 3), ASR at the operating epsilon at iterations 1, K - K // 4 and K,
                  K the last one
    pairs:        (1 + draws, 4), pairs of images by confidence, see `needed_dose.pair_counts`
    is_dose:      (e,) whether each epsilon was reached
    epsilon:      the operating epsilon: the nearest one that the attack has
    reached:      the nearest one that it reached, and ASR there at the same three iterations

    Over the iterations an epsilon that is not reached is the attack without a bound: no dose, but
    a curve. So `by_iteration` keeps to the operating epsilon.
    """

    doses: Doses
    by_epsilon: np.ndarray
    by_iteration: np.ndarray
    pairs: np.ndarray
    is_dose: tuple[bool, ...]
    epsilon: float
    reached: tuple[float, ...]

    @property
    def measured_levels(self) -> list[int]:
        """The levels of the epsilons that were measured and reached, rising."""
        return np.flatnonzero(~np.isnan(self.by_epsilon[0]) & np.array(self.is_dose)).tolist()


def conclusion_draws(
    outcomes: Outcomes, patients: Patients, *, epsilon: float, iteration: int, success: str
) -> ConclusionDraws:
    """`epsilon` and `iteration` are the operating point, `success` is "final" or "any"."""
    flips = outcomes.flipped(success)
    draws = len(patients.weights) + 1
    every_image = np.ones((len(outcomes.members), 1), bool)
    levels = outcomes.measured[:, iteration]
    by_epsilon = np.full((draws, len(outcomes.doses)), np.nan)
    by_epsilon[:, levels] = bootstrap.rates(flips[:, levels, iteration], every_image, patients)
    by_iteration = np.full((draws, 3), np.nan)
    level = outcomes.doses.nearest_level(epsilon)
    if iterations := _iterations(np.flatnonzero(outcomes.measured[level])):
        by_iteration = bootstrap.rates(flips[:, level, iterations], every_image, patients)
    dose = needed_dose(outcomes, iteration=iteration, success=success)
    pairs = pair_counts(dose, outcomes.confidence, patients)
    return ConclusionDraws(
        *(outcomes.doses, by_epsilon, by_iteration, pairs),
        tuple(map(bool, outcomes.reached)),
        outcomes.doses.epsilons[level],
        _near(outcomes, flips, epsilon),
    )


def _near(outcomes: Outcomes, flips: np.ndarray, epsilon: float) -> tuple[float, ...]:
    """The nearest epsilon that was reached, and ASR there at the three iterations."""
    if not outcomes.reached.any() or not len(flips):
        return (np.nan,) * 4
    level = outcomes.nearest_reached(epsilon)
    iterations = _iterations(np.flatnonzero(outcomes.measured[level]))
    rates = flips[:, level, iterations].mean(axis=0) if iterations else [np.nan] * 3
    return (outcomes.doses.epsilons[level], *map(float, rates))


def _iterations(measured: np.ndarray) -> list[int]:
    """1, K - K // 4 and K, if these three differ and were measured."""
    if len(measured) < 2:
        return []
    last = int(measured[-1])
    iterations = [1, last - last // 4, last]
    complete = len(set(iterations)) == 3 and set(iterations) <= set(measured.tolist())
    return iterations if complete else []


def write_draws(by_attack: Mapping[str, ConclusionDraws], path: str | Path) -> None:
    """Write those of all attacks on a run, atomically: a row for each attack and draw.

    Columns: attack, draw (0 is the sample itself), by_epsilon, by_iteration, pairs; doses and what
    concerns the operating epsilon are in the metadata.
    """
    tables, about = [], {}
    for attack, draws in by_attack.items():
        n = len(draws.by_epsilon)
        columns = {"attack": pa.array([attack] * n, pa.string())}
        columns |= {"draw": pa.array(np.arange(n), pa.int32())}
        columns |= {name: pa.array(list(getattr(draws, name)), _DOUBLES) for name in _PARTS}
        tables.append(pa.table(columns))
        doses = {"epsilons": draws.doses.epsilons, "max_iter": draws.doses.max_iter}
        about[attack] = {
            **{"doses": doses, "is_dose": draws.is_dose},
            **{"epsilon": draws.epsilon, "reached": draws.reached},
        }
    table = pa.concat_tables(tables) if tables else pa.table({"attack": pa.array([], pa.string())})
    result_files.write_measures(table, path, {"attacks": json.dumps(about)})


_DOUBLES = pa.list_(pa.float64())


def read_draws(path: str | Path) -> dict[str, ConclusionDraws]:
    """What `write_draws` wrote, by attack."""
    about = json.loads(result_files.read_measures_metadata(path)["attacks"])
    table = parquet.read_table(path)
    return {attack: _of_attack(table[table["attack"] == attack], about[attack]) for attack in about}


def _of_attack(rows: pd.DataFrame, about: Mapping) -> ConclusionDraws:
    by_epsilon, by_iteration, pairs = (np.stack(rows[name].to_list()) for name in _PARTS)
    doses = Doses(**about["doses"])
    is_dose, reached = tuple(about["is_dose"]), tuple(about["reached"])
    return ConclusionDraws(
        doses, by_epsilon, by_iteration, pairs, is_dose, about["epsilon"], reached
    )


def shared_levels(several: Sequence[ConclusionDraws]) -> list[int]:
    """The levels whose epsilon was measured in all of them, rising; all are of one attack."""
    measured = [set(draws.measured_levels) for draws in several]
    return sorted(set.intersection(*measured)) if measured else []


def rise(draws: ConclusionDraws, levels: Sequence[int] | None = None) -> np.ndarray:
    """Draws of the rise over epsilon, (1 + draws,): a line over ranks, its end less its start.

    The least-squares line over the epsilons of some levels, or of all that were measured and
    reached; NaN with fewer than two.
    """
    return rise_of(draws.by_epsilon[:, draws.measured_levels if levels is None else sorted(levels)])


def rise_of(rates: np.ndarray) -> np.ndarray:
    """The rise, (n,), of rates at k rising epsilons, (n, k); NaN with fewer than two."""
    if rates.shape[1] < 2:
        return np.full(len(rates), np.nan)
    ranks = _ranks(rates.shape[1])
    return np.asarray(rates @ (ranks / (ranks @ ranks)) * (rates.shape[1] - 1))


def largest_rise_of_a_patient(doses: int) -> float:
    """The rise of a patient whose images flip at all doses over the middle one and at no other."""
    ranks = _ranks(doses)
    return float(ranks[ranks > 0].sum() / (ranks @ ranks) * (doses - 1)) if doses > 1 else 1.0


def rate_at_lowest(draws: ConclusionDraws) -> float:
    """ASR at the smallest epsilon that was measured; NaN if none was."""
    levels = draws.measured_levels
    return float(draws.by_epsilon[0, levels[0]]) if levels else float("nan")


def _ranks(n: int) -> np.ndarray:
    return np.arange(n) - (n - 1) / 2
