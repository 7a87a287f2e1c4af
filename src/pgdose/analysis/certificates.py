"""Certificates of randomised smoothing: the radius of each image, from the counts of its copies.

Cohen, Rosenfeld & Kolter 2019 (arXiv:1902.02918), theorem 1 and algorithm CERTIFY. The smoothed
classifier decides for the class that the network gives most copies of an image plus Gaussian noise
of standard deviation sigma. If that class has at least the probability p > 1/2, no change of the
image with an L2 length under sigma Phi^-1(p) alters the decision.
"""

import numpy as np
import pandas as pd
from scipy import special

from pgdose.analysis.intervals import clopper_pearson_low
from pgdose.study.defended_networks import Smoothing

ABSTAINS = -1


def certificates(
    members: np.ndarray,
    true: np.ndarray,
    chosen: np.ndarray,
    n_top: np.ndarray,
    smoothing: Smoothing,
) -> pd.DataFrame:
    """A row for each of n images: member class_index correct n_top samples p_low radius.

    members: (n,) int
    true:    (n,) int, the true class
    chosen:  (n,) int, the class that the copies for selection chose
    n_top:   (n,) int, how many of the `samples` other copies are of this class

    class_index is ABSTAINS and the radius 0 where p_low is not over 1/2. With a probability of at
    most `alpha`, for each image, a radius is too large.
    """
    p_low = clopper_pearson_low(n_top, smoothing.samples, smoothing.alpha)
    certified = p_low > 0.5
    return pd.DataFrame(
        {
            "member": members,
            "class_index": np.where(certified, chosen, ABSTAINS),
            "correct": certified & (chosen == true),
            "n_top": n_top,
            "samples": smoothing.samples,
            "p_low": p_low,
            "radius": radius(p_low, smoothing.sigma),
        }
    )


def radius(p_low: np.ndarray | float, sigma: float) -> np.ndarray:
    """The certified L2 radius of each image, in the unit of sigma; 0 where p_low is at most 1/2.

    Args:
        p_low: (n,) or a number: a lower bound of the probability of the chosen class among noisy
            copies of an image.
        sigma: the standard deviation of the noise, over 0.

    Returns:
        float64, of the shape of `p_low`.
    """
    p_low = np.asarray(p_low, float)
    return np.where(p_low > 0.5, sigma * special.ndtri(np.maximum(p_low, 0.5)), 0.0)


def largest_radius(smoothing: Smoothing) -> float:
    """The radius of an image whose copies all agree: no certificate goes beyond it.

    Args:
        smoothing: `sigma`, `samples` and `alpha` count.
    """
    samples = smoothing.samples
    return float(radius(clopper_pearson_low(samples, samples, smoothing.alpha), smoothing.sigma))
