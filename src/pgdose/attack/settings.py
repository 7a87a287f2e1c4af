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
from pgdose.errors import UserError
from pgdose.study.attacks import (
    LEAST_LIKELY,
    AnyAttack,
    ExternalAttack,
    GradientAttack,
    NoiseAttack,
    OfEpsilon,
    attack_kind,
)
from pgdose.study.doses import Doses
from pgdose.study.sections import section_of
from pgdose.study.suggestions import one_of

Target = int | str | None  # the index of a class, least_likely, or away from the true class
Entry = GradientAttack | NoiseAttack | ExternalAttack
KINDS: dict[str, type[Entry]] = {
    **{"gradient": GradientAttack, "noise": NoiseAttack, "external": ExternalAttack}
}
_MODEL: TypeAdapter[AnyAttack] = TypeAdapter(AnyAttack)


@dataclass(frozen=True)
class AttackSettings:
    """An attack as one group meets it: the study's entry, and its target among their classes."""

    entry: Entry
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


def attack_entry(fields: Mapping[str, Any], name: str = "") -> Entry:
    """An entry of a study's `attacks` from a plain mapping; UserError for one that is wrong.

    `name` begins the message.
    """
    kind = attack_kind(dict(fields))
    if kind not in KINDS:
        raise UserError(f"{f'{name}.' if name else ''}kind: {kind!r:.40}; {one_of(KINDS)}")
    return section_of(KINDS[kind], fields, name)


def make(
    settings: GradientAttack | NoiseAttack | Mapping[str, Any], target: Target = None
) -> Attack:
    """The attack that an entry of the study describes.

    Args:
        settings: the entry, or a mapping with its keys, {"form": "bim", "alpha": 0.002}. The doses
            are no part of an attack: `epsilon` may be left out of a mapping.
        target: replaces the entry's, which may be the name of a class: it is the index of a class,
            least_likely, or None.

    Raises:
        UserError: keys or values that the study would not take, an attack of another library, or
            a target that is the name of a class.
    """
    if isinstance(settings, Mapping):
        entry = attack_entry({"epsilon": [1.0], **settings})
        if isinstance(entry, ExternalAttack):
            raise UserError(
                "kind: 'external' is run by its library; give it to pgdose.dose_response, or to a "
                "study"
            )
        settings = entry
    if isinstance(settings, NoiseAttack):
        return Noise()
    if target is None and settings.target is not None:
        if settings.target != LEAST_LIKELY:
            raise UserError(
                f"target: {settings.target!r} is a name; give the number of the class as "
                "make(..., target=NUMBER)"
            )
        target = settings.target
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
