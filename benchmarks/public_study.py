"""What the tables of docs/public read of a finished study, and what they share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from public_names import ALL, COLOUR, XRAY

from pgdose.analysis import bootstrap, result_files, study_tables
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.conclusion_draws import read_draws
from pgdose.analysis.conclusion_tables import AttackDraws
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.intervals import rate_interval
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.analysis.settings import MeasureSettings
from pgdose.analysis.study_tables import RunFiles, StudyRuns
from pgdose.attack.surface_table import SurfaceTable, is_flipped, read_surface
from pgdose.names import UNKNOWN_PATIENT
from pgdose.study.doses import Doses
from pgdose.study.parsing import parse
from pgdose.study.runs import Run
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file
from pgdose.tables import parquet, result_csv

CHANCE = "better than chance"  # a check of the table network_checks
DIGITS = 4  # significant ones, of every number that is no whole one


@dataclass(frozen=True)
class Results:
    """The results of a study, and the study file that they were made from."""

    folder: Path
    study: Study

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The result tables by name."""
        return result_files.read_result_tables(self.folder / "tables")

    @property
    def settings(self) -> MeasureSettings:
        """The operating point, the definition of success and the bootstrap."""
        point, measures = self.study.operating_points, self.study.measures
        return MeasureSettings(
            *(point.epsilon, point.iterations), measures.success, measures.draws, self.study.seed
        )

    @property
    def controls(self) -> list[str]:
        """The attacks that are none."""
        return [name for name, attack in self.study.attacks.items() if attack.kind == "noise"]

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order of the study."""
        return [run for group in self.study.groups for run in self.study.runs(group).values()]

    @property
    def networks(self) -> list[Run]:
        """The main runs and their repeats."""
        return [run for run in self.runs if run.role in ("main", "repeat")]

    @property
    def networks_by_group(self) -> dict[str, list[str]]:
        """The names of each group's main run and its repeats."""
        names: dict[str, list[str]] = {}
        for run in self.networks:
            names.setdefault(run.group, []).append(run.name)
        return names

    @property
    def modality(self) -> dict[str, str]:
        """Of each group: xray, histology or other."""
        return {group: self.study.modality(group) for group in self.study.groups}

    @cached_property
    def learned(self) -> list[str]:
        """The groups all of whose networks are better than chance: only these are pooled."""
        checks = self.tables["network_checks"]
        checks = checks[checks["role"].isin(["main", "repeat"]) & (checks["check"] == CHANCE)]
        passed = (checks["verdict"] == "passed").groupby(checks["group"]).all()
        return [group for group in self.study.groups if passed[group]]

    @property
    def subsets(self) -> dict[str, list[str]]:
        """The groups of each subset, of those that learned."""
        kinds = {group: self.study.modality(group) for group in self.learned}
        return {
            ALL: list(kinds),
            XRAY: [group for group, kind in kinds.items() if kind == "xray"],
            COLOUR: [group for group, kind in kinds.items() if kind != "xray"],
        }

    def path(self, run: Run, name: str) -> Path:
        """A file of a run."""
        return self.folder / "groups" / run.path / name

    def members(self, group: str) -> pd.DataFrame:
        """The group's members, indexed by their number."""
        return parquet.read_table(self.folder / f"groups/{group}/members.parquet").set_index(
            "member"
        )

    @cached_property
    def draws(self) -> dict[str, AttackDraws]:
        """What the conclusions under each attack rest on, as the workflow reads it."""
        study = StudyRuns(
            runs=[run.identity() for run in self.runs],
            doses={
                name: Doses(tuple(attack.epsilon), attack.max_iter)
                for name, attack in self.study.attacks.items()
            },
            modality=self.modality,
            sized_attacks={entry.group: entry.attacks for entry in self.study.training_size},
            controls=self.controls,
        )
        by_name = {(run.group, run.name): run for run in self.runs}
        trainings = [by_name[entry["group"], entry["run"]] for entry in study.trainings]
        sized = dict.fromkeys(run.group for run in trainings)
        files = RunFiles(
            draws=[],
            images=[],
            clean=[str(self.path(run, "clean.parquet")) for run in trainings],
            members=[str(self.folder / f"groups/{group}/members.parquet") for group in sized],
        )
        return study_tables.attack_draws(
            study,
            {
                place: read_draws(self.path(run, "measures/conclusion_draws.parquet"))
                for place, run in by_name.items()
                if run.role != "further"
            },
            {
                (run.group, run.name): parquet.read_table(self.path(run, "measures/images.parquet"))
                for run in self.networks
            },
            study_tables.read_trainings(study.trainings, files),
        )

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row for each attacked image, attack, network and level, see `attacked_images`."""
        return pd.concat(
            [
                attacked_images(self, run, attack).assign(
                    group=run.group, run=run.name, attack=attack
                )
                for run in self.networks
                for attack in run.attacks
            ],
            ignore_index=True,
        )


def read_results(folder: Path, study: Path) -> Results:
    return Results(folder, parse(read_study_file(study).content))


def attacked_images(results: Results, run: Run, attack: str) -> pd.DataFrame:
    """member, patient, confidence, level, epsilon; flipped at the operating iteration;
    flipped_last and survived at the last one, before and after rounding to 8 bits."""
    surface, outcome = read_outcomes(results, run, attack)
    iteration = operating_iteration(outcome.iterations, results.settings.iterations)
    rows = np.searchsorted(surface.members, outcome.members)
    last = outcome.flipped()[:, :, -1]
    stored = is_flipped(surface.predicted_stored()[rows], outcome.true[:, None])
    images, levels = last.shape
    patient = results.members(run.group).loc[outcome.members, "patient"].to_numpy()
    return pd.DataFrame(
        {
            "member": np.repeat(outcome.members, levels),
            "patient": np.repeat(patient, levels),
            "confidence": np.repeat(outcome.confidence, levels),
            "level": np.tile(np.arange(levels), images),
            "epsilon": np.tile(outcome.epsilons, images),
            "flipped": outcome.flipped(results.settings.success)[:, :, iteration].ravel(),
            "flipped_last": last.ravel(),
            "survived": (last & stored).ravel(),
        }
    )


def read_outcomes(results: Results, run: Run, attack: str) -> tuple[SurfaceTable, Outcomes]:
    shards = sorted(results.path(run, f"{attack}/surface").glob("*.parquet"))
    surface = read_surface(shards, results.path(run, "network.safetensors"))
    index = results.members(run.group)["class_index"]
    clip = getattr(results.study.attacks[attack], "clip", "")
    return surface, outcomes(surface, index, int(index.nunique()), bounds_change=clip != "gradient")


def originals_as_patients(patients: pd.Series) -> pd.Series:
    """The originals of unknown patients under names that count as patients."""
    return patients.astype(str).str.removeprefix(UNKNOWN_PATIENT)


def of_groups(
    draws: Mapping[str, AttackDraws], groups: Iterable[str], *, originals: bool = False
) -> dict[str, AttackDraws]:
    """The draws of some groups; with `originals`, each original counts as a patient."""
    groups = list(groups)
    chosen = {}
    for attack, of in draws.items():
        main = {group: of.main[group] for group in groups}
        if originals:
            main = {
                group: replace(
                    one,
                    images=[
                        t.assign(patient=originals_as_patients(t["patient"])) for t in one.images
                    ],
                )
                for group, one in main.items()
            }
        chosen[attack] = replace(
            of,
            main=main,
            modality={group: of.modality[group] for group in groups},
            sized={group: one for group, one in of.sized.items() if group in groups},
        )
    return chosen


# --- rates over groups and networks ---------------------------------------------------------------


def drawn_patients(images: pd.DataFrame, settings: MeasureSettings) -> Patients:
    """The patients (originals, where nobody knows them) of all images, drawn jointly."""
    return bootstrap.draw_patients(
        originals_as_patients(images["patient"]), settings.draws, settings.seed
    )


def pooled_rate(hits: np.ndarray, patients: Patients, chosen: np.ndarray) -> dict[str, float]:
    """n, hits, rate, ci_low, ci_high of the chosen images, each network's counted."""
    of, hits = patients.subset(chosen), hits[chosen]
    if not len(hits):
        return {"n": 0, "hits": 0, "rate": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    draws = bootstrap.rates(hits[:, None], np.ones((len(hits), 1), bool), of)
    low, high = rate_interval(draws, of.clusters)
    ends = {"ci_low": float(low[0]), "ci_high": float(high[0])}
    return {"n": len(hits), "hits": int(hits.sum()), "rate": float(draws[0, 0]), **ends}


def unit_of(images: pd.DataFrame) -> str:
    """What an interval draws."""
    unknown = images["patient"].astype(str).str.startswith(UNKNOWN_PATIENT)
    if unknown.all():
        return "originals"
    return "patients and originals" if unknown.any() else "patients"


def half_doses(draws: Mapping[str, AttackDraws]) -> dict[str, float]:
    """Of each attack the epsilon whose ASR, the mean over the groups, is nearest to one half."""
    doses = {}
    for attack, of in draws.items():
        rates = np.mean([group_rates(one)[0] for one in of.main.values()], axis=0)
        networks = next(iter(of.main.values())).networks
        doses[attack] = networks[0].doses.epsilons[int(np.nanargmin(np.abs(rates - 0.5)))]
    return doses


def group_rates(group: GroupDraws) -> np.ndarray:
    """(1 + draws, epsilons) ASR, the mean over the group's networks."""
    return np.mean([network.by_epsilon for network in group.networks], axis=0)


def level_at(of: AttackDraws, epsilon: float) -> int:
    """The attack's level nearest to an epsilon."""
    return next(iter(of.main.values())).networks[0].doses.nearest_level(epsilon)


# --- writing --------------------------------------------------------------------------------------


def rounded(table: pd.DataFrame, digits: int = DIGITS) -> pd.DataFrame:
    """The table with so many significant digits."""
    floats = table.select_dtypes("float").columns

    def short(value: float) -> float:
        return float(f"{value:.{digits}g}")

    return table.assign(**{name: table[name].map(short) for name in floats})


def write(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    for name, table in tables.items():
        result_csv.write_csv(rounded(table), folder / f"{name}.csv")
