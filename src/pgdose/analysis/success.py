"""Attack success rates and accuracies from logits, with Wilson intervals.

ASR = flipped / attacked: images that were right before and are wrong after, over images that
were right before. Native errors count on neither side.
"""

from collections.abc import Iterable, Sequence

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

    `class_index` gives a member's true class by member number. False where nothing is known.
    """
    logits = unpack(surface, classes)
    true = class_index.loc[surface["member"]].to_numpy(np.int64)
    known = ~np.isnan(logits).any(axis=2)
    return known & (logits.argmax(axis=2) != true[:, None])


def stored(
    surface: pd.DataFrame, class_index: pd.Series, classes: int, epsilons: Sequence[float]
) -> pd.DataFrame:
    """Flips of the last iterate that are left when its image is rounded to 8 bits, by epsilon.

    epsilon n_attacked n_flipped n_survived n_stored, then n_survived / n_flipped as survival with
    ci_low ci_high; n_stored counts all flips of stored images, also those that rounding brings.
    """
    last = flipped(surface, class_index, classes)[:, -1]
    true = class_index.loc[surface["member"]].to_numpy(np.int64)
    kept = np.stack(surface["stored"].to_list()) if len(surface) else np.zeros((0, classes))
    after = kept.argmax(axis=1) != true
    rows = []
    for epsilon in epsilons:
        here = (surface["epsilon"] == epsilon).to_numpy()
        counts = (last[here], (last & after)[here], after[here])
        rows.append((epsilon, int(here.sum()), *(int(values.sum()) for values in counts)))
    names = ["epsilon", "n_attacked", "n_flipped", "n_survived", "n_stored"]
    table = pd.DataFrame(rows, columns=names)
    shares = wilson(table["n_survived"], table["n_flipped"])
    return table.join(shares.rename(columns={"asr": "survival"}))


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
    unknown = np.isnan(unpack(surface, classes)).any(axis=2)
    rows = []
    for epsilon in epsilons:
        here = (surface["epsilon"] == epsilon).to_numpy()
        of_epsilon = flips[here]
        for iteration in range(max_iter + 1):
            if len(surface) and unknown[here, iteration].any():  # other libraries' attacks give few
                continue
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


def operating_iteration(known: Iterable[int], asked: int) -> int:
    """The last known iteration that is not beyond the one asked for; if all are, the first.

    Iteration 0, the clean image, does not count unless there is no other.
    """
    later = sorted({int(iteration) for iteration in known} - {0}) or [0]
    return max((iteration for iteration in later if iteration <= asked), default=later[0])


def at(asr: pd.DataFrame, *, iterations: int, epsilon: float | None = None) -> pd.DataFrame:
    """The rows at an operating point, each attack at its `operating_iteration`."""
    of = {a: operating_iteration(own, iterations) for a, own in asr.groupby("attack")["iteration"]}
    here = asr["iteration"] == asr["attack"].map(of)
    if epsilon is not None:
        here &= np.isclose(asr["epsilon"], epsilon)
    return asr[here]
