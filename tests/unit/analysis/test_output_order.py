"""Which class each output seems to be, and when a larger share of right images is no luck."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdose.analysis.output_order import best_order, is_much_better, share_right


@given(st.integers(2, 4), st.data())
@settings(max_examples=60, deadline=None)
def test_no_order_of_the_outputs_is_better(classes: int, data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 9), min_size=classes**2, max_size=classes**2))
    confusion = np.array(counts).reshape(classes, classes)
    order = best_order(confusion)
    assert sorted(order) == list(range(classes))
    best = max(
        sum(confusion[true, place] for place, true in enumerate(other))
        for other in itertools.permutations(range(classes))
    )
    assert sum(confusion[true, place] for place, true in enumerate(order)) == best
    if np.trace(confusion) == best:
        assert order.tolist() == list(range(classes))  # as declared, where that is as good


def test_outputs_that_were_exchanged_are_told() -> None:
    confusion = np.array([[1, 9, 0], [0, 1, 9], [9, 0, 1]])
    assert best_order(confusion).tolist() == [2, 0, 1]
    assert share_right(confusion) == pytest.approx(0.1)
    assert share_right(confusion, best_order(confusion)) == pytest.approx(0.9)
    assert np.isnan(share_right(np.zeros((2, 2), int)))


@pytest.mark.parametrize(
    ("share", "than", "images", "compared", "better"),
    [
        (0.91, 0.48, 96, 15, True),
        (0.60, 0.48, 96, 15, False),  # one of 15 is so much better by luck
        (0.91, 0.48, 12, 15, False),
        (0.95, 0.90, 100_000, 1, False),  # certain, but little
        (0.48, 0.91, 96, 1, False),
        (float("nan"), 0.5, 0, 1, False),
    ],
)
def test_when_something_is_much_better(
    share: float, than: float, images: int, compared: int, better: bool
) -> None:
    assert is_much_better(share, than, images, compared) == better
