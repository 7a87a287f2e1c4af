"""From shared studies to the tables of an atlas.

The unit is the study: its groups of one modality are averaged on the scale before studies are
pooled, and their standard errors too, as if they held the same patients, since many do. So a study
with many groups counts no more than one with a single group.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from pgdose.atlas import meta_analysis, scales
from pgdose.atlas.comparability import (
    CommonAttack,
    SetApart,
    attack_settings,
    common_attacks,
    differing_attacks,
)
from pgdose.atlas.meta_analysis import Pooled
from pgdose.atlas.scales import ARCSINE, rate_of
from pgdose.atlas.shared_study import SharedStudy
from pgdose.errors import UserError

FEWEST_OF_A_LEVEL, FEWEST_TO_COMPARE = 3, 10  # units of a meta-regression
FEWEST_SIZES = 3  # of rates that two shares have in common, if they are to be of one study
FACTORS = ("modality", "network", "attack")
_NEVER = "no image flips in any study; the interval is a bound"
_ALWAYS = "all images flip in every study; the interval is a bound"


@dataclass(frozen=True)
class Atlas:
    """Several studies, and what they say together.

    attacks:       those of all studies, each once
    rates:         a row for each study, group, attack (its label) and epsilon
    units:         the same by study and modality: what is pooled
    pooled:        success by modality, attack and epsilon
    conclusions:   by study; pooled_conclusions of them
    leave_one_out: each pooled number without each study in turn
    differences:   by modality, network and attack
    apart:         what is not pooled, and why
    """

    studies: Sequence[SharedStudy]
    attacks: Sequence[CommonAttack]
    rates: pd.DataFrame
    units: pd.DataFrame
    pooled: pd.DataFrame
    conclusions: pd.DataFrame
    pooled_conclusions: pd.DataFrame
    leave_one_out: pd.DataFrame
    differences: pd.DataFrame
    apart: Sequence[SetApart]


def make_atlas(studies: Sequence[SharedStudy], apart: Sequence[SetApart] = ()) -> Atlas:
    """Pool studies; `apart` is what was set apart already.

    UserError if there are fewer than two, or one of them twice.
    """
    _check_different(studies)
    attacks = common_attacks(studies)
    labels = {study.name: labels_of(study, attacks) for study in studies}
    rates = _all_rates(studies, labels)
    apart = [*apart, *differing_attacks(attacks), *_unused(rates)]
    units = _units(rates[rates["used"]])
    pooled, without = _pooled(units, ["modality", "attack", "epsilon"])
    conclusions = _all_conclusions(studies, labels)
    keys = ["conclusion", "attack", "doses"]
    pooled_conclusions, without_conclusions = _pooled(conclusions, keys)
    apart += _other_doses(conclusions)
    return Atlas(
        *(studies, attacks, rates, units),
        _with_notes(_as_rates(pooled), units),
        conclusions,
        _as_rates(pooled_conclusions),
        _as_rates(pd.concat([without, without_conclusions], ignore_index=True)),
        _differences(rates[rates["used"]]),
        apart,
    )


def _check_different(studies: Sequence[SharedStudy]) -> None:
    if len(studies) < meta_analysis.FEWEST:
        raise UserError(
            f"{len(studies) or 'no'} study can be read, so there is nothing to pool; give folders "
            "of at least two studies"
        )
    for other, study in combinations(studies, 2):
        names = f"{other.name} and {study.name}"
        if study.about["study_digest"] == other.about["study_digest"]:
            raise UserError(f"{names} are shares of the same study; give each study once")
        if study.name == other.name:
            raise UserError(
                f"two studies are called {study.name}; have one shared again with --name"
            )
        if pair := _equal_groups(other, study):
            raise UserError(
                f"{names} hold the same rates (group {' and '.join(dict.fromkeys(pair))}), so they "
                "are shares of the same study, made twice or before and after it was changed; give "
                "one of them"
            )


def _equal_groups(one: SharedStudy, other: SharedStudy) -> tuple[str, str] | None:
    """A group of each, if all rates that both have are equal: the same network and images.

    Of small sites a few rates may agree by chance, so they must be of several sizes.
    """
    columns = ["n_patients", "n_attacked", "n_flipped", "estimate", "standard_error"]
    tables = []
    for study in (one, other):
        settings = {name: attack_settings(study, name) for name in study.about["attacks"]}
        keys = {name: json.dumps(of, sort_keys=True) for name, of in settings.items()}
        table = study.rates[study.rates["n_flipped"].notna()]
        table = table.assign(attack=table["attack"].map(keys), epsilon=table["epsilon"].round(9))
        by_group = table.drop_duplicates(["group", "attack", "epsilon"]).groupby("group")
        tables.append({str(group): rows for group, rows in by_group})
    for (group, mine), (other_group, others) in product(*(table.items() for table in tables)):
        both = mine.merge(others, on=["attack", "epsilon"], suffixes=("", " of the other")).fillna(
            0
        )
        of_other = both[[f"{name} of the other" for name in columns]]
        equal = np.array_equal(both[columns].to_numpy(), of_other.to_numpy())
        if equal and both["estimate"].nunique() >= FEWEST_SIZES:
            return group, other_group
    return None


def _all_rates(
    studies: Sequence[SharedStudy], labels: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """The rows of all studies, with modality, network, the attack's label, and whether they count.

    `apart` says why one does not.
    """
    parts = []
    for study in studies:
        groups = study.about["groups"]
        table = study.rates.assign(
            study=study.name,
            modality=[groups[group]["modality"] for group in study.rates["group"]],
            network=[groups[group]["network"] for group in study.rates["group"]],
            attack=[labels[study.name][attack] for attack in study.rates["attack"]],
            epsilon=[float(f"{epsilon:.6g}") for epsilon in study.rates["epsilon"]],
            failed_checks=[
                names if isinstance(names, str) else "" for names in study.rates["failed_checks"]
            ],
        )
        parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    low, high = map(rate_of, scales.interval(table["estimate"], table["standard_error"]))
    table = table.assign(asr=rate_of(table["estimate"]), ci_low=low, ci_high=high)
    table["apart"] = np.select(
        [table["n_patients"].isna(), ~table["reached"].astype(bool)],
        ["nobody knows the patients of its images", "the attack did not reach this amplitude"],
        "",
    )
    return table.assign(used=table["apart"] == "")


def labels_of(study: SharedStudy, attacks: Sequence[CommonAttack]) -> dict[str, str]:
    """The label of each attack of a study."""
    by_settings = [(attack.settings, attack.label) for attack in attacks]
    return {
        name: next(label for of, label in by_settings if of == attack_settings(study, name))
        for name in study.about["attacks"]
    }


def _unused(rates: pd.DataFrame) -> list[SetApart]:
    apart = []
    for key, rows in rates[~rates["used"]].groupby(
        ["study", "group", "attack", "apart"], sort=False
    ):
        study, group, attack, why = map(str, key)
        doses = ", ".join(f"{epsilon:g}" for epsilon in sorted(rows["epsilon"]))
        apart.append(SetApart(study, f"group {group}, attack {attack}, epsilon {doses}", why))
    return apart


def _units(rates: pd.DataFrame, by: Sequence[str] = ("study", "modality")) -> pd.DataFrame:
    """The mean over the groups of a study, on the scale; see the module."""
    keys = [*by, "attack", "epsilon"]
    table = rates.groupby(keys, sort=False, as_index=False).agg(
        estimate=("estimate", "mean"),
        standard_error=("standard_error", "mean"),
        n_groups=("group", "size"),
        n_patients=("n_patients", "max"),  # they may be the same in all
        n_attacked=("n_attacked", "sum"),
        failed_checks=("failed_checks", lambda names: int(names.map(bool).any())),
    )
    return table.assign(scale=ARCSINE)


def _all_conclusions(
    studies: Sequence[SharedStudy], labels: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """Each study's conclusions. A rise over other doses is another number: `doses` tells them."""
    parts = []
    for study in studies:
        doses = {
            attack: ", ".join(f"{epsilon:.6g}" for epsilon in of["epsilons"])
            for attack, of in study.about["attacks"].items()
        }
        table = study.conclusions
        parts.append(
            table.assign(
                study=study.name,
                doses=[doses[attack] for attack in table["attack"]],
                attack=[labels[study.name][attack] for attack in table["attack"]],
            )
        )
    return pd.concat(parts, ignore_index=True)


def _other_doses(conclusions: pd.DataFrame) -> list[SetApart]:
    """Conclusions that one study alone has at its doses, though others have the attack."""
    apart = []
    for (name, attack), rows in conclusions.groupby(["conclusion", "attack"], sort=False):
        counts = rows["doses"].value_counts()
        if len(counts) < 2:
            continue
        for row in rows[rows["doses"].map(counts) == 1].to_dict("records"):
            why = f"no other study has it at the same doses: {row['doses']}"
            apart.append(SetApart(row["study"], f"{name} under {attack}", why))
    return apart


def _pooled(table: pd.DataFrame, keys: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pooled estimates of what at least two studies have, and those without each study."""
    rows, without = [], []
    for values, units in table.groupby(list(keys), sort=False):
        if len(units) < meta_analysis.FEWEST:
            continue
        key = dict(zip(keys, values, strict=True)) | {"scale": units["scale"].iloc[0]}
        estimates, errors = units["estimate"].to_numpy(), units["standard_error"].to_numpy()
        names = ";".join(units["study"])
        counts = {
            name: units[name].sum()
            for name in ("n_groups", "n_patients", "n_attacked", "failed_checks")
            if name in units
        }
        rows.append(
            {**key, **_row(meta_analysis.pool(estimates, errors)), **counts, "names": names}
        )
        if len(units) > meta_analysis.FEWEST:
            others = meta_analysis.leave_one_out(estimates, errors)
            without += [
                {**key, "without": study, **_row(of)}
                for study, of in zip(units["study"], others, strict=True)
            ]
    return pd.DataFrame(rows, columns=None if rows else [*keys, *_EMPTY]), pd.DataFrame(
        without, columns=None if without else [*keys, "without", *_EMPTY]
    )


_EMPTY = (
    *("scale", "n_studies", "estimate", "standard_error", "ci_low", "ci_high", "p", "tau", "i2"),
    *("q", "q_p", "predicted_low", "predicted_high", "names", "failed_checks"),
)


def _row(of: Pooled) -> dict[str, Any]:
    return {
        "n_studies": of.studies,
        "estimate": of.estimate,
        "standard_error": of.standard_error,
        "ci_low": of.low,
        "ci_high": of.high,
        "p": of.p,
        "tau": of.tau2**0.5,
        "i2": of.i2,
        "q": of.q,
        "q_p": of.q_p,
        "predicted_low": of.predicted_low,
        "predicted_high": of.predicted_high,
    }


def _as_rates(pooled: pd.DataFrame) -> pd.DataFrame:
    """Estimates and ends of intervals back from the scale; the other numbers stay on it."""
    table = pooled.copy()
    on_scale = (table["scale"] == ARCSINE).to_numpy(bool)
    for column in ("estimate", "ci_low", "ci_high", "predicted_low", "predicted_high"):
        values = table[column].to_numpy(float, copy=True)
        values[on_scale] = rate_of(values[on_scale])
        table[column] = values
    return table


def _with_notes(pooled: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    keys = ["modality", "attack", "epsilon"]
    ends = units.groupby(keys)["estimate"].agg(["min", "max"]).T.to_dict("list")
    notes = []
    for row in pooled.to_dict("records"):
        low, high = ends[tuple(row[key] for key in keys)]
        notes.append(_NEVER if high <= 0 else _ALWAYS if rate_of(low) >= 1 else "")
    return pooled.assign(note=notes)


def _differences(rates: pd.DataFrame) -> pd.DataFrame:
    """Meta-regression of success on one factor, where there are enough studies.

    Two units of one study count as independent, which makes the interval of a difference wider
    than need be, since what they share cancels.
    """
    rows: list[dict[str, Any]] = []
    for factor in FACTORS:
        within = [name for name in ("modality", "attack", "epsilon") if name != factor]
        by = dict.fromkeys(["study", "modality", factor])
        units = _units(rates, [name for name in by if name != "attack"])
        for values, table in units.groupby(within, sort=False):
            counts = table[factor].value_counts()
            levels = [str(level) for level, n in counts.items() if n >= FEWEST_OF_A_LEVEL]
            table = table[table[factor].isin(levels)]
            if len(levels) < 2 or len(table) < FEWEST_TO_COMPARE:
                continue
            rows += _of_factor(factor, dict(zip(within, values, strict=True)), table, levels)
    columns = ["factor", "level", "reference", *_DIFFERENCE]
    return pd.DataFrame(rows, columns=columns)


_DIFFERENCE = (
    *("modality", "attack", "epsilon", "n_units", "asr", "asr_reference"),
    *("difference", "ci_low", "ci_high", "p"),
)


def _of_factor(
    factor: str, within: Mapping[str, Any], table: pd.DataFrame, levels: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for each level beside the one with the most units; differences are on the scale."""
    reference, *others = levels
    is_level = [(table[factor] == level).to_numpy(float) for level in others]
    fit = meta_analysis.regress(
        table["estimate"].to_numpy(),
        table["standard_error"].to_numpy(),
        np.column_stack([np.ones(len(table)), *is_level]),
    )
    base = fit.coefficients[0]
    return [
        {
            **{"factor": factor, "level": level, "reference": reference, **within},
            **{"n_units": len(table), "asr": float(rate_of(base + fit.coefficients[place]))},
            **{"asr_reference": float(rate_of(base)), "difference": fit.coefficients[place]},
            **{"ci_low": fit.low[place], "ci_high": fit.high[place], "p": fit.p[place]},
        }
        for place, level in enumerate(others, start=1)
    ]
