"""The whole study file, and the questions that other code asks of it."""

from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from pgdose.study.attacks import AnyAttack
from pgdose.study.base import Model, Name, Place
from pgdose.study.evaluation import Checks, Measures, OperatingPoints, TrainingSize
from pgdose.study.groups import Group
from pgdose.study.networks import OF_ARCHITECTURE, ExistingNetwork, Training, network_kind
from pgdose.study.phantom import Phantom
from pgdose.study.runs import MAIN_RUN
from pgdose.study.sources import TILED, AnySource, DicomArchive


class Privacy(Model):
    key: Place = "private/key"
    folder: Place = ""  # private/<name of the results folder>


class Split(Model):
    training: Annotated[float, Field(gt=0, lt=1)] = 0.8
    by: Literal["patient"] = "patient"


class Study(Model):
    study: Name
    seed: Annotated[int, Field(ge=0)] = 2019
    results: Place = ""
    privacy: Privacy = Privacy()
    phantom: Phantom | None = None
    sources: Annotated[dict[Name, AnySource], Field(min_length=1)]
    groups: Annotated[dict[Name, Group], Field(min_length=1)]
    split: Split = Split()
    training: Training = Training()
    attacks: Annotated[dict[Name, AnyAttack], Field(min_length=1)]
    checks: Checks = Checks()
    training_size: TrainingSize | None = None
    operating_points: OperatingPoints = OperatingPoints()
    measures: Measures = Measures()

    @model_validator(mode="before")
    @classmethod
    def _default_folders(cls, raw: Any) -> Any:
        """Two studies share neither results nor the paths that lead to their files."""
        if isinstance(raw, dict):
            results = str(raw.get("results") or f"results/{raw.get('study')}").rstrip("/")
            privacy = raw.get("privacy") or {}
            if isinstance(privacy, dict) and not privacy.get("folder"):
                privacy = {**privacy, "folder": f"private/{results.rsplit('/', 1)[-1]}"}
            raw = {**raw, "results": results, "privacy": privacy}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _as_the_others(cls, raw: Any) -> Any:
        """What a group's further networks do not say of their training is the study's."""

        def mapping(value: Any) -> dict[str, Any]:
            return value if isinstance(value, dict) else {}

        def filled(entry: Any) -> Any:
            if not isinstance(entry, dict) or network_kind(entry) == "brought":
                return entry
            usual = dict(mapping(raw.get("training")))
            try:
                Training.model_validate(usual)
            except ValidationError:  # told once, where it stands
                return entry
            own = usual.get("architecture", "inception_v3")
            if entry.get("architecture", own) != own:
                usual = {k: v for k, v in usual.items() if k not in OF_ARCHITECTURE}
            return {**usual, **entry}

        groups = {
            name: {**group, "networks": {n: filled(e) for n, e in group["networks"].items()}}
            for name, group in mapping(mapping(raw).get("groups")).items()
            if isinstance(group, dict) and isinstance(group.get("networks"), dict)
        }
        return {**raw, "groups": {**raw["groups"], **groups}} if groups else raw

    def modality(self, group: str) -> str:
        """xray, histology or other: what the group's first source says."""
        return self.sources[next(iter(self.groups[group].classes.values())).source].modality

    def channels(self, group: str) -> int:
        """A grey X-ray is one channel, also to the attack; all else is colour."""
        return 1 if self.modality(group) == "xray" else 3

    def sources_of(self, group: str) -> list[str]:
        return sorted({entry.source for entry in self.groups[group].classes.values()})

    def tiled(self, group: str) -> bool:
        """Whether the group's pixels are tiles that its sources own."""
        return all(self.sources[source].kind in TILED for source in self.sources_of(group))

    def training_share(self, group: str) -> float:
        """How much of a group is learned from; nothing where the network exists already."""
        return 0.0 if self.groups[group].network else self.split.training

    def networks(self, group: str) -> dict[str, ExistingNetwork | Training]:
        """By run: the group's network, `full`, and more of them on the same images."""
        own = self.groups[group]
        return {MAIN_RUN: own.network or self.training, **own.networks}

    def runs(self, group: str) -> list[str]:
        """`full`, other networks, and for the group of `training_size` one per size and repeat."""
        more = []
        if self.training_size and self.training_size.group == group:
            more = [
                f"n{size}-r{repeat}"
                for size in self.training_size.sizes
                for repeat in range(1, self.training_size.repeats + 1)
            ]
        return [*self.networks(group), *more]

    def attacks_of(self, group: str, run: str) -> list[str]:
        if run in self.networks(group) or self.training_size is None:
            return list(self.attacks)
        return list(self.training_size.attacks)

    def synthetic(self, source: str) -> bool:
        """Whether the synthetic hospital makes the source."""
        entry = self.sources[source]
        table = entry.reports.table if isinstance(entry, DicomArchive) else entry.table
        place = table or entry.root
        return self.phantom is not None and PurePath(place).is_relative_to(self.phantom.root)

    def target(self, group: str, attack: str) -> int | str | None:
        """What a targeted attack aims at: a class's index in the group, least_likely or None."""
        wanted = getattr(self.attacks[attack], "target", None)
        classes = list(self.groups[group].classes)
        return classes.index(wanted) if wanted in classes else wanted

    def shown_attack(self) -> str:
        """The attack of Figs. 1 and 2, whose images are made again for them."""
        own = [a for a, attack in self.attacks.items() if attack.kind != "external"]
        return self.operating_points.attack or next(iter([*own, *self.attacks]))
