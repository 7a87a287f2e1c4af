"""Section `attacks`: gradient attacks, the noise control and attacks of other libraries."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from pgdose.study.amplitudes import DIVISION, Amplitude, divided, rising
from pgdose.study.base import (
    JOB_ONLY,
    Count,
    CountOrZero,
    Iterations,
    Megabytes,
    Minutes,
    Model,
    Name,
    Real,
    Repeats,
    Shards,
    Threads,
    UsedBy,
    mistake,
)
from pgdose.study.doses import Doses
from pgdose.study.field_types import Identifier

LEAST_LIKELY = "least_likely"  # the target class that the clean image's logits rank last


class OfEpsilon(Model):
    """The length of a step in parts of epsilon; 2 leads from one edge of the box to the other."""

    of_epsilon: Annotated[Amplitude, Field(le=2)]
    """Length of a step in parts of epsilon; 2 leads from one edge of the box to the other.

    Unit: parts of epsilon
    """


def _kind_of_alpha(raw: Any) -> str:
    return "relative" if isinstance(raw, dict | OfEpsilon) else "absolute"


# One length for all epsilons, or another one for each.
Alpha = Annotated[
    Annotated[Amplitude, Tag("absolute")] | Annotated[OfEpsilon, Tag("relative")],
    Discriminator(_kind_of_alpha),
]


class Export(Model):
    """Adversarial images of each group as files."""

    images: CountOrZero
    """Attacked images of each group that are written as files; 0: none.

    Unit: images
    """
    dicom: bool = False
    """Write them as DICOM too, with a notice beside the picture."""


def _kind_of_export(raw: Any) -> str:
    return "mapping" if isinstance(raw, dict | Export) else "number"


# How many images, or a mapping that says more.
AnyExport = Annotated[
    Annotated[CountOrZero, Tag("number")] | Annotated[Export, Tag("mapping")],
    Discriminator(_kind_of_export),
]


class Attack(Model):
    """The keys that all attacks have."""

    epsilon: Annotated[list[Amplitude], Field(min_length=1, max_length=100), AfterValidator(rising)]
    """Amplitudes, in rising order; a division such as `8/255` is a number too. The largest change
    of a pixel, at most 1; with `clip: l2` the length (L2) of the change; with `clip: gradient`
    the largest value of the gradient.

    Unit: full intensity range [0, 1]
    """
    max_iter: Iterations = 20
    """Iterations. The success after each of them is in the tables.

    Unit: iterations
    """
    images: Count | Literal["all"] = "all"
    """Validation images of each group that are attacked, drawn by the seed, or `all`.

    Unit: images
    """
    export: Annotated[AnyExport, UsedBy("export")] = 0
    """Attacked images of each group that are written as files below
    `groups/<group>/full/<attack>/images/`: a number, or a section.

    Unit: images
    Only: not for attacks of other libraries
    Reruns: exported images
    """
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Precision of the network's arithmetic on CUDA; on a CPU it is `fp32`."""
    shards: Annotated[Shards, JOB_ONLY] = 1
    """How many jobs share the images of a network. Results do not depend on it.

    Unit: jobs
    """
    batch: Count | None = None
    """Images at a time. Left out: as many as fit into `mem_mb`, or into the GPU.

    Unit: images
    """
    threads: Annotated[Threads, JOB_ONLY] = 2
    """CPU threads of the job.

    Unit: threads
    """
    mem_mb: Annotated[Megabytes, JOB_ONLY] = 3000
    """Memory that the job may take, and asks a cluster for.

    Unit: MB
    Reruns: the page; also the measures, if the attack then shares its job with other attacks
    """
    runtime: Annotated[Minutes, JOB_ONLY] = 60
    """Time that the attack asks a cluster for.

    Unit: minutes
    Reruns: the page
    """

    @property
    def doses(self) -> Doses:
        return Doses(tuple(self.epsilon), self.max_iter)

    @property
    def export_settings(self) -> Export:
        return self.export if isinstance(self.export, Export) else Export(images=self.export)

    @property
    def largest_epsilon(self) -> float:
        """The largest amplitude that makes sense."""
        return 1.0

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.epsilon[-1] > self.largest_epsilon:
            raise mistake(
                "{largest} is more than 1, the full intensity range; use at most 1",
                field="epsilon",
                largest=self.epsilon[-1],
            )
        return self


# The parts of well-known attacks. FGSM is one step that reaches the edge of every box.
FORMS: dict[str, dict[str, Any]] = {
    "fgsm": {"step": "sign", "start": "clean", "momentum": 0.0, "alpha": 1.0, "max_iter": 1},
    "bim": {"step": "sign", "start": "clean", "momentum": 0.0},
    "pgd": {"step": "sign", "start": "random", "momentum": 0.0},
    "mi-fgsm": {"step": "sign", "start": "clean", "momentum": 1.0},
    "pgd-l2": {"step": "l2", "start": "random", "momentum": 0.0, "clip": "l2"},
    "apgd-ce": {"schedule": "apgd", "start": "random"},
    "apgd-dlr": {"schedule": "apgd", "start": "random", "gradient_of": "dlr"},
}
PARTS_OF_ALL_FORMS = {"gradient_of": "cross_entropy", "clip": "iterate", "schedule": "constant"}


class GradientAttack(Attack):
    """Eq. 1 of the protocol and its relatives, composed of small parts."""

    kind: Literal["gradient"] = "gradient"
    """`gradient`: an attack of parts that the study chooses. It may be left out."""
    form: Annotated[
        Literal["fgsm", "bim", "pgd", "mi-fgsm", "pgd-l2", "apgd-ce", "apgd-dlr"] | None,
        UsedBy(),
    ] = None
    """A well-known attack by its name, which sets its parts."""
    gradient_of: Literal[
        "probability", "logit", "cross_entropy", "margin", "dlr", "wrong_class"
    ] = "probability"
    """What the attack lowers or raises: a function of the network's outputs. `wrong_class` goes on
    until the wrong diagnosis looks sure.
    """
    target: Name | None = None
    """Class that the attack leads to, or `least_likely`, the one that the clean image's logits rank
    last. Left out: away from the true class.

    Only: not with `gradient_of: dlr` or `wrong_class`
    """
    step: Literal["raw", "sign", "l2"] | None = None
    """How a gradient becomes a step: `raw`, times `lr`; `sign`, its sign times `alpha`; `l2`, its
    direction times `alpha`. Left out: `raw`.

    Only: not with `schedule: apgd`
    """
    momentum: Annotated[Real, Field(ge=0)] = 0.0
    """Weight of earlier gradients in a step.

    Unit: none
    Only: with `step: sign` or `l2`
    """
    clip: Literal["iterate", "l2", "gradient"] = "iterate"
    """What `epsilon` bounds: `iterate`, the change of each pixel (a box); `l2`, the length of the
    change (a ball); `gradient`, the gradient's values.
    """
    start: Literal["clean", "random"] = "clean"
    """Where it starts: at the `clean` image, or at a `random` point of the box or ball.

    Only: `random` not with `clip: gradient`
    """
    restarts: Repeats = 1
    """Starts, of which the best one counts.

    Unit: starts
    Only: more than 1 with `start: random`
    """
    schedule: Literal["constant", "apgd"] = "constant"
    """`constant` steps, or `apgd`: the step's length, momentum and restarts of AutoAttack's APGD.
    """
    lr: Annotated[Real, Field(gt=0)] | None = None
    """Factor of a raw step.

    Unit: none
    Only: needed with `step: raw`
    """
    alpha: Alpha | None = None
    """Length of a step: one number for all epsilons, or `{of_epsilon: 0.25}`, a part of each.

    Unit: full intensity range [0, 1]
    Only: needed with `step: sign` or `l2`
    """
    shortcuts: list[Literal["sharing", "repeats", "wrong"]] = ["sharing", "repeats", "wrong"]
    """Ways to save gradients that change no result. Leave one out to check that."""

    @property
    def largest_epsilon(self) -> float:
        return float("inf") if self.clip == "l2" else 1.0

    def alpha_at(self, epsilon: float) -> float | None:
        """The length of a sign or l2 step at one epsilon; None for other steps."""
        if isinstance(self.alpha, OfEpsilon):
            return self.alpha.of_epsilon * epsilon
        return self.alpha

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, raw: Any) -> Any:
        """Add the parts that a form stands for, and the step that is usual without one."""
        if not isinstance(raw, dict):
            return raw
        if (form := str(raw.get("form"))) in FORMS:
            parts = PARTS_OF_ALL_FORMS | FORMS[form]
            for part, value in parts.items():
                if raw.get(part, value) != value:
                    raise mistake(
                        "'form: {form}' sets '{part}: {value}', but the study sets {given}; leave "
                        "out '{part}' or 'form'",
                        field=part,
                        **{"form": form, "part": part, "value": value, "given": raw[part]},
                    )
            raw = {**raw, **parts}
        if raw.get("schedule", "constant") == "constant":
            raw = {**raw, "step": "raw" if raw.get("step") is None else raw["step"]}
        return raw

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        for contradicts, text in CONTRADICTIONS:
            if contradicts(self):
                raise mistake(text, step=self.step, alpha=self.alpha)
        return self


# Parts that do not go together, and what to do.
CONTRADICTIONS: tuple[tuple[Callable[[GradientAttack], Any], str], ...] = (
    (
        lambda a: a.schedule == "apgd" and (a.step or a.momentum or a.lr or a.alpha),
        "'schedule: apgd' sets step, momentum and rate itself; leave out 'step', 'momentum', "
        "'lr' and 'alpha'",
    ),
    (
        lambda a: a.schedule == "apgd" and a.clip == "gradient",
        "'schedule: apgd' needs a box or a ball; use 'clip: iterate' or 'clip: l2'",
    ),
    (
        lambda a: a.step == "raw" and isinstance(a.alpha, OfEpsilon),
        "'alpha' in parts of epsilon is for sign and l2 steps, but 'step: raw' is as long as its "
        "gradient times 'lr'; set 'step: sign', or give 'lr' instead of 'alpha'",
    ),
    (
        lambda a: a.step == "raw" and (a.lr is None or a.alpha is not None),
        "'step: raw' needs 'lr' and does not use 'alpha'; set only 'lr'",
    ),
    (
        lambda a: a.step in ("sign", "l2") and (a.alpha is None or a.lr is not None),
        "'step: {step}' needs 'alpha' and does not use 'lr'; set only 'alpha'",
    ),
    (
        lambda a: a.step == "sign" and isinstance(a.alpha, float) and a.alpha > 1,
        "'alpha: {alpha}' is more than 1, the full intensity range; use at most 1",
    ),
    (
        lambda a: a.clip == "gradient" and a.step != "raw",
        "'clip: gradient' needs 'step: raw'; with 'step: {step}' use 'clip: iterate'",
    ),
    (
        lambda a: a.momentum and a.step == "raw",
        "'momentum' does not work with 'step: raw', which does not scale the gradient; use "
        "'step: sign' or 'step: l2'",
    ),
    (
        lambda a: a.start == "random" and a.clip == "gradient",
        "'start: random' needs a box or a ball, which 'clip: gradient' does not have; use "
        "'start: clean'",
    ),
    (
        lambda a: a.restarts > 1 and a.start == "clean",
        "'restarts' from the clean image all give the same result; use 'start: random'",
    ),
    (
        lambda a: a.gradient_of == "dlr" and a.target is not None,
        "'gradient_of: dlr' takes no 'target'; use 'gradient_of: margin'",
    ),
    (
        lambda a: a.gradient_of == "wrong_class" and a.target is not None,
        "'gradient_of: wrong_class' takes no 'target', since it raises the likeliest wrong class; "
        "use 'gradient_of: cross_entropy', which raises the target's probability, or leave "
        "'target' out",
    ),
)


class NoiseAttack(Attack):
    """The control: uniform noise of the same amplitude, drawn anew at each iteration."""

    kind: Literal["noise"]
    """`noise`: the control, uniform noise of the same amplitude, drawn anew at each iteration."""


def _as_number(value: Any) -> Any:
    """A number that YAML takes for a text: 8/255 or 1e-3."""
    if isinstance(value, str) and re.fullmatch(DIVISION, value):
        return divided(value)
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


Argument = Annotated[bool | int | float | str | None, BeforeValidator(_as_number)]


class ExternalAttack(Attack):
    """An attack of another library, by the name of its class there."""

    kind: Literal["external"]
    """`external`: an attack of another library."""
    library: Literal["art", "foolbox", "torchattacks"]
    """The library; install it with `pip install 'pgdose[art]'`, `[foolbox]` or `[torchattacks]`."""
    name: Identifier
    """Name of the attack's class in the library, such as `PGD`."""
    arguments: dict[str, Argument] = {}
    """Arguments of the class: `{alpha: 1/255}`.

    Unit: that of the library
    """
    iterations_as: Identifier | None = None
    """Argument that sets the number of iterations. Left out: there is none, and the attack runs
    once, which counts as `max_iter`.
    """
    at: list[Iterations] = []
    """Run for each of these numbers of iterations; the last is `max_iter`. Empty: for `max_iter`
    alone.

    Unit: iterations
    Only: with `iterations_as`
    """

    @property
    def largest_epsilon(self) -> float:
        return float("inf")  # the norm is the library's matter

    @model_validator(mode="after")
    def _check_runs(self) -> Self:
        if self.export_settings.images:
            raise mistake(
                "'export' repeats the attack, which the attacks of other libraries do not allow; "
                "leave 'export' out"
            )
        if self.at and self.iterations_as is None:
            raise mistake(
                "'at' needs 'iterations_as'; set it to the library's argument for iterations"
            )
        if sorted(set(self.at)) != self.at or (self.at and self.at[-1] != self.max_iter):
            raise mistake(
                "must be numbers of iterations in rising order that end with max_iter, {max_iter}",
                field="at",
                max_iter=self.max_iter,
            )
        return self


def attack_kind(raw: Any) -> str:
    is_mapping = isinstance(raw, dict)
    return str(raw.get("kind", "gradient") if is_mapping else getattr(raw, "kind", "gradient"))


AnyAttack = Annotated[
    Annotated[GradientAttack, Tag("gradient")]
    | Annotated[NoiseAttack, Tag("noise")]
    | Annotated[ExternalAttack, Tag("external")],
    Discriminator(attack_kind),
]
