"""Intervals that rest on patients, against naive loops, formulas by hand and known truths."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from pgdose.analysis import bootstrap as b
from pgdose.analysis import intervals
from pgdose.analysis.intervals import wilson
from pgdose.tables.keyed import generator

SEED = 2019


def alike(patients: float, images: int = 1000) -> b.Clusters:
    """So many patients of as many images each."""
    return b.Clusters(int(patients), patients, images)


def draw(*patients: str, draws: int = 50) -> b.Patients:
    return b.draw_patients(patients, draws, SEED)


def weights_of(name: str, patients: list[str]) -> np.ndarray:
    drawn = draw(*patients)
    return drawn.weights[:, drawn.of_image[patients.index(name)]]


# --- weights ----------------------------------------------------------------------------------


def test_a_patient_has_the_same_weights_whoever_else_there_is() -> None:
    alone = weights_of("b", ["b"])
    assert alone.tolist() == generator(SEED, "bootstrap", "b").poisson(1.0, 50).tolist()
    for others in (["b", "a"], ["a", "b"], ["z", "b", "b", "a"]):
        assert weights_of("b", others).tolist() == alone.tolist()


def test_other_patients_and_other_seeds_have_other_weights() -> None:
    drawn = draw("a", "b")
    assert (drawn.weights[:, 0] != drawn.weights[:, 1]).any()
    other = b.draw_patients(["a", "b"], 50, SEED + 1)
    assert (drawn.weights != other.weights).any()


def test_weights_are_poisson_of_mean_one() -> None:
    drawn = draw(*map(str, range(200)), draws=500).weights
    assert drawn.mean() == pytest.approx(1, abs=0.015)  # five standard errors of 100,000
    assert drawn.var() == pytest.approx(1, abs=0.03)


def test_images_of_a_patient_share_its_weights_and_keep_them_in_a_part() -> None:
    drawn = draw("b", "a", "b", "c")
    assert drawn.of_image[0] == drawn.of_image[2] and drawn.count == 3
    part = drawn.subset(np.array([True, False, True, False]))
    assert part.count == 1
    some = drawn.subset(np.array([3, 0]))
    assert some.of_image.tolist() == [drawn.of_image[3], drawn.of_image[0]] and some.count == 2


def test_nobody_at_all() -> None:
    drawn = draw()
    assert drawn.count == 0
    assert b.totals(np.zeros((0, 2), bool), drawn).tolist() == [[0, 0]] * 51
    rates = b.rates(np.zeros((0, 2), bool), np.zeros((0, 2), bool), drawn)
    assert np.isnan(rates).all() and np.isnan(intervals.rate_interval(rates, drawn.clusters)).all()


# --- totals and rates -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_totals_are_those_of_a_naive_loop(dtype: type) -> None:
    rng = np.random.default_rng(1)
    drawn = draw(*rng.choice(list("abcdefg"), 30), draws=600)  # more than goes at once
    values = rng.integers(0, 2, (30, 4)).astype(dtype)
    found = b.totals(values, drawn)
    assert found.shape == (601, 4) and found.dtype == np.float64
    assert found[0].tolist() == [sum(column) for column in values.T.tolist()]
    for d in (0, 255, 256, 599):
        own = [int(drawn.weights[d, p]) for p in drawn.of_image]
        sums = [sum(w * v for w, v in zip(own, column, strict=True)) for column in values.T]
        assert found[d + 1].tolist() == sums


def test_totals_of_floats_keep_their_precision() -> None:
    found = b.totals(np.array([[2.0**25], [1.0]]), draw("a", "b"))
    assert found[0, 0] == 2**25 + 1


def test_a_rate_of_nothing_is_unknown() -> None:
    flipped, counted = np.array([[1, 0], [0, 0]], bool), np.array([[1, 0], [1, 0]], bool)
    found = b.rates(flipped, counted, draw("a", "b"))
    assert found[0, 0] == 0.5 and np.isnan(found[:, 1]).all()


# --- the expanded percentile interval ---------------------------------------------------------


@pytest.mark.parametrize("patients", [4, 5, 10, 40, 1000])
def test_percentiles_are_the_expanded_ones(patients: int) -> None:
    """Hesterberg's table: at n = 10 the 2.5 % become 0.9 %; the rest is worked out by scipy."""
    values = np.random.default_rng(2).permutation(np.arange(1.0, 10_001))
    low, high = intervals.percentiles(np.concatenate([[5000.0], values])[:, None], alike(patients))
    tail = stats.norm.cdf(stats.t.ppf(0.025, patients - 1) * math.sqrt(patients / (patients - 1)))
    assert low[0] == max(math.ceil(10_000 * tail), 1)
    assert high[0] == math.ceil(10_000 * (1 - tail))
    if patients == 10:
        assert tail == pytest.approx(0.0086, abs=5e-5)
    if patients == 1000:
        assert (low[0], high[0]) == pytest.approx((249, 9751), abs=3)


def test_percentiles_may_be_infinite() -> None:
    drawn = np.array([1.0, *[1.0] * 50, *[math.inf] * 50])[:, None]
    assert intervals.percentiles(drawn, alike(30)) == (1.0, math.inf)


def test_percentiles_leave_out_draws_that_are_unknown() -> None:
    known = np.arange(100.0)
    with_gaps = np.concatenate([[50.0], known, [math.nan] * 40])[:, None]
    whole = np.concatenate([[50.0], known])[:, None]
    assert intervals.percentiles(with_gaps, alike(30)) == intervals.percentiles(whole, alike(30))
    sample_unknown = np.concatenate([[math.nan], known])[:, None]
    assert np.isnan(intervals.percentiles(sample_unknown, alike(30))).all()
    assert np.isnan(intervals.percentiles(np.array([[1.0], [math.nan]]), alike(30))).all()


def test_three_patients_and_no_draws_have_no_interval() -> None:
    drawn = np.linspace(0, 1, 101)[:, None]
    for patients in (0, 1, 2, 3):
        assert np.isnan(intervals.percentiles(drawn, alike(patients))).all()
        assert np.isnan(intervals.rate_interval(drawn, alike(patients))).all()
        assert np.isnan(intervals.contrast_interval(drawn, alike(patients))).all()
        assert np.isnan(intervals.rate_interval(np.zeros((101, 1)), alike(patients))).all()
    assert np.isnan(intervals.percentiles(drawn[:1], alike(5))).all()
    assert np.isnan(intervals.contrast_interval(drawn[:2], alike(5))).all()
    for interval in (intervals.percentiles, intervals.rate_interval, intervals.contrast_interval):
        assert np.isfinite(interval(drawn, alike(4))).all()


def test_all_or_none_flipped_have_wilsons_interval_with_patients_for_images() -> None:
    flipped = np.array([[0, 1, 0]] * 12, bool)
    flipped[:4, 2] = True
    patients = draw(*"aabbccddeeff", draws=500)
    drawn = b.rates(flipped, np.ones_like(flipped), patients)
    low, high = intervals.rate_interval(drawn, patients.clusters)
    z2 = ndtri(0.975) ** 2
    assert (low[0], high[0]) == pytest.approx((0, z2 / (6 + z2)))  # six patients, not twelve images
    assert (low[1], high[1]) == pytest.approx((6 / (6 + z2), 1))
    assert 0 <= low[2] < 1 / 3 < high[2] <= 1


def test_the_effective_number_of_patients_is_kishs() -> None:
    assert draw(*"abcd").clusters == b.Clusters(4, 4.0, 4)
    assert draw(*"aaaaaaabcd").clusters == b.Clusters(4, pytest.approx(100 / 52), 10)
    assert draw("unknown:1", "b").clusters.count in (0, 2)  # by the prefix of unknown patients
    assert b.fewer([alike(9), b.Clusters(3, 3, 3), alike(5)]).count == 3


def test_one_patient_with_most_images_makes_an_interval_wide() -> None:
    """Ten patients each time; in the second study one of them has 91 of 100 images."""
    widths = []
    for whose in ([str(i) for i in range(10)] * 10, [*"0123456789", *["0"] * 90]):
        flipped = np.array([p in "02468" for p in whose])[:, None]
        patients = draw(*whose, draws=500)
        drawn = b.rates(flipped, np.ones_like(flipped), patients)
        low, high = intervals.rate_interval(drawn, patients.clusters)
        widths.append(high[0] - low[0])
    assert widths[1] > 0.9 > 0.8 > widths[0]


def test_the_size_of_a_rate_is_between_its_patients_and_its_images() -> None:
    patients = draw(*[str(i % 10) for i in range(100)], draws=500)
    apart = np.random.default_rng(3).random((100, 1)) < 0.5  # nothing shared
    drawn = b.rates(apart, np.ones_like(apart), patients)
    assert 10 < intervals.effective_size(drawn, patients.clusters)[0] <= 100**0.75 * 10**0.25
    one = intervals.effective_size(drawn, patients.clusters, extra_variance=0.1)[0]
    assert one < 10  # networks that differ leave less


# --- contrasts --------------------------------------------------------------------------------


def test_a_contrast_is_as_wide_as_students_t_times_the_spread() -> None:
    noise = np.random.default_rng(3).normal(0, 0.2, 500)
    drawn = np.concatenate([[0.0], noise, -noise])[:, None]  # even on both sides
    spread = drawn[1:].std(ddof=1)
    assert intervals.standard_error(drawn) == pytest.approx(spread)
    for tail in (0.025, 0.001):
        half = stats.t.ppf(1 - tail, 29) * spread
        low, high = intervals.contrast_interval(drawn, alike(30), tail)
        assert (low[0], high[0]) == pytest.approx((-half, half))


@pytest.mark.parametrize("side", [1, -1])
def test_a_contrast_goes_further_on_the_side_of_its_skew(side: int) -> None:
    """Ten of 300 patients changed: the exact bound of a Poisson count, within a tenth."""
    drawn = np.concatenate([[10.0], np.random.default_rng(4).poisson(10, 20_000)])[:, None] / 300
    low, high = intervals.contrast_interval(side * drawn, alike(300), 0.003)
    outer, inner = (high, low) if side > 0 else (-low, -high)
    assert 300 * outer[0] == pytest.approx(stats.chi2.ppf(0.997, 22) / 2, rel=0.1)
    assert 300 * inner[0] == pytest.approx(10 - stats.t.ppf(0.997, 299) * math.sqrt(10), rel=0.1)


def test_a_standard_error_leaves_out_draws_that_are_unknown() -> None:
    drawn = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, math.nan], [math.nan, math.nan]])
    assert intervals.standard_error(drawn)[0] == pytest.approx(math.sqrt(2))
    assert math.isnan(intervals.standard_error(drawn)[1])


def test_a_contrast_that_no_draw_shows_is_bounded_by_what_may_be_unseen() -> None:
    """Of 58 and 59 patients a share of 5 % stays unseen with a probability of 5.1 and 4.8 %."""
    assert (
        intervals.largest_unseen_share(58, 0.05) > 0.05 > intervals.largest_unseen_share(59, 0.05)
    )
    assert (1 - intervals.largest_unseen_share(20)) ** 20 == pytest.approx(0.025)
    still = np.zeros((101, 1))
    for tail in (0.025, 0.001):
        low, high = intervals.contrast_interval(still, alike(20), tail)
        bound = intervals.largest_unseen_share(20, tail)
        assert (low[0], high[0]) == pytest.approx((-bound, bound))


# --- does an interval hold the truth ----------------------------------------------------------


def correlated(
    rng: np.random.Generator, rate: float, *, patients: int, images: int, icc: float, studies: int
) -> tuple[np.ndarray, list[str]]:
    """Flips, images x studies: a latent threshold shared within patients; and whose images."""
    whose = np.repeat(np.arange(patients), images)
    shared = rng.standard_normal((patients, studies))[whose]
    own = rng.standard_normal(shared.shape)
    return math.sqrt(icc) * shared + math.sqrt(1 - icc) * own < ndtri(rate), whose.astype(str)


@pytest.mark.parametrize(("patients", "rate"), [(12, 0.5), (12, 0.3), (40, 0.15), (40, 0.8)])
def test_the_interval_by_patients_holds_the_truth_where_wilsons_does_not(
    patients: int, rate: float
) -> None:
    rng, studies = np.random.default_rng(4), 1000
    flipped, whose = correlated(rng, rate, patients=patients, images=8, icc=0.5, studies=studies)
    crowd = b.draw_patients(whose, 600, SEED)
    drawn = b.rates(flipped, np.ones_like(flipped), crowd)
    low, high = intervals.rate_interval(drawn, crowd.clusters)
    assert 0.93 < ((low <= rate) & (rate <= high)).mean() < 0.995
    low, high = wilson(flipped.sum(axis=0), np.full(studies, len(flipped)))
    assert ((low <= rate) & (rate <= high)).mean() < 0.85


def test_the_interval_of_a_contrast_holds_the_truth() -> None:
    """A rise of 0.2 with patients of five like-minded images, and its 1 % tails."""
    rng, patients, studies = np.random.default_rng(5), 200, 1500  # so many that no floor counts
    whose = np.repeat(np.arange(patients), 5)
    shared = rng.standard_normal((patients, studies))[whose]
    threshold = math.sqrt(0.5) * shared + math.sqrt(0.5) * rng.standard_normal(shared.shape)
    rise = (threshold < ndtri(0.6)).astype(float) - (threshold < ndtri(0.4))
    crowd = b.draw_patients(whose.astype(str), 500, SEED)
    drawn = b.share(b.totals(rise, crowd), b.totals(np.ones_like(rise), crowd))
    for tail in (0.025, 0.01):
        low, high = intervals.contrast_interval(drawn, alike(patients), tail)
        held = ((low <= 0.2) & (high >= 0.2)).mean()
        assert held == pytest.approx(1 - 2 * tail, abs=0.015)


def test_a_share_that_is_not_seen_is_within_its_bound() -> None:
    """One patient in 40 flips, with all images or none; where none does the draws say nothing."""
    rng, patients, studies, rate = np.random.default_rng(6), 40, 2000, 0.025
    flipped = np.repeat(rng.random((patients, studies)) < rate, 3, axis=0)
    crowd = b.draw_patients(np.repeat(np.arange(patients), 3).astype(str), 400, SEED)
    drawn = b.rates(flipped, np.ones_like(flipped), crowd)
    _, high = intervals.contrast_interval(drawn, alike(patients))
    assert (drawn[0] == 0).mean() == pytest.approx(0.975**40, abs=0.03)  # where it matters
    assert (rate <= high).mean() >= 0.97
