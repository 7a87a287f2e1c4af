"""The arguments `attack`, `epsilons` and `max_iter`: the entry of a study that they stand for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import PydanticCustomError

from pgdose.api.labels import refuse_unordered
from pgdose.attack.settings import AttackSettings, Target, attack_entry
from pgdose.errors import UserError
from pgdose.study.amplitudes import DIVISION, divided
from pgdose.study.attacks import FORMS, LEAST_LIKELY, Attack
from pgdose.study.doses import Doses
from pgdose.study.suggestions import nearest, one_of

EPSILONS = tuple(levels / 255 for levels in (0.5, 1, 2, 4, 8, 16))
ITERATIONS = 20
# The way of a step attack over all its iterations, in parts of epsilon (Madry et al. 2018): long
# enough to reach every point of the box from every other.
REACH = 2.5
# By the names of `attack`. `alpha: None`: a step of REACH over all iterations.
NAMED: dict[str, dict[str, Any]] = {
    "sign": {"gradient_of": "cross_entropy", "step": "sign", "alpha": None},
    "paper": {"gradient_of": "probability", "step": "raw", "lr": 0.003},
    "noise": {"kind": "noise"},
    **{name: {"form": name} for name in ("fgsm", "apgd-ce", "apgd-dlr")},
    **{name: {"form": name, "alpha": None} for name in ("bim", "pgd", "mi-fgsm", "pgd-l2")},
}


@dataclass(frozen=True)
class Plan:
    """An attack by its name, and what a study would say of it."""

    name: str
    settings: AttackSettings

    @property
    def doses(self) -> Doses:
        return self.settings.doses


# Keys of an entry that only a study can follow.
OF_A_STUDY = ("images", "export", "shards", "threads", "mem_mb", "runtime")


def read_attack(
    attack: str | Mapping[str, Any] | Attack,
    epsilons: Any,
    max_iter: int | None,
    classes: Sequence[str],
) -> Plan:
    """The attack that the arguments stand for.

    attack:   one of NAMED, an entry of a study's `attacks` as a mapping, or such an entry
    epsilons: rising amplitudes, or one of them; None for those of `attack`, else EPSILONS
    max_iter: None for that of `attack`, else ITERATIONS
    classes:  the names that `target` may say
    """
    name, fields = _fields(attack)
    for key in OF_A_STUDY:
        if key in fields:
            raise UserError(f"attack.{key}: says how a study runs its jobs; leave it out here")
    fields["epsilon"] = _chosen("epsilons", epsilons, fields.get("epsilon"), _is_l2(fields))
    if max_iter is None:
        max_iter = fields.get("max_iter", FORMS.get(name, {}).get("max_iter", ITERATIONS))
    elif fields.get("max_iter", max_iter) != max_iter:
        raise UserError(
            f"max_iter: {max_iter}, but the attack has max_iter {fields['max_iter']}; give one"
        )
    fields["max_iter"] = max_iter = _whole(max_iter)
    target = _target(fields.pop("target", None), classes)
    if "alpha" in fields and fields["alpha"] is None:
        fields["alpha"] = {"of_epsilon": min(1.0, REACH / max_iter)}
    return Plan(name, AttackSettings(attack_entry(fields, "attack"), target))


def _fields(attack: Any) -> tuple[str, dict[str, Any]]:
    """A name for the attack, and its fields."""
    if isinstance(attack, Attack):  # without the parts that its form stands for
        fields = attack.model_dump(mode="json", exclude_unset=True)
        return str(fields.pop("form", None) or "attack"), fields
    if isinstance(attack, Mapping):
        fields = dict(attack)
        if str(fields.get("form")) in FORMS and needs_step(fields):
            fields["alpha"] = None
        return str(fields.get("form", fields.get("name", fields.get("kind", "attack")))), fields
    if isinstance(attack, str):
        if attack not in NAMED:
            raise UserError(f"attack: {attack!r}{nearest(attack, NAMED)}; {one_of(NAMED)}")
        return attack, dict(NAMED[attack])
    raise UserError(
        f"attack: {attack!r:.80}; give a name or a mapping as in a study, "
        "{'form': 'bim', 'alpha': 0.002}"
    )


def needs_step(fields: Mapping[str, Any]) -> bool:
    """Whether a form leaves the length of its step to the study, and `fields` do not give it."""
    return "alpha" not in fields and NAMED[str(fields["form"])].get("alpha", "") is None


def _is_l2(fields: Mapping[str, Any]) -> bool:
    return fields.get("clip") == "l2" or FORMS.get(str(fields.get("form")), {}).get("clip") == "l2"


def _chosen(name: str, given: Any, of_attack: Any, l2: bool) -> list[float]:
    """The amplitudes that an argument or else the attack gives."""
    if (
        given is not None
        and of_attack is not None
        and _floats(name, given) != _floats(name, of_attack)
    ):
        raise UserError(f"{name}: {given}, but the attack has epsilon {of_attack}; give one")
    values = given if given is not None else of_attack
    if values is None:
        if l2:
            raise UserError(f"{name}: missing; give lengths of the whole change, such as [0.5, 1]")
        return list(EPSILONS)
    epsilons = _floats(name, values)
    if not l2 and epsilons and max(epsilons) > 1:
        raise UserError(
            f"{name}: {max(epsilons):g} is more than 1, the full intensity range; divide grey "
            f"levels by 255, {max(epsilons):g} / 255 = {max(epsilons) / 255:.4g}"
        )
    try:
        return list(Doses(tuple(epsilons), 1).epsilons)
    except UserError:
        raise UserError(
            f"{name}: {epsilons}; give amplitudes above 0 in rising order, without repeats"
        ) from None


def _floats(name: str, values: Any) -> list[float]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        values = [values]
    refuse_unordered(values, name, "a list of amplitudes, rising")
    return [_amplitude(name, value) for value in values]


def _amplitude(name: str, value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(DIVISION, value):
        try:
            value = divided(value)
        except PydanticCustomError as error:
            raise UserError(f"{name}: {value!r} {error.message()}") from None
    number = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if number.shape or number.dtype.kind not in "iuf":
        raise UserError(f"{name}: {value!r:.40} is no number; give amplitudes such as 8/255")
    return float(number)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python's or numpy's."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole(max_iter: Any) -> int:
    if not is_whole(max_iter) or max_iter < 1:
        raise UserError(f"max_iter: {max_iter!r:.40}; give a whole number from 1")
    return int(max_iter)


def _target(target: Any, classes: Sequence[str]) -> Target:
    if target is None or target == LEAST_LIKELY:
        return target
    if is_whole(target):
        if not 0 <= target < len(classes):
            raise UserError(f"attack.target: {target}; give 0 to {len(classes) - 1}")
        return int(target)
    if target not in classes:
        choices = [LEAST_LIKELY, *classes]
        raise UserError(f"attack.target: {target!r:.40}; {one_of(choices)}")
    return list(classes).index(target)
