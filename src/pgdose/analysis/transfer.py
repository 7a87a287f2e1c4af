"""Transfer: how often an attack on one network of a group flips another network's prediction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.result_files import identity_columns


@dataclass(frozen=True)
class TransferredAttack:
    """The adversarial images of one attack on one network, judged by all networks of the group.

    run:       the attacked network: group, run, role, size and repeat
    iteration: of the attack
    table:     a transfer table, with the columns member, judge, epsilon and logits
    """

    run: Mapping[str, Any]
    attack: str
    iteration: int
    table: pd.DataFrame


def transfer_of_all(
    attacked: Iterable[TransferredAttack],
    members: Mapping[str, pd.DataFrame],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """The table transfer; `members` are each group's, indexed by member."""
    tables = []
    for one in attacked:
        rows = transfer(one.table, one.run["run"], members[one.run["group"]], draws, seed)
        rows = rows.assign(**identity_columns(one.run, len(rows)))
        tables.append(rows.assign(attack=one.attack, iteration=one.iteration))
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def transfer(
    table: pd.DataFrame, source: str, members: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """The rows of the table transfer for one attack on one network: judge by epsilon.

    table:   a transfer table, with the columns member, judge, epsilon and logits (epsilon 0: clean)
    source:  the judge that was attacked
    members: the group's, indexed by member

    Counted are the images that source and judge classify correctly before the attack.
    """
    if table.empty:
        return pd.DataFrame()
    classes = table.assign(predicted=np.stack(table["logits"].to_list()).argmax(axis=1))
    predicted = classes.pivot(index="member", columns=["judge", "epsilon"], values="predicted")
    own_members = members.loc[predicted.index]
    wrong = predicted.ne(own_members["class_index"].astype(np.int64), axis=0)
    patients = bootstrap.draw_patients(own_members["patient"], draws, seed)
    epsilons = [epsilon for epsilon in sorted(table["epsilon"].unique()) if epsilon > 0]
    tables = []
    for judge in table["judge"].drop_duplicates():
        attacked = ~(wrong[source, 0.0] | wrong[judge, 0.0]).to_numpy()[:, None]
        flips = wrong[judge][epsilons].to_numpy() & attacked
        source_flips = wrong[source][epsilons].to_numpy() & attacked
        rates = _rates(flips, attacked, patients).join(_follow(flips, source_flips, patients))
        rates.insert(0, "epsilon", epsilons)
        rates.insert(0, "judge", judge)
        tables.append(rates)
    return pd.concat(tables, ignore_index=True)


def _rates(flips: np.ndarray, attacked: np.ndarray, patients: Patients) -> pd.DataFrame:
    """How often the judge is flipped; images x epsilons, and images x 1."""
    clusters = patients.subset(attacked[:, 0]).clusters
    draws = bootstrap.rates(flips, attacked, patients)
    low, high = rate_interval(draws, clusters)
    n_flipped = flips.sum(axis=0)
    n_attacked = np.full(len(n_flipped), attacked.sum())
    wilson_low, wilson_high = wilson(n_flipped, n_attacked)
    return pd.DataFrame(
        {
            **{"n_attacked": n_attacked, "n_patients": clusters.count, "n_flipped": n_flipped},
            **{"asr": draws[0], "ci_low": low, "ci_high": high},
            **{"wilson_low": wilson_low, "wilson_high": wilson_high},
        }
    )


def _follow(flips: np.ndarray, source_flips: np.ndarray, patients: Patients) -> pd.DataFrame:
    """Of the images that flip the source, how often the judge is flipped too."""
    draws = bootstrap.rates(flips & source_flips, source_flips, patients)
    low, high = np.hstack(
        [
            rate_interval(draws[:, [e]], patients.subset(source_flips[:, e]).clusters)
            for e in range(source_flips.shape[1])
        ]
    )
    return pd.DataFrame(
        {
            "n_source_flipped": source_flips.sum(axis=0),
            "n_followed": (flips & source_flips).sum(axis=0),
            **{"follow": draws[0], "follow_low": low, "follow_high": high},
        }
    )
