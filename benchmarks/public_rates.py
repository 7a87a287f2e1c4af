"""Tables of docs/public about rates: groups, success, training luck, training size."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from public_study import Results, group_rates, half_doses, level_at, of_groups
from scipy import stats

from pgdose.analysis import network_conclusions
from pgdose.analysis.conclusion_tables import AttackDraws
from pgdose.analysis.contrasts import network_variance
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.intervals import joint_freedom, rate_interval, standard_error

TAILS = (0.025, 0.975)


def tables(results: Results) -> dict[str, pd.DataFrame]:
    learned = of_groups(results.draws, results.learned)
    half, epsilon = half_doses(learned), results.settings.epsilon
    return {
        "groups": groups(results),
        "asr": pd.DataFrame(asr_rows(results.draws)),
        "luck": pd.DataFrame(luck_rows(results.draws, results.networks_by_group, epsilon, half)),
        "variance": pd.DataFrame(variance_rows(learned, epsilon, half)),
        **training_sizes(results),
    }


def groups(results: Results) -> pd.DataFrame:
    """What each group is, and how good its networks are."""
    networks = results.tables["networks"]
    networks = networks[networks["role"].isin(["main", "repeat"])]
    accuracy = networks.groupby("group")["accuracy"].agg(["size", "mean", "min", "max"])
    rows = []
    for _, one in results.tables["table1"].iterrows():
        group, has_interval = one["group"], not np.isnan(one["ci_low"])
        ends = ("ci_low", "ci_high") if has_interval else ("wilson_low", "wilson_high")
        rows.append(
            {
                **{"group": group, "title": one["title"], "modality": results.modality[group]},
                **{"images": one["n_images"], "training": one["n_training"]},
                "validation": one["n_validation"],
                "validation_patients": one["n_patients"] or None,
                "networks": accuracy.at[group, "size"],
                "learned": group in results.learned,
                **{f"accuracy_{f}": accuracy.at[group, f] for f in ("mean", "min", "max")},
                **{"accuracy_full": one["accuracy"]},
                **{"ci_low": one[ends[0]], "ci_high": one[ends[1]]},
                "interval": "by patients" if has_interval else "Wilson, by images",
                "auc_full": one["auc"],
            }
        )
    return pd.DataFrame(rows).astype({"validation_patients": "Int64"})


# --- success --------------------------------------------------------------------------------------


def asr_rows(draws: Mapping[str, AttackDraws]) -> Iterator[dict]:
    """ASR at the operating iteration by group, attack and epsilon: the mean over the networks."""
    for attack, of in draws.items():
        for level, epsilon in enumerate(doses_of(of)):
            luck, freedom = luck_of(list(of.main.values()), level)
            for group, one in of.main.items():
                rates = [float(network.by_epsilon[0, level]) for network in one.networks]
                low, high = mean_interval(one, level, luck / len(rates), freedom)
                yield {
                    **{"group": group, "attack": attack, "epsilon": epsilon},
                    **{"asr": np.mean(rates), "lowest": min(rates), "highest": max(rates)},
                    **{"ci_low": low, "ci_high": high, "networks": len(rates)},
                    "n_attacked": sum(map(len, one.images)),
                    "reached": sum(network.is_dose[level] for network in one.networks),
                }


def doses_of(of: AttackDraws) -> Sequence[float]:
    return next(iter(of.main.values())).networks[0].doses.epsilons


def luck_of(groups: Sequence[GroupDraws], level: int) -> tuple[float, int]:
    """The variance between networks of one group, pooled over the groups; degrees of freedom."""
    return network_variance([network_rates(one, level) for one in groups])


def network_rates(group: GroupDraws, level: int) -> np.ndarray:
    return np.array([network.by_epsilon[0, level] for network in group.networks])


def mean_interval(group: GroupDraws, level: int, luck: float, freedom: int) -> tuple[float, float]:
    """Both ends of the interval of the mean over a group's networks, by patients and networks.

    `luck` is the mean's variance that is due to the networks. NaN where nobody knows the patients.
    """
    drawn = group_rates(group)[:, [level]]
    by_patient = standard_error(drawn) ** 2
    joint = joint_freedom(by_patient, group.clusters.freedom, luck, freedom)
    low, high = rate_interval(drawn, group.clusters, luck, float(np.squeeze(joint)))
    return float(low[0]), float(high[0])


# --- training luck --------------------------------------------------------------------------------


def doses(
    draws: Mapping[str, AttackDraws], epsilon: float, half: Mapping[str, float]
) -> Iterator[tuple[str, AttackDraws, str, int]]:
    """Each attack at the operating dose and at the one of half success: its level."""
    for attack, of in draws.items():
        yield attack, of, "operating", level_at(of, epsilon)
        yield attack, of, "half", level_at(of, half[attack])


def luck_rows(
    draws: Mapping[str, AttackDraws],
    names: Mapping[str, Sequence[str]],
    epsilon: float,
    half: Mapping[str, float],
) -> Iterator[dict]:
    """ASR of each network; `names` are those of each group's."""
    for attack, of, dose, level in doses(draws, epsilon, half):
        for group, one in of.main.items():
            rates = network_rates(one, level)
            for run, rate, images in zip(names[group], rates, one.images, strict=True):
                yield {
                    **{"attack": attack, "dose": dose, "epsilon": doses_of(of)[level]},
                    **{"group": group, "run": run, "asr": rate, "n_attacked": len(images)},
                }


def variance_rows(
    draws: Mapping[str, AttackDraws], epsilon: float, half: Mapping[str, float]
) -> Iterator[dict]:
    """What ASR varies by between the groups, see `components`."""
    for attack, of, dose, level in doses(draws, epsilon, half):
        rates = [network_rates(one, level) for one in of.main.values()]
        drawn = [group_rates(one)[:, level] for one in of.main.values()]
        for row in components(rates, [float(d[1:].var(ddof=1)) for d in drawn]):
            yield {"attack": attack, "dose": dose, "epsilon": doses_of(of)[level], **row}


def components(rates: Sequence[np.ndarray], by_patient: Sequence[float]) -> list[dict]:
    """The components of the variance of ASR between groups.

    rates:      by group, those of its networks
    by_patient: by group, the variance of their mean over the draws of patients

    training luck: between the networks of one group, s^2; of a mean over N networks s^2 / N
    all: between the means of the groups; the part of the groups is what patients and luck leave
    """
    luck, freedom = network_variance(rates)
    of_mean = luck * float(np.mean([1 / len(of) for of in rates]))
    patients = float(np.nanmean(by_patient))
    means = np.array([of.mean() for of in rates])
    total = float(means.var(ddof=1)) if len(means) > 1 else np.nan
    between = max(total - patients - of_mean, 0.0)
    parts = between + patients + of_mean
    low, high = variance_interval(luck, freedom)
    ends = variance_interval(total, len(means) - 1)
    empty = {"ci_low": np.nan, "ci_high": np.nan, "freedom": None}
    return [
        {
            "component": name,
            "variance": variance,
            "of_mean": of,
            "share": of / parts if parts else np.nan,
            **rest,
        }
        for name, variance, of, rest in (
            ("patients", patients, patients, empty),
            ("training luck", luck, of_mean, {"ci_low": low, "ci_high": high, "freedom": freedom}),
            ("groups", between, between, empty),
            (*("all", total, parts), {**interval_of(ends), "freedom": len(means) - 1}),
        )
    ]


def interval_of(ends: tuple[float, float]) -> dict[str, float]:
    return {"ci_low": ends[0], "ci_high": ends[1]}


def variance_interval(variance: float, freedom: int) -> tuple[float, float]:
    """Both ends of the chi-square interval of a variance."""
    if freedom < 1:
        return np.nan, np.nan
    low, high = freedom * variance / stats.chi2.ppf(TAILS[::-1], freedom)
    return float(low), float(high)


# --- training size --------------------------------------------------------------------------------


def training_sizes(results: Results) -> dict[str, pd.DataFrame]:
    """ASR by the size of the training set, and its slope in each group."""
    table = results.tables["training_size"]
    if table.empty:
        return {}
    slopes = []
    for attack, of in results.draws.items():
        for group, sized in of.sized.items():
            if len(sized.runs) <= len(of.main[group].networks):
                continue  # an attack on no further size
            found = network_conclusions.training_size({group: sized}, results.settings.epsilon)
            slopes.append(
                {
                    **{"group": group, "attack": attack, "slope": found.estimate},
                    **{"ci_low": found.low, "ci_high": found.high, "verdict": found.verdict},
                    **{"trainings": len(sized.runs), "reason": found.reason},
                }
            )
    return {
        "training_size": table,
        "training_slopes": pd.DataFrame(slopes),
    }
