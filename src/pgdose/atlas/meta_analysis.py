"""Random-effects meta-analysis of the estimates of several studies.

The model is estimate_i = x_i beta + u_i + e_i: u_i with variance tau2 between studies, e_i with the
study's own standard error. tau2 is Paule and Mandel's (1982), the interval Hartung and Knapp's
(2001), never narrower than the model's own, so that studies that agree by luck don't narrow it.

Of few studies tau2 is often estimated as 0, and one large study would then decide alone: the
textbook's interval covered as little as 86 % in our simulations. So the weights take tau2 as at
least the mean of the studies' own variances, and the error is at least the jackknife's, which is
larger where the weights are uneven. docs/explanation/pooling.md has both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

LEVEL = 0.95
FEWEST = 2  # studies of a pooled estimate
FEWEST_FOR_PREDICTION = 3


@dataclass(frozen=True)
class Pooled:
    """A pooled estimate, on the scale of the estimates.

    low, high:           95 % interval of the mean over studies (Hartung-Knapp, k - 1 degrees of
                         freedom)
    p:                   two-sided, of the mean being 0
    tau2:                variance between studies (Paule-Mandel)
    i2:                  share of the spread that is between studies, 0 to 1 (Higgins & Thompson)
    q, q_p:              Cochran's Q and its p-value
    predicted_low, predicted_high: 95 % prediction interval of a further study's own value
                         (Higgins, Thompson & Spiegelhalter 2009, k - 2 degrees of freedom); NaN for
                         two studies
    weights:             (k,), sum 1
    """

    studies: int
    estimate: float
    standard_error: float
    low: float
    high: float
    p: float
    tau2: float
    i2: float
    q: float
    q_p: float
    predicted_low: float
    predicted_high: float
    weights: np.ndarray


@dataclass(frozen=True)
class Regression:
    """A meta-regression: coefficients with standard errors, intervals and p-values, (columns,).

    weights: of the studies, (k,)
    """

    coefficients: np.ndarray
    standard_errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    tau2: float
    weights: np.ndarray


def pool(estimates: ArrayLike, standard_errors: ArrayLike, *, plain: bool = False) -> Pooled:
    """The mean over studies; (k,) finite estimates and standard errors over 0, k at least 2.

    `plain`: the textbook's weights, to compare with other programs.

    Raises:
        ValueError: fewer than two studies, or a standard error that is not over 0.
    """
    y, v = _checked(estimates, standard_errors)
    mean = np.ones((len(y), 1))
    fit = _fit(y, v, mean, plain=plain)
    estimate, error = float(fit.coefficients[0]), float(fit.standard_errors[0])
    q, freedom = _squares(y, v, mean), len(y) - 1
    predicted = (np.nan, np.nan)
    if len(y) >= FEWEST_FOR_PREDICTION:
        half = float(special.stdtrit(len(y) - 2, (1 + LEVEL) / 2) * np.hypot(fit.tau2**0.5, error))
        predicted = (estimate - half, estimate + half)
    return Pooled(
        *(len(y), estimate, error, float(fit.low[0]), float(fit.high[0]), float(fit.p[0])),
        *(fit.tau2, max(0.0, (q - freedom) / q) if q > 0 else 0.0),
        *(q, float(special.chdtrc(freedom, q))),
        *predicted,
        fit.weights / fit.weights.sum(),
    )


def leave_one_out(estimates: ArrayLike, standard_errors: ArrayLike) -> list[Pooled]:
    """The pooled estimate without each study in turn; needs three studies."""
    y, errors = np.asarray(estimates, float), np.asarray(standard_errors, float)
    others = [np.arange(len(y)) != place for place in range(len(y))]
    return [pool(y[of], errors[of]) for of in others]


def regress(estimates: ArrayLike, standard_errors: ArrayLike, design: np.ndarray) -> Regression:
    """Meta-regression on the columns of `design`, (k, columns); an intercept is a column of ones.

    Raises:
        ValueError: no degree of freedom is left, or the columns depend on each other.
    """
    y, v = _checked(estimates, standard_errors)
    design = np.asarray(design, float)
    if len(y) <= design.shape[1]:
        raise ValueError(f"{len(y)} studies are too few for {design.shape[1]} coefficients")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the columns of the design depend on each other")
    return _fit(y, v, design)


def _checked(estimates: ArrayLike, standard_errors: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, errors = np.asarray(estimates, float), np.asarray(standard_errors, float)
    if len(y) < FEWEST:
        raise ValueError(f"{len(y)} studies; {FEWEST} are needed")
    if not (np.isfinite(y).all() and np.isfinite(errors).all() and (errors > 0).all()):
        raise ValueError("estimates must be finite, and standard errors finite and over 0")
    return y, errors**2


def jackknife_variances(
    residuals: np.ndarray, weights: np.ndarray, design: np.ndarray, inverse: np.ndarray
) -> np.ndarray:
    """Variances of the coefficients, (columns,), by leaving out each study (Efron & Stein 1981)."""
    leverage = weights * ((design @ inverse) * design).sum(axis=1)
    shifts = inverse @ (design.T * (weights * residuals / np.maximum(1 - leverage, 1e-9)))
    return np.asarray((len(residuals) - 1) / len(residuals) * (shifts**2).sum(axis=1))


def _fit(y: np.ndarray, v: np.ndarray, design: np.ndarray, *, plain: bool = False) -> Regression:
    """`plain`: weights by tau2 as it is, as in textbooks."""
    tau2 = paule_mandel(y, v, design)
    freedom = len(y) - design.shape[1]
    weights = 1 / (v + (tau2 if plain else max(tau2, v.mean())))
    coefficients, inverse = _weighted(y, weights, design)
    residuals = y - design @ coefficients
    hartung_knapp = inverse * (weights * residuals**2).sum() / freedom
    by_model = inverse @ ((design.T * (weights**2 * (v + tau2))) @ design) @ inverse
    variances = np.maximum(np.diag(hartung_knapp), np.diag(by_model))
    if not plain:
        variances = np.maximum(variances, jackknife_variances(residuals, weights, design, inverse))
    errors = np.sqrt(variances)
    half = special.stdtrit(freedom, (1 + LEVEL) / 2) * errors
    p = 2 * special.stdtr(freedom, -np.abs(coefficients / errors))
    return Regression(
        coefficients, errors, coefficients - half, coefficients + half, p, tau2, weights
    )


def paule_mandel(y: np.ndarray, v: np.ndarray, design: np.ndarray) -> float:
    """The tau2 at which the weighted squares of the residuals are what chance makes them.

    0 where they are smaller than that without any variance between studies.
    """
    freedom = len(y) - design.shape[1]

    def excess(tau2: float) -> float:
        return _squares(y, v + tau2, design) - freedom

    if excess(0.0) <= 0:
        return 0.0
    upper = float(np.ptp(y) ** 2 + v.max())
    while excess(upper) > 0:
        upper *= 2
    return float(optimize.brentq(excess, 0.0, upper, xtol=1e-14, rtol=1e-12))


def _squares(y: np.ndarray, variance: np.ndarray, design: np.ndarray) -> float:
    """The weighted sum of squares of the residuals."""
    coefficients, _ = _weighted(y, 1 / variance, design)
    return float(((y - design @ coefficients) ** 2 / variance).sum())


def _weighted(
    y: np.ndarray, weights: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares: coefficients, and the inverse of the information."""
    weighted = design.T * weights
    inverse = np.linalg.inv(weighted @ design)
    return inverse @ (weighted @ y), inverse
