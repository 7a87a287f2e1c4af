"""Verdicts about defences: the edges of the margins, failed checks, several attacks."""

import numpy as np
import pytest

from pgdose.analysis.defence_verdicts import (
    AttackVerdict,
    FailedChecks,
    of_accuracy,
    of_robust_accuracy,
    of_success,
    worst,
)

HELPS, NO, OPEN, DOUBT = "helps", "does not help", "undecided", "not to be trusted"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.5, -0.11, HELPS),
        (-0.5, -0.10, OPEN),  # exactly the margin is not beyond it
        (-0.10, 0.2, OPEN),
        (-0.09, 0.2, NO),
        (-0.2, 0.0, OPEN),
        (np.nan, np.nan, ""),
    ],
)
def test_the_edges_of_the_margin_of_success(low: float, high: float, verdict: str) -> None:
    assert of_success(low, high, 0.10) == verdict
    assert of_robust_accuracy(-high, -low, 0.10) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.04, 0.1, "kept"),
        (-0.05, 0.1, "undecided"),
        (-0.2, -0.05, "undecided"),
        (-0.2, -0.06, "lost"),
        (0.1, 0.2, "kept"),
        (np.nan, np.nan, ""),
    ],
)
def test_the_edges_of_the_margin_of_accuracy(low: float, high: float, verdict: str) -> None:
    assert of_accuracy(low, high, 0.05) == verdict


def test_a_check_forbids_the_verdict_that_a_weak_attack_would_feign() -> None:
    failed = FailedChecks(("full", ["enough iterations"]), ("jpeg", ["gradients", "dose reached"]))
    assert failed.objection(HELPS) == "failed check of the attack on jpeg: gradients"
    assert failed.objection(NO) == "failed check of the attack on full: enough iterations"
    assert failed.objection(OPEN) == failed.objection("") == ""
    wrong = FailedChecks(("full", ["box kept"]), ("jpeg", []))
    assert "box kept" in wrong.objection(HELPS) and "box kept" in wrong.objection(NO)
    clean = FailedChecks(("full", []), ("jpeg", ["dose reached"]))
    assert clean.objection(HELPS) == ""
    assert "jpeg" in clean.objection(HELPS, reached=(True, False))
    assert "full" in clean.objection(NO, reached=(False, True))


def attack(name: str, difference: float, verdict: str, sure: bool = False) -> AttackVerdict:
    return AttackVerdict({"attack": name, "difference": difference, "verdict": verdict}, sure)


@pytest.mark.parametrize(
    ("attacks", "expected"),
    [
        ([attack("a", -0.5, HELPS), attack("b", -0.3, HELPS)], ("b", HELPS)),
        ([attack("a", -0.5, HELPS), attack("b", -0.1, OPEN)], ("b", OPEN)),
        ([attack("a", -0.5, HELPS), attack("b", 0.0, NO, True)], ("b", NO)),
        # Surely for one attack alone, but not for one that was chosen from two.
        ([attack("a", -0.5, HELPS), attack("b", 0.0, NO)], ("b", OPEN)),
        ([attack("a", -0.5, HELPS), attack("b", -0.6, DOUBT)], ("b", DOUBT)),
        ([attack("a", -0.1, OPEN), attack("b", -0.6, DOUBT)], ("b", DOUBT)),
        ([attack("a", 0.0, NO, True), attack("b", -0.6, DOUBT)], ("a", NO)),
        ([attack("a", -0.5, HELPS), attack("b", np.nan, "")], ("b", "")),
    ],
)
def test_a_network_is_as_good_as_under_its_worst_attack(
    attacks: list[AttackVerdict], expected: tuple[str, str]
) -> None:
    row = worst(attacks)
    assert (row["attack"], row["verdict"]) == expected


def test_why_one_attack_that_does_not_help_leaves_it_undecided() -> None:
    row = worst([attack("a", -0.5, HELPS), attack("b", 0.0, NO)])
    assert row["reason"] == (
        "does not help at 95 %, but not at the level that is divided by the number of attacks, 2"
    )
    assert worst([attack("a", -0.5, HELPS), attack("b", 0.0, OPEN)])["reason"] == ""
