"""Sections `checks`, `training_size`, `operating_points` and `measures`: how attacks are judged."""

from typing import Annotated, Literal

from pydantic import Field

from pgdose.study.amplitudes import Epsilon
from pgdose.study.base import (
    Count,
    CountOrZero,
    Integer,
    Iterations,
    Model,
    Name,
    Real,
    Repeats,
    UsedBy,
)


class Checks(Model):
    """How far the expensive checks of an attack go."""

    images: CountOrZero = 8  # that they use; 0: only the cheap checks
    queries: Count = 200  # of the Square attack, for each image
    positives: CountOrZero = 4  # of these images, with an adversarial one planted; 0: none


class TrainingSize(Model):
    """Networks trained on keyed parts of one group's training images (Fig. 3d)."""

    group: Name
    sizes: Annotated[list[Count], Field(min_length=1, max_length=100)]
    repeats: Repeats = 3
    attacks: Annotated[list[Name], Field(min_length=1)]


class OperatingPoints(Model):
    """The doses at which Figs. 1-3 cut the response surface."""

    attack: Name | None = None  # of Figs. 1 and 2; null: the first one of the study
    epsilon: Epsilon = 0.10  # of Figs. 3c and 3d
    iterations: Iterations = 20
    epsilons_over_iterations: list[Epsilon] = [0.02, 0.10]  # of Fig. 3b
    flips_epsilon: Epsilon = 0.02  # of Fig. 2


class Margins(Model):
    """Differences that matter, to be chosen before the results are read.

    A defence helps where it surely lowers success by more than `asr`, and keeps the accuracy where
    it surely costs less than `accuracy`.
    """

    asr: Annotated[Real, Field(gt=0, lt=1)] = 0.10
    accuracy: Annotated[Real, Field(gt=0, lt=1)] = 0.05


class Measures(Model):
    """How response surfaces are measured."""

    success: Literal["final", "any"] = "final"  # any: flipped at this or an earlier iteration
    draws: Annotated[Integer, Field(ge=200, le=100_000)] = 2000  # of the bootstrap over patients
    # Of the verdicts about defences.
    margins: Annotated[Margins, UsedBy("table_defence")] = Margins()
