"""The operating point: at which epsilon and iteration of each attack the tables are compared.

One rule for an attack that lacks the point: the nearest epsilon that was measured, and the last
iteration that is not beyond the one of the study.
"""

from collections.abc import Iterable

import pandas as pd

from pgdose.study.doses import Doses


def operating_iteration(measured: Iterable[int], iterations: int) -> int:
    """The last measured iteration that is not beyond `iterations`; if all are, the first.

    Iteration 0, the clean image, does not count unless there is no other.
    """
    later = sorted({int(iteration) for iteration in measured} - {0}) or [0]
    return max((iteration for iteration in later if iteration <= iterations), default=later[0])


def operating_iterations(table: pd.DataFrame, iterations: int) -> dict[str, int]:
    """The operating iteration of each attack in a table with n_attacked.

    A group without attacked images has a row for every iteration, so its rows don't count unless
    there are no others.
    """
    result = {}
    for attack, rows in table.groupby("attack"):
        filled = rows[rows["n_attacked"] > 0]
        measured = (rows if filled.empty else filled)["iteration"]
        result[str(attack)] = operating_iteration(measured, iterations)
    return result


def operating_epsilons(table: pd.DataFrame, epsilon: float) -> dict[str, float]:
    """The operating epsilon of each attack in a table: the nearest that the table has."""
    result = {}
    for attack, column in table.groupby("attack")["epsilon"]:
        doses = Doses(tuple(sorted(column.unique())), 1)
        result[str(attack)] = doses.epsilons[doses.nearest_level(epsilon)]
    return result


def at(table: pd.DataFrame, *, iterations: int, epsilon: float | None = None) -> pd.DataFrame:
    """The rows at the operating point, each attack at its operating iteration.

    With `epsilon`, also at its operating epsilon, which the rows state.
    """
    rows = table["iteration"] == table["attack"].map(operating_iterations(table, iterations))
    if epsilon is not None:
        rows &= table["epsilon"] == table["attack"].map(operating_epsilons(table, epsilon))
    return table[rows]
