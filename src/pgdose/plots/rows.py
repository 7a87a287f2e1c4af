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


def nearest_epsilon(epsilons: Iterable[float], asked: float) -> float:
    """The epsilon nearest to `asked`; of two equally near ones the smaller. There must be one."""
    return min(epsilons, key=lambda epsilon: (abs(epsilon - asked), epsilon))


def nearest_epsilons(table: pd.DataFrame, asked: float) -> dict[str, float]:
    """The measured epsilon of each attack that is nearest to `asked`.

    A group without an image to attack has rows for every epsilon; they count only where no group
    of the table has such an image.

    Args:
        table: has the columns `attack` and `epsilon`, and perhaps `n_attacked`.
        asked: usually the epsilon of the operating point.
    """
    nearest = {}
    for attack, rows in table.groupby("attack", sort=False):
        measured = rows[rows["n_attacked"] > 0] if "n_attacked" in rows else rows
        some = rows if measured.empty else measured
        nearest[str(attack)] = nearest_epsilon(some["epsilon"].unique().tolist(), asked)
    return nearest


def at_nearest_epsilon(table: pd.DataFrame, asked: float) -> pd.DataFrame:
    """The rows of each attack at its measured epsilon nearest to `asked`."""
    if table.empty:
        return table
    return table[table["epsilon"] == table["attack"].map(nearest_epsilons(table, asked))]


def at_iteration(table: pd.DataFrame, iterations: int) -> pd.DataFrame:
    """The rows of each attack at its operating iteration: the last one if it has fewer."""
    return at(table, iterations=iterations)


def at_operating_point(table: pd.DataFrame, epsilon: float, iterations: int) -> pd.DataFrame:
    """The rows of each attack at its operating iteration and its epsilon nearest to `epsilon`."""
    return at_nearest_epsilon(at_iteration(table, iterations), epsilon)


def nearest_note(epsilon: float, asked: float) -> str:
    """ "nearest to 0.1" where the epsilon shown is not the one asked for; otherwise empty."""
    return "" if same_epsilon(epsilon, asked) else f"nearest to {asked:g}"


def epsilon_label(epsilon: float, asked: float) -> str:
    """The epsilon as a reader sees it: "ε = 0.1", or "ε = 0.08 (nearest to 0.1)"."""
    note = nearest_note(epsilon, asked)
    return f"{EPSILON} = {epsilon:g}" + (f" ({note})" if note else "")


def attack_label(attack: str, epsilon: float, asked: float) -> str:
    """The attack's name, with its epsilon where that is not the one asked for."""
    if same_epsilon(epsilon, asked):
        return attack
    return f"{attack} at {epsilon_label(epsilon, asked)}"
