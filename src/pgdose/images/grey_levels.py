"""Grey values: counting them, percentiles, lookup tables."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyarrow import compute

from pgdose.errors import Rejected

PERCENTILES = (0.5, 99.5)  # of the values; they become black and white
COUNTED = 500_000  # pixels, about, that are counted: every k-th row of a larger film

Curve = Callable[[np.ndarray], np.ndarray]  # modality values to grey, float64 in 0..255


def count(words: np.ndarray) -> np.ndarray:
    """How often each word occurs in every k-th row, k by COUNTED: int64, 2**8 or 2**16."""
    rows = words[:: max(words.size // COUNTED, 1)]
    return np.bincount(rows.ravel(), minlength=2 ** (8 * words.itemsize))


def look_up(table: np.ndarray, words: np.ndarray) -> np.ndarray:
    """`table[words]`, of the shape of `words`, read-only. Arrow's take is twice as fast or more."""
    values = compute.take(pa.array(table), pa.array(words.reshape(-1)), boundscheck=False)
    return values.to_numpy().reshape(words.shape)


def percentiles(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """The 0.5 and 99.5 percentiles of `values`, each of which occurs `counts` times.

    A percentile is the first value with at least that share at or below it. Raises Rejected
    (blank) if the two are equal.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    low, high = (
        float(values[order[np.searchsorted(below, share / 100 * below[-1])]])
        for share in PERCENTILES
    )
    if not low < high:
        raise Rejected("blank", "no contrast between the 0.5 and 99.5 percentiles")
    return low, high


def linear(low: float, high: float) -> Curve:
    """`low` and below to 0, `high` and above to 255."""
    return lambda x: np.clip((x - low) / (high - low) * 255, 0, 255)
