"""A network and a defended one on the same clean images: what the defence costs."""

from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap, defence_verdicts, quality
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.paired import Paired, of_both, paired_draws, paired_rates
from pgdose.analysis.quality import CleanImages
from pgdose.analysis.subgroups import subgroup_masks


def clean_rows(
    members: pd.DataFrame,
    undefended: pd.DataFrame,
    defended: pd.DataFrame,
    margin: float,
    draws: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The rows accuracy (of all images, of each class, sex and age), ece and auc.

    `members` are the group's; `undefended` and `defended` are tables of clean logits. Images that
    only one of them has are left out, and so are classes and subgroups without images.
    """
    shared = undefended["member"][undefended["member"].isin(defended["member"])]

    def images_of(table: pd.DataFrame) -> CleanImages:
        return quality.clean_images(members, table.set_index("member").loc[shared].reset_index())

    images = of_both(images_of, (undefended, defended))
    people = members.set_index("member").loc[shared]
    patients = bootstrap.draw_patients(people["patient"], draws, seed)
    rows: list[dict[str, Any]] = []
    for by, value, mask in _parts(people):
        if mask.any():
            row = _accuracy(images, mask, patients).row()
            verdict = defence_verdicts.of_accuracy(row["ci_low"], row["ci_high"], margin)
            rows.append({"quantity": "accuracy", "by": by, "value": value, **row})
            rows[-1]["verdict"] = verdict
    classes = np.unique(members["class_index"])
    error = of_both(lambda of: quality.calibration_error_draws(of, patients), images)
    area = of_both(lambda of: quality.area_under_roc_draws(of, patients, classes), images)
    for name, numbers in (("ece", error), ("auc", area)):
        rows.append({"quantity": name, **paired_draws(numbers, patients).row(), "verdict": ""})
    return rows


def _parts(people: pd.DataFrame) -> list[tuple[str, str, np.ndarray]]:
    """All images, those of each class in the order of its number, and of each subgroup."""
    classes = people.drop_duplicates("class_index").sort_values("class_index")["class"]
    parts = [("", "", np.ones(len(people), bool))]
    parts += [("class", str(name), (people["class"] == name).to_numpy()) for name in classes]
    return parts + [(by, value, mask) for by, value, mask, _ in subgroup_masks(people)]


def _accuracy(
    images: tuple[CleanImages, CleanImages], mask: np.ndarray, patients: Patients
) -> Paired:
    right = of_both(lambda of: (of.right[:, None] & mask[:, None], mask), images)
    return paired_rates(right, patients)
