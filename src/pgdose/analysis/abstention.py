"""Abstention of one network: rejected share and remaining error, clean and under each attack.

The population is all validation images of an attack's sample. Images that were wrong before the
attack are not attacked and stay as they are; so does, under an attack with a target, an image of
that class. Images of which nobody knows what the attack makes of them are left out, see
`decisions.unknown_members`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import abstention_scores, bootstrap
from pgdose.analysis.abstention_curves import CLEAN_SHARES, Conditions, curves, thresholds
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.decisions import clean_decisions, unknown_members
from pgdose.analysis.outcomes import Outcomes
from pgdose.attack.surface_table import SurfaceTable

Score = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
SCORES: Mapping[str, Score] = {
    "confidence": abstention_scores.confidence,
    "margin": abstention_scores.margin,
}
LAST, BEST = "last", "best"


@dataclass(frozen=True)
class CleanScores:
    """The n clean validation images of a network, with the logits that scores are made of.

    members:  (n,) int, rising
    true:     (n,) int, the true class
    logits:   (n, classes) float
    offset:   (classes,) float of a network whose decision has a threshold, else None
    patients: of the images, and their draws
    """

    members: np.ndarray
    true: np.ndarray
    logits: np.ndarray
    offset: np.ndarray | None
    patients: Patients

    @property
    def wrong(self) -> np.ndarray:
        """(n,) bool, whether the network misclassifies the image."""
        return np.asarray(self.logits.argmax(axis=1) != self.true)

    def select(self, images: np.ndarray) -> "CleanScores":
        """Some of the images, by a mask."""
        parts = {name: getattr(self, name)[images] for name in ("members", "true", "logits")}
        return replace(self, **parts, patients=self.patients.subset(images))


def clean_scores(clean: pd.DataFrame, members: pd.DataFrame, draws: int, seed: int) -> CleanScores:
    """What `CleanScores` holds.

    clean:   member and logits, and `offset` for a decision with a threshold
             (`clean_logits.read_table`)
    members: the group's, indexed by member
    draws, seed: of the bootstrap over patients
    """
    clean = clean.sort_values("member")
    their_members = members.loc[clean["member"]]
    return CleanScores(
        members=clean["member"].to_numpy(np.int64),
        true=their_members["class_index"].to_numpy(np.int64),
        logits=np.stack(clean["logits"].to_list()).astype(np.float64),
        offset=np.asarray(clean["offset"].iloc[0]) if "offset" in clean else None,
        patients=bootstrap.draw_patients(their_members["patient"], draws, seed),
    )


def without_attack(clean: CleanScores) -> pd.DataFrame:
    """The rows of the table abstention for clean images: score by threshold."""
    tables = []
    for score, certainty_of in SCORES.items():
        certainty = certainty_of(clean.logits, clean.offset)
        rows = unattacked_rows(certainty, clean.wrong, clean.patients)
        tables.append(rows.assign(score=score))
    return pd.concat(tables, ignore_index=True)


def unattacked_rows(certainty: np.ndarray, wrong: np.ndarray, patients: Patients) -> pd.DataFrame:
    """The rows of one score on clean images; (n,) certainty and wrong."""
    limits = thresholds(certainty)
    never = np.zeros((len(wrong), 1), bool)
    table = curves(Conditions(certainty[:, None], wrong[:, None], never, patients), limits)
    where: dict[str, Any] = {
        "attack": "",
        "epsilon": 0.0,
        "iteration": 0,
        "choice": "",
        "knows_detector": "",
    }
    return at_thresholds(table, limits).assign(**where)


def at_thresholds(table: pd.DataFrame, limits: np.ndarray, sign: float = 1.0) -> pd.DataFrame:
    """The rows of `curves` with clean_rejected and threshold; empty where nothing is rejected.

    `sign` -1 for a score that is high where the certainty is low.
    """
    repeats = len(table) // len(limits)
    values = np.where(np.isfinite(limits), sign * limits, np.nan)
    return table.assign(
        clean_rejected=np.tile(CLEAN_SHARES, repeats), threshold=np.tile(values, repeats)
    )


def under_attack(
    clean: CleanScores,
    surface: SurfaceTable,
    outcomes: Outcomes,
    sample: Iterable[int],
    *,
    iteration: int,
    raises_wrong_class: bool | None,
) -> pd.DataFrame:
    """The rows of an attack: score, choice and epsilon by threshold.

    clean:     all clean validation images, on which the thresholds are chosen
    sample:    the members of the attack's sample
    iteration: the operating one; choice "last" is the iterate there, "best" for each image and
               score the iterate up to it that is wrong and most certain, else the last one
    raises_wrong_class: whether the attack goes on to raise the confidence of a wrong class; None if
               nobody knows
    """
    decided = clean_decisions(clean.members, clean.logits)[np.isin(clean.members, list(sample))]
    class_index = pd.Series(clean.true, index=clean.members)
    unknown = unknown_members(surface, outcomes, class_index, decided)
    population = clean.select(np.isin(clean.members, np.setdiff1d(decided.index, unknown)))
    rows, places = np.intersect1d(population.members, outcomes.members, return_indices=True)[1:]
    attacked = np.searchsorted(surface.members, outcomes.members[places])
    levels = np.flatnonzero(outcomes.measured[:, iteration])
    knows = {None: "", True: "yes", False: "no"}[raises_wrong_class]
    tables = []
    for score, certainty_of in SCORES.items():
        limits = thresholds(certainty_of(clean.logits, clean.offset))
        for choice in (LAST, BEST):
            by_level = []
            for level in levels:
                iterations = np.flatnonzero(outcomes.measured[level, : iteration + 1])
                shown = iterations if choice == BEST else iterations[-1:]
                logits = surface.logits[attacked, level][:, shown]
                certainty = certainty_of(logits, clean.offset)
                wrong = logits.argmax(axis=2) != population.true[rows, None]
                by_level.append(most_certain_wrong(certainty, wrong))
            at_rest = certainty_of(population.logits, clean.offset)
            table = curves(conditions(population, at_rest, rows, by_level), limits)
            places_of: dict[str, Any] = {"score": score, "choice": choice, "iteration": iteration}
            epsilons = np.repeat(outcomes.epsilons[levels], len(limits))
            table = at_thresholds(table, limits).assign(epsilon=epsilons, **places_of)
            tables.append(table.assign(knows_detector=knows))
    return pd.concat(tables, ignore_index=True)


def most_certain_wrong(certainty: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each image's iterates the certainty and whether it is wrong, (m,), of one of them.

    The wrong one that is most certain; the last one where none is wrong. Both are (m, iterates).
    """
    best = np.where(wrong, certainty, -np.inf).argmax(axis=1)
    best = np.where(wrong.any(axis=1), best, certainty.shape[1] - 1)
    images = np.arange(len(certainty))
    return certainty[images, best], wrong[images, best]


def conditions(
    population: CleanScores,
    certainty: np.ndarray,
    rows: np.ndarray,
    attacked: Sequence[tuple[np.ndarray, np.ndarray]],
) -> Conditions:
    """The population under each condition of `attacked`.

    certainty: (n,) of the clean images
    rows:      the m images that were attacked, being right before in the attack's precision
    attacked:  their certainty and whether they are wrong, (m,) each, under every condition
    """
    count = len(attacked)
    certainties = np.tile(certainty[:, None], (1, count))
    wrong = np.tile(population.wrong[:, None], (1, count))
    for column, (new_certainty, new_wrong) in enumerate(attacked):
        certainties[rows, column], wrong[rows, column] = new_certainty, new_wrong
    before = population.wrong.copy()
    before[rows] = False
    flipped = wrong & ~before[:, None]
    return Conditions(certainties, wrong, flipped, population.patients)
