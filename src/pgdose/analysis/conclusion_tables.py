"""The tables conclusions and trends: all five conclusions under each attack."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from pgdose.analysis import conclusions
from pgdose.analysis.conclusion_draws import ConclusionDraws

#: For each conclusion its test in a sentence, and what the paper found.
TESTS = {
    "grows_with_epsilon": (
        "Rise of ASR over the ranks of eps in each group, intervals by patients that hold "
        "together; more than half of the groups must surely rise.",
        "7 of 8 groups grow",
    ),
    "histology_less_sensitive": (
        "Mean rise of the histology groups less that of the X-ray groups, Welch over groups.",
        "histology rises less than X-ray",
    ),
    "levels_off": (
        "Growth over the iterations, and less than 0.05 of it in their last quarter, in each "
        "group; more than half of the groups must surely do both.",
        "6 of 8 groups reach their limit",
    ),
    "drops_above_confidence": (
        "ASR over a clean confidence of 0.95 over ASR under it, Mantel-Haenszel over groups, "
        "bootstrap over patients; sharp is at most half.",
        "drops sharply above 0.95",
    ),
    "training_size": (
        "Slope of ASR over log10 of the training-set size, over all trainings; no dependence "
        "that matters is an interval within 0.10 of 0.",
        "no dependence confirmed",
    ),
}


@dataclass(frozen=True)
class AttackDraws:
    """The draws of one attack: of the groups' main networks, and of the sized runs.

    main:     by group
    modality: of each group, xray, histology or another
    sized:    by run, those of the group whose training size varies
    sizes:    training images of each of these runs
    """

    main: Mapping[str, ConclusionDraws]
    modality: Mapping[str, str]
    sized: Mapping[str, ConclusionDraws]
    sizes: Mapping[str, int]


def conclude(draws: Mapping[str, AttackDraws], epsilon: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables conclusions and trends, attack by attack; `epsilon` is the operating one."""
    pairs = [conclude_attack(attack, those, epsilon) for attack, those in draws.items()]
    return _concat(findings for findings, _ in pairs), _concat(trends for _, trends in pairs)


def conclude_attack(
    attack: str, draws: AttackDraws, epsilon: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One attack's rows of the tables conclusions and trends."""
    grows, rises = conclusions.grows_with_epsilon(draws.main)
    levels, growth = conclusions.levels_off(draws.main)
    findings = {
        "grows_with_epsilon": grows,
        "histology_less_sensitive": conclusions.histology_less_sensitive(
            draws.main, draws.modality
        ),
        "levels_off": levels,
        "drops_above_confidence": conclusions.drops_above_confidence(draws.main),
        "training_size": conclusions.training_size(draws.sized, draws.sizes, epsilon),
    }
    rows = [
        {
            **{"conclusion": name, "attack": attack},
            **{"estimate": finding.estimate, "ci_low": finding.low, "ci_high": finding.high},
            **{"verdict": finding.verdict, "paper": TESTS[name][1], "test": TESTS[name][0]},
            "reason": finding.reason,
        }
        for name, finding in findings.items()
    ]
    trends = [
        {
            **{"group": trend.group, "attack": attack, "conclusion": name},
            **{"statistic": trend.statistic, "estimate": trend.estimate},
            **{"ci_low": trend.low, "ci_high": trend.high},
            **{"n_patients": trend.patients, "state": trend.state},
        }
        for name, several in (("grows_with_epsilon", rises), ("levels_off", growth))
        for trend in several
    ]
    return pd.DataFrame(rows), pd.DataFrame(trends)


def _concat(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
