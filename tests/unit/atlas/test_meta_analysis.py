"""Random effects: against statsmodels, published examples, and simulated studies of known truth."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from pgdose.atlas.meta_analysis import jackknife_variances, leave_one_out, pool, regress

# Colditz et al. 1994, thirteen trials of a vaccine: positive and negative of treated and controls,
# and the latitude. Log relative risks as in the manual of metafor (dat.bcg).
BCG = np.array(
    [
        [4, 119, 11, 128, 44],
        [6, 300, 29, 274, 55],
        [3, 228, 11, 209, 42],
        [62, 13536, 248, 12619, 52],
        [33, 5036, 47, 5761, 13],
        [180, 1361, 372, 1079, 44],
        [8, 2537, 10, 619, 19],
        [505, 87886, 499, 87892, 13],
        [29, 7470, 45, 7232, 27],
        [17, 1699, 65, 1600, 42],
        [186, 50448, 141, 27197, 18],
        [5, 2493, 3, 2338, 33],
        [27, 16886, 29, 17825, 33],
    ],
    float,
)


def bcg() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = BCG[:, :4].T
    estimate = np.log(a / (a + b)) - np.log(c / (c + d))
    return estimate, np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_a_published_example() -> None:
    """metafor: rma(yi, vi, data=dat, method="PM", test="knha")."""
    of = pool(*bcg(), plain=True)
    assert of.estimate == pytest.approx(-0.7150, abs=5e-5)
    assert of.tau2 == pytest.approx(0.3181, abs=5e-5)
    assert (of.low, of.high) == pytest.approx((-1.1091, -0.3208), abs=5e-5)
    assert of.q == pytest.approx(152.2330, abs=5e-5)
    assert of.i2 == pytest.approx(0.9212, abs=5e-5)
    assert of.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(20))
def test_as_statsmodels(seed: int) -> None:
    draw = np.random.default_rng(seed)
    errors = draw.uniform(0.05, 0.5, draw.integers(2, 12))
    y = draw.normal(0.2, 0.6, len(errors)) + draw.normal(0, errors)
    of = combine_effects(y, errors**2, method_re="iterated", use_t=True)
    mine = pool(y, errors, plain=True)
    assert mine.tau2 == pytest.approx(of.tau2, abs=1e-6)
    assert mine.estimate == pytest.approx(of.mean_effect_re, abs=1e-6)
    assert mine.q == pytest.approx(of.q, rel=1e-9)
    # They take Hartung and Knapp's spread even where it is under that of the model.
    assert mine.standard_error >= of.sd_eff_w_re_hksj - 1e-9


def test_a_covariate_of_a_published_example() -> None:
    """The latitude of the trials explains most of the spread; Berkey et al. 1995."""
    y, errors = bcg()
    design = np.column_stack([np.ones(len(y)), BCG[:, 4] - BCG[:, 4].mean()])
    fit = regress(y, errors, design)
    assert fit.coefficients[1] == pytest.approx(-0.029, abs=2e-3)
    assert fit.p[1] < 0.01 and fit.tau2 < pool(y, errors).tau2 / 2


@pytest.mark.parametrize("columns", [1, 2])
def test_the_jackknife_leaves_out_each_study(columns: int) -> None:
    random = np.random.default_rng(columns)
    y, weights = random.normal(size=9), random.uniform(0.1, 5, 9)
    design = np.column_stack([np.ones(9), np.arange(9.0)])[:, :columns]

    def fitted(rows: np.ndarray) -> np.ndarray:
        of = design[rows] * weights[rows, None]
        return np.linalg.solve(of.T @ design[rows], of.T @ y[rows])

    everything = np.arange(9)
    whole = fitted(everything)
    shifts = np.array([fitted(everything != place) - whole for place in everything])
    inverse = np.linalg.inv((design * weights[:, None]).T @ design)
    got = jackknife_variances(y - design @ whole, weights, design, inverse)
    assert got == pytest.approx(8 / 9 * (shifts**2).sum(axis=0))


def test_the_interval_is_never_narrower_than_the_jackknife_s() -> None:
    random, at_it = np.random.default_rng(0), 0
    for _ in range(50):
        y, errors = random.normal(0.8, 0.1, 5), random.choice([0.02, 0.2], 5)
        fit, mean = regress(y, errors, np.ones((5, 1))), np.ones((5, 1))
        inverse = np.array([[1 / fit.weights.sum()]])
        variance = jackknife_variances(y - fit.coefficients[0], fit.weights, mean, inverse)[0]
        assert fit.standard_errors[0] ** 2 >= variance * (1 - 1e-9)
        at_it += fit.standard_errors[0] ** 2 == pytest.approx(variance)
    assert 5 < at_it < 45


def test_one_study_left_out() -> None:
    y, errors = bcg()
    for place, of in enumerate(leave_one_out(y, errors)):
        assert of.studies == 12
        again = pool(np.delete(y, place), np.delete(errors, place))
        assert of.estimate == again.estimate


def test_equal_studies_have_no_spread() -> None:
    of = pool([0.3] * 4, [0.1] * 4)
    assert of.estimate == pytest.approx(0.3) and of.tau2 == of.i2 == 0
    assert of.standard_error == pytest.approx(0.05)  # of the model: studies that agree by luck


def test_two_studies_have_no_prediction() -> None:
    of = pool([0.1, 0.4], [0.1, 0.2])
    assert np.isnan(of.predicted_low) and of.low < of.estimate < of.high


@pytest.mark.parametrize(
    ("y", "errors"),
    [
        ([0.1], [0.1]),
        ([0.1, np.nan], [0.1, 0.1]),
        ([0.1, 0.2], [0.1, 0]),
        ([0.1, 0.2], [1, np.inf]),
    ],
)
def test_what_cannot_be_pooled(y: list, errors: list) -> None:
    with pytest.raises(ValueError, match=r"studies; 2|must be finite"):
        pool(y, errors)


@pytest.mark.parametrize("design", [np.ones((2, 2)), np.ones((3, 2))])
def test_designs_that_cannot_be_fitted(design: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"too few|depend"):
        regress(np.zeros(len(design)), np.ones(len(design)), design)


SIZES = {"equal": [100], "unequal": [40, 400], "one large": [30, 30, 1000], "one small": [1000, 30]}


@pytest.mark.parametrize("studies", [3, 5, 10])
@pytest.mark.parametrize("sizes", SIZES)
def test_coverage_on_simulated_sites(studies: int, sizes: str) -> None:
    """Rates of binomial counts around a known mean. At least 93 %, but for the simulation's error.

    The textbook's weights cover 86 % with one large of five studies.
    """
    draw = np.random.default_rng([studies, len(sizes)])
    n = np.resize(SIZES[sizes], studies)
    simulated, covered = 800, 0
    for _ in range(simulated):
        values = np.clip(0.6 + 0.1 * draw.standard_normal(studies), 0, np.pi / 2)
        y = np.arcsin(np.sqrt(draw.binomial(n, np.sin(values) ** 2) / n))
        of = pool(y, 0.5 / np.sqrt(n))
        covered += of.low <= 0.6 <= of.high
    assert covered / simulated >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / simulated)


def test_the_weights_are_what_covers() -> None:
    draw, covered = np.random.default_rng(3), {False: 0, True: 0}
    n = np.array([30, 30, 1000, 30, 30])
    for _ in range(400):
        values = np.clip(0.8 + 0.05 * draw.standard_normal(5), 0, np.pi / 2)
        y = np.arcsin(np.sqrt(draw.binomial(n, np.sin(values) ** 2) / n))
        for plain in covered:
            of = pool(y, 0.5 / np.sqrt(n), plain=plain)
            covered[plain] += of.low <= 0.8 <= of.high
    assert covered[True] < 0.92 * 400 < 0.96 * 400 < covered[False]
