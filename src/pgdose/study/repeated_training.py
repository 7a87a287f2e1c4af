"""How often the network of each group is trained.

Apart from `training`, which all trainings depend on: their number changes none of them.
"""

from typing import Annotated

from pgdose.study.base import JOB_ONLY, Repeats
from pgdose.study.training import Training


class RepeatedTraining(Training):
    """Section `training`: how a group's network is trained, and how many times."""

    # Networks of each group that differ by their draws alone: run full, then full-r2, full-r3, ...
    repeats: Annotated[Repeats, JOB_ONLY] = 1
