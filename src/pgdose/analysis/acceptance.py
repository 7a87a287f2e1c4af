"""Whether an attack's success is under a limit: `pgdose gate` and the table acceptance.

An image counts as flipped if it is wrong at the limit's epsilon after any iteration: nobody's limit
rests on which iterate is the last. The limit is kept if the upper bound of that rate is at most
`max_asr`, and broken if the lower bound is over it. Between the two nobody can tell.

Bounds are one-sided, each at the limit's confidence: Clopper and Pearson's, of patients in place
of images, as if all images of a patient flipped together. If patients have different numbers of
images, their number is Kish's (sum of n)^2 / sum of n^2. No correlation within patients makes that
too narrow, see docs/reference/commands.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from pgdose.analysis.bootstrap import patients_known
from pgdose.analysis.intervals import clopper_pearson_low
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.attack.surface_table import read_surface
from pgdose.errors import UserError
from pgdose.study.acceptance import Limit
from pgdose.tables import parquet

PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"


@dataclass(frozen=True)
class RunFiles:
    """What a run's verdict rests on: its identity, members, network, and shards by attack."""

    identity: Mapping[str, Any]
    members: str | Path
    network: str | Path
    surfaces: Mapping[str, Sequence[str | Path]]


def judge_all(limits: Iterable[Limit], runs: Sequence[RunFiles]) -> pd.DataFrame:
    """A row for each limit and each run that it is for; the columns of the table acceptance."""
    limits = list(limits)
    rows = []
    for run in runs:
        of_run = [one for one in limits if not one.groups or run.identity["group"] in one.groups]
        for attack in dict.fromkeys(one.attack for one in of_run):
            members = parquet.read_table(run.members).set_index("member")
            surface = read_surface(run.surfaces[attack], run.network)
            classes = int(members["class_index"].nunique())
            result = outcomes(surface, members["class_index"], classes)
            patients = members.loc[result.members, "patient"]
            rows += [
                {**run.identity, **judge(result, patients, limit)}
                for limit in of_run
                if limit.attack == attack
            ]
    table = pd.DataFrame(rows)
    return table.astype({"n_patients": "Int64"}) if rows else table


def judge(result: Outcomes, patients: pd.Series, limit: Limit) -> dict[str, Any]:
    """The verdict on one attack, with what it rests on. `patients` are those of the images.

    UserError if the attack does not have the limit's epsilon.
    """
    level = result.doses.level_of(limit.epsilon)
    if level is None:
        near = result.doses.epsilons[result.doses.nearest_level(limit.epsilon)]
        raise UserError(
            f"epsilon: {limit.epsilon:g} was not measured by attack {limit.attack}; the nearest "
            f"that was is {near:g}"
        )
    last = result.iterations[-1] if result.iterations else 0
    flips = result.flipped("any")[:, level, last]
    measured = len(flips) > 0 and bool(result.measured[level, last])
    known = patients_known(patients.unique())
    low, high = bounds(flips, patients.to_numpy(), limit.confidence) if measured else (0.0, 1.0)
    verdict = decide(low, high, limit.max_asr)
    if verdict == PASS and result.n_unknown:  # nobody knows whether those flip
        verdict = UNDECIDED
    return {
        "attack": limit.attack,
        "epsilon": result.doses.epsilons[level],
        "iteration": last,
        "max_asr": limit.max_asr,
        "confidence": limit.confidence,
        "n_attacked": len(flips) if measured else 0,
        "n_patients": int(patients.nunique()) if known else None,
        "n_flipped": int(flips.sum()) if measured else 0,
        "asr": float(flips.mean()) if measured else None,
        "low": low,
        "high": high,
        "n_unknown": result.n_unknown,
        "verdict": verdict,
    }


def decide(low: float, high: float, max_asr: float) -> str:
    """pass: surely at most max_asr; fail: surely over it; undecided: the data allow both."""
    if high <= max_asr:
        return PASS
    return FAIL if low > max_asr else UNDECIDED


def sentence(row: Mapping[str, Any] | pd.Series) -> str:
    """A row of the table in words: the verdict, and what it rests on."""
    if not row["n_attacked"]:
        return f"{row['verdict']}, no image was attacked by {row['attack']}"
    relation = {PASS: "is at most", FAIL: "is over", UNDECIDED: "may be under or over"}
    unknown = int(row["n_unknown"])
    more = f", and the outcome of {unknown} images is not known" if unknown else ""
    return (
        f"{row['verdict']}, {row['attack']} at epsilon {row['epsilon']:g} flips "
        f"{row['n_flipped']} of {row['n_attacked']}, {row['asr']:.3f} [{row['low']:.3f}, "
        f"{row['high']:.3f}], which {relation[str(row['verdict'])]} {row['max_asr']:g}{more}"
    )


def bounds(flips: np.ndarray, patients: np.ndarray, confidence: float) -> tuple[float, float]:
    """The lower and the upper bound of a rate, each alone at this confidence.

    `flips` says for each image whether it flipped, `patients` whose it is. At least one image.
    """
    images_of = np.unique(patients, return_counts=True)[1].astype(np.float64)
    if len(images_of) < 2:  # one patient says nothing of others
        return 0.0, 1.0
    worth = images_of.sum() ** 2 / (images_of**2).sum()
    hits, alpha = float(np.mean(flips)) * worth, 1 - confidence
    low = float(clopper_pearson_low(hits, worth, alpha))
    high = 1.0 if hits == worth else float(special.betaincinv(hits + 1, worth - hits, 1 - alpha))
    return low, high
