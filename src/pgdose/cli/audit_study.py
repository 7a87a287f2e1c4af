"""The study file that `pgdose audit` writes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgdose.study.versions import CURRENT

EPSILONS = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032]
ATTACKS = {
    "sign": ("bim", "steps of the gradient's sign (BIM, PGD in the maximum norm)"),
    "apgd": ("apgd-ce", "finds its own step: stronger, takes longer"),
    "apgd-dlr": ("apgd-dlr", "apgd with another loss, for at least three classes"),
}


@dataclass(frozen=True)
class AuditPlan:
    """What an audit's study says.

    source, network: their keys in the study
    classes:         the word of each class by its name, in the order of the outputs
    attacks:         some of ATTACKS
    counted:         images that are attacked at most
    max_asr:         a limit for `pgdose gate`
    image:           the keys of `image`
    """

    name: str
    source: Mapping[str, Any]
    network: Mapping[str, Any]
    classes: Mapping[str, str]
    image: Mapping[str, Any]
    epsilons: Sequence[float]
    iterations: int
    attacks: Sequence[str]
    counted: int
    seed: int
    max_asr: float | None = None
    notes: Sequence[str] = field(default=())


def _title(name: str, word: str) -> str:
    """What a reader calls a class: its label, where a page can show it, else its name."""
    return word.strip() if word.isprintable() and word.strip() else name


def study_text(plan: AuditPlan) -> str:
    """The file: YAML with comments, whose keys docs/reference/study-keys.md explains."""
    titles = {name: _title(name, word) for name, word in plan.classes.items()}
    classes = [  # in quotes: a class may be called no, which YAML reads as false
        f"      {_value(name)}: {{source: images, where: {{class: {_value(name)}}}, count: all"
        + (f", title: {_value(title)}}}" if title != name else "}")
        for name, title in titles.items()
    ]
    lines = [
        "# The dose-response of a classifier that exists already: nothing is trained.",
        "# Written by `pgdose audit`. Change it where a guess is wrong, then carry it out again:",
        "#   pgdose run study.yaml",
        "# docs/reference/study-keys.md explains every key.",
        *map(_comment, plan.notes),
        "",
        f"format_version: {CURRENT}",
        f"study: {_value(plan.name)}",
        f"seed: {plan.seed}",
        "",
        "sources:",
        "  images:",
        *_entries(plan.source, 4),
        "",
        "groups:",
        f"  {_value(plan.name)}:",
        f"    title: {_value(' / '.join(titles.values()))}",
        "    image: # how the images of the network's input are made",
        *_entries(plan.image, 6),
        "    network:",
        *_entries(plan.network, 6),
        "    classes:",
        *classes,
        "",
        "training: {batch: 16, threads: 1, mem_mb: 8000} # how clean images are judged",
        "",
        *_attack_lines(plan),
        "",
        *_points(plan),
        *_limit(plan),
    ]
    return "\n".join(lines) + "\n"


def _attack_lines(plan: AuditPlan) -> list[str]:
    doses = f"[{', '.join(_number(epsilon) for epsilon in plan.epsilons)}]"
    common = f"images: {plan.counted}, threads: 1, mem_mb: 8000, runtime: 600"
    lines = [
        "# epsilon: the largest change of a pixel, where 0 is black and 1 is white",
        "attacks:",
    ]
    anchor = "&doses "
    for name in plan.attacks:
        form, what = ATTACKS[name]
        lines += [f"  {name}: # {what}", f"    form: {form}"]
        if form == "bim":
            part = _number(step_part(plan.iterations))
            lines.append(f"    alpha: {{of_epsilon: {part}}} # each step")
        lines += [
            f"    epsilon: {anchor}{doses if anchor else '*doses'}",
            f"    max_iter: {plan.iterations}",
            f"    {common.replace(', ', chr(10) + '    ')}",
        ]
        anchor = ""
    lines += [
        "  noise: # what chance does at the same amplitudes",
        "    kind: noise",
        "    epsilon: *doses",
        "    max_iter: 1",
        f"    {common.replace(', ', chr(10) + '    ')}",
    ]
    return lines


def _points(plan: AuditPlan) -> list[str]:
    middle = operating_epsilon(plan.epsilons)
    several = sorted({plan.epsilons[0], middle})
    return [
        "operating_points: # where tables and figures cut the curve",
        f"  epsilon: {_number(middle)}",
        f"  iterations: {plan.iterations}",
        f"  epsilons_over_iterations: [{', '.join(_number(e) for e in several)}]",
        f"  flips_epsilon: {_number(middle)}",
    ]


def _limit(plan: AuditPlan) -> list[str]:
    if plan.max_asr is None:
        return []
    epsilon = _number(operating_epsilon(plan.epsilons))
    limit = f"attack: {plan.attacks[0]}, epsilon: {epsilon}, max_asr: {_number(plan.max_asr)}"
    return ["", f"acceptance: {{{limit}, confidence: 0.95}} # what `pgdose gate` holds it to"]


def step_part(iterations: int) -> float:
    """The part of an epsilon that a step is long: enough to go there and back, and at most all."""
    return min(max(0.1, 2.5 / iterations), 1.0)


def operating_epsilon(epsilons: Sequence[float]) -> float:
    """The amplitude that is nearest to a grey level of 255."""
    return min(epsilons, key=lambda epsilon: abs(epsilon - 1 / 255))


def _entries(values: Mapping[str, Any], indent: int) -> list[str]:
    return [f"{' ' * indent}{name}: {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    """JSON, which is YAML too: no text of a person's file can be more than a text."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def _comment(text: str) -> str:
    """A comment of one line, whatever marks a label has in it."""
    return "# " + "".join(c if c.isprintable() else "?" for c in text)


def _number(value: float) -> str:
    """Without an exponent, which YAML reads as a number only in some spellings."""
    text = f"{value:.6g}"
    return f"{value:.15f}".rstrip("0") if "e" in text else text
