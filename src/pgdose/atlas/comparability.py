"""Which attacks of several studies are the same attack, and what differs in those that are not.

Two attacks are the same if all settings that decide what they do to an image are equal, and so are
the definition of success and the operating iteration. Their names in the studies do not count.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgdose.atlas.shared_study import SharedStudy

LINES_OF = "epsilons"  # the one key of an attack that does not decide what it does
EACH_PIXEL = "iterate"  # what epsilon bounds: the change of each pixel, an L-infinity norm


@dataclass(frozen=True)
class CommonAttack:
    """An attack as several studies have it.

    label:    its name in most of them; with what differs, where another attack has that name too
    names:    its name in each study that has it
    settings: what they have in common
    """

    label: str
    names: Mapping[str, str]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class SetApart:
    """Something of a study that is not pooled, and why."""

    study: str
    what: str
    why: str


def common_attacks(studies: Sequence[SharedStudy]) -> list[CommonAttack]:
    """The attacks of all studies, each once; those of the most studies first."""
    names: dict[str, dict[str, str]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for study in studies:
        for attack in study.about["attacks"]:
            of_attack = attack_settings(study, attack)
            key = settings_key(of_attack)
            # Two attacks of one study may be equal but for their epsilons: the first name stands.
            names.setdefault(key, {}).setdefault(study.name, attack)
            settings[key] = of_attack
    keys = sorted(names, key=lambda key: -len(names[key]))
    usual = {key: Counter(names[key].values()).most_common(1)[0][0] for key in keys}
    return [
        CommonAttack(
            _label(key, usual, settings),
            names[key],
            settings[key],
        )
        for key in keys
    ]


def attack_settings(study: SharedStudy, attack: str) -> dict[str, Any]:
    """All that decides which images an attack flips, but for its amplitude.

    A target class goes by its title, since its name may be another class's in another study. Where
    epsilon is a length over all pixels, the size of the images is a part: at another size the same
    length is another change of each pixel.
    """
    rows = study.rates[study.rates["attack"] == attack]
    groups = [study.about["groups"][group] for group in rows["group"].unique()]
    iterations = sorted({int(iteration) for iteration in rows["iteration"]})
    chosen = {k: v for k, v in study.about["attacks"][attack].items() if k != LINES_OF}
    target = chosen.get("target")
    if titles := {str(of["classes"][target]) for of in groups if target in of["classes"]}:
        chosen["target"] = _one_or_all(title.casefold() for title in titles)
    if what_epsilon_bounds(chosen) not in (EACH_PIXEL, "gradient"):
        chosen["image_size"] = _one_or_all(of["size"] for of in groups)
    return {**chosen, "success": study.about["success"], "iteration": iterations}


def _one_or_all(values: Iterable[Any]) -> Any:
    """The value that the groups of a study have in common, else a sorted list."""
    by_text = {json.dumps(value): value for value in values}
    different = [by_text[text] for text in sorted(by_text)]
    return different[0] if len(different) == 1 else different


def what_epsilon_bounds(settings: Mapping[str, Any]) -> str:
    """`iterate` (the change of each pixel), `gradient`, or a norm over all pixels such as `l2`.

    Of an attack of another library its norm stands in its arguments, or in its name (L2PGD,
    CarliniL2Method); without either it is taken to bound each pixel.
    """
    if settings.get("kind") != "external":
        return str(settings.get("clip", EACH_PIXEL))
    in_name = re.search(r"L(inf|\d+)", str(settings.get("name")), re.IGNORECASE)
    norm = (settings.get("arguments") or {}).get("norm") or (in_name[1] if in_name else "inf")
    order = str(norm).lower().removeprefix("l").removesuffix(".0")
    return EACH_PIXEL if order.startswith("inf") else f"l{order}"


def settings_key(settings: Mapping[str, Any]) -> str:
    """A text that is equal for equal settings: 1 and 1.0 are, and so are none and left out."""
    return json.dumps(_uniform(settings), sort_keys=True)


def _uniform(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _uniform(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_uniform(item) for item in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_whole else value


def _label(key: str, usual: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]) -> str:
    """The usual name, with the settings in which others of that name differ."""
    others = [other for other in usual if usual[other] == usual[key] and other != key]
    different = sorted(
        {
            name
            for other in others
            for name in settings[key].keys() | settings[other].keys()
            if settings[key].get(name) != settings[other].get(name)
        }
    )
    parts = ", ".join(f"{name} {setting_text(settings[key].get(name))}" for name in different)
    return f"{usual[key]} ({parts})" if parts else usual[key]


def setting_text(value: Any) -> str:
    """A setting in a sentence."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return " ".join(map(setting_text, value))
    if isinstance(value, dict):
        return " ".join(f"{setting_text(item)} {name}" for name, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing_attacks(attacks: Sequence[CommonAttack]) -> list[SetApart]:
    """The attacks that one study alone has, with the settings in which the nearest one differs."""
    apart = []
    for attack in attacks:
        if len(attack.names) > 1:
            continue
        ((study, name),) = attack.names.items()
        others = [other for other in attacks if other is not attack]
        near = min(others, key=lambda other: _distance(attack, other), default=None)
        if near is None:
            why = "no other study has an attack"
        else:
            parts = [
                f"{key} is {setting_text(mine)}, not {setting_text(other)}"
                for key in sorted(attack.settings.keys() | near.settings.keys())
                if (mine := attack.settings.get(key)) != (other := near.settings.get(key))
            ]
            why = f"no other study has it; nearest is {near.label}: {'; '.join(parts)}"
        apart.append(SetApart(study, f"attack {name}", why))
    return apart


def _distance(one: CommonAttack, other: CommonAttack) -> tuple[int, int]:
    keys = one.settings.keys() | other.settings.keys()
    different = sum(one.settings.get(key) != other.settings.get(key) for key in keys)
    same_name = bool(set(one.names.values()) & set(other.names.values()))
    return (not same_name, different)
