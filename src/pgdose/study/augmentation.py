"""Key `augment`: how far copies of an image may differ from it."""

from typing import Annotated

from pydantic import Field

from pgdose.study.base import Model, Real


class Augment(Model):
    """Limits of a copy's changes; each change is drawn evenly between -limit and limit."""

    rotation: Annotated[Real, Field(ge=0, le=180)] = 7.0  # degrees
    shift: Annotated[Real, Field(ge=0, le=0.5)] = 0.04  # of the side
    scale: Annotated[Real, Field(ge=0, le=0.5)] = 0.06
    brightness: Annotated[Real, Field(ge=0, le=0.5)] = 0.06  # of the full range
    contrast: Annotated[Real, Field(ge=0, le=0.9)] = 0.12
    noise: Annotated[Real, Field(ge=0, le=0.5)] = 0.012  # standard deviation, of the full range
    flip: bool = False  # mirror every second copy; off because a chest is not symmetric
