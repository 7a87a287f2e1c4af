"""Which rows of a result table a figure or the page shows, and how an epsilon is named.

Tables that mix the networks of a group have the column `role` ("main", "repeat", "further" or
"sized"). Figures and the page show main networks. At the operating point an attack that was
not measured at the study's epsilon is shown at the nearest epsilon that was, and `epsilon_label`
says so.
"""

import pandas as pd

from pgdose.analysis.operating_point import operating_epsilons
from pgdose.plots.style import EPSILON
from pgdose.study.doses import same_epsilon


def main_networks(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the groups' main networks."""
    return table[table["role"] == "main"]


def at_nearest_epsilon(table: pd.DataFrame, target: float) -> pd.DataFrame:
    """The rows of each attack at its epsilon nearest to `target`.

    For tables of one iteration; others are cut at both by `analysis.operating_point.at`.
    """
    if table.empty:
        return table
    return table[table["epsilon"] == table["attack"].map(operating_epsilons(table, target))]


def nearest_note(epsilon: float, target: float) -> str:
    """ "nearest to 0.1" where the epsilon shown is not the target; otherwise empty."""
    return "" if same_epsilon(epsilon, target) else f"nearest to {target:g}"


def epsilon_label(epsilon: float, target: float) -> str:
    """The epsilon as a reader sees it: "ε = 0.1", or "ε = 0.08 (nearest to 0.1)"."""
    note = nearest_note(epsilon, target)
    return f"{EPSILON} = {epsilon:g}" + (f" ({note})" if note else "")


def attack_label(attack: str, epsilon: float, target: float) -> str:
    """The attack's name, with its epsilon where that is not the target."""
    if same_epsilon(epsilon, target):
        return attack
    return f"{attack} at {epsilon_label(epsilon, target)}"
