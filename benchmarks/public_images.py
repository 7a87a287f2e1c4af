"""Tables of docs/public that count images again: by clean confidence, and as stored in 8 bits."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from public_names import ALL
from public_study import (
    Results,
    drawn_patients,
    half_doses,
    of_groups,
    originals_as_patients,
    pooled_rate,
    unit_of,
)

from pgdose.analysis import confidence_bins
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.confidence_drop import ratio
from pgdose.study.doses import Doses

ATTACKS = ("paper", "logit", "margin", "sign")  # the same step on three functions, and another
EDGES = confidence_bins.FINE_EDGES


def tables(results: Results) -> dict[str, pd.DataFrame]:
    images = results.images
    patients = drawn_patients(images, results.settings)
    doses = {
        "operating": dict.fromkeys(results.study.attacks, results.settings.epsilon),
        "half": half_doses(of_groups(results.draws, results.learned)),
        "largest": dict.fromkeys(results.study.attacks, largest_shared(images)),
    }
    subsets = results.subsets
    storage = {name: groups for name, groups in subsets.items() if name != ALL}
    return {
        "saturation": pd.DataFrame(saturation_rows(images, patients, subsets, doses)),
        "saturation_ratio": pd.DataFrame(ratio_rows(images, subsets, doses)),
        "storage": pd.DataFrame(storage_rows(images, patients, storage, results.controls)),
    }


def largest_shared(images: pd.DataFrame) -> float:
    """The largest epsilon that all of `ATTACKS` have."""
    epsilons = [set(images.loc[images["attack"] == name, "epsilon"]) for name in ATTACKS]
    return max(set.intersection(*filter(None, epsilons)))


def nearest(images: pd.DataFrame, attack: str, epsilon: float) -> float:
    """The attack's epsilon that is nearest to one."""
    epsilons = sorted(images.loc[images["attack"] == attack, "epsilon"].unique())
    doses = Doses(tuple(epsilons), 1)
    return doses.epsilons[doses.nearest_level(epsilon)]


def cells(
    images: pd.DataFrame, subsets: Mapping[str, list[str]], doses: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[dict, np.ndarray]]:
    """Each attack, subset and dose, and which rows of the images are of it."""
    for attack in (name for name in ATTACKS if name in set(images["attack"])):
        for subset, groups in subsets.items():
            for dose, of in doses.items():
                epsilon = nearest(images, attack, of[attack])
                rows = (images["attack"] == attack) & (images["epsilon"] == epsilon)
                rows &= images["group"].isin(groups)
                cell = {"attack": attack, "subset": subset, "dose": dose, "epsilon": epsilon}
                if rows.any():
                    yield cell, rows.to_numpy()


def saturation_rows(
    images: pd.DataFrame,
    patients: Patients,
    subsets: Mapping[str, list[str]],
    doses: Mapping[str, Mapping[str, float]],
) -> Iterator[dict]:
    """ASR by clean confidence over the groups and networks of a subset."""
    bin_of = confidence_bins.bin_of(images["confidence"].to_numpy(), EDGES)
    flips = images["flipped"].to_numpy(bool)
    for cell, rows in cells(images, subsets, doses):
        for place, edges in enumerate(itertools.pairwise(EDGES)):
            of = pooled_rate(flips, patients, rows & (bin_of == place))
            yield {
                **cell,
                **{"bin_low": edges[0], "bin_high": edges[1]},
                **{"images": of["n"], "flipped": of["hits"], "asr": of["rate"]},
                **{"ci_low": of["ci_low"], "ci_high": of["ci_high"]},
                "unit": unit_of(images[rows]),
            }


def ratio_rows(
    images: pd.DataFrame,
    subsets: Mapping[str, list[str]],
    doses: Mapping[str, Mapping[str, float]],
) -> Iterator[dict]:
    """ASR of a clean confidence of 0.95 and more over that of less, within groups and networks."""
    strata = images["group"] + " " + images["run"]
    with_strata = images.assign(stratum=strata, patient=originals_as_patients(images["patient"]))
    for cell, rows in cells(images, subsets, doses):
        these = with_strata[rows]
        with np.errstate(over="ignore"):  # of few patients the upper end is infinite
            found = ratio(these, these["flipped"])
        yield {**cell, **found, "unit": unit_of(images[rows])}


def storage_rows(
    images: pd.DataFrame,
    patients: Patients,
    subsets: Mapping[str, list[str]],
    controls: list[str],
) -> Iterator[dict]:
    """Flips of the last iterate that rounding to 8 bits leaves; noise on the same images."""
    last, survived = (images[name].to_numpy(bool) for name in ("flipped_last", "survived"))
    for subset, groups in subsets.items():
        of_subset = images["group"].isin(groups).to_numpy()
        for attack in images.loc[of_subset, "attack"].unique():
            of_attack = of_subset & (images["attack"] == attack).to_numpy()
            for epsilon in sorted(images.loc[of_attack, "epsilon"].unique()):
                rows = of_attack & (images["epsilon"] == epsilon).to_numpy()
                of = pooled_rate(survived, patients, rows & last)
                yield {
                    **{"subset": subset, "attack": attack, "epsilon": epsilon},
                    **{"attacked": int(rows.sum()), "flips": of["n"], "survived": of["hits"]},
                    **{"survival": of["rate"], "ci_low": of["ci_low"], "ci_high": of["ci_high"]},
                    **{"asr": last[rows].mean(), "unit": unit_of(images[rows])},
                    **noise_on(images, rows, epsilon, controls),
                }


def noise_on(
    images: pd.DataFrame, rows: np.ndarray, epsilon: float, controls: list[str]
) -> dict[str, float]:
    """ASR of noise at the nearest epsilon on the images of some rows."""
    present = [name for name in controls if (images["attack"] == name).any()]
    if not present:
        return {"noise_epsilon": np.nan, "noise_asr": np.nan, "noise_attacked": 0}
    near = nearest(images, present[0], epsilon)
    noise = images[(images["attack"] == present[0]) & (images["epsilon"] == near)]
    keys = ["group", "run", "member"]
    same = images.loc[rows, keys].merge(noise[[*keys, "flipped_last"]], on=keys)
    return {
        "noise_epsilon": near,
        "noise_asr": same["flipped_last"].mean(),
        "noise_attacked": len(same),
    }
