"""Table 1 of the study: groups, sizes and the quality of their networks beside the paper's."""

import pandas as pd

from pgdose.analysis.quality import quality

PARTS = ["training", "validation"]  # a network from elsewhere has no training images


def table1_row(members: pd.DataFrame, clean: pd.DataFrame, draws: int, seed: int) -> dict:
    """Sizes of a group, then `quality` of its main network on the validation images."""
    sizes = members["part"].value_counts().reindex(PARTS, fill_value=0)
    return {
        "n_images": len(members),
        "n_training": int(sizes["training"]),
        "n_validation": int(sizes["validation"]),
        **quality(members, clean, draws, seed),
    }


def class_counts(members: pd.DataFrame) -> pd.DataFrame:
    """A group's rows of the table class_counts, in the order of the classes."""
    counts = pd.crosstab([members["class_index"], members["class"]], members["part"])
    counts = (
        counts.reindex(columns=PARTS, fill_value=0)
        .reset_index()
        .rename(columns={"training": "n_training", "validation": "n_validation"})
    )
    counts["n_images"] = counts["n_training"] + counts["n_validation"]
    return counts[["class", "n_images", "n_training", "n_validation"]]
