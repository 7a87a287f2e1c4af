"""Tables of docs/public about the five conclusions, by images, attack and study."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from public_names import ALL, AS_PATIENTS, COLOUR
from public_study import Results, of_groups

from pgdose.analysis import conclusion_tables
from pgdose.analysis.conclusion_tables import TESTS, AttackDraws
from pgdose.analysis.result_files import exact_columns
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.analysis.verdicts import UNDECIDED

PAPER, OTHERS = "paper", ("sign", "margin", "logit", "apgd-ce")
DECIDED = 4  # attacks that must agree for a conclusion to belong to the images
COLUMNS = [
    *("conclusion", "attack", "estimate", "ci_low", "ci_high", "verdict", "scope", "p_adjusted"),
    *("n", "unit", "lacking", "lacks", "statistic", "reason", "applies", "networks"),
]


def tables(results: Results, synthetic: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`synthetic` is the table conclusions of the synthetic study."""
    check(conclude(results, results.draws), results.tables["conclusions"])
    found = by_subset(results)
    table = pd.concat(
        [rows[COLUMNS].assign(subset=subset) for subset, rows in found.items()], ignore_index=True
    )
    return {
        "conclusions": table[["subset", *COLUMNS]],
        "belongs": pd.DataFrame(belongs(table, results.controls)),
        "synthetic": compare(found[ALL], synthetic),
    }


def by_subset(results: Results) -> dict[str, pd.DataFrame]:
    """The table conclusions of each subset of the groups that learned."""
    chosen = {
        subset: of_groups(results.draws, groups)
        for subset, groups in results.subsets.items()
        if groups
    }
    for subset in (ALL, COLOUR):
        if subset in chosen:
            groups = results.subsets[subset]
            chosen[subset + AS_PATIENTS] = of_groups(results.draws, groups, originals=True)
    return {subset: conclude(results, draws) for subset, draws in chosen.items()}


def conclude(results: Results, draws: Mapping[str, AttackDraws]) -> pd.DataFrame:
    """The table conclusions."""
    with np.errstate(over="ignore"):  # of few patients the end of a ratio is infinite
        tables = conclusion_tables.conclude(draws, results.settings.epsilon, results.controls)
    return tables["conclusions"]


def check(table: pd.DataFrame, written: pd.DataFrame) -> None:
    """SystemExit unless the conclusions of all groups are those that the workflow wrote."""
    table = exact_columns(table, list(RESULT_TABLES["conclusions"].columns), "conclusions")
    for name in ("conclusion", "attack", "verdict", "scope", "estimate", "ci_low", "ci_high"):
        if written[name].dtype.kind == "f" and table[name].dtype.kind == "f":
            same = np.allclose(table[name], written[name], equal_nan=True)
        else:
            same = table[name].fillna("").tolist() == written[name].fillna("").tolist()
        if not same:
            raise SystemExit(
                f"tables/conclusions.csv has another {name} than its measures give; run the study "
                "again with this version of pgdose"
            )


def belongs(table: pd.DataFrame, controls: Sequence[str]) -> list[dict]:
    """Whether each conclusion belongs to the images or to the attack, by subset."""
    real = table[~table["attack"].isin(list(controls))]
    rows = []
    for subset in real["subset"].unique():
        for conclusion in TESTS:
            these = real[(real["subset"] == subset) & (real["conclusion"] == conclusion)]
            if these.empty:
                continue
            verdicts = dict(zip(these["attack"], verdict_words(these), strict=True))
            readings = dict(zip(these["attack"], these["scope"].map(reading), strict=True))
            by_verdict = {
                word: [attack for attack, verdict in verdicts.items() if verdict == word]
                for word in ("supported", "contradicted", UNDECIDED, "does not apply")
            }
            answer = to_what(
                {name: readings[name] for name in by_verdict["supported"]},
                {name: readings[name] for name in by_verdict["contradicted"]},
            )
            if len(by_verdict["does not apply"]) == len(these):
                answer = "does not apply"
            attacks = {w.replace(" ", "_"): " ".join(names) for w, names in by_verdict.items()}
            rows.append({"subset": subset, "conclusion": conclusion, "belongs": answer, **attacks})
    return rows


def verdict_words(rows: pd.DataFrame) -> list[str]:
    return np.where(rows["applies"].astype(bool), rows["verdict"], "does not apply").tolist()


def to_what(supported: Mapping[str, str], contradicted: Mapping[str, str]) -> str:
    """Both are the readings (`reading`) of the attacks that decide a conclusion so.

    attack: a real attack supports it and another contradicts it, in the same reading.
    images: four or more decide it, all alike, among them the paper's and one of `OTHERS`.
    """
    if set(supported.values()) & set(contradicted.values()):
        return "attack"
    decided = [*supported, *contradicted]
    is_general = PAPER in decided and any(name in decided for name in OTHERS)
    is_alike = not (supported and contradicted)
    return "images" if len(decided) >= DECIDED and is_general and is_alike else "open"


def reading(scope: Any) -> str:
    """Which claim a verdict is about, without the number of groups: "on average over groups"."""
    return re.sub(r"(the|\d+ of \d+) groups", "groups", scope) if isinstance(scope, str) else ""


def compare(real: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """The conclusions of both studies under the attacks that both have."""
    names = ["estimate", "ci_low", "ci_high", "verdict", "scope", "applies"]
    both = real[["conclusion", "attack", "statistic", *names]].merge(
        synthetic[["conclusion", "attack", *names]],
        on=["conclusion", "attack"],
        suffixes=("_real", "_synthetic"),
    )
    return both.assign(agrees=[agreement(row) for row in both.to_dict("records")])


def agreement(row: Mapping[Any, Any]) -> str:
    """yes or no; open where a verdict is, or where they differ in different readings."""
    verdicts = [row["verdict_real"], row["verdict_synthetic"]]
    same_reading = reading(row["scope_real"]) == reading(row["scope_synthetic"])
    if UNDECIDED in verdicts or (verdicts[0] != verdicts[1] and not same_reading):
        return "open"
    if verdicts[0] != verdicts[1]:
        return "no"
    return "yes" if same_reading else "yes, in another reading"
