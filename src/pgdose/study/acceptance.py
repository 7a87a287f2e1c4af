"""Section `acceptance`: the limits to which a study's results are held."""

from typing import Annotated

from pydantic import Field

from pgdose.study.amplitudes import Amplitude
from pgdose.study.base import Model, Name, Real, Share


class Limit(Model):
    """At most `max_asr` of the images may flip, with this confidence."""

    attack: Name
    """Name of the attack."""
    epsilon: Amplitude
    """Amplitude; one of the attack's own.

    Unit: that of the attack
    """
    max_asr: Share
    """Largest success rate that is accepted, over all iterations.

    Unit: share
    """
    confidence: Annotated[Real, Field(ge=0.5, le=0.9999)] = 0.95
    """Confidence of the one-sided bound that is compared with `max_asr`.

    Unit: share
    """
    groups: list[Name] = []
    """Names of the groups that are held to it. Empty: all."""
