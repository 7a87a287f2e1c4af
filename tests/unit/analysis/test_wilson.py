"""Wilson's interval is written out in `intervals`; it is that of statsmodels."""

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from pgdose.analysis.intervals import wilson


def test_wilson_is_that_of_statsmodels() -> None:
    n = np.repeat(np.arange(1, 120), np.arange(2, 121))
    hits = np.concatenate([np.arange(count + 1) for count in range(1, 120)])
    expected = proportion_confint(hits, n, alpha=0.05, method="wilson")
    for ours, theirs in zip(wilson(hits, n), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-16)
