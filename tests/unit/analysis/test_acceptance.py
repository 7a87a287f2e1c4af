"""Limits of success rates: three verdicts, and bounds that hold however alike images are."""

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import surface_table
from scipy import stats

from pgdose.analysis.acceptance import FAIL, PASS, UNDECIDED, bounds, decide, judge, sentence
from pgdose.analysis.outcomes import outcomes
from pgdose.errors import UserError
from pgdose.study.acceptance import Limit
from pgdose.study.doses import Doses

DOSES = Doses((0.1, 0.2), 2)


def judged(flips: list[list[int]], max_asr: float, unknown: int = 0, **changed: object) -> dict:
    """The verdict on images, each with its prediction after iterations 1 and 2 at epsilon 0.1."""
    n = len(flips)
    logits = np.zeros((n + unknown, 2, 3, 2), np.float32)
    logits[..., 0] = 1.0  # right
    for image, predictions in enumerate(flips):
        for step, wrong in enumerate(predictions, 1):
            logits[image, 0, step] = [0, 1] if wrong else [1, 0]
    logits[n:, 0, 1] = np.nan
    members = pd.Series(0, index=range(n + unknown))
    result = outcomes(surface_table(range(n + unknown), DOSES, logits), members, 2)
    patients = pd.Series([f"p{m}" for m in result.members], index=result.members)
    limit = {"attack": "sign", "epsilon": 0.1, "max_asr": max_asr, **changed}
    return judge(result, patients, Limit.model_validate(limit))


def test_a_limit_is_kept_only_if_the_upper_bound_is_under_it() -> None:
    never = [[0, 0]] * 29
    assert judged(never, 0.1)["high"] == pytest.approx(1 - 0.05 ** (1 / 29))  # 0.098
    assert judged(never, 0.1)["verdict"] == PASS
    assert judged(never[1:], 0.1)["verdict"] == UNDECIDED  # 28 images: 0.101
    assert judged(never, 0.1, confidence=0.99)["verdict"] == UNDECIDED
    assert judged([[1, 1]] * 10 + never, 0.1)["verdict"] == FAIL


def test_an_image_that_was_wrong_at_any_iteration_counts() -> None:
    row = judged([[1, 0], [0, 1], [0, 0]], 0.5)
    assert (row["n_flipped"], row["n_attacked"], row["iteration"]) == (2, 3, 2)
    assert "flips 2 of 3" in sentence(row)


def test_images_of_unknown_outcome_keep_a_limit_from_being_kept() -> None:
    row = judged([[0, 0]] * 29, 0.1, unknown=1)
    assert (row["verdict"], row["n_unknown"]) == (UNDECIDED, 1)
    assert "the outcome of 1 images is not known" in sentence(row)


def test_an_epsilon_that_was_not_measured_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"0\.13 was not measured by attack sign; .* is 0\.1"):
        judged([[0, 0]], 0.1, epsilon=0.13)


def test_each_limit_has_one_of_three_verdicts() -> None:
    assert decide(0.1, 0.2, 0.2) == PASS
    assert decide(0.2, 0.3, 0.2) == UNDECIDED  # exactly 0.2 is allowed, and possible
    assert decide(0.21, 0.3, 0.2) == FAIL


@pytest.mark.parametrize("hits", [0, 1, 7, 20])
def test_bounds_of_images_of_different_patients_are_clopper_and_pearson_s(hits: int) -> None:
    flips = np.arange(20) < hits
    low, high = bounds(flips, np.arange(20), 0.95)
    exact = stats.binomtest(hits, 20).proportion_ci(0.9, method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))


def test_more_images_of_the_same_patients_add_nothing_and_one_patient_says_nothing() -> None:
    flips, patients = np.arange(20) < 5, np.arange(20)
    once = bounds(flips, patients, 0.95)
    assert bounds(np.repeat(flips, 3), np.repeat(patients, 3), 0.95) == pytest.approx(once)
    uneven = np.repeat(np.arange(10), [11] + [1] * 9)
    assert (
        bounds(np.zeros(20, bool), uneven, 0.95)[1] > bounds(np.zeros(10), np.arange(10), 0.95)[1]
    )
    assert bounds(flips, np.zeros(20), 0.95) == (0.0, 1.0)


@pytest.mark.parametrize(("patients", "each", "alike"), [(30, 1, 0.0), (15, 10, 0.5)])
def test_bounds_miss_no_more_often_than_they_say(patients: int, each: int, alike: float) -> None:
    rng, rate, confidence, rounds = np.random.default_rng(1), 0.15, 0.9, 400
    missed = np.zeros(2)
    for _ in range(rounds):
        own = np.full(patients, rate)
        if alike:
            own = rng.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), patients)
        flips = (rng.random((patients, each)) < own[:, None]).ravel()
        low, high = bounds(flips, np.repeat(np.arange(patients), each), confidence)
        missed += [low > rate, high < rate]
    assert (missed / rounds <= 0.1 + 3 * np.sqrt(0.09 / rounds)).all()
