"""docs/reference/attacks.md: kinds, forms and parts of attacks, and controls."""

import inspect
from collections.abc import Mapping
from typing import Any, get_args

from pgdose.attack.corruptions.documentation import severity_table
from pgdose.attack.corruptions.gradings import GRADINGS
from pgdose.attack.libraries import LIBRARIES
from pgdose.attack.projections import CLIPS
from pgdose.reference.markdown import code, codes, heading, page, table
from pgdose.study.attacks import (
    CONTRADICTIONS,
    FORMS,
    PARTS_OF_ALL_FORMS,
    Attack,
    ExternalAttack,
    GradientAttack,
    NoiseAttack,
)
from pgdose.study.base import Model
from pgdose.study.controls import MODALITIES_OF, Corruption, UniversalPerturbation

PATH = "docs/reference/attacks.md"

KINDS = {
    "gradient": "follows the gradient of the network, step by step; the default",
    "noise": "draws uniform noise of the same size anew at each iteration: the control",
    "external": "runs an attack of another library",
}
SOURCES = {
    "fgsm": "Goodfellow et al. 2015, arXiv:1412.6572",
    "bim": "Kurakin et al. 2017, arXiv:1607.02533",
    "pgd": "Madry et al. 2018, arXiv:1706.06083",
    "mi-fgsm": "Dong et al. 2018, arXiv:1710.06081",
    "pgd-l2": "Madry et al. 2018, in the L2 norm",
    "apgd-ce": "Croce & Hein 2020, arXiv:2003.01690",
    "apgd-dlr": "Croce & Hein 2020, arXiv:2003.01690; needs three classes",
}
# Of each part that has a list of values: what each value does.
PARTS: dict[str, dict[str, str]] = {
    "gradient_of": {
        "probability": "the softmax probability of the class",
        "logit": "the logit of the class",
        "cross_entropy": "the logarithm of its probability",
        "margin": "its logit less the largest logit of the other classes",
        "dlr": "the margin over the first less the third logit; needs three classes",
        "wrong_class": "minus the log-probability of the likeliest wrong class: against a "
        "detector that trusts confident answers (Stutz et al. 2020)",
    },
    "step": {
        "raw": "`lr` times the gradient; the default under `schedule: constant`",
        "sign": "`alpha` times the sign of each entry of the gradient",
        "l2": "`alpha` times the gradient at length 1",
    },
    "clip": {
        "iterate": "each pixel changes by at most epsilon (L-infinity)",
        "l2": "the whole change has at most the length epsilon (L2)",
        "gradient": "each entry of the gradient is cut to epsilon; the change of the image is "
        "bounded by [0, 1] alone",
    },
    "start": {
        "clean": "from the image",
        "random": "from an image drawn evenly from the box or ball, `restarts` times",
    },
    "schedule": {
        "constant": "all steps have one length",
        "apgd": "Auto-PGD: the step begins at 2 epsilon and is halved where progress stalls",
    },
    "shortcuts": {
        "sharing": "epsilons share their steps until a box binds",
        "repeats": "an iterate that returns ends the computation of its cycle",
        "wrong": "images that the network gets wrong are not attacked",
    },
}
PART_TITLES = {
    "gradient_of": "The loss",
    "step": "The step",
    "clip": "The norm",
    "start": "The start",
    "schedule": "The schedule",
    "shortcuts": "The shortcuts",
}

INTRODUCTION = """\
Each entry of the section `attacks` of a study is an attack with a name of your choice. Its epsilons
are amplitudes in units of the full intensity range [0, 1]; under `clip: l2` they are lengths of the
whole change. All keys with their defaults: [the study file](study.md). Reasons and measurements:
[attacks](../explanation/attacks.md)."""

TARGET = """\
Without `target` an attack drives each image away from its true class: it lowers the value of
`gradient_of` for the true class. With `target: CLASS` it raises the value for that class, and
images of that class are not attacked. `target: least_likely` takes for each image the class with
the lowest logit on the clean image. `dlr` and `wrong_class` take no target."""

LIBRARIES_TEXT = """\
`kind: external` runs an attack by the name of its class in one of these libraries. Install them
with `pip install 'pgdose[peers]'`, which pins exact versions. `arguments` are those of the class;
pgdose sets the network, epsilon, and the argument that `iterations_as` names. A wrong name or
argument is a mistake of the study, and the message lists the right ones. Epsilon has the norm that
the library gives it. The attack runs once for each number of iterations in `at`; without `at`, for
`max_iter` alone."""


def pages() -> dict[str, str]:
    parts = [INTRODUCTION, heading(2, "Kinds"), _kinds()]
    parts += [heading(2, "Forms: well-known attacks"), *_forms()]
    for name in PARTS:
        parts += [heading(2, f"{PART_TITLES[name]}: {code(name)}"), _values(name)]
    parts += [heading(2, "The target: `target`"), TARGET]
    parts += [heading(2, "Parts that exclude each other"), *_contradictions()]
    parts += [heading(2, "Attacks of other libraries"), LIBRARIES_TEXT, _libraries()]
    parts += [heading(2, "Controls"), *_controls()]
    sources = "the registries of attacks and src/pgdose/reference/attacks.py"
    return {PATH: page("Attacks and controls", sources, *parts)}


def _kinds() -> str:
    models: dict[str, type[Attack]] = {
        "gradient": GradientAttack,
        "noise": NoiseAttack,
        "external": ExternalAttack,
    }
    _same_names("kind", KINDS, models)
    rows = [
        (code(f"kind: {name}"), KINDS[name], codes(_own_fields(model)))
        for name, model in models.items()
    ]
    return table(["kind", "what it does", "keys of its own"], rows)


def _forms() -> list[str]:
    _same_names("form", SOURCES, FORMS)
    shared = codes(f"{part}: {value}" for part, value in PARTS_OF_ALL_FORMS.items())
    rows = [
        (
            code(f"form: {name}"),
            codes(f"{part}: {_shown(value)}" for part, value in parts.items()),
            ", ".join(code(key) for key in _needed(parts)) or "nothing",
            SOURCES[name],
        )
        for name, parts in FORMS.items()
    ]
    return [
        f"A form stands for these parts, and for {shared} unless it says another value.",
        table(["form", "stands for", "you give besides epsilon", "from"], rows),
    ]


def _needed(parts: Mapping[str, Any]) -> list[str]:
    """Keys that a form leaves to the study."""
    return ["alpha"] if parts.get("step") in ("sign", "l2") and "alpha" not in parts else []


def _values(name: str) -> str:
    field = GradientAttack.model_fields[name]
    values = [value for value in _literals(field.annotation) if value is not None]
    if name == "clip":
        _same_names(name, CLIPS, values)
    _same_names(name, PARTS[name], values)
    default = field.default if isinstance(field.default, list) else [field.default]
    rows = [
        (code(value) + (" (default)" if value in default else ""), PARTS[name][value])
        for value in values
    ]
    return table(["value", "meaning"], rows)


def _literals(annotation: Any) -> list[Any]:
    """The values of a Literal, also within a list or a union."""
    values: list[Any] = []
    for part in get_args(annotation):
        values += _literals(part) if get_args(part) else [] if isinstance(part, type) else [part]
    return values


def _contradictions() -> list[str]:
    lines = ["- " + text.format(step="sign", alpha="1.5") for _, text in CONTRADICTIONS]
    return ["The study is refused, with one of these sentences:", "\n".join(lines)]


def _libraries() -> str:
    literals = _literals(ExternalAttack.model_fields["library"].annotation)
    _same_names("library", LIBRARIES, literals)
    rows = [(code(name), package, code(module)) for name, (package, module, _) in LIBRARIES.items()]
    return table(["`library`", "package", "classes of attacks in"], rows)


def _controls() -> list[str]:
    _same_names("corruption", MODALITIES_OF, GRADINGS)
    rows = [
        (code(name), ", ".join(MODALITIES_OF[name]), grading.does)
        for name, grading in GRADINGS.items()
    ]
    return [
        "Each entry of the section `controls` is a change of images that is no attack on one "
        "image. `kind: universal` learns one perturbation for all images of a group on its "
        f"training images (keys: {codes(_own_fields(UniversalPerturbation))}). "
        f"`kind: corruption` makes a change that happens in a clinic or a laboratory (keys: "
        f"{codes(_own_fields(Corruption))}). How to use them: [controls](../how-to/controls.md), "
        "[universal perturbations](../how-to/universal.md).",
        heading(3, "Corruptions"),
        table(["corruption", "images", "what becomes of an image"], rows),
        heading(3, "Severities"),
        "The parameter of each corruption at `severities` 1 (slight) to 5 (gross):",
        severity_table(),
    ]


def _own_fields(model: type[Model]) -> list[str]:
    """The keys that a model adds to its base, without `kind`."""
    own = inspect.get_annotations(model)
    return [name for name in own if name in model.model_fields and name != "kind"]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _same_names(what: str, texts: Any, names: Any) -> None:
    if different := set(texts) ^ set(names):
        raise ValueError(f"{what}: the texts of this page and the code differ in {different}")
