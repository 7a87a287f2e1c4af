"""The worst case: images that any of the attacks flips."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.intervals import rate_interval
from pgdose.study.doses import Doses


def worst_case(
    images: Mapping[str, pd.DataFrame], doses: Mapping[str, Doses], draws: int, seed: int
) -> pd.DataFrame:
    """A group's rows of the table worst_case: images flipped by any attack up to each epsilon.

    `images` gives for each attack the columns member, patient and smallest_level (the number of
    levels where no dose flips the image), `doses` its doses. An image counts if all of the attacks
    were tried on it. The epsilons are those of all attacks together.
    """
    tables = {attack: table.set_index("member") for attack, table in images.items()}
    if not tables:
        return pd.DataFrame()
    members = sorted(set.intersection(*(set(table.index) for table in tables.values())))
    epsilons = all_epsilons([doses[attack] for attack in images])
    flips = np.zeros((len(members), len(epsilons)), bool)
    for attack, table in tables.items():
        smallest = table.loc[members, "smallest_level"].to_numpy(np.int64)
        highest = np.array([highest_level(doses[attack], epsilon) for epsilon in epsilons])
        flips |= smallest[:, None] <= highest
    patient = next(iter(tables.values())).loc[members, "patient"]
    patients = bootstrap.draw_patients(patient, draws, seed)
    rates = bootstrap.rates(flips, np.ones((len(members), 1), bool), patients)
    low, high = rate_interval(rates, patients.clusters)
    return pd.DataFrame(
        {
            "epsilon": epsilons,
            "attacks": "+".join(images),
            "n_attacked": len(members),
            "n_flipped": flips.sum(axis=0),
            **{"asr": rates[0], "ci_low": low, "ci_high": high},
        }
    )


def all_epsilons(several: list[Doses]) -> list[float]:
    """The epsilons of several attacks, rising, those that are the same once."""
    epsilons: list[float] = []
    for epsilon in sorted(epsilon for doses in several for epsilon in doses.epsilons):
        if not epsilons or Doses((epsilons[-1],), 1).level_of(epsilon) is None:
            epsilons.append(epsilon)
    return epsilons


def highest_level(doses: Doses, epsilon: float) -> int:
    """The highest level whose epsilon is not over `epsilon`; -1 if all are over it."""
    level = doses.level_of(epsilon)
    return sum(e < epsilon for e in doses.epsilons) - 1 if level is None else level
