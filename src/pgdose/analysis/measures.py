"""The measures of a run: what the attacks on one network come to.

`measure_attack` makes the tables of one attack, `write_run` joins those of all attacks on the
run into one file a table, with the columns group, run, role, size, repeat and attack in front.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import abstention, bootstrap, result_files
from pgdose.analysis.abstention import CleanScores
from pgdose.analysis.conclusion_draws import ConclusionDraws, conclusion_draws, write_draws
from pgdose.analysis.decisions import decisions
from pgdose.analysis.dose_summary import dose_summary
from pgdose.analysis.doses_reached import doses_reached
from pgdose.analysis.harm import harm
from pgdose.analysis.needed_dose import first_iteration, smallest_level
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.other_labels import changes_of_other_labels
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.analysis.settings import HarmSettings, MeasureSettings
from pgdose.analysis.storage import survival_of_storage
from pgdose.analysis.subgroups import success_of_subgroups
from pgdose.analysis.success import success_by_confidence, success_by_fine_confidence, success_rates
from pgdose.analysis.transitions import transitions
from pgdose.attack.surface_table import SurfaceTable

ROUNDING = 1e-6  # a change of epsilon may be stored as a little more


@dataclass(frozen=True)
class Abstaining:
    """What the abstention of a run under one attack needs besides the surface.

    clean:  the clean validation images
    sample: the members of the attack's sample
    raises_wrong_class: see `abstention.under_attack`
    """

    clean: CleanScores
    sample: Iterable[int]
    raises_wrong_class: bool | None


@dataclass(frozen=True)
class AttackMeasures:
    """The measures of one attack on one network.

    tables:    those of the rule `measure`, and images
    draws:     what the conclusions need
    bounded:   whether no image changes by more than its epsilon
    n_unknown: images that are left out, without logits or with logits that are not finite
    too_few_patients: the number of patients if it is too small for intervals, else 0
    """

    tables: dict[str, pd.DataFrame]
    draws: ConclusionDraws
    bounded: bool
    n_unknown: int
    too_few_patients: int


def measure_attack(
    surface: SurfaceTable,
    members: pd.DataFrame,
    settings: MeasureSettings,
    *,
    bounds_change: bool = True,
    sample: pd.Series | None = None,
    of_errors: HarmSettings | None = None,
    abstaining: Abstaining | None = None,
) -> AttackMeasures:
    """Measure an attack; `members` are the group's, indexed by member.

    bounds_change: whether the attack's epsilon bounds the change of the image
    sample:        the clean decision of each image of the attack's sample, for the table harm, see
                   `decisions.clean_decisions`; None: the table is empty
    of_errors:     which errors miss a disease, and what they weigh
    abstaining:    None: the table abstention is empty
    """
    classes = members.drop_duplicates("class_index").sort_values("class_index")["class"].tolist()
    result = outcomes(surface, members["class_index"], len(classes), bounds_change=bounds_change)
    attacked = members.loc[result.members]
    patients = bootstrap.draw_patients(attacked["patient"], settings.draws, settings.seed)
    iteration = operating_iteration(result.iterations, settings.iterations)
    point: dict[str, Any] = {"iteration": iteration, "success": settings.success}
    counts = {n: sum(int(of[n]) for of in surface.metadata) for n in ("n_images", "n_correct")}
    tables = {
        "asr": success_rates(result, patients, **counts),
        "confidence": success_by_confidence(result, patients, iteration=iteration),
        "storage": survival_of_storage(result, surface, patients),
        "other_labels": changes_of_other_labels(result, surface, patients),
        "transitions": transitions(result, classes, iteration=iteration),
        "doses": dose_summary(result, patients, **point),
        "subgroups": success_of_subgroups(result, patients, attacked, **point),
        "doses_reached": doses_reached(surface, bounds_change=bounds_change),
        "confidence_fine": success_by_fine_confidence(result, patients, iteration=iteration),
        "harm": _harm(surface, result, members, classes, sample, settings, of_errors),
        "abstention": _abstention(abstaining, surface, result, iteration),
        "images": _images(result, attacked, epsilon=settings.epsilon, **point),
    }
    return AttackMeasures(
        tables=tables,
        draws=conclusion_draws(result, patients, epsilon=settings.epsilon, **point),
        bounded=_bounded(surface),
        n_unknown=result.n_unknown,
        too_few_patients=0 if patients.clusters.enough else patients.count,
    )


def _harm(
    surface: SurfaceTable,
    result: Outcomes,
    members: pd.DataFrame,
    classes: list[str],
    sample: pd.Series | None,
    settings: MeasureSettings,
    of_errors: HarmSettings | None,
) -> pd.DataFrame:
    if sample is None:
        return pd.DataFrame()
    iteration = operating_iteration(result.iterations, settings.iterations)
    made = decisions(surface, result, members["class_index"], sample, iteration=iteration)
    people = members.loc[made.members, "patient"]
    patients = bootstrap.draw_patients(people, settings.draws, settings.seed)
    return harm(made, classes, patients, of_errors or HarmSettings(), iteration=iteration)


def _abstention(
    abstaining: Abstaining | None, surface: SurfaceTable, result: Outcomes, iteration: int
) -> pd.DataFrame:
    if abstaining is None:
        return pd.DataFrame()
    return abstention.under_attack(
        abstaining.clean,
        surface,
        result,
        abstaining.sample,
        iteration=iteration,
        raises_wrong_class=abstaining.raises_wrong_class,
    )


def _images(
    result: Outcomes, attacked: pd.DataFrame, *, epsilon: float, iteration: int, success: str
) -> pd.DataFrame:
    level = smallest_level(result, iteration=iteration, success=success)
    images = attacked[["patient"]].reset_index()
    images["confidence"] = result.confidence
    images["smallest_level"] = level
    images["smallest_epsilon"] = np.append(result.epsilons, np.inf)[level]
    operating = np.full(len(level), result.doses.nearest_level(epsilon))
    for name, levels in {"first_iteration": level, "operating_first": operating}.items():
        images[name] = first_iteration(result, levels, iteration=iteration)
    return images


def _bounded(surface: SurfaceTable) -> bool:
    change = surface.change.astype(np.float64)
    limit = np.array(surface.doses.epsilons) + ROUNDING
    return bool(((change <= limit) | np.isnan(change)).all())


def write_run(
    by_attack: Mapping[str, AttackMeasures],
    identity: Mapping[str, Any],
    paths: Mapping[str, str | Path],
    columns: Mapping[str, list[str]],
    unattacked: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write the measures of all attacks on a run, atomically, a file for each name in `paths`.

    `identity` gives group, run, role, size and repeat; `columns` are those of each table;
    `unattacked` are the rows of tables, by name, that are of no attack and come first. The
    metadata of `images` names the attacks that are bounded.
    """
    first = unattacked or {}
    for name, path in paths.items():
        if name == "draws":
            write_draws({attack: of.draws for attack, of in by_attack.items()}, path)
            continue
        tables = [of.tables[name].assign(attack=attack) for attack, of in by_attack.items()]
        tables = [*([first[name]] if name in first else []), *tables]
        filled = [table for table in tables if len(table)]
        table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
        table = table.assign(**result_files.identity_columns(identity, len(table)))
        bounded = [attack for attack, of in by_attack.items() if of.bounded]
        metadata = {"bounded": json.dumps(bounded)} if name == "images" else {}
        table = result_files.exact_columns(table, columns[name], name)
        result_files.write_measures(table, path, metadata)
