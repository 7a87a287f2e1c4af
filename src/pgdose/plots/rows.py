"""Which rows of a result table a figure or the page shows, and how an epsilon is named.

Tables that mix the networks of a group have the column `role` ("main", "further" or "sized").
Figures and the page show main networks. At the operating point an attack that was not measured at
the study's epsilon is shown at the nearest epsilon that was, and `epsilon_label` says so.
"""

from collections.abc import Iterable

import pandas as pd

from pgdose.analysis.success import at
from pgdose.plots.style import EPSILON
from pgdose.study.doses import TOLERANCE


def main_networks(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the groups' main networks."""
    return table[table["role"] == "main"]


def same_epsilon(epsilon: float, other: float) -> bool:
    """Whether two epsilons are the same but for rounding."""
    return abs(epsilon - other) <= TOLERANCE


def nearest_epsilon(epsilons: Iterable[float], target: float) -> float:
    """The epsilon nearest to `target`; of two equally near ones the smaller. There must be one."""
    return min(epsilons, key=lambda epsilon: (abs(epsilon - target), epsilon))


def nearest_epsilons(table: pd.DataFrame, target: float) -> dict[str, float]:
    """The measured epsilon of each attack that is nearest to `target`.

    A group without an image to attack has rows for every epsilon; they count only where no group
    of the table has such an image.

    Args:
        table: has the columns `attack` and `epsilon`, and perhaps `n_attacked`.
        target: usually the epsilon of the operating point.
    """
    nearest = {}
    for attack, rows in table.groupby("attack", sort=False):
        measured = rows[rows["n_attacked"] > 0] if "n_attacked" in rows else rows
        some = rows if measured.empty else measured
        nearest[str(attack)] = nearest_epsilon(some["epsilon"].unique().tolist(), target)
    return nearest


def at_nearest_epsilon(table: pd.DataFrame, target: float) -> pd.DataFrame:
    """The rows of each attack at its measured epsilon nearest to `target`."""
    if table.empty:
        return table
    return table[table["epsilon"] == table["attack"].map(nearest_epsilons(table, target))]


def at_iteration(table: pd.DataFrame, iterations: int) -> pd.DataFrame:
    """The rows of each attack at its operating iteration: the last one if it has fewer."""
    return at(table, iterations=iterations)


def at_operating_point(table: pd.DataFrame, epsilon: float, iterations: int) -> pd.DataFrame:
    """The rows of each attack at its operating iteration and its epsilon nearest to `epsilon`."""
    return at_nearest_epsilon(at_iteration(table, iterations), epsilon)


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
