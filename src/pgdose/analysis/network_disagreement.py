"""Abstention of a group's networks together: images are rejected on which they disagree.

The decision stays that of one network, the attacked one; the others only say how far to trust it.
What they make of its adversarial images stands in the transfer tables, which hold the operating
iteration of the attacked images; all others stay as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis.abstention import (
    LAST,
    CleanScores,
    at_thresholds,
    conditions,
    unattacked_rows,
)
from pgdose.analysis.abstention_curves import curves, thresholds
from pgdose.analysis.abstention_scores import disagreement
from pgdose.analysis.decisions import clean_decisions, left_out
from pgdose.analysis.result_files import identity_columns

SCORE = "disagreement"


@dataclass(frozen=True)
class JudgedAttack:
    """The adversarial images of one attack on one network, judged by the group's networks.

    run:            the attacked network: group, run, role, size and repeat
    iteration:      of the attack
    sample:         the members of the attack's sample
    knows_detector: whether the attack makes the networks agree on a wrong class
    target:         the class that it leads to, whose images it leaves alone; None: no such class
    table:          a transfer table, with the columns member, judge, epsilon and logits
    """

    run: Mapping[str, Any]
    attack: str
    iteration: int
    sample: Iterable[int]
    knows_detector: bool
    target: int | None
    table: pd.DataFrame


def disagreement_of_all(
    runs: Sequence[Mapping[str, Any]],
    judges: Sequence[str],
    clean: Mapping[str, CleanScores],
    attacks: Iterable[JudgedAttack],
) -> pd.DataFrame:
    """The rows of the table abstention with the score disagreement, of one group.

    runs:   the networks that decide, in the order of the rows
    judges: those whose disagreement counts, at least two; no ensemble of others
    clean:  the same clean images for each of them all
    """
    of_runs: dict[str, list[JudgedAttack]] = {run["run"]: [] for run in runs}
    for attack in attacks:
        of_runs[attack.run["run"]].append(attack)
    offsets = _offsets([clean[judge] for judge in judges])
    at_rest = -disagreement(np.stack([clean[judge].logits for judge in judges], axis=1), offsets)
    tables = []
    for run in runs:
        images = clean[run["run"]]
        parts = [_unattacked(images, at_rest)]
        for attack in of_runs[run["run"]]:
            if len(attack.table):
                parts.append(_under_attack(attack, images, at_rest, judges, offsets))
        table = pd.concat(parts, ignore_index=True)
        tables.append(table.assign(**identity_columns(run, len(table)), score=SCORE))
    return pd.concat(tables, ignore_index=True)


def _offsets(clean: Sequence[CleanScores]) -> np.ndarray:
    """(networks, classes), 0 where a network's decision has no threshold."""
    return np.stack(
        [np.zeros(of.logits.shape[1]) if of.offset is None else of.offset for of in clean]
    )


def _unattacked(images: CleanScores, certainty: np.ndarray) -> pd.DataFrame:
    rows = unattacked_rows(certainty, images.wrong, images.patients)
    return rows.assign(threshold=-rows["threshold"])


def _under_attack(
    attack: JudgedAttack,
    clean: CleanScores,
    at_rest: np.ndarray,
    judges: Sequence[str],
    offsets: np.ndarray,
) -> pd.DataFrame:
    """A row for each epsilon and threshold."""
    members, epsilons, logits = _judged(attack.table)
    decided = clean_decisions(clean.members, clean.logits).to_numpy()
    unknown = left_out(clean.members, clean.true, decided, members, attack.target)
    in_sample = np.isin(clean.members, list(attack.sample)) & ~unknown
    population = clean.select(in_sample)
    rows = np.flatnonzero(np.isin(population.members, members))
    is_measured = np.isin(members, population.members)
    true = population.true[rows]
    by_epsilon = []
    for place in range(1, len(epsilons)):  # the first is 0
        certainty = -disagreement(
            np.stack([logits[judge][is_measured, place] for judge in judges], axis=1), offsets
        )
        decision = logits[attack.run["run"]][is_measured, place].argmax(axis=1)
        by_epsilon.append((certainty, decision != true))
    limits = thresholds(at_rest)
    table = curves(conditions(population, at_rest[in_sample], rows, by_epsilon), limits)
    where: dict[str, Any] = {"attack": attack.attack, "iteration": attack.iteration, "choice": LAST}
    return at_thresholds(table, limits, sign=-1.0).assign(
        epsilon=np.repeat(epsilons[1:], len(limits)),
        knows_detector="yes" if attack.knows_detector else "no",
        **where,
    )


def _judged(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Members and epsilons, both rising, and of each judge (members, epsilons, classes) logits."""
    table = table.sort_values(["member", "epsilon"], kind="stable")
    members, epsilons = (np.unique(table[name].to_numpy()) for name in ("member", "epsilon"))
    logits = {
        str(judge): np.stack(rows["logits"].to_list()).reshape(len(members), len(epsilons), -1)
        for judge, rows in table.groupby("judge", sort=False)
    }
    return members, epsilons, logits
