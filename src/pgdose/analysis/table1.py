"""Table 1 of the study: groups, sizes and the quality of their networks beside the paper's."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from pgdose.analysis.bootstrap import patients_known
from pgdose.analysis.quality import quality

PARTS = ["training", "validation"]  # a network from elsewhere has no training images


@dataclass(frozen=True)
class GroupImages:
    """A group, its members, and the clean logits of its main network."""

    group: str
    title: str
    paper_accuracy: float | None
    members: pd.DataFrame
    clean: pd.DataFrame


def table1(groups: Iterable[GroupImages], draws: int, seed: int) -> pd.DataFrame:
    """A row for each group: sizes, then `quality` of its network on the validation images."""
    rows = []
    for one in groups:
        sizes = one.members["part"].value_counts().reindex(PARTS, fill_value=0)
        rows.append(
            {
                **{"group": one.group, "title": one.title, "n_images": len(one.members)},
                "n_training": int(sizes["training"]),
                "n_validation": int(sizes["validation"]),
                **quality(one.members, one.clean, draws, seed),
                "paper_accuracy": one.paper_accuracy,
            }
        )
    return pd.DataFrame(rows)


def class_counts(groups: Iterable[GroupImages]) -> pd.DataFrame:
    """The table class_counts: the classes of each group in their order."""
    tables = [_class_counts(one.members).assign(group=one.group) for one in groups]
    return pd.concat(tables, ignore_index=True)


def _class_counts(members: pd.DataFrame) -> pd.DataFrame:
    by_class = members.groupby("class")
    counts = pd.crosstab([members["class_index"], members["class"]], members["part"])
    counts = (
        counts.reindex(columns=PARTS, fill_value=0)
        .reset_index()
        .rename(columns={"training": "n_training", "validation": "n_validation"})
    )
    counts["n_images"] = counts["n_training"] + counts["n_validation"]
    counts["n_copies"] = counts["class"].map(
        by_class["copy"].agg(lambda copy: int((copy > 0).sum()))
    )
    unknown = not patients_known(members["patient"].unique())
    counts["n_patients"] = 0 if unknown else counts["class"].map(by_class["patient"].nunique())
    return counts[["class", "n_images", "n_training", "n_validation", "n_copies", "n_patients"]]
