"""A dose-response curve in one number, and who flips to what."""

import math

import pandas as pd
import pytest
from helpers.twelve_images import (
    EPSILONS,
    FOUND,
    IMAGES,
    TRUE,
    WARD,
    WARD_FLIPS,
    contrast_by_hand,
    drawn_for,
    ends,
    flips,
    looped,
    outcomes_of,
    percentiles_by_hand,
    rate,
    surface_of,
    ward,
)

from pgdose.analysis.dose_summary import dose_summary
from pgdose.analysis.needed_dose import smallest_level
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.transitions import transitions


def summary(definition: str = "final", found: Outcomes = FOUND) -> pd.Series:
    table = dose_summary(found, drawn_for(found), iteration=2, success=definition)
    assert len(table) == 1
    return table.iloc[0]


def smallest_epsilons(definition: str) -> list[float]:
    levels = smallest_level(FOUND, iteration=2, success=definition)
    return [[*EPSILONS, math.inf][level] for level in levels]


def test_the_smallest_epsilon_of_each_image() -> None:
    inf = math.inf  # 3 came back; 9 resists at 0.1, but 0.02 has flipped it
    smallest = [0.1, 0.1, 0.02, inf, inf, 0.1, 0.1, 0.02, 0.02, 0.1]
    assert smallest_epsilons("final") == smallest
    smallest[3] = 0.1
    assert smallest_epsilons("any") == smallest


def test_the_curve_of_twelve_images_in_one_number() -> None:
    row = summary()
    assert (row["n_attacked"], row["n_patients"]) == (10, 6)
    # 0 to 0.02: mean of 0 and 0.3; 0.02 to 0.1: mean of 0.3 and 0.7; over 0.1.
    assert row["auc"] == pytest.approx((0.02 * 0.15 + 0.08 * 0.5) / 0.1)
    assert row["median_epsilon"] == 0.1  # three of ten at 0.02, eight up to 0.1
    assert row["n_never"] == 2
    some = summary("any")
    assert some["auc"] == pytest.approx((0.02 * 0.15 + 0.08 * 0.55) / 0.1)
    assert some["n_never"] == 1


def test_the_interval_of_the_area_is_that_of_a_loop() -> None:
    row = dose_summary(*ward(), iteration=1, success="final").iloc[0]
    flipped = rate(WARD_FLIPS)
    draws = looped(lambda w: (0.02 / 2 + 0.08) * flipped(w) / 0.1, WARD)
    assert contrast_by_hand(row["auc"], draws, 26) == ends(row, "auc_low", "auc_high")


def test_an_area_is_a_share() -> None:
    row = summary()
    assert row["auc_low"] == 0 < row["auc"] < row["auc_high"] <= 1  # few patients


def test_the_interval_of_the_median_is_that_of_a_loop() -> None:
    at_low = rate(flips(0.02, 2))
    reached = rate([a or b for a, b in zip(flips(0.02, 2), flips(0.1, 2), strict=True)])

    def median(w: list[int]) -> float:
        if not sum(w):
            return math.nan
        return 0.02 if at_low(w) >= 0.5 else 0.1 if reached(w) >= 0.5 else math.inf

    row = summary()
    assert percentiles_by_hand(looped(median), 6) == (row["median_low"], row["median_high"])
    assert math.inf in looped(median)  # the interval has met it


@pytest.mark.parametrize(
    ("members", "median", "n_never"), [([0, 3, 4, 9], math.inf, 3), ([0, 1, 3, 4], 0.1, 2)]
)
def test_the_median_is_the_dose_that_flips_half(
    members: list[int], median: float, n_never: int
) -> None:
    """Or infinite where none does: one of four flips at 0.1, or two do; at 0.02 none."""
    calm = {}
    for member in members:
        who, sure, _, at_high = IMAGES[member]
        calm[member] = (who, sure, "000" if TRUE[member] == 0 else "111", at_high)
    row = summary(found=outcomes_of(surface_of(calm)))
    assert (row["median_epsilon"], row["n_never"]) == (median, n_never)


def test_who_flips_to_what() -> None:
    table = transitions(FOUND, ["norm", "ill"], iteration=2)
    assert table.values.tolist() == [
        [0.02, 2, "norm", "norm", 4],
        [0.02, 2, "norm", "ill", 1],
        [0.02, 2, "ill", "norm", 2],
        [0.02, 2, "ill", "ill", 3],
        [0.1, 2, "norm", "norm", 2],
        [0.1, 2, "norm", "ill", 3],
        [0.1, 2, "ill", "norm", 4],
        [0.1, 2, "ill", "ill", 1],
    ]
