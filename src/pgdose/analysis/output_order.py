"""Which class each output of a network seems to be, and whether one count of right images is luck.

A `confusion` holds images by true class (rows) and predicted class (columns), both in the group's
order.
"""

import numpy as np
from scipy import optimize, stats

LUCK = 0.01  # a difference that chance makes as often, over all that was compared, is none
LEAST_GAIN = 0.1  # of the share of right images, for advice to change something


def best_order(confusion: np.ndarray) -> np.ndarray:
    """The true class that each predicted class stands for, so that most images are right.

    Classes that are equally good stay as they are declared.
    """
    declared = np.eye(len(confusion)) * 0.5
    true, predicted = optimize.linear_sum_assignment(confusion + declared, maximize=True)
    order = np.empty(len(confusion), np.int64)
    order[predicted] = true
    return order


def share_right(confusion: np.ndarray, order: np.ndarray | None = None) -> float:
    """The share of right images, with the predicted classes read in an order; NaN without any."""
    columns = np.arange(len(confusion))
    right = confusion[columns if order is None else order, columns].sum()
    return float(right / confusion.sum()) if confusion.sum() else float("nan")


def is_much_better(share: float, than: float, images: int, compared: int) -> bool:
    """Whether a share of right images is larger by LEAST_GAIN, and by more than luck.

    Fisher's exact test, one-sided, times the number of shares that were compared (Bonferroni); the
    images are the same for both, which makes it cautious.
    """
    if not share - than >= LEAST_GAIN:
        return False
    right, others = round(share * images), round(than * images)
    table = [[right, images - right], [others, images - others]]
    p = stats.fisher_exact(table, alternative="greater").pvalue
    return bool(p * compared < LUCK)
