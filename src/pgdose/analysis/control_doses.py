"""The dose of an attack that flips as many diagnoses as a control does.

Both are counted on the same images, those that both were tried on, and both rates come from the
same draws of patients. docs/explanation/controls.md has the definition.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.controls import ControlledRun, ControlOutcomes, control_outcomes
from pgdose.analysis.intervals import percentiles
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.result_files import identity_columns
from pgdose.analysis.settings import MeasureSettings

UNDER, OVER = 0.0, np.inf  # what a draw of the dose is outside the doses of the attack


@dataclass(frozen=True)
class AttackCurve:
    """Which images one attack flips, dose by dose, at its operating iteration.

    epsilons: (k,) float, rising: the doses that the attack reached
    members:  (n,) int, the attacked images
    flipped:  (n, k) bool
    is_length: whether epsilon is the length of the change (L2), not its largest value
    """

    attack: str
    iteration: int
    epsilons: np.ndarray
    members: np.ndarray
    flipped: np.ndarray
    is_length: bool = False


def attack_curve(
    attack: str, outcomes: Outcomes, settings: MeasureSettings, *, is_length: bool = False
) -> AttackCurve:
    """The curve of an attack, by the study's definition of success."""
    iteration = operating_iteration(outcomes.iterations, settings.iterations)
    levels = np.flatnonzero(outcomes.reached & outcomes.measured[:, iteration])
    flipped = outcomes.flipped(settings.success)[:, levels, iteration]
    epsilons = outcomes.epsilons[levels]
    return AttackCurve(attack, iteration, epsilons, outcomes.members, flipped, is_length)


def control_doses(
    controlled: Iterable[tuple[ControlledRun, Sequence[AttackCurve]]],
    members: Mapping[str, pd.DataFrame],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """The table control_doses: each run with the attacks on it.

    `members` are each group's, indexed by member. Only what a run's own network makes of its
    controls is compared, since the attacks are on that network.
    """
    rows = []
    for one, curves in controlled:
        of_group = members[one.run["group"]]
        for result in control_outcomes(one, of_group["class_index"]):
            if result.judge != one.run["run"]:
                continue
            entry = one.entries[result.control]
            about = {"kind": entry["kind"], "corruption": entry.get("corruption")}
            for curve in curves:
                doses = pd.DataFrame(equal_doses(result, curve, of_group["patient"], draws, seed))
                doses = doses.assign(**about, **identity_columns(one.run, len(doses)))
                doses["reads"] = [sentence(row, curve) for row in doses.to_dict("records")]
                rows.append(doses)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def equal_doses(
    result: ControlOutcomes, curve: AttackCurve, patient: pd.Series, draws: int, seed: int
) -> Iterator[dict[Any, Any]]:
    """For each level of a control: the dose of the attack that flips as many images.

    `patient` gives a member's patient by member number.
    """
    both = np.intersect1d(result.members[result.right], curve.members)
    patients = bootstrap.draw_patients(patient.loc[both], draws, seed)
    counted = np.ones((len(both), 1), bool)
    hits = result.flipped[np.isin(result.members, both)]
    attack_hits = curve.flipped[np.isin(curve.members, both)]
    rates = bootstrap.rates(hits, counted, patients)
    attack_rates = bootstrap.rates(attack_hits, counted, patients)
    for place, level in enumerate(result.levels.to_dict("records")):
        dose = equal_dose(attack_rates, curve.epsilons, rates[:, place])
        low, high = percentiles(dose[:, None], patients.clusters)
        value, bound = _bounded(dose[0], curve.epsilons)
        yield {
            **level,
            "control": result.control,
            "attack": curve.attack,
            "iteration": curve.iteration,
            "n_attacked": len(both),
            "n_patients": patients.count,
            "n_flipped": int(hits[:, place].sum()),
            "asr": rates[0, place],
            **{"dose": value, "bound": bound, "dose_low": low[0], "dose_high": high[0]},
        }


def equal_dose(attack_rates: np.ndarray, epsilons: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """The smallest dose at which an attack's rate reaches a control's, (draws,).

    attack_rates: (draws, k), at the k epsilons, which rise; a dose that flips fewer images than a
                  smaller one does not count
    rates:        (draws,), of the control

    Between two doses the rate is linear in the logarithm of epsilon. UNDER where the attack flips
    more at its smallest dose, or the control nothing; OVER where it flips fewer at its largest;
    NaN without images.
    """
    if not len(epsilons):
        return np.full(len(rates), np.nan)
    curve = np.maximum.accumulate(attack_rates, axis=1)
    last = np.minimum((curve < rates[:, None]).sum(axis=1), len(epsilons) - 1)
    first = np.maximum(last - 1, 0)
    draws = np.arange(len(rates))
    rise = curve[draws, last] - curve[draws, first]
    part = np.divide(
        rates - curve[draws, first], rise, out=np.zeros(len(rates)), where=rise > 0
    ).clip(0, 1)
    log = np.log(epsilons)
    dose = np.exp(log[first] + part * (log[last] - log[first]))
    dose[(rates < curve[:, 0]) | (rates == 0)] = UNDER
    dose[rates > curve[:, -1]] = OVER
    dose[np.isnan(rates) | np.isnan(curve).any(axis=1)] = np.nan
    return dose


def _bounded(dose: float, epsilons: np.ndarray) -> tuple[float, str]:
    """The dose that a reader finds in the study, and how it is to be read."""
    if np.isnan(dose):
        return np.nan, ""
    if dose == UNDER:
        return epsilons[0], "under"
    return (epsilons[-1], "over") if dose == OVER else (dose, "exact")


def sentence(row: Mapping[Any, Any], curve: AttackCurve) -> str:
    """A row in plain English."""
    if row["bound"] == "":
        return "no image to compare, or no dose of the attack"
    flips = f"{_named(row)} flips {row['n_flipped']} of {row['n_attacked']} right diagnoses"
    unit = " (L2 length)" if curve.is_length else ""
    if not row["n_flipped"]:
        return f"{_named(row)} flips none of {row['n_attacked']} right diagnoses"
    attack = f"{row['attack']} at epsilon {row['dose']:.3g}{unit}"
    if row["bound"] == "under":
        return f"{flips}, fewer than {attack}, its smallest dose"
    if row["bound"] == "over":
        return f"{flips}, more than {attack}, its largest dose"
    return f"{flips}, as many as {attack}{_interval(row, curve)}"


def _named(row: Mapping[Any, Any]) -> str:
    if row["kind"] == "corruption":
        return f"{str(row['corruption']).replace('_', ' ')} of severity {row['severity']}"
    return f"{row['control']} at epsilon {row['epsilon']:.3g}"


def _interval(row: Mapping[Any, Any], curve: AttackCurve) -> str:
    if np.isnan(row["dose_low"]):
        return ""
    return f" [{_end(row['dose_low'], curve)} to {_end(row['dose_high'], curve)}]"


def _end(dose: float, curve: AttackCurve) -> str:
    if dose == UNDER:
        return f"under {curve.epsilons[0]:.3g}"
    return f"over {curve.epsilons[-1]:.3g}" if dose == OVER else f"{dose:.3g}"
