"""ASR and accuracy by the number of training images: the tables of Fig. 3d."""

from collections.abc import Mapping, Sequence

import pandas as pd

from pgdose.analysis.operating_point import at

_KEPT = ["accuracy", "n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]


def training_size(
    asr: pd.DataFrame,
    trainings: pd.DataFrame,
    attacks: Mapping[str, Sequence[str]],
    *,
    epsilon: float,
    iterations: int,
) -> pd.DataFrame:
    """The table training_size: a row for each training and attack, at the operating point.

    `asr` is the part of the table asr of the groups whose training size varies, with one definition
    of success. `trainings` has the columns group, run, size, repeat and accuracy. `attacks` are
    those on each group's sized runs.
    """
    if trainings.empty:
        return pd.DataFrame()
    pairs = [(group, attack) for group, names in attacks.items() for attack in names]
    of_trainings = pd.MultiIndex.from_frame(trainings[["group", "run"]])
    asr = asr[pd.MultiIndex.from_frame(asr[["group", "attack"]]).isin(pairs)]
    asr = asr[pd.MultiIndex.from_frame(asr[["group", "run"]]).isin(of_trainings)]
    rows = at(asr, iterations=iterations, epsilon=epsilon)
    rows = rows[["group", "run", "attack", "epsilon", "iteration", *_KEPT[1:]]]
    rows = rows.merge(trainings, on=["group", "run"], validate="many_to_one")
    order = {group: place for place, group in enumerate(trainings["group"].unique())}
    rows = rows.sort_values(
        ["group", "attack", "size", "repeat"],
        key=lambda column: column.map(order) if column.name == "group" else column,
        ignore_index=True,
    )
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
