"""The protocol's bins of the clean confidence: ten equal ones of [0.5, 1] and one below.

The clean confidence is the probability of the class that the network decides for before the attack:
the largest one, unless the decision has a threshold. Only groups of three and more classes, and
networks with a threshold, fill the bin under 0.5. A bin holds its lower end; the last
one also holds 1.
"""

import numpy as np

EDGES = [0.0, *(round(0.5 + 0.05 * i, 2) for i in range(11))]
COUNT = len(EDGES) - 1

# Logits are stored in single precision, so a confidence of 0.80 may come back as 0.79999999.
PRECISION = 1e-6


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """The bin's number, 0 to COUNT - 1, for each confidence in [0, 1]."""
    return np.clip(np.digitize(confidence + PRECISION, EDGES) - 1, 0, COUNT - 1)
