"""What the network decides for every image of an attack's sample, attacked or not.

Measures of attacks are of images that were right before. What a reader of the diagnoses meets also
holds those that were wrong, and those that the attack leaves alone: they keep their clean decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgdose.analysis.outcomes import Outcomes
from pgdose.attack.surface_table import SurfaceTable
from pgdose.errors import UserError


@dataclass(frozen=True)
class Decisions:
    """Of n images whose decisions are all known.

    members: (n,) int
    true:    (n,) int, the true class
    clean:   (n,) int, the predicted class before the attack
    after:   the predicted class after it, (n,) int, by epsilon
    """

    members: np.ndarray
    true: np.ndarray
    clean: np.ndarray
    after: Mapping[float, np.ndarray]


def clean_decisions(members: Iterable[int], logits: np.ndarray) -> pd.Series:
    """The predicted class by member, of logits, members x classes; -1 where one is not finite."""
    finite = np.isfinite(logits).all(axis=1)
    return pd.Series(np.where(finite, logits.argmax(axis=1), -1), index=list(members))


def decisions(
    surface: SurfaceTable,
    outcomes: Outcomes,
    class_index: pd.Series,
    sample: pd.Series,
    *,
    iteration: int,
) -> Decisions:
    """The decisions before and after an attack.

    `class_index` gives a member's true class, `sample` the clean decision of each image of the
    attack's sample, as `clean_decisions` does. Images without a finite decision are left out.
    UserError where the surface holds images that are not of the sample.
    """
    if foreign := sorted(set(surface.members.tolist()) - set(sample.index)):
        raise UserError(
            f"the surface has member {foreign[0]}, which the attack's draw of images leaves out; "
            "delete the surface and run again"
        )
    unknown = np.setdiff1d(surface.members, outcomes.members)  # attacked, but not all is known
    kept = sample[(sample >= 0) & ~sample.index.isin(unknown)].copy()
    # By the attack's own precision, which may differ from that of the clean logits.
    attacked = pd.Series(outcomes.true, index=outcomes.members)
    kept = attacked.combine_first(kept).astype(np.int64).sort_index()
    places = kept.index.get_indexer(pd.Index(outcomes.members))
    after = {}
    for level, predicted in outcomes.decided_at(iteration).items():
        decided = kept.to_numpy(copy=True)
        decided[places] = predicted
        after[outcomes.doses.epsilons[level]] = decided
    return Decisions(
        members=kept.index.to_numpy(),
        true=class_index.loc[kept.index].to_numpy(np.int64),
        clean=kept.to_numpy(),
        after=after,
    )
