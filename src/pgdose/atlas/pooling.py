"""From shared studies to the tables of an atlas.

The unit is the study: its groups of one modality are averaged on the scale before studies are
pooled, and their standard errors too, as if they held the same patients, since many do. So a study
with many groups counts no more than one with a single group.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis.operating_point import operating_epsilons
from pgdose.atlas import meta_analysis, scales
from pgdose.atlas.comparability import (
    CommonAttack,
    SetApart,
    attack_settings,
    common_attacks,
    differing_attacks,
    settings_key,
    what_epsilon_bounds,
)
from pgdose.atlas.meta_analysis import Pooled
from pgdose.atlas.same_study import check_different
from pgdose.atlas.scales import ARCSINE, END, ROUNDING, rate_of
from pgdose.atlas.shared_rise import rows_of_rise
from pgdose.atlas.shared_study import SharedStudy, same_dose

FEWEST_OF_A_LEVEL, FEWEST_TO_COMPARE = 3, 10  # units of a meta-regression
FACTORS = ("modality", "network", "attack")
#: Conclusions that are pooled are equal in these.
CONCLUSION_KEYS = ("conclusion", "attack", "doses", "scale", "statistic")
AT_OPERATING_EPSILON = ("levels_off", "training_size")  # conclusions about this one dose
_NEVER = "no image flips in any study; the interval is a bound"
_ALWAYS = "all images flip in every study; the interval is a bound"


@dataclass(frozen=True)
class Atlas:
    """Several studies, and what they say together.

    attacks:       those of all studies, each once
    rates:         a row for each study, group, attack (its label) and epsilon
    units:         the same by study and modality: what is pooled
    pooled:        success by modality, attack and epsilon
    conclusions:   by study, with `doses`, those that each rests on; pooled_conclusions of them
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
    check_different(studies)
    attacks = common_attacks(studies)
    labels = {study.name: labels_of(study, attacks) for study in studies}
    rates = _all_rates(studies, labels)
    apart = [*apart, *differing_attacks(attacks), *_unused(rates)]
    units = _units(rates[rates["used"]])
    pooled, without = _pooled(units, ["modality", "attack", "epsilon"])
    conclusions, counted_already = _all_conclusions(studies, labels)
    pooled_conclusions, without_conclusions = _pooled(conclusions, CONCLUSION_KEYS)
    apart += [*counted_already, *_other_conclusions(conclusions)]
    bounds = {attack.label: what_epsilon_bounds(attack.settings) for attack in attacks}
    return Atlas(
        *(studies, attacks, rates, units),
        _with_notes(_as_rates(pooled), units),
        conclusions,
        _as_rates(pooled_conclusions),
        _as_rates(pd.concat([without, without_conclusions], ignore_index=True)),
        _differences(rates[rates["used"]], bounds),
        apart,
    )


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
            modality=[_kind(groups[group]) for group in study.rates["group"]],
            network=[groups[group]["network"] for group in study.rates["group"]],
            attack=[labels[study.name][attack] for attack in study.rates["attack"]],
            epsilon=study.rates["epsilon"].map(same_dose),
            failed_checks=[
                names if isinstance(names, str) else "" for names in study.rates["failed_checks"]
            ],
        )
        table["apart"] = np.select(
            [table["n_patients"].isna(), ~table["reached"].astype(bool)],
            ["nobody knows the patients of its images", "the attack did not reach this amplitude"],
            "",
        )
        usable = table[table["apart"] == ""]
        again = _counted_already(
            usable, study.rates["attack"], study, ["group", "attack", "epsilon"]
        )
        table.loc[again.index, "apart"] = again
        parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    low, high = map(rate_of, scales.interval(table["estimate"], table["standard_error"]))
    table = table.assign(asr=rate_of(table["estimate"]), ci_low=low, ci_high=high)
    return table.assign(used=table["apart"] == "")


def _kind(group: Mapping[str, Any]) -> str:
    """The kind of image. `other` may be an eye or a knee, so there the classes are a part of it."""
    if group["modality"] != "other":
        return str(group["modality"])
    return f"other ({', '.join(sorted(str(of).casefold() for of in group['classes'].values()))})"


def _counted_already(
    table: pd.DataFrame, names: pd.Series, study: SharedStudy, keys: Sequence[str]
) -> pd.Series:
    """Why rows of a study do not count: an attack that is the same but for its name counts there.

    The first in the study's order counts. `names` are the attacks' names in the study, with the
    index of `table`. The result has the rows that do not count.
    """
    order = {attack: place for place, attack in enumerate(study.about["attacks"])}
    rows = table.assign(name=names, place=names.map(order)).sort_values("place", kind="stable")
    first = rows.groupby(list(keys))["name"].transform("first")
    why = "as " + rows["name"] + " it is the same attack as " + first + ", which counts"
    return why[rows.duplicated(list(keys))]


def labels_of(study: SharedStudy, attacks: Sequence[CommonAttack]) -> dict[str, str]:
    """The label of each attack of a study."""
    by_key = {settings_key(attack.settings): attack.label for attack in attacks}
    return {
        name: by_key[settings_key(attack_settings(study, name))] for name in study.about["attacks"]
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
) -> tuple[pd.DataFrame, list[SetApart]]:
    """Each study's conclusions, and those that do not count.

    A rise over other doses is another number, so `doses` has those that each rests on.
    """
    parts, apart = [], []
    for study in studies:
        rows = study.conclusions
        table = rows.assign(
            study=study.name,
            doses=[
                _doses(study, *pair)
                for pair in zip(rows["conclusion"], rows["attack"], strict=True)
            ],
            attack=[labels[study.name][attack] for attack in rows["attack"]],
            scale=rows["scale"].fillna(""),
            # The slopes of several groups are averaged, that of one is as it is.
            statistic=rows["statistic"].fillna("").astype(str).str.replace("mean slope", "slope"),
        )
        again = _counted_already(table, rows["attack"], study, CONCLUSION_KEYS)
        duplicates = table.loc[again.index].assign(why=again).to_dict("records")
        apart += [
            SetApart(study.name, f"{row['conclusion']} under {row['attack']}", row["why"])
            for row in duplicates
        ]
        parts.append(table.drop(index=again.index))
    return pd.concat(parts, ignore_index=True), apart


def _doses(study: SharedStudy, conclusion: str, attack: str) -> str:
    """The doses that a study's conclusion rests on, as text; of groups that differ, each list."""
    if conclusion in AT_OPERATING_EPSILON:
        table = pd.DataFrame({"epsilon": study.about["attacks"][attack]["epsilons"]})
        point = float(study.about["operating"]["epsilon"])
        return f"{operating_epsilons(table.assign(attack=attack), point)[attack]:.6g}"
    rows = study.rates[study.rates["attack"] == attack]
    groups = rows_of_rise(rows) or [rows[rows["reached"].astype(bool)]]
    lists = {tuple(sorted(of_group["epsilon"].unique())) for of_group in groups}
    return "; ".join(", ".join(f"{epsilon:.6g}" for epsilon in doses) for doses in sorted(lists))


def _other_conclusions(conclusions: pd.DataFrame) -> list[SetApart]:
    """Conclusions that one study alone has in this form, though others have the attack."""
    apart = []
    form = ("doses", "scale", "statistic")
    for (name, attack), rows in conclusions.groupby(["conclusion", "attack"], sort=False):
        records = rows.to_dict("records")
        forms = Counter(tuple(row[key] for key in form) for row in records)
        of_doses = Counter(row["doses"] for row in records)
        for row in records if len(forms) > 1 else ():
            if forms[tuple(row[key] for key in form)] > 1:
                continue
            why = f"no other study has it at the same doses: {row['doses']}"
            if of_doses[row["doses"]] > 1:
                why = (
                    f"no other study has this statistic on this scale: {row['statistic']}, "
                    f"{row['scale']}"
                )
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
    columns = dict.fromkeys([*keys, *_EMPTY])  # scale is among both
    return pd.DataFrame(rows, columns=None if rows else list(columns)), pd.DataFrame(
        without, columns=None if without else [*columns, "without"]
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
        # An estimate at the upper end of the scale is rounded where it is shared.
        always = low >= END - ROUNDING
        notes.append(_NEVER if high <= 0 else _ALWAYS if always else "")
    return pooled.assign(note=notes)


def _differences(rates: pd.DataFrame, bounds: Mapping[str, str]) -> pd.DataFrame:
    """Meta-regression of success on one factor, where there are enough studies.

    Attacks are compared only if epsilon bounds the same in them; `bounds` says what, by label.
    Two units of one study count as independent, which makes the interval of a difference wider
    than need be, since what they share cancels.
    """
    rows: list[dict[str, Any]] = []
    rates = rates.assign(bounds=rates["attack"].map(bounds))
    for factor in FACTORS:
        within = [name for name in ("modality", "attack", "epsilon", "bounds") if name != factor]
        by = dict.fromkeys(["study", "modality", "bounds", factor])
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
