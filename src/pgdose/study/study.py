"""The whole study file, and the questions that the workflow asks of it."""

import os
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from pgdose.study.acceptance import Limit
from pgdose.study.attacks import AnyAttack
from pgdose.study.base import Integer, Model, Name, Real, as_list
from pgdose.study.class_titles import class_titles
from pgdose.study.controls import AnyControl
from pgdose.study.evaluation import Checks, Measures, OperatingPoints, TrainingSize
from pgdose.study.field_types import OutputPath
from pgdose.study.groups import Group
from pgdose.study.networks import network_kind
from pgdose.study.phantom import Phantom
from pgdose.study.repeated_training import RepeatedTraining
from pgdose.study.runs import MAIN_RUN, Run
from pgdose.study.sources import TILED, AnySource, DicomArchive
from pgdose.study.training import OF_ARCHITECTURE, Training
from pgdose.study.versions import WITHOUT_KEY


class Privacy(Model):
    key: OutputPath = "private/key"  # the secret of the opaque ids
    folder: OutputPath = ""  # private/<name of the results folder>


class Split(Model):
    training: Annotated[Real, Field(gt=0, lt=1)] = 0.8  # share of the patients
    by: Literal["patient"] = "patient"


class Study(Model):
    """A study file. Names of groups, sources and attacks are the keys of its mappings."""

    format_version: Annotated[Integer, Field(ge=0, le=1000)] = WITHOUT_KEY
    study: Name
    seed: Annotated[Integer, Field(ge=0, lt=10**18)] = 2019
    results: OutputPath = ""  # results/<study>
    privacy: Privacy = Privacy()
    phantom: Phantom | None = None
    sources: Annotated[dict[Name, AnySource], Field(min_length=1)]
    groups: Annotated[dict[Name, Group], Field(min_length=1)]
    split: Split = Split()
    training: RepeatedTraining = RepeatedTraining()
    attacks: Annotated[dict[Name, AnyAttack], Field(min_length=1)]
    # Corruptions and universal perturbations, told beside the attacks.
    controls: Annotated[dict[Name, AnyControl], Field(max_length=100)] = {}
    checks: Checks = Checks()
    # One group whose training-set size varies, or a list of them.
    training_size: Annotated[
        list[TrainingSize],
        Field(max_length=100),
        BeforeValidator(as_list, json_schema_input_type=TrainingSize | list[TrainingSize] | None),
    ] = []
    operating_points: OperatingPoints = OperatingPoints()
    measures: Measures = Measures()
    # Limits for the results, one or several; `pgdose gate` holds them to these.
    acceptance: Annotated[
        list[Limit],
        Field(max_length=100),
        BeforeValidator(as_list, json_schema_input_type=Limit | list[Limit] | None),
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _fill_in_folders(cls, raw: Any) -> Any:
        """Two studies share neither results nor the private tables that lead to their files."""
        if isinstance(raw, dict):
            results = raw.get("results")
            if results in (None, ""):
                results = f"results/{_usable(raw.get('study'))}"
            privacy = {} if raw.get("privacy") is None else raw["privacy"]
            if isinstance(privacy, dict) and privacy.get("folder") in (None, ""):
                name = PurePath(os.path.normpath(_usable(results))).name
                privacy = {**privacy, "folder": f"private/{name}"}
            raw = {**raw, "results": results, "privacy": privacy}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _fill_in_networks(cls, raw: Any) -> Any:
        """A group's further networks take the keys that they leave out from section `training`."""
        training = _mapping(_mapping(raw).get("training"))
        try:
            RepeatedTraining.model_validate(training)
        except ValidationError:  # reported once, at `training`
            return raw
        training = {key: value for key, value in training.items() if key != "repeats"}
        groups = {
            name: {
                **group,
                "networks": {
                    run: _filled_in(network, training) for run, network in group["networks"].items()
                },
            }
            for name, group in _mapping(_mapping(raw).get("groups")).items()
            if isinstance(group, dict) and isinstance(group.get("networks"), dict)
        }
        return {**raw, "groups": {**raw["groups"], **groups}} if groups else raw

    def runs(self, group: str) -> dict[str, Run]:
        """The runs of a group by name: the main one, its repeats, further networks, sized ones."""
        entry = self.groups[group]
        attacks, main = tuple(self.attacks), entry.network or self.training
        runs = [Run(group, MAIN_RUN, "main", main, attacks)]
        runs += [
            Run(group, f"{MAIN_RUN}-r{repeat}", "repeat", main, attacks, repeat=repeat)
            for repeat in range(2, self.repeats(group) + 1)
        ]
        runs += [Run(group, name, "further", n, attacks) for name, n in entry.networks.items()]
        runs += [
            Run(
                group, f"n{size}-r{repeat}", "sized", self.training, tuple(of.attacks), size, repeat
            )
            for of in self.training_size
            if of.group == group
            for size in of.sizes
            for repeat in range(1, of.repeats + 1)
        ]
        return {run.name: run for run in runs}

    def controls_of(self, group: str) -> list[str]:
        """The controls of a group: those that name it, or name none and are for its modality."""
        modality = self.modality(group)
        return [
            name
            for name, control in self.controls.items()
            if (group in control.groups or not control.groups) and modality in control.modalities
        ]

    def repeats(self, group: str) -> int:
        """How many networks a group has that differ by their draws alone; 1 if it has a file."""
        return 1 if self.groups[group].network else self.training.repeats

    def modality(self, group: str) -> str:
        """xray, histology or other: that of the group's first source."""
        return self.sources[next(iter(self.groups[group].classes.values())).source].modality

    def class_titles(self) -> dict[str, dict[str, str]]:
        """What figures and the page call the classes of each group, by their names."""
        return {name: class_titles(group.classes) for name, group in self.groups.items()}

    def channels(self, group: str) -> int:
        """1 for X-rays, which are grey to the attack too; 3 for all others."""
        return 1 if self.modality(group) == "xray" else 3

    def sources_of(self, group: str) -> list[str]:
        return sorted({entry.source for entry in self.groups[group].classes.values()})

    def words(self, source: str, key: str) -> list[str]:
        """The words that classes name for a source at view, class, not.view or not.class."""
        classes = [entry for group in self.groups.values() for entry in group.classes.values()]
        wheres = [entry.where for entry in classes if entry.source == source]
        named = [where.named(key.removeprefix("not."))[key] for where in wheres]
        return sorted({word for words in named for word in words})

    def tiled(self, group: str) -> bool:
        """Whether the group's images are tiles, which lie with its sources."""
        return all(self.sources[source].kind in TILED for source in self.sources_of(group))

    def training_share(self, group: str) -> float:
        """The share of a group's images that is trained on; 0 if its network exists already."""
        return 0.0 if self.groups[group].network else self.split.training

    def synthetic(self, source: str) -> bool:
        """Whether the synthetic hospital makes all that is read of the source."""
        entry = self.sources[source]
        if isinstance(entry, DicomArchive):
            if entry.label_table or not entry.reports or entry.reports.table is None:
                return False
            table: str | None = entry.reports.table
        else:
            table = entry.table
            if getattr(entry, "outlines_root", None) is not None:  # a person's files
                return False
        return self.phantom is not None and self.phantom.makes(entry.kind, entry.root, table)

    def target(self, group: str, attack: str) -> int | str | None:
        """The target class of an attack: its index in the group, least_likely, or None."""
        target = getattr(self.attacks[attack], "target", None)
        classes = list(self.groups[group].classes)
        return classes.index(target) if target in classes else target

    def shown_attack(self) -> str:
        """The attack of Figs. 1 and 2, for which its images are made again."""
        repeatable = [name for name, attack in self.attacks.items() if attack.kind != "external"]
        return self.operating_points.attack or next(iter([*repeatable, *self.attacks]))


def _usable(text: Any) -> str:
    """A text to make others of; another one if it is refused anyway, where it stands."""
    is_usable = isinstance(text, str) and not re.search(r"[{}<>\x00-\x1f\x7f]", text)
    return text if is_usable else "study"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _filled_in(network: Any, training: dict[str, Any]) -> Any:
    """An entry of `networks` with the keys of `training` that it leaves out."""
    if not isinstance(network, dict) or network_kind(network) != "trained":
        return network
    default = Training.model_fields["architecture"].default
    architecture = training.get("architecture", default)
    if network.get("architecture", architecture) != architecture:
        training = {key: v for key, v in training.items() if key not in OF_ARCHITECTURE}
    return {**training, **network}
