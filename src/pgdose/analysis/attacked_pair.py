"""A network and a defended one under the same attack: success, robust accuracy, dose by dose."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import defence_verdicts
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.decisions import unknown_members
from pgdose.analysis.defence_verdicts import FailedChecks, decided
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.paired import TAIL, Paired, of_both, paired_rates
from pgdose.attack.surface_table import SurfaceTable


@dataclass(frozen=True)
class AttackedSample:
    """What became of the n images of an attack's sample, of one network.

    outcomes: of those that were attacked
    attacked: (n,) bool, those with an outcome
    flipped:  (n, e, k) bool, by one definition of success; False where not attacked
    unknown:  (n,) bool, see `decisions.unknown_members`
    right:    (n,) bool, right on the clean image
    """

    outcomes: Outcomes
    attacked: np.ndarray
    flipped: np.ndarray
    unknown: np.ndarray
    right: np.ndarray

    def right_after(self, levels: np.ndarray, iteration: int) -> np.ndarray:
        """(n, levels) bool: still right; images that were not attacked are as before."""
        flips = self.flipped[:, levels, iteration]
        return np.where(self.attacked[:, None], ~flips, self.right[:, None])


def attacked_sample(
    surface: SurfaceTable,
    outcomes: Outcomes,
    class_index: pd.Series,
    sample: pd.Series,
    success: str,
) -> AttackedSample:
    """What became of the n images of an attack's sample.

    surface, outcomes: of the attack
    class_index:       a member's true class
    sample:            the clean decision of each image, as `decisions.clean_decisions` does

    UserError if the surface has a member that is not in the sample.
    """
    unknown = unknown_members(surface, outcomes, class_index, sample)
    place = sample.index
    rows = place.get_indexer(pd.Index(outcomes.members))
    attacked = np.zeros(len(place), bool)
    attacked[rows] = True
    flips = outcomes.flipped(success)
    flipped = np.zeros((len(place), *flips.shape[1:]), bool)
    flipped[rows] = flips
    right = sample.to_numpy() == class_index.loc[place].to_numpy()
    return AttackedSample(outcomes, attacked, flipped, place.isin(unknown), right)


@dataclass(frozen=True)
class AttackedPair:
    """Both networks under one attack, at its operating iteration.

    epsilons: (p,) float, the amplitudes at which both were measured
    reached:  (p, 2) bool, whether the attack reached them, of both networks
    asr, asr_common, robust: at these p points, see `compare_attacked`
    """

    epsilons: np.ndarray
    iteration: int
    reached: np.ndarray
    asr: Paired
    asr_common: Paired
    robust: Paired


def compare_attacked(
    pair: tuple[AttackedSample, AttackedSample], patients: Patients, iterations: int
) -> AttackedPair:
    """Compare an undefended and a defended network under one attack.

    patients:   those of the n images of the sample
    iterations: of the study's operating point

    asr:        each network on the images that it gets right, as in the table asr
    asr_common: both on the images that both get right
    robust:     the share of all images of the sample that are right after the attack; images of
                unknown outcome are left out
    """
    undefended, defended = pair
    # Without an attacked image nothing tells which iterations were measured.
    judged = undefended if len(undefended.outcomes.members) else defended
    iteration = operating_iteration(judged.outcomes.iterations, iterations)
    measured = of_both(lambda of: of.outcomes.measured[:, iteration], pair)
    levels = np.flatnonzero(measured[0] & measured[1])
    common = undefended.attacked & defended.attacked
    has_outcome = ~(undefended.unknown | defended.unknown)

    def flips(of: AttackedSample) -> np.ndarray:
        return of.flipped[:, levels, iteration]

    each = of_both(lambda of: (flips(of), of.attacked), pair)
    shared = of_both(lambda of: (flips(of) & common[:, None], common), pair)
    after = of_both(
        lambda of: (of.right_after(levels, iteration) & has_outcome[:, None], has_outcome), pair
    )
    return AttackedPair(
        epsilons=undefended.outcomes.epsilons[levels],
        iteration=iteration,
        reached=np.stack([of.outcomes.reached[levels] for of in pair], axis=1),
        asr=paired_rates(each, patients),
        asr_common=paired_rates(shared, patients),
        robust=paired_rates(after, patients),
    )


def attacked_rows(
    pair: AttackedPair, failed: FailedChecks, margin: float, *, is_noise: bool
) -> list[dict[str, Any]]:
    """The rows of one attack: asr, asr_common and robust_accuracy, and the means of each over the
    doses that the attack reached on both networks.
    """
    rows = []
    shared = pair.reached.all(axis=1)
    for quantity, numbers, verdict_of in (
        ("asr", pair.asr, defence_verdicts.of_success),
        ("asr_common", pair.asr_common, defence_verdicts.of_success),
        ("robust_accuracy", pair.robust, defence_verdicts.of_robust_accuracy),
    ):
        points = [
            (quantity, numbers.row(point), epsilon, (bool(reached[0]), bool(reached[1])))
            for point, (epsilon, reached) in enumerate(
                zip(pair.epsilons, pair.reached, strict=True)
            )
        ]
        mean = numbers.at(shared).mean().row()
        if not shared.any():
            mean["reason"] = "the attack reached no amplitude on both networks"
        points.append((f"mean_{quantity}", mean, np.nan, (True, True)))
        for name, row, epsilon, reached in points:
            verdict = verdict_of(row["ci_low"], row["ci_high"], margin)
            objection = failed.objection(verdict, reached=reached)
            place = {"quantity": name, "epsilon": epsilon, "iteration": pair.iteration}
            rows.append({**place, **decided(row, verdict, objection, is_noise=is_noise)})
    return rows


def surely_no_help(pair: AttackedPair, failed: FailedChecks, margin: float, attacks: int) -> bool:
    """Whether this attack, chosen from so many, shows that the defence does not help."""
    mean = pair.asr.at(pair.reached.all(axis=1)).mean()
    low, high = (float(end[0]) for end in mean.interval(TAIL / attacks))
    verdict = defence_verdicts.of_success(low, high, margin)
    return verdict == defence_verdicts.DOES_NOT_HELP and not failed.objection(verdict)
