"""Conclusion 4: ASR drops above a clean confidence of 0.95.

It rests on the dose that each image needs (`needed_dose`), which no ceiling hides. The ratio of
rates stands beside it at every dose. docs/explanation/conclusions.md has the tests.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import special

from pgdose.analysis import most_groups
from pgdose.analysis.bootstrap import Clusters, effective_number, fewer
from pgdose.analysis.confidence_bins import is_over
from pgdose.analysis.contrasts import network_variance
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.intervals import effective_size, joint_freedom, rate_interval
from pgdose.analysis.needed_dose import CONFIDENT, NEXT
from pgdose.analysis.verdicts import (
    AT_CEILING,
    CANNOT_TELL,
    CEILING,
    ERROR,
    FLOOR,
    NOT_MEASURED,
    OF_UNKNOWN_PATIENTS,
    Finding,
    Scope,
    Second,
    Trend,
    networks_text,
    state_of,
    undecided,
)

TWICE = 2 / 3  # of the pairs: the confident image needs more twice as often as it needs less
FEWEST_ON_A_SIDE = 10  # patients
STATISTIC = "share of pairs in which the confident image needs the larger dose"
SHAPE = "the same, 0.95 to 1 against 0.90 to 0.95"

Groups = Mapping[str, GroupDraws]


def drops_above_confidence(groups: Groups) -> tuple[Finding, list[Trend]]:
    """(4) Images of a clean confidence of 0.95 need the larger dose."""
    shares = {group: _Share([draws]) for group, draws in groups.items()}
    trends = _trends(shares)
    strata = [of for group, of in groups.items() if shares[group].pairs > 0 and of.patients_known]
    if not strata:
        reason = "in no group two images on both sides of 0.95 need different doses"
        if groups and not any(draws.patients_known for draws in groups.values()):
            return undecided("nobody knows the patients", lacks="patients that are known"), trends
        return undecided(reason, lacks="images on both sides of 0.95, and doses between"), trends
    share = _Share(strata)
    sides = [of_side.count for of_side in share.sides]
    counts = (
        f"{share.draws[0, 0]:.0%} of pairs in {len(strata)} of {len(groups)} groups; "
        f"{sides[0]} patients over 0.95, {sides[1]} under"
    )
    if min(sides) < FEWEST_ON_A_SIDE:
        need = f"{FEWEST_ON_A_SIDE} patients on each side"
        reason = f"{counts}; {need} are needed"
        return undecided(reason, lacks=f"{FEWEST_ON_A_SIDE - min(sides)} patients more"), trends
    networks = max(len(draws.networks) for draws in strata)
    low, high = share.interval()
    finding = Finding(
        *(STATISTIC, float(share.draws[0, 0]), low, high),
        f"{counts}; {networks_text(networks)}",
        scopes=[
            Scope(
                "",
                partial(share.p_value, 1),
                partial(share.p_value, -1),
                min(sides),
                "patients on each side of 0.95",
            )
        ],
        second=_shape(strata),
        networks=networks,
    )
    return finding, trends


class _Share:
    """The share of pairs in which the confident image needs the larger dose, over some groups.

    `near`: against images of 0.90 to 0.95 alone.
    """

    def __init__(self, strata: Sequence[GroupDraws], *, near: bool = False) -> None:
        columns = slice(2, 4) if near else slice(0, 2)
        pairs = [np.sum([n.pairs[:, columns] for n in of.networks], axis=0) for of in strata]
        total = np.sum(pairs, axis=0)
        self.pairs = float(total[0].sum())
        self.patients_known = all(of.patients_known for of in strata)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.draws = (total[:, 0] / total.sum(axis=1))[:, None]
        self.sides = _sides(strata, NEXT if near else 0.0)
        self.clusters = fewer(self.sides)
        by_network = [
            [
                n.pairs[0, columns][0] / n.pairs[0, columns].sum()
                for n in of.networks
                if n.pairs[0, columns].sum()
            ]
            for of in strata
        ]
        variance, self.network_freedom = network_variance([np.array(v) for v in by_network])
        parts = np.array([of[0].sum() for of in pairs]) / max(self.pairs, 1e-9)
        numbers = np.array([max(len(v), 1) for v in by_network])
        self.network = float((parts**2 / numbers).sum() * variance)

    @property
    def size(self) -> float:
        """The number of independent pairs that would know the share as well."""
        return float(effective_size(self.draws, self.clusters, self.network)[0])

    def freedom(self, more: float = 1.0) -> float:
        # Where few images flip, no more is known than the size says.
        by_patient = max(min(self.clusters.effective, self.size) * more - 1, 0.1)
        rate = self.draws[0, 0]
        rest = max(rate * (1 - rate) / self.size - self.network, 0.0)
        return float(joint_freedom(rest, by_patient, self.network, self.network_freedom))

    def interval(self) -> tuple[float, float]:
        if not self.clusters.enough or not self.pairs:
            return np.nan, np.nan
        clusters = Clusters(self.clusters.count, self.clusters.effective, self.clusters.images)
        low, high = rate_interval(self.draws, clusters, self.network, self.freedom())
        return float(low[0]), float(high[0])

    def p_value(self, side: int, more: float = 1.0, power: float = 0.5) -> float:
        """Of the share being on the other side of TWICE; `side` 1: it is over, -1: under."""
        if not self.clusters.enough or not self.pairs:
            return np.nan
        rate, size = float(self.draws[0, 0]), self.size * more
        rate -= side * float(special.ndtri(power)) * np.sqrt(rate * (1 - rate) / size)
        z = side * (rate - TWICE) / np.sqrt(TWICE * (1 - TWICE) / size)
        return float(special.stdtr(self.freedom(more), -z))


def _sides(strata: Sequence[GroupDraws], least: float) -> tuple[Clusters, Clusters]:
    """The patients of the images over 0.95, and of those from `least` to 0.95.

    None where nobody knows those of a group.
    """
    images = pd.concat([table for of in strata for table in of.images])
    over = is_over(images["confidence"].to_numpy(), CONFIDENT)
    near = is_over(images["confidence"].to_numpy(), least)
    clusters, patients_known = [], all(of.patients_known for of in strata)
    for side in (over, near & ~over):
        numbers = images["patient"][side & patients_known].value_counts().to_numpy()
        clusters.append(Clusters(len(numbers), effective_number(numbers), int(side.sum())))
    return clusters[0], clusters[1]


def _shape(strata: Sequence[GroupDraws]) -> Second:
    """Whether the drop is at 0.95 or comes gradually."""
    share = _Share(strata, near=True)
    low, high = share.interval()
    says = "sharp" if low > TWICE else "gradual" if high < TWICE else "sharp or gradual: open"
    return Second(SHAPE, float(share.draws[0, 0]), low, high, says)


def _trends(shares: Mapping[str, _Share]) -> list[Trend]:
    """What each group shows by itself, with Holm's correction over the groups."""
    over, under = (
        most_groups.holm([share.p_value(side) for share in shares.values()]) for side in (1, -1)
    )
    trends = []
    for (group, share), *p in zip(shares.items(), over, under, strict=True):
        low, high = share.interval()
        state = state_of(*p) if share.pairs else NOT_MEASURED
        state = state if share.patients_known else OF_UNKNOWN_PATIENTS
        patients = min(side.count for side in share.sides)
        estimate = float(share.draws[0, 0])
        trends.append(Trend(group, "confident_needs_more", estimate, low, high, patients, state))
    return trends


def ratios(groups: Groups) -> pd.DataFrame:
    """The attack's rows of the table confidence_ratio: by epsilon, then by iteration.

    Over the groups whose patients are known.
    """
    groups = {group: draws for group, draws in groups.items() if draws.patients_known}
    images = [
        table.assign(stratum=f"{group} {n}")
        for group, draws in groups.items()
        for n, table in enumerate(draws.images)
    ]
    networks = [network for draws in groups.values() for network in draws.networks]
    if not images or not networks:
        return pd.DataFrame()
    table = pd.concat(images, ignore_index=True)
    doses, epsilon = networks[0].doses, networks[0].epsilon
    rows = [
        {"epsilon": e, "iteration": "", **ratio(table, table["smallest_level"] <= level)}
        for level, e in enumerate(doses.epsilons)
    ]
    for iteration in range(1, doses.max_iter + 1):
        first = table["operating_first"]
        flips = (first >= 0) & (first <= iteration)
        rows.append({"epsilon": epsilon, "iteration": iteration, **ratio(table, flips)})
    return pd.DataFrame(rows)


def ratio(images: pd.DataFrame, flipped: pd.Series) -> dict[str, float | str]:
    """ASR over 0.95 divided by that under it, Mantel-Haenszel over strata, patients as clusters.

    The interval is Student's t of the logarithm, by the patients' influences on it.
    """
    over = is_over(images["confidence"].to_numpy(), CONFIDENT)
    both = images.assign(over=over)["over"].groupby(images["stratum"]).transform("nunique") == 2
    images, over, flips = images[both], over[both.to_numpy()], flipped[both].to_numpy(bool)
    counts = {
        **{"n_over": int(over.sum()), "n_flipped_over": int((over & flips).sum())},
        **{"n_under": int((~over).sum()), "n_flipped_under": int((~over & flips).sum())},
    }
    nothing = {"ratio": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    if not counts["n_under"]:
        return {**counts, **nothing, "state": NOT_MEASURED}
    under = counts["n_flipped_under"] / counts["n_under"]
    if under >= CEILING or under <= FLOOR:
        return {**counts, **nothing, "state": AT_CEILING if under >= CEILING else "at the floor"}
    estimate, low, high = _log_ratio(images, over, flips)
    ends = {"ratio": estimate, "ci_low": low, "ci_high": high}
    return {**counts, **ends, "state": "measured" if estimate > 0 else CANNOT_TELL}


def _log_ratio(
    images: pd.DataFrame, over: np.ndarray, flips: np.ndarray
) -> tuple[float, float, float]:
    """Ratio and interval; without a flip over 0.95 the upper end is of a share that none shows."""
    by = images["stratum"].to_numpy()
    frame = pd.DataFrame({"by": by, "n1": over, "n2": ~over, "a": over & flips, "b": ~over & flips})
    n = frame.groupby("by")[["n1", "n2", "a", "b"]].transform("sum").astype(float)
    weight = n["n1"] * n["n2"] / (n["n1"] + n["n2"])
    # An image's part in the weighted rate of its side, and its influence on it.
    part_a, part_b = (weight * frame[x] / n[m] for x, m in (("a", "n1"), ("b", "n2")))
    a, b = part_a.sum(), part_b.sum()
    influence_a = part_a - weight * frame["n1"] / n["n1"] * (n["a"] / n["n1"])
    influence_b = part_b - weight * frame["n2"] / n["n2"] * (n["b"] / n["n2"])
    patients = images["patient"].to_numpy()
    sizes = [pd.Series(patients[side]).value_counts().to_numpy() for side in (over, ~over)]
    effective = min(effective_number(of_side) for of_side in sizes)
    if not a:
        weights = weight[over] / n["n1"][over]
        bound = 1 - (ERROR / 2) ** (1 / effective)
        return 0.0, 0.0, float(bound * weights.sum() / b)
    spread = _clustered(influence_a / a - influence_b / b, patients)
    half = special.stdtrit(max(effective - 1, 0.1), 1 - ERROR / 2) * spread
    return float(a / b), float(a / b * np.exp(-half)), float(a / b * np.exp(half))


def _clustered(influence: pd.Series, patients: np.ndarray) -> float:
    """The standard error of a sum, from each image's influence on it."""
    sums = influence.groupby(patients).sum().to_numpy()
    n = len(sums)
    return float(np.sqrt((sums @ sums) * n / max(n - 1, 1)))
