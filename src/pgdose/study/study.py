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
    key: OutputPath = "private/key"
    """File with the secret key that makes the opaque ids, 64 hexadecimal digits.

    pgdose makes it, readable by its owner only, when the first study of real data starts. Back it
    up: another key makes other ids, and a study that has results stops without its key.

    Reruns: everything
    """
    folder: OutputPath = ""
    """Folder of the private tables, such as `paths.parquet`, which leads from an id to its file.

    Left out: `private/` and the name of the results folder.

    Reruns: everything
    """


class Split(Model):
    training: Annotated[Real, Field(gt=0, lt=1)] = 0.8
    """Share of the patients whose images are for training; the others are for validation.

    Unit: share
    Reruns: the group
    """
    by: Literal["patient"] = "patient"
    """What is divided: patients, so that all images of a person are in one part."""


class Study(Model):
    """A study file. Names of groups, sources and attacks are the keys of its mappings."""

    format_version: Annotated[Integer, Field(ge=0, le=1000)] = WITHOUT_KEY
    """Version of the format of study files that this file is written in.

    `pgdose migrate STUDY` rewrites an older file and says what it changed.

    Unit: none
    Reruns: the page
    """
    study: Name
    """Name of the study. Results go to `results/<study>`, unless `results` names a folder.

    Reruns: the page, and exported images
    """
    seed: Annotated[Integer, Field(ge=0, lt=10**18)] = 2019
    """Seed of every random draw: choice of records, split, copies, initial weights, order, noise.

    Unit: none
    Reruns: everything
    """
    results: OutputPath = ""
    """Folder of all results. Give two studies two folders. `~` is your home.

    Left out: `results/<study>`.

    Reruns: everything, in the new folder
    """
    privacy: Privacy = Privacy()
    """Where the key of the opaque ids and the private tables lie."""
    phantom: Phantom | None = None
    """The synthetic hospital, which makes films, fields and slides below `phantom.root`.

    Reruns: the source
    """
    sources: Annotated[dict[Name, AnySource], Field(min_length=1)]
    """Sources of images, labels and reports, by names of your choice.

    Reruns: the source
    """
    groups: Annotated[dict[Name, Group], Field(min_length=1)]
    """Study groups, by names of your choice: the classes that a network tells apart, and its
    networks.

    A group's name is a target of Snakemake, so it may not be the name of a rule.

    Reruns: the group
    """
    split: Split = Split()
    """How images are divided into training and validation."""
    training: RepeatedTraining = RepeatedTraining()
    """How the network of each group is trained, and how many times.

    Reruns: the network
    """
    attacks: Annotated[dict[Name, AnyAttack], Field(min_length=1)]
    """Attacks on every network, by names of your choice.

    Reruns: the attack
    """
    controls: Annotated[dict[Name, AnyControl], Field(max_length=100)] = {}
    """Changes of images that are no attack on one image: corruptions and universal perturbations.

    Reruns: the control
    """
    checks: Checks = Checks()
    """On how many images the expensive checks of each attack run."""
    training_size: Annotated[
        list[TrainingSize],
        Field(max_length=100),
        BeforeValidator(as_list, json_schema_input_type=TrainingSize | list[TrainingSize] | None),
    ] = []
    """Networks trained on parts of a group's training images (Fig. 3d): one section, or a list with
    one section a group.

    Reruns: the networks that are new
    """
    operating_points: OperatingPoints = OperatingPoints()
    """The doses at which figures, conclusions and sums are read from the response surface."""
    measures: Measures = Measures()
    """How the response surface is measured."""
    acceptance: Annotated[
        list[Limit],
        Field(max_length=100),
        BeforeValidator(as_list, json_schema_input_type=Limit | list[Limit] | None),
    ] = []
    """Limits to which `pgdose gate` holds the results: one section, or a list of sections."""

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
