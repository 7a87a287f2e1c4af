"""What the page is made from, and which rows of the result tables it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.analysis.operating_point import at
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.plots.rows import at_nearest_epsilon, main_networks
from pgdose.plots.style import Groups

#: The result tables that the page shows; it leaves out those that a study does not have.
PAGE_TABLES = tuple(name for name, table in RESULT_TABLES.items() if table.on_page)
#: Of these the page shows all networks of a group, of the others the main network.
ALL_NETWORKS = ("networks", "transfer", "certified", "defence")
CHECKS = ["group", "run", "role", "attack", "check", "verdict", "says"]


@dataclass(frozen=True)
class Provenance:
    """How the results were made.

    benchmarks: `rule jobs seconds max_rss_mb`; seconds are the sum over a rule's jobs
    devices:    `attack device precision jobs`: what the attacks ran on
    versions:   `{package: version}`
    machine:    `{"Processor": text, ...}`, the machine that writes the page
    commit:     of the checkout that the page was written from; empty if it is none
    training_seconds: of the training job of each run that has one, by group and run
    """

    benchmarks: pd.DataFrame
    devices: pd.DataFrame
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    commit: str = ""
    training_seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportData:
    """What the page of a study is made from.

    study:     the study's settings, as plain lists, dicts, numbers and texts; the page shows all
               of them as YAML, so nothing that its readers must not see may be among them
    groups:    the study's groups; the page takes their titles from Table 1
    tables:    those of PAGE_TABLES that there are, with the columns of `table_registry`; their
               rates are those of the study's definition of success
    figures:   `{"fig1": PNG, ..., "fig3d": PNG}`, in the order of the page
    pictures:  `{group: {"network": PNG, "heatmap": PNG, "examples": PNG}}`
    checks:    `group run role attack check verdict says`, of all attacks and networks; the verdict
               is "passed", "failed" or "not done"
    rejects:   `source stage reason count`; a group stands as the source of what it left out
    near_duplicates: `group record_a record_b distance class_a class_b part_a part_b`, pairs of
               members that look the same
    classes:   `{group: {class: its title}}`; a class without one is called by its name
    synthetic: the sources whose records the synthetic hospital made
    chosen:    `group class n_fit n_left_out n_unreadable`: records that fit each class, those that
               were left out before members were chosen, and chosen ones that could not be read
    agreement: `source label n n_present precision recall f1 kappa`, each of the last four with
               `_low` and `_high`: the labeller compared with labels set by hand

    ValueError: a table is none of PAGE_TABLES.
    """

    study: Mapping[str, Any]
    groups: Groups
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, str | Path]
    pictures: Mapping[str, Mapping[str, str | Path]]
    checks: pd.DataFrame
    rejects: pd.DataFrame
    provenance: Provenance
    agreement: pd.DataFrame | None = None
    near_duplicates: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"group": []}))
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    synthetic: Sequence[str] = ()
    chosen: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"group": []}))

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.tables) - set(PAGE_TABLES)):
            raise ValueError(
                f"the page does not show the tables {unknown}; give some of {list(PAGE_TABLES)}"
            )

    @property
    def epsilon(self) -> float:
        """The operating point's amplitude."""
        return float(self.study["operating_points"]["epsilon"])

    @property
    def iterations(self) -> int:
        """The operating point's number of iterations."""
        return int(self.study["operating_points"]["iterations"])

    @cached_property
    def attacks(self) -> list[str]:
        """The attacks of the study, or of its results if the settings name none."""
        measured = self.table("asr").get("attack", pd.Series(dtype=object)).unique()
        return list(self.study.get("attacks") or measured)

    def class_title(self, group: str, name: Any) -> str:
        """What a reader calls a class of a group."""
        return self.classes.get(group, {}).get(str(name), str(name))

    def is_noise(self, attack: str) -> bool:
        """Whether an attack of the study is random noise, which is a control."""
        settings = (self.study.get("attacks") or {}).get(attack) or {}
        return bool(settings.get("kind") == "noise")

    @cached_property
    def _shown(self) -> dict[str, pd.DataFrame]:
        shown = {
            name: main_networks(table) if "role" in table and name not in ALL_NETWORKS else table
            for name, table in self.tables.items()
        }
        return {name: table for name, table in shown.items() if len(table)}

    def has(self, name: str) -> bool:
        """Whether the table has a row that the page shows."""
        return name in self._shown

    def table(self, name: str) -> pd.DataFrame:
        """The rows that the page shows; without any, the table has no columns either."""
        return self._shown.get(name, pd.DataFrame())

    def at_epsilon(self, name: str) -> pd.DataFrame:
        """The table's rows at the operating amplitude, or at each attack's nearest one."""
        return at_nearest_epsilon(self.table(name), self.epsilon)

    def success_rates(self, *, all_networks: bool = False) -> pd.DataFrame:
        """The rows of asr at the operating point, or at each attack's nearest amplitude."""
        table = self.tables.get("asr", pd.DataFrame()) if all_networks else self.table("asr")
        return at(table, iterations=self.iterations, epsilon=self.epsilon) if len(table) else table
