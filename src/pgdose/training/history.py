"""The history of a training: one row per epoch, written as training.csv."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

#: Columns of training.csv with the accuracies of `Outputs.logits`; without a method: clean images.
ACCURACIES = {
    None: ("training_accuracy",),
    "pgd": ("adversarial_accuracy",),
    "trades": ("training_accuracy", "adversarial_accuracy"),
    "free": ("adversarial_accuracy",),
}

Row = dict[str, Any]

#: Columns of training.csv; a training with held-out images also has their loss and accuracy, and
#: adversarial training `adversarial_accuracy`.
COLUMNS = ["epoch", "lr", "loss", "training_accuracy", "validation_accuracy", "at_once", "kept"]


def best_epoch(rows: Sequence[Row]) -> int:
    """The first epoch with the smallest loss on the held-out images."""
    return int(min(rows, key=lambda row: row["held_out_loss"])["epoch"])


def epochs_without_gain(rows: Sequence[Row]) -> int:
    """How many epochs have passed since the best one; 0 without held-out images."""
    if not rows or "held_out_loss" not in rows[0]:
        return 0
    return int(rows[-1]["epoch"]) - best_epoch(rows)


def as_table(rows: Sequence[Row], kept: int) -> pd.DataFrame:
    """The rows with the column `kept`: 1 for the epoch whose weights the network has in the end.

    `training_accuracy` is empty where no clean training images passed.
    """
    table = pd.DataFrame(rows).assign(kept=lambda table: (table["epoch"] == kept).astype(int))
    if "adversarial_accuracy" in table and "training_accuracy" not in table:
        table.insert(list(table).index("loss") + 1, "training_accuracy", float("nan"))
    return table


def empty_table() -> pd.DataFrame:
    """The history of a network that was trained elsewhere."""
    return pd.DataFrame(columns=COLUMNS)
