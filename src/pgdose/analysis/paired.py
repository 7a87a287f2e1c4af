"""Two networks on the same images: both outcomes of an image are drawn together, by its patient.

What both share, such as images that are hard for every network, cancels in the difference: its
interval is narrower than one of two independent samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Clusters, Patients
from pgdose.analysis.intervals import LEVEL, contrast_interval

TAIL = (1 - LEVEL) / 2
A = TypeVar("A")
B = TypeVar("B")
Counted = tuple[np.ndarray, np.ndarray]  # which images are hit, and which count


@dataclass(frozen=True)
class Paired:
    """A number of both networks at some points: draws of patients, the same ones for both.

    undefended, defended: (1 + draws, points) float; row 0 is the sample itself
    clusters:             the patients that the difference rests on: of the network with fewer
    n_images, n_patients: images that count for either network, and their patients; 0 if nobody
                          knows these
    no_interval:          the reason to give where there is none
    """

    undefended: np.ndarray
    defended: np.ndarray
    clusters: Clusters
    n_images: int
    n_patients: int
    no_interval: str

    def interval(self, tail: float = TAIL) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of the interval of defended - undefended, (points,); between -1 and 1."""
        low, high = contrast_interval(self.defended - self.undefended, self.clusters, tail)
        return np.clip(low, -1, 1), np.clip(high, -1, 1)

    def at(self, points: Any) -> "Paired":
        """The same at some of the points, given by position or as a mask."""
        return replace(
            self, undefended=self.undefended[:, points], defended=self.defended[:, points]
        )

    def mean(self) -> "Paired":
        """The mean over the points, as one point; NaN without any."""
        return replace(self, undefended=_mean(self.undefended), defended=_mean(self.defended))

    def row(self, point: int = 0) -> dict[str, Any]:
        """The columns n_images to ci_high of the table defence, and why there is no interval."""
        low, high = (float(end[point]) for end in self.interval())
        values = [float(draws[0, point]) for draws in (self.undefended, self.defended)]
        nothing = np.isnan(values).any()
        return {
            **{"n_images": self.n_images, "n_patients": self.n_patients},
            **{"undefended": values[0], "defended": values[1]},
            **{"difference": values[1] - values[0], "ci_low": low, "ci_high": high},
            "reason": "no image" if nothing else self.no_interval if np.isnan(low) else "",
        }


def _mean(draws: np.ndarray) -> np.ndarray:
    if not draws.shape[1]:
        return np.full((len(draws), 1), np.nan)
    return draws.mean(axis=1, keepdims=True)


def of_both(function: Callable[[A], B], pair: tuple[A, A]) -> tuple[B, B]:
    """What a function makes of the undefended network, and of the defended one."""
    return function(pair[0]), function(pair[1])


def paired_rates(pair: tuple[Counted, Counted], patients: Patients) -> Paired:
    """Rates of the undefended and the defended network on n images.

    Of each: which images are hit, (n, points) bool, and which count, (n,) bool; images that do not
    count must not be hit.
    """

    def draws_of(one: Counted) -> np.ndarray:
        hits, counted = one
        return bootstrap.rates(hits, counted[:, None], patients)

    clusters = bootstrap.fewer(patients.subset(counted).clusters for _, counted in pair)
    either = patients.subset(pair[0][1] | pair[1][1])
    return paired_draws(of_both(draws_of, pair), either, clusters)


def paired_draws(
    pair: tuple[np.ndarray, np.ndarray], patients: Patients, clusters: Clusters | None = None
) -> Paired:
    """Draws of any number of both networks, (1 + draws, points) each.

    `patients` are those of the images that it rests on, and so are `clusters` unless they are
    given.
    """
    return Paired(
        *pair,
        clusters=clusters or patients.clusters,
        n_images=len(patients.of_image),
        n_patients=patients.count,
        no_interval=patients.no_interval,
    )
