"""Eight clean validation images of a network, whose quality is worked by hand."""

import pandas as pd

from helpers.twelve_images import logits_of

# The patient, the class, the predicted one and its probability.
CLEAN = [
    ("ann", 0, 0, 0.97),
    ("ann", 0, 1, 0.99),
    ("bob", 0, 0, 0.96),
    ("bob", 0, 0, 0.82),
    ("cat", 0, 1, 0.84),
    ("dan", 1, 1, 0.6),
    ("dan", 1, 1, 0.7),
    ("eva", 1, 1, 0.7),
]
CLEAN_PATIENTS = [patient for patient, *_ in CLEAN]
RIGHT = [own == to for _, own, to, _ in CLEAN]
CONFIDENCE = [confidence for *_, confidence in CLEAN]


def group_members() -> pd.DataFrame:
    """The eight, and two training images of either class after them."""
    n = len(CLEAN)
    of_class = [own for _, own, *_ in CLEAN] + [0, 0, 1, 1]
    return pd.DataFrame(
        {
            "member": pd.array(range(n + 4), dtype="Int32"),
            "patient": [*CLEAN_PATIENTS, "gus", "gus", "hal", "ida"],
            "class": [["young", "aged"][c] for c in of_class],
            "class_index": pd.array(of_class, dtype="Int16"),
            "part": ["validation"] * n + ["training"] * 4,
        }
    )


def clean_table() -> pd.DataFrame:
    """In another order than the members."""
    logits = [logits_of(str(to), confidence) for _, _, to, confidence in CLEAN]
    return pd.DataFrame({"member": range(len(CLEAN)), "logits": logits}).iloc[::-1]
