"""Flips that survive storage."""

from helpers.surfaces import dense
from helpers.twelve_images import (
    DOSES,
    DRAWN,
    FOUND,
    MEMBERS,
    SURFACE,
    ends,
    flips,
    interval_by_hand,
    logits_of,
)

from pgdose.analysis.storage import survival_of_storage
from pgdose.attack.surface_table import SurfaceTable

STORED = {0.02: "0000111111", 0.1: "1110100011"}  # the class of the stored image, by member


def stored_surface() -> SurfaceTable:
    order = zip(SURFACE["epsilon"], SURFACE["member"], strict=True)
    kinds = [STORED[epsilon][MEMBERS.index(member)] for epsilon, member in order]
    return dense(SURFACE.assign(stored=[logits_of(k, 0.9) for k in kinds]), DOSES, 2)


def test_flips_that_survive_storage() -> None:
    """Of the flips at the last iteration; rounding can bring flips of its own."""
    table = survival_of_storage(FOUND, stored_surface(), DRAWN)
    assert table["epsilon"].tolist() == [0.02, 0.1]
    assert table["n_attacked"].tolist() == [10, 10]
    assert table["n_flipped"].tolist() == [3, 7]
    # By hand: at 0.02 images 2, 8 and 9 are seen rightly again and 4 is new; at 0.1 10 and 4 are.
    assert table["n_survived"].tolist() == [0, 6]
    assert table["n_stored"].tolist() == [1, 7]
    assert table["survival"].tolist() == [0, 6 / 7]
    last = flips(0.1, 2)
    survived = [f and m != 10 for m, f in zip(MEMBERS, last, strict=True)]
    assert interval_by_hand(survived, last) == ends(table.iloc[1])
    assert table.iloc[0][["ci_low", "ci_high"]].isna().all()  # three flips of three patients
