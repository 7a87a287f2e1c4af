"""benchmarks/attack_doses.py: which epsilons span the rise of an attack's success."""

import importlib

import numpy as np
import pandas as pd
import pytest
from helpers.workflow import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.unit


with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(PROJECT / "benchmarks"))
    doses = importlib.import_module("attack_doses")


def means(*rates: float) -> pd.Series:
    """The mean success at each epsilon of the grid; the last rate goes on to its end."""
    return pd.Series([*rates, *[rates[-1]] * (len(doses.GRID) - len(rates))], index=doses.GRID)


def test_doses_reach_from_the_last_that_flips_nothing_to_the_first_that_flips_all() -> None:
    mean = means(0, 0, 0.04, 0.2, 0.5, 0.8, 0.93, 0.98, 1)
    assert doses.chosen(mean) == [5e-05, 0.0001, 0.0002, 0.0005, 0.001, 0.002]
    assert doses.chosen(mean, every=2) == [0.0001, 0.0005, 0.002]
    assert doses.operating(mean) == 0.0002


def test_success_that_falls_again_or_never_rises_has_doses_too() -> None:
    assert doses.chosen(means(0, 0.5, 0.9, 0.4)) == [1e-05, 2e-05, 5e-05, 0.0001]
    assert doses.chosen(means(0.0)) == [0.02, 0.05, 0.1, 0.2]
    assert doses.chosen(means(0.9)) == [1e-05, 2e-05, 5e-05, 0.0001]


@given(st.lists(st.floats(0, 1), min_size=len(doses.GRID), max_size=len(doses.GRID)))
@settings(max_examples=200, deadline=None)
def test_the_rule_holds_for_any_curve(rates: list[float]) -> None:
    mean = pd.Series(rates, index=doses.GRID)
    chosen = doses.chosen(mean)
    first, last = doses.GRID.index(chosen[0]), doses.GRID.index(chosen[-1])
    assert chosen == list(doses.GRID[first : last + 1]) and len(chosen) >= doses.FEWEST
    before = np.array(rates[:first])
    assert (before <= doses.NOTHING).all()
    if max(rates) > doses.NOTHING and last < len(rates) - 1:
        assert max(rates[: last + 1]) >= doses.MOST * max(rates)
