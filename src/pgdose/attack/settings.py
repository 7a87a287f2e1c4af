"""From an entry of the study to the attack: `read_settings` for jobs, `make` for everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from pgdose.attack.apgd import Apgd
from pgdose.attack.noise import Noise
from pgdose.attack.objectives import OBJECTIVES
from pgdose.attack.projections import CLIPS
from pgdose.attack.steps import Attack, GradientDescent
from pgdose.study.attacks import (
    AnyAttack,
    ExternalAttack,
    GradientAttack,
    NoiseAttack,
    OfEpsilon,
)
from pgdose.study.doses import Doses

Target = int | str | None  # the index of a class, least_likely, or away from the true class
_MODEL: TypeAdapter[AnyAttack] = TypeAdapter(AnyAttack)


@dataclass(frozen=True)
class AttackSettings:
    """An attack as one group meets it: the study's entry, and its target among their classes."""

    entry: GradientAttack | NoiseAttack | ExternalAttack
    target: Target

    @property
    def doses(self) -> Doses:
        return self.entry.doses

    def make(self) -> Attack | None:
        """The attack; None for one of another library."""
        if isinstance(self.entry, ExternalAttack):
            return None
        return make(self.entry, self.target)


def read_settings(fields: Mapping[str, Any]) -> AttackSettings:
    """Settings that a rule wrote as JSON: fields of the study's entry, `target` resolved."""
    entry = _MODEL.validate_python({k: v for k, v in fields.items() if k != "target"})
    return AttackSettings(entry, fields.get("target"))


def make(settings: GradientAttack | NoiseAttack, target: Target = None) -> Attack:
    """The attack that an entry of the study describes.

    `target` replaces the entry's, which may be the name of a class: it is the index of a class,
    least_likely, or None.
    """
    if isinstance(settings, NoiseAttack):
        return Noise()
    parts: dict[str, Any] = {
        "objective": OBJECTIVES[settings.gradient_of],
        "target": target,
        "clip": CLIPS[settings.clip],
        "start": settings.start,
        "restarts": settings.restarts,
    }
    if settings.schedule == "apgd":
        return Apgd(**parts)
    rate = settings.lr
    if isinstance(settings.alpha, OfEpsilon):
        rate = settings.alpha.of_epsilon
    elif settings.alpha is not None:
        rate = settings.alpha
    assert settings.step is not None and rate is not None  # the study checks it
    return GradientDescent(
        **parts,
        step=settings.step,
        rate=rate,
        momentum=settings.momentum,
        rate_is_relative=isinstance(settings.alpha, OfEpsilon),
    )
