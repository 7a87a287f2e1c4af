"""Which images are shown as examples."""

import numpy as np
from helpers.surfaces import surface_table

from pgdose.analysis import examples
from pgdose.study.doses import Doses


def test_the_network_was_surest_of_what_fig_1_shows() -> None:
    doses = Doses((0.1, 0.2), 1)
    logits = np.zeros((4, 2, 2, 2))
    logits[:, :, 0, 0] = np.array([1.0, 3.0, 2.0, 3.0])[:, None]  # iteration 0, by image
    logits[:, :, 1, 1] = np.array([9.0, 0.0, 5.0, 0.0])[:, None]  # after the attack: not asked
    logits[1, 0] = np.nan  # not measured at the smaller epsilon
    surface = surface_table([2, 5, 7, 9], doses, logits)
    assert examples.surest([2, 5, 7], surface) == [5, 7, 2]
    assert examples.surest([9, 5, 2], surface) == [5, 9, 2]  # equal ones by their number
    logits[3] = np.nan  # nothing is known of the last one
    assert examples.surest([9, 2], surface_table([2, 5, 7, 9], doses, logits)) == [2, 9]
    assert examples.surest([], surface) == []
