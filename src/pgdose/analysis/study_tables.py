"""The tables over all runs: worst_case, training_size and its summary, and the conclusions'.

They start from the measures of each run and speak of all groups together.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.analysis import conclusion_tables, quality, result_files, training_sizes
from pgdose.analysis.conclusion_draws import ConclusionDraws, read_draws
from pgdose.analysis.conclusion_tables import AttackDraws
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.settings import MeasureSettings
from pgdose.analysis.size_slopes import SizedDraws
from pgdose.analysis.success import as_counted
from pgdose.analysis.worst_case import worst_case
from pgdose.study.doses import Doses
from pgdose.tables import parquet

Identity = Mapping[str, Any]  # group, run, role, size and repeat


@dataclass(frozen=True)
class StudyRuns:
    """The runs of a study and what was done to them.

    runs:          in the order of the study
    doses:         of each attack
    modality:      of each group: xray, histology or another
    sized_attacks: of each group whose training size varies, the attacks on its sized runs
    controls:      attacks that are none: noise, against which the others are compared
    """

    runs: Sequence[Identity]
    doses: Mapping[str, Doses]
    modality: Mapping[str, str]
    sized_attacks: Mapping[str, Sequence[str]]
    controls: Sequence[str] = ()

    @property
    def main(self) -> list[Identity]:
        """The main run of each group."""
        return [run for run in self.runs if run["role"] == "main"]

    @property
    def trainings(self) -> list[Identity]:
        """The runs of the sized groups: of each main, its repeats, then sized ones."""
        of_groups = [run for run in self.runs if run["group"] in self.sized_attacks]
        return [run for run in of_groups if run["role"] != "further"]


@dataclass(frozen=True)
class RunFiles:
    """The files that the findings rest on.

    draws:   of each run, in the order of `StudyRuns.runs`
    images:  the same
    clean:   clean logits of each training, in the order of `StudyRuns.trainings`
    members: the table of each sized group, in the order of the study
    """

    draws: Sequence[str]
    images: Sequence[str]
    clean: Sequence[str]
    members: Sequence[str]


def findings(
    study: StudyRuns, files: RunFiles, asr: pd.DataFrame, settings: MeasureSettings
) -> dict[str, pd.DataFrame]:
    """The tables by their names; `asr` is the table of all runs."""
    trainings = read_trainings(study.trainings, files)
    sizes = training_sizes.training_size(
        as_counted(asr[asr["group"].isin(list(study.sized_attacks))], settings.success),
        trainings,
        study.sized_attacks,
        epsilon=settings.epsilon,
        iterations=settings.iterations,
    )
    draws = {
        (run["group"], run["run"]): read_draws(path)
        for run, path in zip(study.runs, files.draws, strict=True)
        if run["role"] != "further"
    }
    images = {
        (run["group"], run["run"]): parquet.read_table(path)
        for run, path in zip(study.runs, files.images, strict=True)
        if run["role"] in ("main", "repeat")
    }
    by_attack = attack_draws(study, draws, images, trainings)
    return {
        "worst_case": worst_cases(study, files.images, settings),
        "training_size": sizes,
        "training_size_summary": training_sizes.training_size_summary(sizes),
        **conclusion_tables.conclude(by_attack, settings.epsilon, study.controls),
    }


def read_trainings(runs: Sequence[Identity], files: RunFiles) -> pd.DataFrame:
    """group, run, size, repeat and accuracy; a main run is repeat 1 of its own size."""
    groups = dict.fromkeys(run["group"] for run in runs)
    tables = dict(zip(groups, map(parquet.read_table, files.members), strict=True))
    rows = []
    for run, path in zip(runs, files.clean, strict=True):
        members = tables[run["group"]]
        rows.append(
            {
                "group": run["group"],
                "run": run["run"],
                "size": run["size"] or int((members["part"] == "training").sum()),
                "repeat": run["repeat"] or 1,
                "accuracy": quality.accuracy(members, parquet.read_table(path)),
            }
        )
    return pd.DataFrame(rows, columns=["group", "run", "size", "repeat", "accuracy"])


def worst_cases(
    study: StudyRuns, images: Sequence[str | Path], settings: MeasureSettings
) -> pd.DataFrame:
    """The table worst_case, group after group, over the attacks that are bounded by epsilon."""
    tables = []
    for run, path in zip(study.runs, images, strict=True):
        if run["role"] != "main":
            continue
        bounded = json.loads(result_files.read_measures_metadata(path)["bounded"])
        rows = parquet.read_table(path)
        by_attack = {attack: rows[rows["attack"] == attack] for attack in bounded}
        table = worst_case(by_attack, study.doses, settings.draws, settings.seed)
        tables.append(table.assign(group=run["group"]))
    return pd.concat(tables, ignore_index=True)


def attack_draws(
    study: StudyRuns,
    draws: Mapping[tuple[str, str], Mapping[str, ConclusionDraws]],
    images: Mapping[tuple[str, str], pd.DataFrame],
    trainings: pd.DataFrame,
) -> dict[str, AttackDraws]:
    """What the conclusions under each attack rest on.

    `draws` and `images` are those of each group and run, the latter of main runs and repeats.
    """
    sizes = {
        str(group): dict(zip(rows["run"], rows["size"].tolist(), strict=True))
        for group, rows in trainings.groupby("group", sort=False)
    }
    return {
        attack: AttackDraws(
            main={
                run["group"]: _group_draws(run["group"], attack, draws, images)
                for run in study.main
            },
            modality=study.modality,
            sized={
                group: SizedDraws(
                    {run: of[attack] for run in runs if attack in (of := draws[group, run])}, runs
                )
                for group, runs in sizes.items()
            },
        )
        for attack in study.doses
    }


def _group_draws(
    group: str,
    attack: str,
    draws: Mapping[tuple[str, str], Mapping[str, ConclusionDraws]],
    images: Mapping[tuple[str, str], pd.DataFrame],
) -> GroupDraws:
    """Those of a group's main run, which comes first in `images`, and its repeats."""
    places = [place for place in images if place[0] == group and attack in draws[place]]
    return GroupDraws(
        networks=[draws[place][attack] for place in places],
        images=[images[place][images[place]["attack"] == attack] for place in places],
    )
