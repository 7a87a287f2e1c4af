"""What the network decides for every image of an attack's sample, attacked or not.

Measures of attacks are of images that were right before. What a reader of the diagnoses meets also
holds those that were wrong, and those that the attack leaves alone: they keep their clean decision.
An attack in another precision than that of the clean logits may find an image wrong that is right
by these. It is not attacked then, and nobody knows what an attack would make of it: it is left out.
"""

import json
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
    return pd.Series(predicted_classes(logits), index=list(members))


def predicted_classes(logits: np.ndarray) -> np.ndarray:
    """(n,) the class of the largest of n x classes logits; -1 where a logit is not finite."""
    return np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)


def unknown_members(
    surface: SurfaceTable, outcomes: Outcomes, class_index: pd.Series, sample: pd.Series
) -> np.ndarray:
    """The members of an attack's sample of which nobody knows what the attack makes of them.

    surface, outcomes: of the attack
    class_index:       a member's true class
    sample:            the clean decision of each image of the sample, as `clean_decisions` does

    They are those of `left_out`. UserError where the surface holds images that are not of the
    sample.
    """
    if foreign := sorted(set(surface.members.tolist()) - set(sample.index)):
        raise UserError(
            f"the surface has member {foreign[0]}, which the attack's draw of images leaves out; "
            "delete the surface and run again"
        )
    true = class_index.loc[sample.index].to_numpy()
    images, clean = sample.index.to_numpy(), sample.to_numpy()
    unknown = left_out(images, true, clean, outcomes.members, target_of(surface))
    return np.union1d(images[unknown], np.setdiff1d(surface.members, outcomes.members))


def left_out(
    members: np.ndarray,
    true: np.ndarray,
    clean: np.ndarray,
    attacked: np.ndarray,
    target: int | None,
) -> np.ndarray:
    """(n,) bool: images without an outcome that do not keep their clean decision either.

    members:  (n,) int, of the attack's sample
    true:     (n,) int, the true class
    clean:    (n,) int, the predicted class before the attack, -1 without one
    attacked: the members with an outcome
    target:   the class that the attack leads to, whose images it leaves alone; None: no class

    They have no finite clean logits, or the network is right on them, and yet they were not
    attacked: it is wrong on them in the attack's precision.
    """
    right = (clean == true) & (true != (-1 if target is None else target))
    return np.asarray(~np.isin(members, attacked) & (right | (clean < 0)))


def target_of(surface: SurfaceTable) -> int | None:
    """The index of the class that a surface's attack leads to; None if it is not one and the same.

    The class of `least_likely` is never that of an image that is right.
    """
    target = json.loads(surface.metadata[0].get("attack", "{}")).get("target")
    return target if isinstance(target, int) else None


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
    attack's sample, as `clean_decisions` does. The images of `unknown_members` are left out.
    UserError where the surface holds images that are not of the sample.
    """
    unknown = unknown_members(surface, outcomes, class_index, sample)
    kept = sample[~sample.index.isin(unknown)]
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
