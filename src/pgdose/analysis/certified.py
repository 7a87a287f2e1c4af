"""Certified accuracy over the radius, beside robust accuracy under attacks of that L2 length.

Every rate is a share of images whether right or wrong before. The attacks run on the network
that is the mean over few fixed draws of noise, the certificates are for the ideal one: an attack
may flip an image that is certified, and `n_contradicted` counts these. Images of which nobody knows
what the attack makes of them (`decisions.unknown_members`) are in no row of the attack.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.certificates import ABSTAINS, largest_radius
from pgdose.analysis.decisions import unknown_members
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.outcomes import outcomes
from pgdose.analysis.result_files import identity_columns
from pgdose.attack.surface_table import SurfaceTable
from pgdose.study.defended_networks import Smoothing
from pgdose.study.doses import TOLERANCE

STEP = 0.1  # of the grid of radii, in sigma
_ENDS = ("", "_low", "_high", "_wilson_low", "_wilson_high")  # of a rate and its intervals
# The columns that are empty in rows of no attack, with their types.
_OF_ATTACK = {
    **dict.fromkeys(("iteration", "n_robust", "n_contradicted", "n_base_robust"), "Int64"),
    **{f"{rate}{end}": "float64" for rate in ("robust", "base_robust") for end in _ENDS},
}


@dataclass(frozen=True)
class RobustImages:
    """Which images a network gets right under one attack.

    iteration: of the attack
    right:     by member, a bool column for each epsilon, 0 (the clean image) first
    """

    iteration: int
    right: pd.DataFrame


@dataclass(frozen=True)
class SmoothedRun:
    """A smoothed network, its certificates and the attacks on it and on its base network.

    identity:    group, run, role, size and repeat
    base:        the run of the network behind the smoothing
    certificate: as `certificates.certificates` makes it
    patients:    the patient of each member, indexed by member
    attacks:     by name, on the smoothed network and on the base network
    """

    identity: Mapping[str, Any]
    base: str
    smoothing: Smoothing
    certificate: pd.DataFrame
    patients: pd.Series
    attacks: Mapping[str, tuple[RobustImages, RobustImages]]


def robust_images(
    surface: SurfaceTable,
    members: pd.DataFrame,
    sample: pd.Series,
    *,
    iterations: int,
    success: str,
) -> RobustImages:
    """Which images of an attack's sample the network gets right, from the attack's surface.

    members:    the group's, indexed by member
    sample:     the clean decision of each image of the attack's sample, as
                `decisions.clean_decisions` does
    iterations: the operating point
    success:    any: wrong at some iterate up to the iteration; final: at this one

    The images of `decisions.unknown_members` are left out. UserError where the surface holds
    images that are not of the sample.
    """
    classes = int(members["class_index"].nunique())
    result = outcomes(surface, members["class_index"], classes)
    iteration = operating_iteration(result.iterations, iterations)
    epsilons = [0.0, *result.doses.epsilons]
    unknown = unknown_members(surface, result, members["class_index"], sample)
    kept = sample[~sample.index.isin(unknown)].rename_axis("member")
    before = kept.to_numpy() == members["class_index"].loc[kept.index].to_numpy()
    right = pd.DataFrame(dict.fromkeys(epsilons, before), index=kept.index)
    flipped = result.flipped(success)[:, :, iteration]
    right.loc[result.members] = np.hstack([np.ones((len(flipped), 1), bool), ~flipped])
    return RobustImages(iteration, right)


def certified_of_all(runs: list[SmoothedRun], draws: int, seed: int) -> pd.DataFrame:
    """The table certified."""
    tables = [certified(run, draws, seed) for run in runs]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def certified(run: SmoothedRun, draws: int, seed: int) -> pd.DataFrame:
    """The rows of the table certified for one smoothed network.

    First certified accuracy over a grid of radii, on all images that were certified. Then for each
    attack a row for 0 and each epsilon, on the images that were certified and whose outcome is
    known of both networks.
    """
    certificate = run.certificate.set_index("member")
    patients = bootstrap.draw_patients(run.patients.loc[certificate.index], draws, seed)
    tables = [_certified_accuracy(certificate, radii(run.smoothing), patients)]
    for attack, (smoothed, base) in run.attacks.items():
        both = certificate.index.isin(smoothed.right.index.intersection(base.right.index))
        shown, of_shown = certificate[both], patients.subset(both)
        epsilons = smoothed.right.columns.to_numpy(float)
        table = _certified_accuracy(shown, epsilons, of_shown)
        right = smoothed.right.loc[shown.index].to_numpy(bool)
        table = table.assign(attack=attack, iteration=smoothed.iteration)
        table = table.join(_rates("robust", right, of_shown))
        table["n_contradicted"] = (_holds(shown, epsilons) & ~right).sum(axis=0)
        base_right = base.right.loc[shown.index].to_numpy(bool)
        tables.append(table.join(_rates("base_robust", base_right, of_shown)))
    table = pd.concat(tables, ignore_index=True)
    missing = [name for name in (*_OF_ATTACK, "attack") if name not in table]
    table = table.assign(**dict.fromkeys(missing)).astype(_OF_ATTACK).fillna({"attack": ""})
    table = table.assign(sigma=run.smoothing.sigma, alpha=run.smoothing.alpha, base=run.base)
    return table.assign(**identity_columns(run.identity, len(table)))


def radii(smoothing: Smoothing) -> np.ndarray:
    """The radii of the table: 0, tenths of sigma, and the largest that a certificate can have."""
    largest = largest_radius(smoothing)
    steps = np.arange(np.ceil(round(largest / (STEP * smoothing.sigma), 9)))
    return np.append(np.round(steps * STEP * smoothing.sigma, 12), largest)


def _certified_accuracy(
    certificate: pd.DataFrame, radii: np.ndarray, patients: Patients
) -> pd.DataFrame:
    """A row for each radius; the certificates are of the images of `patients`."""
    abstained = int((certificate["class_index"] == ABSTAINS).sum())
    n = len(certificate)
    table = pd.DataFrame({"radius": radii, "n_images": n, "n_patients": patients.count})
    table = table.join(_rates("certified", _holds(certificate, radii), patients))
    return table.assign(n_abstained=abstained, abstained=abstained / n if n else np.nan)


def _holds(certificate: pd.DataFrame, radii: np.ndarray) -> np.ndarray:
    """Images x radii: whether the image is certified for its true class up to the radius."""
    reach = certificate["radius"].to_numpy()[:, None] >= radii - TOLERANCE
    return np.asarray(certificate["correct"].to_numpy(bool)[:, None] & reach)


def _rates(name: str, hits: np.ndarray, patients: Patients) -> pd.DataFrame:
    """The count, the share and its intervals; `hits` is images x points."""
    n = np.full(hits.shape[1], len(hits))
    draws = bootstrap.rates(hits, np.ones((len(hits), 1), bool), patients)
    values = draws[0], *rate_interval(draws, patients.clusters), *wilson(hits.sum(axis=0), n)
    columns = {f"{name}{end}": value for end, value in zip(_ENDS, values, strict=True)}
    return pd.DataFrame({f"n_{name}": hits.sum(axis=0), **columns})
