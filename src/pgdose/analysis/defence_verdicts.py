"""Whether a defence helps, and what it costs: verdicts on differences, by margins of the study.

The margins (`measures.margins`) are chosen before results are read. A verdict needs the whole 95 %
interval on its side of the margin. docs/explanation/defences.md has the rules and their reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

HELPS, DOES_NOT_HELP, UNDECIDED = "helps", "does not help", "undecided"
KEPT, LOST = "kept", "lost"
NOT_TRUSTED = "not to be trusted"
NONE = ""  # without an interval
# Each dose tells itself whether it was reached.
OF_DOSES = "dose reached"
# Where one of these fails, rates are wrong, and may be too high as well as too low; where another
# one fails they are too low.
WRONG_EITHER_WAY = (
    *("repeatable", "outputs are logits", "inputs in range", "clean prediction", "box kept"),
)


def of_success(low: float, high: float, margin: float) -> str:
    """The verdict on a difference of attack success rates, defended - undefended."""
    if np.isnan(low) or np.isnan(high):
        return NONE
    if high < -margin:
        return HELPS
    return DOES_NOT_HELP if low > -margin else UNDECIDED


def of_robust_accuracy(low: float, high: float, margin: float) -> str:
    """The verdict on a difference of accuracies under attack, by the margin of success."""
    return of_success(-high, -low, margin)


def of_accuracy(low: float, high: float, margin: float) -> str:
    """The verdict on a difference of accuracies on clean images."""
    verdicts = {HELPS: LOST, DOES_NOT_HELP: KEPT, UNDECIDED: UNDECIDED, NONE: NONE}
    return verdicts[of_success(low, high, margin)]


@dataclass(frozen=True)
class FailedChecks:
    """The checks that failed of one attack on both networks, each under its run's name.

    undefended, defended: the run, and the names of its failed checks
    """

    undefended: tuple[str, Sequence[str]]
    defended: tuple[str, Sequence[str]]

    def objection(self, verdict: str, *, reached: tuple[bool, bool] = (True, True)) -> str:
        """Why a verdict is not to be trusted; empty if nothing speaks against it.

        A success rate is a lower bound. So a defence must not be said to help where the attack on
        the defended network may be too weak, or not to help where the one on the undefended
        network may be. `reached` says of both whether the attack reached the amplitude.
        """
        suspects = {
            HELPS: (self.defended, reached[1]),
            DOES_NOT_HELP: (self.undefended, reached[0]),
        }
        if verdict not in suspects:
            return ""
        (run, checks), has_reached = suspects[verdict]
        parts = [] if has_reached else [f"no image of {run} is changed by as much as epsilon"]
        parts += _named(run, [check for check in checks if check != OF_DOSES])
        for other, failed in (self.undefended, self.defended):
            if other != run:
                parts += _named(other, [check for check in failed if check in WRONG_EITHER_WAY])
        return "; ".join(parts)


def _named(run: str, checks: Sequence[str]) -> list[str]:
    words = "check" if len(checks) == 1 else "checks"
    return [f"failed {words} of the attack on {run}: {', '.join(checks)}"] if checks else []


def failed_checks(diagnostics: pd.DataFrame, attack: str) -> list[str]:
    """The checks of an attack that failed; `diagnostics` has `attack check verdict`."""
    rows = diagnostics[(diagnostics["attack"] == attack) & (diagnostics["verdict"] == "failed")]
    return [str(check) for check in rows["check"]]


def decided(
    row: Mapping[str, Any], verdict: str, objection: str, *, is_noise: bool = False
) -> dict[str, Any]:
    """The row with its verdict and the reason for what it is not."""
    if is_noise:
        return {**row, "verdict": NONE, "reason": "noise is a control, which no defence is against"}
    if objection:
        return {**row, "verdict": NOT_TRUSTED, "reason": objection}
    return {**row, "verdict": verdict}


@dataclass(frozen=True)
class AttackVerdict:
    """What one attack says of a defence.

    row:            of the mean ASR over the doses, with its verdict
    surely_no_help: `does not help` at a level that is divided by the number of attacks
    """

    row: Mapping[str, Any]
    surely_no_help: bool


def worst(attacks: Sequence[AttackVerdict]) -> dict[str, Any]:
    """The row `overall` of a network: that of the attack that decides. At least one attack.

    It helps only if it helps under every attack (the intersection-union test of Berger 1982, which
    needs no correction). One attack under which it surely does not help is enough for the
    opposite; since that one is chosen from all of them, its level is divided by their number.
    """
    rows = [one.row for one in attacks]
    verdicts = {row["verdict"] for row in rows}
    without_help = [one.row for one in attacks if one.surely_no_help]
    if without_help:
        return {**_weakest(without_help), "verdict": DOES_NOT_HELP, "reason": ""}
    if verdicts == {HELPS}:
        return dict(_weakest(rows))
    for verdict in (NOT_TRUSTED, NONE):
        if verdict in verdicts:
            return dict(_weakest([row for row in rows if row["verdict"] == verdict]))
    weakest = _weakest([row for row in rows if row["verdict"] != HELPS])
    reason = ""
    if weakest["verdict"] == DOES_NOT_HELP:
        reason = (
            f"{DOES_NOT_HELP} at 95 %, but not at the level that is divided by the number of "
            f"attacks, {len(rows)}"
        )
    return {**weakest, "verdict": UNDECIDED, "reason": reason}


def _weakest(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row with the least help; one without a number counts as the least."""
    return max(rows, key=lambda row: np.inf if np.isnan(row["difference"]) else row["difference"])
