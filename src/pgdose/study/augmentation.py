"""Key `augment`: how far copies of an image may differ from it."""

from typing import Annotated

from pydantic import Field

from pgdose.study.base import Model, Real


class Augment(Model):
    """Limits of a copy's changes; each change is drawn evenly between -limit and limit."""

    rotation: Annotated[Real, Field(ge=0, le=180)] = 7.0
    """Largest rotation.

    Unit: degrees
    """
    shift: Annotated[Real, Field(ge=0, le=0.5)] = 0.04
    """Largest shift.

    Unit: share of the side
    """
    scale: Annotated[Real, Field(ge=0, le=0.5)] = 0.06
    """Largest change of the scale.

    Unit: share
    """
    brightness: Annotated[Real, Field(ge=0, le=0.5)] = 0.06
    """Largest change of the brightness.

    Unit: share of the full range
    """
    contrast: Annotated[Real, Field(ge=0, le=0.9)] = 0.12
    """Largest change of the contrast.

    Unit: share
    """
    noise: Annotated[Real, Field(ge=0, le=0.5)] = 0.012
    """Standard deviation of the noise that is added.

    Unit: share of the full range
    """
    flip: bool = False
    """Mirror every second copy. Off, because a chest is not symmetric."""
