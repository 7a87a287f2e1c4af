"""Sections `checks`, `training_size`, `operating_points` and `measures`."""

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from pgdose.study.base import Count, Epsilon, Model, Name


class Checks(Model):
    """The dear ones of the checks of each attack: on how many images, and how far they go."""

    images: Annotated[int, Field(ge=0)] = 8  # 0: the cheap checks alone
    queries: Count = 200  # of Square, an image


class TrainingSize(Model):
    """Networks trained on keyed parts of one group's training images (Fig. 3d)."""

    group: Name
    sizes: Annotated[list[Count], Field(min_length=1)]
    repeats: Count = 3
    attacks: Annotated[list[Name], Field(min_length=1)]


class OperatingPoints(Model):
    """Where Figs. 1-3 cut the response surface."""

    attack: Name | None = None  # of Figs. 1 and 2; the first of the study if not given
    epsilon: Epsilon = 0.10  # Figs. 3c and 3d
    iterations: Count = 20
    epsilons_over_iterations: list[Epsilon] = [0.02, 0.10]  # Fig. 3b
    flips_epsilon: Epsilon = 0.02  # Fig. 2


class Measures(Model):
    """How the response surfaces are measured."""

    success: Literal["final", "any"] = "final"  # any: flipped at some iteration up to this one
    draws: Annotated[int, Field(ge=200, le=100_000)] = 2000  # of the bootstrap over patients
