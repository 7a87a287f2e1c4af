"""What the conclusions need of one attack on one group: its networks together.

A group has one trained network, or several trainings of the same (`training.repeats`). Its rate is
the mean over them, and what they differ by is training luck: a random effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pgdose.analysis.bootstrap import Clusters, effective_number, patients_known
from pgdose.analysis.conclusion_draws import ConclusionDraws


@dataclass(frozen=True)
class GroupDraws:
    """One attack on a group: draws and attacked images, each by network, the main one first.

    images: the columns patient, confidence, smallest_level, first_iteration and operating_first of
            the measures; a group whose patients nobody knows is part of no test over patients
    """

    networks: Sequence[ConclusionDraws]
    images: Sequence[pd.DataFrame]

    @cached_property
    def patient_shares(self) -> pd.Series:
        """By patient: the part of the group's rate that rests on the patient; the sum is 1."""
        shares = [of["patient"].value_counts(normalize=True) for of in self.images if len(of)]
        if not shares:
            return pd.Series(dtype=float)
        return pd.concat(shares).groupby(level=0).sum() / len(shares)

    @cached_property
    def patients_known(self) -> bool:
        """Whether they are, in all images."""
        return all(patients_known(of["patient"].unique()) for of in self.images)

    @property
    def clusters(self) -> Clusters:
        """How many patients the group's rates rest on; none where nobody knows them."""
        if not self.patients_known:
            return Clusters(0, 0.0, sum(map(len, self.images)))
        shares = self.patient_shares.to_numpy()
        return Clusters(len(shares), effective_number(shares), sum(map(len, self.images)))


def overlap(groups: Sequence[GroupDraws]) -> np.ndarray:
    """(groups, groups): sums over patients of the product of their shares in both groups.

    A mean over groups with weights w rests on 1 / (w K w) effective patients, however many groups
    hold a patient.
    """
    shares = pd.concat([group.patient_shares for group in groups], axis=1).fillna(0.0).to_numpy()
    return np.asarray(shares.T @ shares)


def distinct_patients(groups: Sequence[GroupDraws]) -> int:
    """The number of different patients of all groups together."""
    return len(set().union(*(group.patient_shares.index for group in groups)))
