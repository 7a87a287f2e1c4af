"""The tables of the conclusions: all five under each attack, and what groups contribute."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pgdose.analysis import conclusions, confidence_drop, network_conclusions
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.most_groups import holm
from pgdose.analysis.paper_claims import paper_claims
from pgdose.analysis.size_slopes import SizedDraws
from pgdose.analysis.verdicts import Finding, Second, Trend, lacking

#: For each conclusion its test in a sentence, and what the paper found.
TESTS = {
    "grows_with_epsilon": (
        "Rise of ASR over the ranks of the epsilons that were reached; partial conjunction test "
        "of more than half of the groups, each patient counted once; where it is open, their mean "
        "is tested, which is another claim. Holm over the attacks. The estimate is the mean.",
        "7 of 8 groups grow",
    ),
    "histology_less_sensitive": (
        "Mean rise of ASR over epsilon of the histology groups less that of the X-ray groups, "
        "Welch over groups; where it is open, these groups alone are compared. Holm over the "
        "attacks. The interval is Welch's.",
        "histology is less sensitive to the growth of the amplitude",
    ),
    "levels_off": (
        "Growth over the iterations, and less than 0.05 of it in their last quarter; partial "
        "conjunction test of more than half of the groups doing both, each patient counted once; "
        "where it is open, their means are tested, which is another claim. Holm over the attacks. "
        "The estimate is the mean growth.",
        "6 of 8 groups reach their limit",
    ),
    "drops_above_confidence": (
        "Share of pairs of one group, an image over a clean confidence of 0.95 and one under it, "
        "in which the confident one needs the larger dose; pairs that need the same one are left "
        "out. A drop is a share of 2/3. Holm over the attacks.",
        "drops dramatically above 0.95",
    ),
    "training_size": (
        "Slope of ASR over log10 of the training-set size, over all trainings; of several groups "
        "the mean of their slopes, in which opposite ones cancel out. No dependence that matters "
        "is an interval within 0.10 of 0. Holm over the attacks.",
        "no dependence confirmed",
    ),
}
NO_SECOND = Second("", math.nan, math.nan, math.nan, "")


@dataclass(frozen=True)
class AttackDraws:
    """The draws of one attack: of the groups' networks, and of the sized runs.

    main:     by group, its main network and the repeats of it
    modality: of each group, xray, histology or another
    sized:    by group, the trainings of those whose training size varies
    """

    main: Mapping[str, GroupDraws]
    modality: Mapping[str, str]
    sized: Mapping[str, SizedDraws]


def conclude(
    draws: Mapping[str, AttackDraws], epsilon: float, controls: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """The tables conclusions, trends, confidence_ratio and paper_claims.

    `epsilon` is the operating one; `controls` are attacks that share no error with the others.
    """
    pairs = {attack: conclude_attack(those, epsilon) for attack, those in draws.items()}
    rows = [
        row
        for name in TESTS
        for row in _rows(name, {attack: of[name] for attack, (of, _) in pairs.items()}, controls)
    ]
    order = {attack: place for place, attack in enumerate(draws)}
    rows.sort(key=lambda row: order[row["attack"]])
    trends = _concat(_trend_rows(attack, of) for attack, (_, of) in pairs.items())
    ratios = [confidence_drop.ratios(of.main).assign(attack=name) for name, of in draws.items()]
    claims = trends[~trends["attack"].isin(list(controls))] if len(trends) else trends
    return {
        "conclusions": pd.DataFrame(rows),
        "trends": trends,
        "confidence_ratio": _concat(ratios),
        "paper_claims": paper_claims(claims),
    }


def conclude_attack(
    draws: AttackDraws, epsilon: float
) -> tuple[dict[str, Finding], dict[str, list[Trend]]]:
    """The findings under one attack, and what the groups contribute, by conclusion."""
    grows, rises = conclusions.grows_with_epsilon(draws.main)
    levels, growth = conclusions.levels_off(draws.main)
    drops, shares = confidence_drop.drops_above_confidence(draws.main)
    findings = {
        "grows_with_epsilon": grows,
        "histology_less_sensitive": network_conclusions.histology_less_sensitive(
            draws.main, draws.modality
        ),
        "levels_off": levels,
        "drops_above_confidence": drops,
        "training_size": network_conclusions.training_size(draws.sized, epsilon),
    }
    # Also of those that could not be tested.
    networks = max((len(group.networks) for group in draws.main.values()), default=1)
    findings = {
        name: finding if name == "training_size" else replace(finding, networks=networks)
        for name, finding in findings.items()
    }
    trends = {"grows_with_epsilon": rises, "levels_off": growth, "drops_above_confidence": shares}
    return findings, trends


def corrected(
    findings: Mapping[str, Finding], controls: Sequence[str] = ()
) -> dict[str, list[float]]:
    """The p-values of each attack's scopes after Holm's correction over the attacks.

    A control shares no error with the others.
    """
    real = [attack for attack in findings if attack not in controls]
    most = max((len(findings[attack].scopes) for attack in real), default=0)
    p = np.full((len(real), most), np.nan)
    for row, attack in enumerate(real):
        scopes = findings[attack].scopes
        p[row, : len(scopes)] = [scope.p for scope in scopes]
    p = np.stack([holm(column) for column in p.T], axis=1) if p.size else p
    adjusted = {
        attack: values[: len(findings[attack].scopes)].tolist()
        for attack, values in zip(real, p, strict=True)
    }
    alone = [attack for attack in findings if attack in controls]
    return adjusted | {attack: [scope.p for scope in findings[attack].scopes] for attack in alone}


def _rows(name: str, findings: Mapping[str, Finding], controls: Sequence[str]) -> Iterable[dict]:
    """One conclusion's rows of the table conclusions."""
    adjusted = corrected(findings, controls)
    tested = sum(any(np.isfinite(p)) for attack, p in adjusted.items() if attack not in controls)
    for attack, finding in findings.items():
        yield {
            **{"conclusion": name, "attack": attack, "estimate": finding.estimate},
            **{"ci_low": finding.low, "ci_high": finding.high},
            **_answer(finding, adjusted[attack], 1 if attack in controls else tested),
            **{"paper": TESTS[name][1], "test": TESTS[name][0], "reason": finding.reason},
            **{"statistic": finding.statistic, "networks": finding.networks},
            **{"applies": not finding.unfit, "unfit": finding.unfit},
            **_second(finding.second or NO_SECOND),
        }


def _answer(finding: Finding, p_values: Sequence[float], tests: int) -> dict[str, object]:
    """The verdict, its scope and p-values, and what is lacking."""
    verdict, scope = finding.answer(p_values)
    if not finding.scopes:
        numbers = {"p": math.nan, "p_adjusted": math.nan, "n": 0, "unit": ""}
        return {
            "verdict": verdict,
            "scope": "",
            **numbers,
            "lacking": math.nan,
            "lacks": finding.lacks,
        }
    shown = scope or finding.scopes[-1]
    first = finding.scopes[0]
    amount, lacks = math.nan, ""
    if scope is None:
        amount, lacks = lacking(shown, tests)
    elif scope is not first:
        lacks = f"{first.name}: {lacking(first, tests)[1]}"
    return {
        **{"verdict": verdict, "scope": scope.name if scope else ""},
        **{"p": shown.p, "p_adjusted": p_values[list(finding.scopes).index(shown)]},
        **{"n": shown.number, "unit": shown.unit, "lacking": amount, "lacks": lacks},
    }


def _second(second: Second) -> dict[str, object]:
    return {
        **{"second": second.statistic, "second_estimate": second.estimate},
        **{"second_low": second.low, "second_high": second.high, "second_says": second.says},
    }


def _trend_rows(attack: str, trends: Mapping[str, list[Trend]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                **{"group": trend.group, "attack": attack, "conclusion": name},
                **{"statistic": trend.statistic, "estimate": trend.estimate},
                **{"ci_low": trend.low, "ci_high": trend.high},
                **{"n_patients": trend.patients, "state": trend.state},
            }
            for name, several in trends.items()
            for trend in several
        ]
    )


def _concat(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
