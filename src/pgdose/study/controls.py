"""Section `controls`: changes of images that are no attack on one image, told on the same axis."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from pgdose.study.amplitudes import Epsilon, rising
from pgdose.study.base import (
    JOB_ONLY,
    Count,
    Integer,
    Iterations,
    Megabytes,
    Minutes,
    Model,
    Name,
    Threads,
    UsedBy,
    mistake,
)
from pgdose.study.suggestions import nearest, one_of

SEVERITIES = (1, 2, 3, 4, 5)
# The kinds of images for which a corruption is made.
MODALITIES_OF: dict[str, tuple[str, ...]] = {
    "exposure": ("xray",),
    "quantum_noise": ("xray",),
    "motion_blur": ("xray", "other"),
    "grid_lines": ("xray",),
    "marker": ("xray",),
    "stain_shift": ("histology",),
    "bubbles": ("histology",),
    "defocus": ("histology", "other"),
    "illumination": ("histology", "other"),
    "rotation": ("xray", "histology", "other"),
    "jpeg": ("xray", "histology", "other"),
}


def corruptions_for(modality: str) -> list[str]:
    """The corruptions that are made for a kind of images."""
    return [name for name, of in MODALITIES_OF.items() if modality in of]


class Control(Model):
    """The keys that all controls have."""

    # Empty: all groups for which the control is made.
    groups: Annotated[list[Name], UsedBy()] = []
    images: Count | Literal["all"] = "all"  # validation images
    threads: Annotated[Threads, JOB_ONLY] = 2
    mem_mb: Annotated[Megabytes, JOB_ONLY] = 3000
    runtime: Annotated[Minutes, JOB_ONLY] = 60  # minutes


class Corruption(Control):
    """A change that happens in a clinic or a laboratory, in severities from slight to gross."""

    kind: Literal["corruption"]
    corruption: Literal[
        "exposure",
        "quantum_noise",
        "motion_blur",
        "grid_lines",
        "marker",
        "stain_shift",
        "bubbles",
        "defocus",
        "illumination",
        "rotation",
        "jpeg",
    ]
    severities: Annotated[
        list[Annotated[Integer, Field(ge=1, le=5)]], Field(min_length=1, max_length=5)
    ] = list(SEVERITIES)

    @property
    def modalities(self) -> Sequence[str]:
        """Kinds of images that it is made for."""
        return MODALITIES_OF[self.corruption]

    @field_validator("corruption", mode="before")
    @classmethod
    def _check_name(cls, name: Any) -> Any:
        if isinstance(name, str) and name not in MODALITIES_OF:
            raise mistake(
                "is not a corruption{nearest}; {choices}",
                nearest=nearest(name, MODALITIES_OF),
                choices=one_of(MODALITIES_OF),
            )
        return name

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if sorted(set(self.severities)) != self.severities:
            raise mistake(
                "must be severities from 1 to 5 in rising order, without repeats",
                field="severities",
            )
        return self


class UniversalPerturbation(Control):
    """One perturbation for all images of a group, learned on its training images."""

    kind: Literal["universal"]
    # Largest change of a pixel, in rising order, in units of the full intensity range.
    epsilon: Annotated[list[Epsilon], Field(min_length=1, max_length=100), AfterValidator(rising)]
    epochs: Iterations = 5  # passes over the training images
    batch: Annotated[Integer, Field(ge=1, le=100_000)] = 32  # images of a step

    @property
    def modalities(self) -> Sequence[str]:
        """Kinds of images that it is made for: all."""
        return ("xray", "histology", "other")


AnyControl = Annotated[Corruption | UniversalPerturbation, Field(discriminator="kind")]
