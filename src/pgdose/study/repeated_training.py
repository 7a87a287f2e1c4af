"""How often the network of each group is trained.

Apart from `training`, which all trainings depend on: their number changes none of them.
"""

from typing import Annotated

from pgdose.study.base import JOB_ONLY, Repeats
from pgdose.study.training import Training


class RepeatedTraining(Training):
    """Section `training`: how a group's network is trained, and how many times."""

    repeats: Annotated[Repeats, JOB_ONLY] = 1
    """How many networks each group has that differ by their random draws alone: initial weights,
    order, variations.

    They are the runs `full`, `full-r2`, `full-r3`, ..., on the same images; every attack runs on
    each. Groups with a `network` have one.

    Unit: networks
    Reruns: the networks that are new
    """
