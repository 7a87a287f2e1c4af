"""Attack success rates and accuracies from logits, with Wilson intervals.

ASR = flipped / attacked: images that were right before and are wrong after, over images that
were right before. Native errors count on neither side.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax
from statsmodels.stats.proportion import proportion_confint

BINS = [0.0, *(round(0.5 + 0.05 * i, 2) for i in range(11))]  # of the largest clean probability


def wilson(hits: pd.Series | np.ndarray, n: pd.Series | np.ndarray) -> pd.DataFrame:
    """asr, ci_low, ci_high: the share and its 95 % Wilson score interval; NaN where n is 0."""
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    some = n > 0
    if some.any():
        low[some], high[some] = proportion_confint(hits[some], n[some], method="wilson")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(some, hits / n, np.nan)
    return pd.DataFrame({"asr": share, "ci_low": low, "ci_high": high})


def unpack(surface: pd.DataFrame, classes: int) -> np.ndarray:
    """The column `logits` as an array, rows x (max_iter + 1) x classes."""
    if surface.empty:
        return np.zeros((0, 1, classes))
    flat = np.stack(surface["logits"].to_list())
    return flat.reshape(len(surface), -1, classes)


def flipped(surface: pd.DataFrame, class_index: pd.Series, classes: int) -> np.ndarray:
    """Whether each row's iterate is not seen as its class: bool, rows x (max_iter + 1).

    `class_index` gives a member's true class by member number.
    """
    logits = unpack(surface, classes)
    true = class_index.loc[surface["member"]].to_numpy(np.int64)
    return logits.argmax(axis=2) != true[:, None]


def success(
    surface: pd.DataFrame,
    class_index: pd.Series,
    classes: int,
    *,
    epsilons: Sequence[float],
    max_iter: int,
    n_images: int,
    n_correct: int,
) -> pd.DataFrame:
    """ASR for every epsilon and iteration: epsilon iteration n_* asr ci_low ci_high."""
    flips = flipped(surface, class_index, classes)
    rows = []
    for epsilon in epsilons:
        of_epsilon = flips[(surface["epsilon"] == epsilon).to_numpy()]
        for iteration in range(max_iter + 1):
            n_flipped = int(of_epsilon[:, iteration].sum()) if len(of_epsilon) else 0
            rows.append((epsilon, iteration, n_images, n_correct, len(of_epsilon), n_flipped))
    names = ["epsilon", "iteration", "n_images", "n_correct", "n_attacked", "n_flipped"]
    table = pd.DataFrame(rows, columns=names)
    return table.join(wilson(table["n_flipped"], table["n_attacked"]))


def by_confidence(
    surface: pd.DataFrame,
    class_index: pd.Series,
    classes: int,
    *,
    epsilons: Sequence[float],
    iteration: int,
) -> pd.DataFrame:
    """ASR at one iteration by the largest clean probability, in the protocol's bins.

    Ten equal bins of [0.5, 1] and one below, which only groups of three and more classes fill.
    A bin holds its lower end; the last one holds 1 as well.
    """
    flips = flipped(surface, class_index, classes)
    clean = softmax(unpack(surface, classes)[:, 0].astype(np.float64), axis=1).max(axis=1)
    # Nudged by float32's precision, so that a confidence of 0.80 falls into [0.80, 0.85).
    place = np.clip(np.digitize(clean + 1e-6, BINS) - 1, 0, len(BINS) - 2)
    rows = []
    for epsilon in epsilons:
        of_epsilon = (surface["epsilon"] == epsilon).to_numpy()
        for b in range(len(BINS) - 1):
            here = of_epsilon & (place == b)
            n_flipped = int(flips[here, iteration].sum()) if here.any() else 0
            rows.append((epsilon, iteration, BINS[b], BINS[b + 1], int(here.sum()), n_flipped))
    names = ["epsilon", "iteration", "bin_low", "bin_high", "n_attacked", "n_flipped"]
    table = pd.DataFrame(rows, columns=names)
    return table.join(wilson(table["n_flipped"], table["n_attacked"]))


def accuracy(logits: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """accuracy, ci_low, ci_high of logits n x classes against the true classes."""
    right = (logits.argmax(axis=1) == true).sum()
    row = wilson(np.array([right]), np.array([len(true)])).iloc[0]
    return {"accuracy": row["asr"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}


def at(asr: pd.DataFrame, *, iterations: int, epsilon: float | None = None) -> pd.DataFrame:
    """The rows at an operating point; an attack with fewer iterations is taken at its last one."""
    last = asr.groupby("attack")["iteration"].transform("max").clip(upper=iterations)
    here = asr["iteration"] == last
    if epsilon is not None:
        here &= np.isclose(asr["epsilon"], epsilon)
    return asr[here]
