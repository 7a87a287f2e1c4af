"""What the printed curves and the page's interactive ones share: when an axis is logarithmic, and
how the clean confidence is laid out.
"""

import pandas as pd

WIDE_RANGE = 20  # the axis of epsilons that differ by a larger factor is logarithmic
FEW = 10  # images in a bin of confidence; the rate of fewer is drawn faint
LEAST_OF_TWO = 0.5  # the least confidence with two classes; lower ones exist with more classes
APART = 0.44  # where the bin of confidences under LEAST_OF_TWO stands on the axis
CONFIDENCE_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def is_wide(epsilons: pd.Series) -> bool:
    """Whether epsilons differ by more than WIDE_RANGE times, so that their axis is logarithmic."""
    positive = epsilons[epsilons > 0]
    return bool(positive.max() / positive.min() > WIDE_RANGE)  # without any it is NaN
