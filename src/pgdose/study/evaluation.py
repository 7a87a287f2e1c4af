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

    images: CountOrZero = 8
    """Attacked images that the expensive checks use; 0: only the cheap checks run.

    Unit: images
    """
    queries: Count = 200
    """How often the Square attack may ask the network about each image.

    Unit: queries
    """
    positives: CountOrZero = 4
    """Images of which an adversarial one is planted, which the attack must find; 0: none.

    Unit: images
    """


class TrainingSize(Model):
    """Networks trained on keyed parts of one group's training images (Fig. 3d)."""

    group: Name
    """The group whose training set varies."""
    sizes: Annotated[list[Count], Field(min_length=1, max_length=100)]
    """Numbers of training images. The networks are the runs `n<size>-r<repeat>`.

    Unit: images
    """
    repeats: Repeats = 3
    """Networks of each size, on other parts of the training images.

    Unit: networks
    """
    attacks: Annotated[list[Name], Field(min_length=1)]
    """Names of the attacks that run on these networks."""


class OperatingPoints(Model):
    """The doses at which Figs. 1-3 cut the response surface."""

    attack: Name | None = None
    """Attack of Figs. 1 and 2. Left out: the first of the study that is not of another library.

    Reruns: Figs. 1 and 2
    """
    epsilon: Epsilon = 0.10
    """Operating epsilon: amplitude of Figs. 3c and 3d, of the conclusions and of sums over
    networks. An attack without it uses its nearest one.

    Unit: full intensity range [0, 1]
    Reruns: the measures, the checks, exported images, Figs. 1 and 2
    """
    iterations: Iterations = 20
    """Operating iteration: that of Figs. 3a, 3c and 3d, of the conclusions and of most tables.

    Unit: iterations
    Reruns: the measures, the transfer between networks, exported images, Figs. 1 and 2
    """
    epsilons_over_iterations: list[Epsilon] = [0.02, 0.10]
    """Amplitudes of Fig. 3b; the figure of abstention shows the smallest of them.

    Unit: full intensity range [0, 1]
    Reruns: the figures
    """
    flips_epsilon: Epsilon = 0.02
    """Amplitude of Fig. 2.

    Unit: full intensity range [0, 1]
    Reruns: the figures
    """


class Margins(Model):
    """Differences that matter, to be chosen before the results are read.

    A defence helps where it surely lowers success by more than `asr`, and keeps the accuracy where
    it surely costs less than `accuracy`.
    """

    asr: Annotated[Real, Field(gt=0, lt=1)] = 0.10
    """Difference in success that matters: a defence helps where it surely lowers success by more.

    Unit: share
    """
    accuracy: Annotated[Real, Field(gt=0, lt=1)] = 0.05
    """Difference in accuracy that matters: a defence keeps the accuracy where it surely costs less.

    Unit: share
    """


class Measures(Model):
    """How response surfaces are measured."""

    success: Literal["final", "any"] = "final"
    """Which flips figures, conclusions and sums count: `final`, of the iterate asked about; `any`,
    of any iterate up to it. Tables hold both.
    """
    draws: Annotated[Integer, Field(ge=200, le=100_000)] = 2000
    """Draws of the bootstrap over patients, for intervals.

    Unit: draws
    """
    margins: Annotated[Margins, UsedBy("table_defence")] = Margins()
    """Differences that matter when defended networks are compared with the main one. Choose them
    before you read the results.

    Reruns: `tables/defence.csv`, and the page
    """
