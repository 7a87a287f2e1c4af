"""ASR and accuracy by the number of training images: the tables of Fig. 3d."""

from collections.abc import Sequence

import pandas as pd

from pgdose.analysis.operating_point import at

_KEPT = ["accuracy", "n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]


def training_size(
    asr: pd.DataFrame,
    trainings: pd.DataFrame,
    attacks: Sequence[str],
    *,
    epsilon: float,
    iterations: int,
) -> pd.DataFrame:
    """The table training_size: a row for each training and attack, at the operating point.

    `asr` is the group's part of the table asr, with one definition of success. `trainings` has the
    columns run, size, repeat and accuracy.
    """
    if trainings.empty:
        return pd.DataFrame()
    asr = asr[asr["run"].isin(trainings["run"]) & asr["attack"].isin(attacks)]
    rows = at(asr, iterations=iterations, epsilon=epsilon)
    rows = rows[["group", "run", "attack", "epsilon", "iteration", *_KEPT[1:]]]
    rows = rows.merge(trainings, on="run", validate="many_to_one")
    rows = rows.sort_values(["attack", "size", "repeat"], ignore_index=True)
    return rows[["group", "attack", "epsilon", "iteration", "size", "repeat", *_KEPT]]


def training_size_summary(training_size: pd.DataFrame) -> pd.DataFrame:
    """The table training_size_summary: mean and standard deviation over the repeats of each size.

    A single repeat has no standard deviation.
    """
    if training_size.empty:
        return pd.DataFrame()
    by = ["group", "attack", "epsilon", "iteration", "size"]
    return (
        training_size.groupby(by, sort=False)
        .agg(
            repeats=("repeat", "size"),
            asr=("asr", "mean"),
            asr_sd=("asr", "std"),
            accuracy=("accuracy", "mean"),
            accuracy_sd=("accuracy", "std"),
        )
        .reset_index()
    )
