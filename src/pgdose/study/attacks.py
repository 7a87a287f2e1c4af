"""Section `attacks`: gradient attacks, the noise control and attacks of other libraries."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pgdose.study.base import Count, Identifier, Model, Name, mistake


class Attack(Model):
    epsilon: Annotated[
        list[Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=1)
    ]
    max_iter: Count = 20
    images: Count | Literal["all"] = "all"
    export: Annotated[int, Field(ge=0)] = 0  # images of each group written as PNG
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"  # of the network; others on CUDA only
    shards: Count = 1
    batch: Count | None = None  # images at a time; null: what fits into mem_mb or the GPU
    threads: Count = 2
    mem_mb: Count = 3000
    runtime: Count = 60  # minutes

    @property
    def longest(self) -> float:
        """The largest amplitude that makes sense."""
        return 1.0

    @field_validator("epsilon")
    @classmethod
    def _ascending(cls, epsilon: list[float]) -> list[float]:
        if sorted(set(epsilon)) != epsilon:
            raise mistake("amplitudes in rising order, none twice, in units of the range [0, 1]")
        return epsilon

    @model_validator(mode="after")
    def _within_the_range(self) -> Self:
        if self.epsilon[-1] > self.longest:
            raise mistake(
                "epsilon: {stands}; at most 1, the full intensity range", stands=self.epsilon[-1]
            )
        return self


# What the well-known attacks are made of. FGSM is one step that reaches the edge of every box.
FORMS: dict[str, dict[str, Any]] = {
    "fgsm": {"step": "sign", "start": "clean", "momentum": 0.0, "alpha": 1.0, "max_iter": 1},
    "bim": {"step": "sign", "start": "clean", "momentum": 0.0},
    "pgd": {"step": "sign", "start": "random", "momentum": 0.0},
    "mi-fgsm": {"step": "sign", "start": "clean", "momentum": 1.0},
    "pgd-l2": {"step": "l2", "start": "random", "momentum": 0.0, "clip": "l2"},
    "apgd-ce": {"schedule": "apgd", "start": "random"},
    "apgd-dlr": {"schedule": "apgd", "start": "random", "gradient_of": "dlr"},
}


LEAST_LIKELY = "least_likely"


_OF_ALL_FORMS = {"gradient_of": "cross_entropy", "clip": "iterate", "schedule": "constant"}


class GradientAttack(Attack):
    """Eq. 1 of the protocol and its relatives, put together of small parts."""

    kind: Literal["gradient"] = "gradient"
    form: Literal["fgsm", "bim", "pgd", "mi-fgsm", "pgd-l2", "apgd-ce", "apgd-dlr"] | None = (
        None  # a well-known attack by its name; stands for the parts that it is made of
    )
    gradient_of: Literal["probability", "logit", "cross_entropy", "margin", "dlr"] = "probability"
    target: Name | None = None  # a class's name or least_likely; null: away from the true class
    step: Literal["raw", "sign", "l2"] | None = None  # raw, unless the schedule has its own
    momentum: Annotated[float, Field(ge=0)] = 0.0
    clip: Literal["iterate", "l2", "gradient"] = "iterate"
    start: Literal["clean", "random"] = "clean"
    restarts: Count = 1
    schedule: Literal["constant", "apgd"] = "constant"
    lr: Annotated[float, Field(gt=0)] | None = None
    alpha: Annotated[float, Field(gt=0)] | None = None
    # Work that need not be done; each can be left out of the list to see that nothing changes.
    shortcuts: list[Literal["sharing", "repeats", "wrong"]] = ["sharing", "repeats", "wrong"]

    @property
    def longest(self) -> float:
        return float("inf") if self.clip == "l2" else 1.0

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, raw: Any) -> Any:
        """The parts that a form stands for; a step where the schedule has none."""
        if not isinstance(raw, dict):
            return raw
        parts = FORMS.get(str(raw.get("form")))
        if parts is not None:
            parts = _OF_ALL_FORMS | parts
            for part, value in parts.items():
                if raw.get(part, value) != value:
                    raise mistake(
                        "form: {form} means '{part}: {value}', but {stands} stands there; leave "
                        "one of the two out",
                        **{"form": raw["form"], "part": part, "value": value, "stands": raw[part]},
                    )
            raw = {**raw, **parts}
        if raw.get("schedule", "constant") == "constant":
            raw = {**raw, "step": raw.get("step") or "raw"}
        return raw

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for wrong, why in (
            (
                self.schedule == "apgd" and (self.step or self.momentum or self.lr or self.alpha),
                "'schedule: apgd' has its own step, momentum and rate; leave out 'step', "
                "'momentum', 'lr' and 'alpha'",
            ),
            (
                self.schedule == "apgd" and self.clip == "gradient",
                "'schedule: apgd' needs a box or ball; use 'clip: iterate' or 'clip: l2'",
            ),
            (
                self.step == "raw" and (self.lr is None or self.alpha is not None),
                "'step: raw' takes 'lr' and no 'alpha'",
            ),
            (
                self.step in ("sign", "l2") and (self.alpha is None or self.lr is not None),
                f"'step: {self.step}' takes 'alpha' and no 'lr'",
            ),
            (
                self.step == "sign" and (self.alpha or 0) > 1,
                f"alpha: {self.alpha}; at most 1 with 'step: sign', the full intensity range",
            ),
            (
                self.clip == "gradient" and self.step != "raw",
                "'clip: gradient' bounds a raw gradient; with 'step: sign' or 'l2' use iterate",
            ),
            (
                self.momentum and self.step == "raw",
                "'momentum' adds up gradients of length 1, which are not raw; use 'step: sign' "
                "or 'step: l2'",
            ),
            (
                self.start == "random" and self.clip == "gradient",
                "'start: random' draws from a box or ball, and 'clip: gradient' has none; use "
                "'start: clean'",
            ),
            (
                self.restarts > 1 and self.start == "clean",
                "'restarts' from the clean image would all be one; use 'start: random'",
            ),
            (
                self.gradient_of == "dlr" and self.target is not None,
                "'gradient_of: dlr' has no target here; use margin",
            ),
        ):
            if wrong:
                raise mistake("{why}", why=why)
        return self


class NoiseAttack(Attack):
    """The control: uniform noise of the same amplitude, drawn anew at each iteration."""

    kind: Literal["noise"]


class ExternalAttack(Attack):
    """An attack of another library, by its class's name there."""

    kind: Literal["external"]
    library: Literal["art", "foolbox", "torchattacks"]
    name: Identifier
    arguments: dict[str, bool | int | float | str | None] = {}
    # What the library calls the number of iterations; null: it has none, and max_iter is one run.
    iterations_as: Identifier | None = None
    at: list[Count] = []  # iterations to run it for; nothing: max_iter alone

    @property
    def longest(self) -> float:
        return float("inf")  # the library's norm is not known here

    @model_validator(mode="after")
    def _runs(self) -> Self:
        if self.export:
            raise mistake("'export' makes images again, which is for kind gradient and noise")
        if self.at and self.iterations_as is None:
            raise mistake("'at' needs 'iterations_as', the library's word for iterations")
        if sorted(set(self.at)) != self.at or (self.at and self.at[-1] != self.max_iter):
            raise mistake("at: {at}; rising, none twice, max_iter the last", at=self.at)
        return self


ATTACK_KINDS = ("gradient", "noise", "external")


def _attack_kind(raw: Any) -> str:
    return str(raw.get("kind", "gradient") if isinstance(raw, dict) else raw.kind)


AnyAttack = Annotated[
    Annotated[GradientAttack, Tag("gradient")]
    | Annotated[NoiseAttack, Tag("noise")]
    | Annotated[ExternalAttack, Tag("external")],
    Discriminator(_attack_kind),
]
