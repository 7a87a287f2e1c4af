"""The dose that images need, against loops over images and pairs."""

import math

import numpy as np
import pytest
from helpers.twelve_images import FOUND, SURFACE

from pgdose.analysis import bootstrap, needed_dose
from pgdose.analysis.doses_reached import doses_reached

RNG = np.random.default_rng(5)
N = 40
DOSE = RNG.integers(0, 6, N)
CONFIDENCE = RNG.choice([0.6, 0.92, 0.95, 0.999], N)
WHOSE = [str(i % 11) for i in range(N)]


def pairs_by_hand(weights: np.ndarray, least: float) -> list[float]:
    """Weighted pairs in which the confident image needs more, and in which it needs less."""
    counts = [0.0, 0.0]
    for i in range(N):
        for j in range(N):
            if CONFIDENCE[i] >= 0.95 and least <= CONFIDENCE[j] < 0.95:
                counts[0] += weights[i] * weights[j] * (DOSE[i] > DOSE[j])
                counts[1] += weights[i] * weights[j] * (DOSE[i] < DOSE[j])
    return counts


def test_pairs_are_those_of_a_loop_over_pairs() -> None:
    patients = bootstrap.draw_patients(WHOSE, 20, 1)
    found = needed_dose.pair_counts(DOSE, CONFIDENCE, patients)
    near = (CONFIDENCE >= 0.9).sum()
    for row in (0, 3, 20):
        weights = patients.weights[row - 1][patients.of_image] if row else np.ones(N)
        expected = [x / N for x in pairs_by_hand(weights, 0)]
        expected += [x / near for x in pairs_by_hand(weights, 0.9)]
        assert found[row] == pytest.approx(expected)


def test_the_dose_is_the_smallest_epsilon_and_then_the_first_iteration() -> None:
    level = needed_dose.smallest_level(FOUND, iteration=2, success="final")
    first = needed_dose.first_iteration(FOUND, level, iteration=2)
    dose = needed_dose.needed_dose(FOUND, iteration=2, success="final")
    flips = FOUND.flipped()
    for i, (at, k) in enumerate(zip(level, first, strict=True)):
        flipped = flips[i, :, 2]
        assert at == (flipped.argmax() if flipped.any() else 2)
        assert k == (flips[i, at].argmax() if at < 2 else -1)
    order = sorted(range(len(level)), key=lambda i: (level[i], max(first[i], 0)))
    assert sorted(dose.tolist()) == [dose[i] for i in order]
    assert len(set(dose[level == 2])) <= 1  # censored: they need more than all others, alike


def test_an_image_that_no_dose_flips_needs_the_most() -> None:
    level = np.array([len(FOUND.doses)] * len(FOUND.members))
    assert (needed_dose.first_iteration(FOUND, level, iteration=2) == -1).all()


def test_a_share_without_pairs_is_unknown() -> None:
    patients = bootstrap.draw_patients(["a", "b", "c", "d"], 20, 1)
    none = needed_dose.pair_counts(np.zeros(4, int), np.array([0.99, 0.99, 0.5, 0.5]), patients)
    assert (none == 0).all()  # all need the same
    one_side = needed_dose.pair_counts(np.arange(4), np.full(4, 0.99), patients)
    assert (one_side == 0).all()


def test_doses_reached_are_those_of_the_largest_change() -> None:
    from helpers.twelve_images import DOSES, dense

    rows = SURFACE.assign(change=np.where(SURFACE["epsilon"] == 0.02, 0.02, 0.04))
    surface = dense(rows, DOSES, 2)
    table = doses_reached(surface)
    assert table["reached"].tolist() == [True, False]
    assert table["largest_change"].tolist() == pytest.approx([0.02, 0.04])
    free = doses_reached(surface, bounds_change=False)
    assert free["reached"].tolist() == [True, True]
    assert not math.isnan(free["largest_change"].sum())
