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

    groups: Annotated[list[Name], UsedBy()] = []
    """Names of the groups that have the control. Empty: all for whose images it is made.

    Reruns: the control, on groups that are new
    """
    images: Count | Literal["all"] = "all"
    """Validation images, drawn by the seed, or `all`.

    Unit: images
    """
    threads: Annotated[Threads, JOB_ONLY] = 2
    """CPU threads of the job.

    Unit: threads
    """
    mem_mb: Annotated[Megabytes, JOB_ONLY] = 3000
    """Memory that the job may take, and asks a cluster for.

    Unit: MB
    Reruns: the page
    """
    runtime: Annotated[Minutes, JOB_ONLY] = 60
    """Time that the job asks a cluster for.

    Unit: minutes
    Reruns: the page
    """


class Corruption(Control):
    """A change that happens in a clinic or a laboratory, in severities from slight to gross."""

    kind: Literal["corruption"]
    """`corruption`: a change that happens in a clinic or a laboratory."""
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
    """Which change. X-rays: `exposure`, `quantum_noise`, `motion_blur`, `grid_lines`, `marker`,
    `rotation`, `jpeg`. Histology: `stain_shift`, `bubbles`, `defocus`, `illumination`,
    `rotation`, `jpeg`. Other images: `motion_blur`, `defocus`, `illumination`, `rotation`,
    `jpeg`.
    """
    severities: Annotated[
        list[Annotated[Integer, Field(ge=1, le=5)]], Field(min_length=1, max_length=5)
    ] = list(SEVERITIES)
    """Severities, in rising order, from 1 (slight) to 5 (gross).

    Unit: none
    """

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
    """`universal`: one perturbation for all images of a group, learned on its training images."""
    epsilon: Annotated[list[Epsilon], Field(min_length=1, max_length=100), AfterValidator(rising)]
    """Largest change of a pixel, in rising order; one perturbation is learned for each.

    Unit: full intensity range [0, 1]
    """
    epochs: Iterations = 5
    """Passes over the training images.

    Unit: epochs
    """
    batch: Annotated[Integer, Field(ge=1, le=100_000)] = 32
    """Images of a step.

    Unit: images
    """

    @property
    def modalities(self) -> Sequence[str]:
        """Kinds of images that it is made for: all."""
        return ("xray", "histology", "other")


AnyControl = Annotated[Corruption | UniversalPerturbation, Field(discriminator="kind")]
