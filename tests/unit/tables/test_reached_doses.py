"""Which amplitudes of a surface are doses."""

import numpy as np
import pytest

from pgdose.tables.reached_doses import is_reached, reached_levels

EPSILONS = (0.02, 0.04, 0.06, 0.1)


@pytest.mark.parametrize(
    ("change", "reached"), [(0.1, True), (0.0991, True), (0.0989, False), (0.04, False)]
)
def test_a_dose_is_reached_by_99_percent(change: float, reached: bool) -> None:
    assert is_reached(change, 0.1) == reached


def test_steps_too_short_for_a_box_make_no_dose_of_it() -> None:
    change = np.array([[0.02, 0.03, 0.03, 0.03], [0.02, 0.04, 0.04, 0.04]])
    assert reached_levels(change, EPSILONS).tolist() == [True, True, False, False]


def test_one_image_that_reaches_is_enough() -> None:
    change = np.array([[0.001, 0.001, 0.001, 0.001], [0.02, 0.04, 0.06, 0.0995]])
    assert reached_levels(change, EPSILONS).all()


def test_under_a_clip_of_the_gradient_an_epsilon_that_cuts_nothing_more_is_no_dose() -> None:
    change = np.array([[0.001, 0.002, 0.002, 0.002], [0.001, 0.002, 0.0025, 0.0025]])
    levels = reached_levels(change, EPSILONS, bounds_change=False)
    assert levels.tolist() == [True, True, True, False]  # no change has the size of its epsilon
    assert not reached_levels(change, EPSILONS).any()


def test_images_without_a_change_are_left_out_and_none_decide_nothing() -> None:
    change = np.array([[np.nan] * 4, [0.02, 0.04, 0.05, 0.05]])
    assert reached_levels(change, EPSILONS).tolist() == [True, True, False, False]
    for empty in (np.empty((0, 4)), np.full((2, 4), np.nan)):
        for bounds in (True, False):
            assert reached_levels(empty, EPSILONS, bounds_change=bounds).tolist() == [True] * 4
