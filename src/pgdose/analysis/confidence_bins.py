"""Bins of the clean confidence: the protocol's ten of [0.5, 1] and one below, and finer ones.

The clean confidence is the probability of the class that the network decides for before the attack:
the largest one, unless the decision has a threshold. Only groups of three and more classes, and
networks with a threshold, fill the bin under 0.5. A bin holds its lower end; the last
one also holds 1.
"""

import numpy as np

EDGES = [0.0, *(round(0.5 + 0.05 * i, 2) for i in range(11))]
COUNT = len(EDGES) - 1
FINE_EDGES = [0.0, 0.9, 0.95, 0.99, 0.999, 1.0]  # for conclusion 4

# Logits are stored in single precision, so a confidence of 0.80 may come back as 0.79999999.
PRECISION = 1e-6


def bin_of(confidence: np.ndarray, edges: list[float] = EDGES) -> np.ndarray:
    """The bin's number, 0 to the last one, for each confidence in [0, 1]."""
    return np.clip(np.digitize(confidence + PRECISION, edges) - 1, 0, len(edges) - 2)


def is_over(confidence: np.ndarray, edge: float) -> np.ndarray:
    """Whether each confidence is an edge of a bin, or over it."""
    return np.asarray(confidence) >= edge - PRECISION
