"""What the conclusions need of one attack on one network: a few rates and their draws.

Small, so that the draws of all groups fit side by side: conclusions compare groups, and patients
who are in several are drawn jointly.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.success import place_of
from pgdose.tables import parquet

CONFIDENT = 0.95  # clean confidence, of conclusion 4


@dataclass(frozen=True)
class Evidence:
    """Draws, row 0 the sample itself; NaN is unknown.

    `doses`: ASR at each of `epsilons`, at the operating iteration. `steps`: ASR at the operating
    epsilon at iterations (first, K - K // 4, K), K the last one. `counts`: images over CONFIDENT,
    those of them that flip, images under it, those that flip; at the operating point. `patients`:
    their number, over all images, over CONFIDENT and under it.
    """

    epsilons: tuple[float, ...]
    doses: np.ndarray
    steps: np.ndarray
    counts: np.ndarray
    patients: tuple[int, int, int]


def evidence(
    found: Outcomes, patients: Patients, *, epsilon: float, iteration: int, success: str
) -> Evidence:
    """`epsilon` and `iteration` are the operating point, `success` is "final" or "any"."""
    flips = found.flipped(success)
    n = len(found.members)
    draws = len(patients.weights) + 1
    known = found.known[:, iteration]
    doses = np.full((draws, len(found.epsilons)), np.nan)
    doses[:, known] = bootstrap.rates(flips[:, known, iteration], np.ones((n, 1), bool), patients)
    sure = found.confidence >= CONFIDENT - 1e-6
    place = place_of(found.epsilons, epsilon)
    steps, counts = np.full((draws, 3), np.nan), np.full((draws, 4), np.nan)
    if place is not None:
        asked = _steps(np.flatnonzero(found.known[place]))
        if asked:
            steps = bootstrap.rates(flips[:, place, asked], np.ones((n, 1), bool), patients)
        if known[place]:
            here = flips[:, place, iteration]
            counts = bootstrap.totals(
                np.stack([sure, sure & here, ~sure, ~sure & here], axis=1), patients
            )
    numbers = patients.number, patients.of(sure).number, patients.of(~sure).number
    return Evidence(found.epsilons, doses, steps, counts, numbers)


def _steps(known: np.ndarray) -> list[int]:
    """(first iteration, K - K // 4, K), if these were measured and are three."""
    if len(known) < 2:
        return []
    last = int(known[-1])
    asked = [1, last - last // 4, last]
    return asked if len(set(asked)) == 3 and set(asked) <= set(known.tolist()) else []


def write(told: Evidence, path: str | Path) -> None:
    """One row for each draw, the first the sample; atomically."""

    def lists(values: np.ndarray) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values, np.float64).ravel())
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])

    parts = {name: lists(getattr(told, name)) for name in ("doses", "steps", "counts")}
    metadata = {"epsilons": json.dumps(told.epsilons), "patients": json.dumps(told.patients)}
    parquet.write_table(pa.table(parts), path, metadata=metadata)


def read(path: str | Path) -> Evidence:
    """What `write` wrote."""
    table = parquet.read_parquet(path)
    told = {key: json.loads(value) for key, value in parquet.read_metadata(path).items()}

    def values(name: str) -> np.ndarray:
        column = table[name].combine_chunks()
        return column.flatten().to_numpy().reshape(len(column), -1)

    return Evidence(
        tuple(told["epsilons"]),
        values("doses"),
        values("steps"),
        values("counts"),
        tuple(told["patients"]),
    )


def shared_epsilons(several: Sequence[Evidence]) -> list[float]:
    """The amplitudes that were measured on all of them, rising."""
    measured = [
        {e for e, rate in zip(one.epsilons, one.doses[0], strict=True) if np.isfinite(rate)}
        for one in several
    ]
    return sorted(set.intersection(*measured)) if measured else []


def rise(one: Evidence, epsilons: Sequence[float] | None = None) -> np.ndarray:
    """Draws of the rise over epsilon: the least-squares line over ranks, its end less its start.

    Over the given amplitudes, or over all that were measured; NaN with fewer than two.
    """
    wanted = sorted(one.epsilons if epsilons is None else epsilons)
    rates = one.doses[:, [one.epsilons.index(e) for e in wanted]]
    rates = rates[:, ~np.isnan(rates[0])]
    if rates.shape[1] < 2:
        return np.full(len(rates), np.nan)
    ranks = np.arange(rates.shape[1]) - (rates.shape[1] - 1) / 2
    return rates @ (ranks / (ranks @ ranks)) * (rates.shape[1] - 1)


def lowest(one: Evidence) -> float:
    """ASR at the smallest amplitude that was measured."""
    known = [(e, rate) for e, rate in zip(one.epsilons, one.doses[0], strict=True) if rate == rate]
    return min(known)[1] if known else float("nan")


def rise_reach(one: Evidence) -> float:
    """The rise of a patient whose images flip at all amplitudes over the middle and at no other."""
    n = int((~np.isnan(one.doses[0])).sum())
    ranks = np.arange(n) - (n - 1) / 2
    return float(ranks[ranks > 0].sum() / (ranks @ ranks) * (n - 1)) if n > 1 else 1.0
