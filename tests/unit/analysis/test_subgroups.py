"""Success by sex and age."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.twelve_images import (
    DRAWN,
    FOUND,
    MEMBERS,
    WARD,
    WARD_FLIPS,
    WOMEN,
    contrast_by_hand,
    ends,
    interval_by_hand,
    looped,
    rate,
    ward,
)

from pgdose.analysis.subgroups import success_of_subgroups

SEX = ["F", "F", "M", "F", "F", "M", "M", "M", None, "M"]
AGE = [39.9, 39.9, 40.0, 61.0, 61.0, 59.9, 59.9, 59.9, 60.0, math.nan]


def test_sexes_and_ages_are_compared_with_all_others() -> None:
    people = pd.DataFrame({"sex": SEX, "age": AGE}, index=[f"r{m}" for m in MEMBERS])
    table = success_of_subgroups(FOUND, DRAWN, people, iteration=2, success="final")
    here = table[table["epsilon"] == 0.1]
    assert here[["by", "value", "n_attacked", "n_flipped"]].values.tolist() == [
        ["sex", "F", 4, 2],
        ["sex", "M", 5, 5],
        ["age", "under 40", 2, 2],
        ["age", "40 to 59", 4, 4],
        ["age", "60 and over", 3, 0],
    ]
    apart = here.set_index("value")["difference"]
    # Others: those whose sex or age is known. 9 has no sex, 10 no age.
    assert apart["F"] == 2 / 4 - 5 / 5
    assert apart["under 40"] == pytest.approx(2 / 2 - 4 / 7)
    assert apart["40 to 59"] == pytest.approx(4 / 4 - 2 / 5)
    assert table["epsilon"].tolist() == [0.02] * 5 + [0.1] * 5


def test_the_intervals_of_subgroups_are_those_of_a_loop() -> None:
    found, drawn = ward()
    people = pd.DataFrame({"sex": np.where(WOMEN, "F", "M"), "age": math.nan})
    row = success_of_subgroups(found, drawn, people, iteration=1, success="final").iloc[0]
    assert row["difference"] == pytest.approx(8 / 20 - 24 / 32)
    assert interval_by_hand(WARD_FLIPS, WOMEN, WARD) == ends(row)
    own, rest = rate(WARD_FLIPS, WOMEN), rate(WARD_FLIPS, [not woman for woman in WOMEN])
    draws = looped(lambda w: own(w) - rest(w), WARD)
    expected = contrast_by_hand(row["difference"], draws, 10)
    assert expected == ends(row, "difference_low", "difference_high")


def test_a_difference_of_rates_is_not_beyond_1() -> None:
    people = pd.DataFrame({"sex": SEX, "age": AGE})
    table = success_of_subgroups(FOUND, DRAWN, people, iteration=2, success="final")
    row = table[(table["epsilon"] == 0.1) & (table["value"] == "F")].iloc[0]
    assert np.isnan(row["difference_low"]) and row["difference"] <= 0  # of two women


def test_without_sex_and_age_there_are_no_subgroups() -> None:
    people = pd.DataFrame({"sex": [None] * 10, "age": [None] * 10})
    table = success_of_subgroups(FOUND, DRAWN, people, iteration=2, success="final")
    assert table.empty


def test_a_subgroup_without_others_has_no_difference() -> None:
    people = pd.DataFrame({"sex": ["F"] * 10, "age": [None] * 10})
    table = success_of_subgroups(FOUND, DRAWN, people, iteration=2, success="final")
    assert table["value"].tolist() == ["F", "F"] and table["asr"].tolist() == [0.3, 0.7]
    assert table[["difference", "difference_low", "difference_high"]].isna().all(axis=None)
