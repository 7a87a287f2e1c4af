"""Section `acceptance`: the limits to which a study's results are held."""

from typing import Annotated

from pydantic import Field

from pgdose.study.amplitudes import Amplitude
from pgdose.study.base import Model, Name, Real, Share


class Limit(Model):
    """At most `max_asr` of the images may flip, with this confidence."""

    attack: Name
    epsilon: Amplitude  # one that the attack has
    max_asr: Share
    confidence: Annotated[Real, Field(ge=0.5, le=0.9999)] = 0.95  # one-sided
    groups: list[Name] = []  # empty: all
