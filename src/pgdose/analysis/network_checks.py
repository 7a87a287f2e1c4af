"""Checks of a network on clean images: whether attacks on it mean anything."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NOTE = "note of the import"  # the name of a check that only tells
LARGEST_GAP = 0.1  # of accuracies with running statistics and with those of batches


def network_checks(
    true: np.ndarray,
    quality: Mapping[str, float],
    accuracy_by_batches: float | None,
    notes: Sequence[str] = (),
) -> pd.DataFrame:
    """A network's rows of the table network_checks: check verdict says.

    `true` are the true classes of the validation images, `quality` is what `quality.quality` says
    of the network; `accuracy_by_batches` is its accuracy where batch norm uses the statistics of
    each batch, None if that was not measured. `notes` are those of its import: what was decided,
    and what its file leaves open.
    """
    return pd.DataFrame(
        [
            _better_than_chance(true, quality),
            _running_statistics(quality, accuracy_by_batches),
            *({"check": NOTE, "verdict": "not done", "says": n} for n in notes),
        ]
    )


def _better_than_chance(true: np.ndarray, quality: Mapping[str, float]) -> dict[str, str]:
    chance = np.bincount(true).max() / len(true)
    patients = int(quality["n_patients"])
    ends, basis = ("ci_low", "ci_high"), ""
    if not patients:
        ends, basis = ("wilson_low", "wilson_high"), " by images, since nobody knows the patients"
    low, high = (quality[end] for end in ends)
    if np.isnan(low):
        verdict = "not done"
        interval = f"of {patients} patient{'s' * (patients != 1)}, so without an interval"
    else:
        verdict = "passed" if low > chance else "failed"
        interval = f"[{low:.2f}, {high:.2f}]{basis}"
    return {
        "check": "better than chance",
        "verdict": verdict,
        "says": f"accuracy {quality['accuracy']:.2f} {interval}; always naming the largest class "
        f"is right in {chance:.2f} of the images",
    }


def _running_statistics(quality: Mapping[str, float], by_batches: float | None) -> dict[str, str]:
    if by_batches is None:
        says, verdict = "the network was not trained here", "not done"
    else:
        says = f"accuracy {quality['accuracy']:.2f}, and {by_batches:.2f} by statistics of batches"
        verdict = "failed" if by_batches - quality["accuracy"] > LARGEST_GAP else "passed"
    return {"check": "running statistics fit", "verdict": verdict, "says": says}
