"""Section `phantom`: the amounts that the synthetic hospital makes."""

from typing import Annotated

from pydantic import (
    Field,
)

from pgdose.study.base import Count, Model, Place


class PhantomXray(Model):
    norm: Count = 800
    aorta: Count = 200
    tuberculosis: Count = 70
    other: Annotated[int, Field(ge=0)] = 60
    broken: Annotated[int, Field(ge=0)] = 12


class PhantomFields(Model):
    patients_per_organ: Count = 10
    fields_per_patient: Count = 1
    width: Annotated[int, Field(ge=256, le=8192)] = 2048
    height: Annotated[int, Field(ge=256, le=8192)] = 1536


class PhantomSlides(Model):
    slides: Count = 12
    side: Annotated[int, Field(ge=1024, le=100_000)] = 4096
    broken: Annotated[int, Field(ge=0)] = 3


class Phantom(Model):
    """The synthetic hospital: how much of each kind it makes."""

    root: Place = "hospital"
    xray: PhantomXray | None = None
    fields: PhantomFields | None = None
    slides: PhantomSlides | None = None
