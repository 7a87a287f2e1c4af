"""Success rates and those by confidence, of twelve images worked by hand and by loops."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import dense
from helpers.twelve_images import (
    ANY,
    DRAWN,
    DRAWS,
    FINAL,
    FOUND,
    IMAGES,
    NOTHING,
    SEED,
    SURFACE,
    drawn_for,
    ends,
    flips,
    interval_by_hand,
    logits_of,
    measured,
    outcomes_of,
    wilson_by_hand,
)

from pgdose.analysis.bootstrap import Clusters, draw_patients
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.outcomes import outcomes
from pgdose.analysis.success import as_counted, success_by_confidence, success_rates
from pgdose.study.doses import Doses


def test_success_of_twelve_images_is_as_counted_by_hand() -> None:
    table = measured()
    assert table["epsilon"].to_list() == [0.02] * 3 + [0.1] * 3
    assert table["iteration"].to_list() == [0, 1, 2] * 2
    assert table["n_flipped"].to_list() == FINAL[0.02] + FINAL[0.1]
    assert table["asr"].to_list() == [k / 10 for k in FINAL[0.02] + FINAL[0.1]]
    assert table["n_flipped_any"].to_list() == ANY[0.02] + ANY[0.1]
    assert table["asr_any"].to_list() == [k / 10 for k in ANY[0.02] + ANY[0.1]]


def test_each_image_is_natively_wrong_or_flipped_or_has_resisted() -> None:
    table = measured()
    for column, value in {"n_images": 12, "n_correct": 10, "n_attacked": 10, "n_wrong": 2}.items():
        assert (table[column] == value).all()
    assert (table["n_unknown"] == 0).all()
    assert table["n_resisted"].to_list() == [10, 10, 7, 10, 4, 3]


def test_an_image_without_numbers_is_unknown_and_nothing_else() -> None:
    lost = SURFACE.copy()
    lost.at[1, "logits"] = np.r_[lost.at[1, "logits"][:4], np.nan, 1.0]  # image 0 at 0.1
    table = measured(outcomes_of(lost))
    assert (table["n_unknown"] == 1).all() and (table["n_attacked"] == 9).all()
    assert table["n_flipped"].to_list() == [0, 0, 3, 0, 5, 6]
    parts = table[["n_wrong", "n_flipped", "n_resisted", "n_unknown"]]
    assert (parts.sum(axis=1) == table["n_images"]).all()


def test_images_that_a_surface_lacks_are_unknown() -> None:
    table = measured(outcomes_of(SURFACE[SURFACE["member"] != 10]))
    parts = table[["n_wrong", "n_flipped", "n_resisted", "n_unknown"]]
    assert (parts.sum(axis=1) == 12).all() and (table["n_unknown"] == 1).all()


def test_wilson_s_intervals_of_success_take_images_for_independent() -> None:
    for _, row in measured().iterrows():
        assert wilson_by_hand(row["n_flipped"], 10) == ends(row, "wilson_low", "wilson_high")


@pytest.mark.parametrize("definition", ["final", "any"])
def test_intervals_of_success_are_those_of_a_loop_over_draws_of_patients(definition: str) -> None:
    low, high = ("ci_low", "ci_high") if definition == "final" else ("any_low", "any_high")
    for _, row in measured().iterrows():
        flipped = flips(row["epsilon"], int(row["iteration"]), definition)
        assert interval_by_hand(flipped) == ends(row, low, high)


@pytest.mark.parametrize("number", range(4, 14))
def test_an_interval_holds_a_rate_of_none_or_all(number: int) -> None:
    """Exactly: no rounding puts an end on the wrong side of it."""
    drawn = np.tile([0.0, 1.0], (DRAWS + 1, 1))
    low, high = rate_interval(drawn, Clusters(number, number, number))
    assert (low[0], high[1]) == (0, 1) and high[0] < 1 and low[1] > 0


def test_patients_with_many_images_make_intervals_wider_than_wilson_s() -> None:
    """All of a patient's images flip together: there is as much to learn from as patients."""
    patients = np.repeat([f"p{i}" for i in range(10)], 20)
    flipped = np.repeat(np.arange(10) < 4, 20)
    seen = np.where(flipped, "001", "000")
    surface = pd.DataFrame({"member": range(200), "epsilon": 0.02})
    surface["logits"] = [logits_of(k, 0.9) for k in seen]
    true = pd.Series(0, index=range(200))
    found = outcomes(dense(surface, Doses((0.02,), 2), 2), true, 2)
    table = success_rates(found, draw_patients(patients, DRAWS, SEED), n_images=200, n_correct=200)
    row = table.iloc[-1]
    assert row["asr"] == 0.4
    assert row["ci_high"] - row["ci_low"] > 3 * (row["wilson_high"] - row["wilson_low"])


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 3), (37, 100)])
def test_wilson_is_the_formula_written_out(hits: int, n: int) -> None:
    low, high = wilson(np.array([hits]), np.array([n]))
    assert (low[0], high[0]) == pytest.approx(wilson_by_hand(hits, n), abs=1e-9)


def test_a_share_of_nothing_is_unknown() -> None:
    low, high = wilson(np.array([0, 1, 0]), np.array([0, 2, 0]))
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False, True]


def test_iterations_that_nobody_ran_have_no_rows() -> None:
    """Another library's attack gives its end alone."""
    sparse = SURFACE.assign(logits=[np.r_[x[:2], [np.nan] * 2, x[4:]] for x in SURFACE["logits"]])
    found, whole = measured(outcomes_of(sparse)), measured()
    assert found["iteration"].tolist() == [0, 2, 0, 2]
    columns = [c for c in whole if not c.endswith("_any") and not c.startswith("any_")]
    known = whole[whole["iteration"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[columns], known[columns])
    assert found["n_flipped_any"].tolist() == [0, 3, 0, 7]  # that 3 was flipped at 1 is unknown


def test_counted_any_a_table_has_the_success_of_any_and_its_own_resisted() -> None:
    final, some = (as_counted(measured(), definition) for definition in ("final", "any"))
    assert set(final) == set(some) and not any("any" in column for column in final)
    assert final["n_flipped"].to_list() == FINAL[0.02] + FINAL[0.1]
    assert some["n_flipped"].to_list() == ANY[0.02] + ANY[0.1]
    assert some["asr"].to_list() == [k / 10 for k in ANY[0.02] + ANY[0.1]]
    last = some.iloc[-1]
    assert interval_by_hand(flips(0.1, 2, "any")) == ends(last)
    assert last["n_resisted"] == 2
    assert wilson_by_hand(8, 10) == ends(last, "wilson_low", "wilson_high")


def test_bins_count_attacked_and_flipped_images_by_hand() -> None:
    table = success_by_confidence(FOUND, DRAWN, iteration=2)
    assert len(table) == 22 and (table["iteration"] == 2).all()
    some = table[table["n_attacked"] > 0]
    columns = ["epsilon", "bin_low", "bin_high", "n_attacked", "n_flipped", "n_flipped_any"]
    assert some[columns].values.tolist() == [
        [0.02, 0.6, 0.65, 2, 2, 2],  # 2 and 8
        [0.02, 0.8, 0.85, 2, 0, 0],  # 6 and 7
        [0.02, 0.95, 1, 6, 1, 1],  # 9
        [0.1, 0.6, 0.65, 2, 2, 2],
        [0.1, 0.8, 0.85, 2, 2, 2],
        [0.1, 0.95, 1, 6, 3, 4],  # 0, 1 and 10; 3 came back
    ]
    assert (some["asr"] == some["n_flipped"] / some["n_attacked"]).all()
    assert (some["asr_any"] == some["n_flipped_any"] / some["n_attacked"]).all()
    assert (
        table.loc[table["n_attacked"] == 0, ["asr", "ci_low", "wilson_high"]].isna().all(axis=None)
    )


@pytest.mark.parametrize("definition", ["final", "any"])
def test_intervals_of_bins_rest_on_the_patients_of_the_bin(definition: str) -> None:
    low, high = ("ci_low", "ci_high") if definition == "final" else ("any_low", "any_high")
    table = success_by_confidence(FOUND, DRAWN, iteration=2)
    for _, row in table[table["n_attacked"] > 0].iterrows():
        own = [row["bin_low"] <= c + 1e-9 < row["bin_high"] for _, c, *_ in IMAGES.values()]
        expected = interval_by_hand(flips(row["epsilon"], 2, definition), own)
        assert expected == ends(row, low, high)
        assert wilson_by_hand(row["n_flipped"], row["n_attacked"]) == ends(
            row, "wilson_low", "wilson_high"
        )
    eighties = table[(table["bin_low"] == 0.8) & (table["epsilon"] == 0.1)].iloc[0]
    assert math.isnan(eighties[low]) and math.isnan(
        eighties[high]
    )  # both images are of one patient


def test_bins_go_by_the_iteration_asked_for() -> None:
    at_one = success_by_confidence(FOUND, DRAWN, iteration=1)
    assert at_one.groupby("epsilon")["n_flipped"].sum().to_dict() == {0.02: 0, 0.1: 6}


def test_bins_without_images_are_all_there() -> None:
    table = success_by_confidence(NOTHING, drawn_for(NOTHING), iteration=2)
    assert len(table) == 22 and (table["n_attacked"] == 0).all()


def bin_of(*clean: float, kind: Any = np.float64) -> tuple[float, float]:
    """The bin of an image with these clean probabilities."""
    n = len(clean)
    surface = pd.DataFrame({"member": [0], "epsilon": 0.1})
    surface["logits"] = [np.log(np.tile(clean, 2)).astype(kind)]
    true = pd.Series(0, index=[0])
    found = outcomes(dense(surface, Doses((0.1,), 1), n), true, n)
    table = success_by_confidence(found, draw_patients(["ann"], 10, SEED), iteration=1)
    row = table[table["n_attacked"] == 1]
    assert len(table) == 11 and len(row) == 1
    return float(row["bin_low"].iloc[0]), float(row["bin_high"].iloc[0])


@pytest.mark.parametrize(
    ("confidence", "low"),
    [(0.81, 0.80), (0.80, 0.80), (0.799, 0.75), (0.95, 0.95), (0.949, 0.90), (0.999999, 0.95)],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_confidence_falls_into_its_bin(confidence: float, low: float, kind: Any) -> None:
    expected = pytest.approx((low, low + 0.05))
    assert bin_of(confidence, 1 - confidence, kind=kind) == expected


@pytest.mark.parametrize("low", [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_a_bin_holds_its_lower_end_in_single_precision_too(low: float) -> None:
    """Logits are stored as float32, so 0.80 may come back as 0.79999999."""
    assert bin_of(low, 1 - low, kind=np.float32)[0] == pytest.approx(low)


def test_certainty_falls_into_the_last_bin() -> None:
    assert bin_of(1.0, 1e-300) == (0.95, 1.0)


def test_an_even_chance_falls_into_the_first_of_the_ten() -> None:
    assert bin_of(0.5, 0.5) == (0.5, 0.55)


def test_confidences_under_a_half_have_a_bin_of_their_own() -> None:
    assert bin_of(0.4, 0.35, 0.25) == (0.0, 0.5)
