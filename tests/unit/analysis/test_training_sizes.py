"""The tables of training sizes."""

import math

import pandas as pd
import pytest
from helpers.twelve_images import asr_table

from pgdose.analysis.training_sizes import training_size, training_size_summary


def training_sizes(epsilon: float = 0.1) -> pd.DataFrame:
    runs = {"n100-r1": 0.2, "n100-r2": 0.4, "n1000-r1": 0.3, "full": 0.1, "n5000-r1": 0.9}
    parts = [
        asr_table(
            run=run, attack=attack, epsilon=[0.1, 0.1, 0.2], iteration=[10, 20, 20],
            n_attacked=[9, 10, 11], n_flipped=[1, 2, 3], asr=[0.0, asr, 1.0], ci_low=0.05,
            ci_high=0.95,
        )
        for run, asr in runs.items() for attack in ("paper", "sign", "other")
    ]  # fmt: skip
    trainings = pd.DataFrame(
        [
            ("G", "full", 4000, 1, 0.9),
            ("G", "n100-r1", 100, 1, 0.6),
            ("G", "n100-r2", 100, 2, 0.7),
            ("G", "n1000-r1", 1000, 1, 0.8),
        ],
        columns=["group", "run", "size", "repeat", "accuracy"],
    )
    return training_size(
        pd.concat(parts), trainings, {"G": ["paper", "sign"]}, epsilon=epsilon, iterations=20
    )


def test_training_size_has_a_row_for_each_run_and_the_full_one_at_its_own_size() -> None:
    table = training_sizes()
    assert table["attack"].to_list() == ["paper"] * 4 + ["sign"] * 4
    assert table["size"].to_list() == [100, 100, 1000, 4000] * 2
    assert table["repeat"].to_list() == [1, 2, 1, 1] * 2
    assert table["accuracy"].to_list() == [0.6, 0.7, 0.8, 0.9] * 2
    assert table["asr"].to_list() == [0.2, 0.4, 0.3, 0.1] * 2
    assert (table["n_flipped"] == 2).all() and (table["n_attacked"] == 10).all()
    assert (table["iteration"] == 20).all() and (table["epsilon"] == 0.1).all()


def test_repeats_of_a_size_come_to_their_mean_and_spread() -> None:
    table = training_size_summary(training_sizes())
    own = table[table["attack"] == "paper"].set_index("size")
    assert own["repeats"].to_dict() == {100: 2, 1000: 1, 4000: 1}
    assert own["asr"].to_dict() == pytest.approx({100: 0.3, 1000: 0.3, 4000: 0.1})
    assert own["accuracy"].to_dict() == pytest.approx({100: 0.65, 1000: 0.8, 4000: 0.9})
    assert own.loc[100, "asr_sd"] == pytest.approx(0.1 * math.sqrt(2))
    assert own.loc[100, "accuracy_sd"] == pytest.approx(0.05 * math.sqrt(2))
    assert own.loc[[1000, 4000], ["asr_sd", "accuracy_sd"]].isna().all(axis=None)


def test_several_groups_stand_one_after_the_other_with_attacks_of_their_own() -> None:
    """Also where their runs have the same names."""
    runs = [("X", "full", 4), ("X", "n2-r1", 2), ("B", "full", 9), ("B", "n2-r1", 2)]
    asr = pd.concat(
        asr_table(
            group=[group], run=run, attack=attack, epsilon=0.1, iteration=20, n_flipped=1,
            asr=size / 10, ci_low=0.0, ci_high=1.0,
        )
        for group, run, size in runs for attack in ("paper", "sign")
    )  # fmt: skip
    trainings = pd.DataFrame(
        [(group, run, size, 1, size / 20) for group, run, size in runs],
        columns=["group", "run", "size", "repeat", "accuracy"],
    )
    attacks = {"B": ["sign"], "X": ["paper", "sign"]}
    table = training_size(asr, trainings, attacks, epsilon=0.1, iterations=20)
    assert table[["group", "attack", "size", "asr", "accuracy"]].values.tolist() == [
        ["X", "paper", 2, 0.2, 0.1],
        ["X", "paper", 4, 0.4, 0.2],
        ["X", "sign", 2, 0.2, 0.1],
        ["X", "sign", 4, 0.4, 0.2],
        ["B", "sign", 2, 0.2, 0.1],
        ["B", "sign", 9, 0.9, 0.45],
    ]
    summary = training_size_summary(table)
    assert summary["group"].tolist() == ["X"] * 4 + ["B"] * 2


def test_training_size_is_at_the_nearest_epsilon_and_says_so() -> None:
    table = training_sizes(0.19)
    assert (table["epsilon"] == 0.2).all() and (table["n_attacked"] == 11).all()


def test_training_size_without_trainings_is_an_empty_table() -> None:
    nothing = pd.DataFrame(columns=["group", "run", "size", "repeat", "accuracy"])
    table = training_size(pd.DataFrame(), nothing, {}, epsilon=0.1, iterations=20)
    assert table.empty and training_size_summary(table).empty
