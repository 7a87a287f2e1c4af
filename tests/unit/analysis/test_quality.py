"""The quality of a network on eight clean images, by hand and by loops."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.clean_images import CLEAN_PATIENTS, CONFIDENCE, RIGHT, clean_table, group_members
from helpers.twelve_images import (
    DRAWS,
    SEED,
    ends,
    interval_by_hand,
    logits_of,
    looped,
    percentiles_by_hand,
    wilson_by_hand,
)
from scipy.special import softmax

from pgdose.analysis import quality
from pgdose.analysis.bootstrap import draw_patients
from pgdose.analysis.network_checks import network_checks
from pgdose.analysis.roc import area_of_draws


def test_accuracy_and_its_two_intervals() -> None:
    row = quality.quality(group_members(), clean_table(), DRAWS, SEED)
    assert row["n_patients"] == 5
    assert row["accuracy"] == 6 / 8 == quality.accuracy(group_members(), clean_table())
    assert wilson_by_hand(6, 8) == ends(row, "wilson_low", "wilson_high")
    assert interval_by_hand(RIGHT, patients=CLEAN_PATIENTS) == ends(row)


def test_the_calibration_error_by_hand() -> None:
    """Bins hold (0.97, 0.99, 0.96; two right), (0.82, 0.84; one), (0.6; one), (0.7, 0.7; both)."""
    row = quality.quality(group_members(), clean_table(), DRAWS, SEED)
    gaps = [abs(2 - 2.92), abs(1 - 1.66), abs(1 - 0.6), abs(2 - 1.4)]
    assert row["ece"] == pytest.approx(sum(gaps) / 8)

    def error(w: list[int]) -> float:
        if not sum(w):
            return math.nan
        gaps = [
            abs(sum(w[i] * (RIGHT[i] - CONFIDENCE[i]) for i in bin_))
            for bin_ in ([0, 1, 2], [3, 4], [5], [6, 7])
        ]
        return sum(gaps) / sum(w)

    _, high = percentiles_by_hand(looped(error, CLEAN_PATIENTS), 5)
    assert (max(2 * row["ece"] - high, 0), high) == ends(row, "ece_low", "ece_high")


def test_the_interval_of_the_calibration_error_holds_the_estimate() -> None:
    """A well calibrated network: its draws are all worse calibrated than it is."""
    confidence = np.repeat([0.6, 0.75, 0.8, 0.9], [10, 12, 10, 10])
    right = np.repeat([True, False] * 4, [6, 4, 9, 3, 8, 2, 9, 1])
    n = len(right)
    members = pd.DataFrame({"member": range(n), "patient": [f"p{i}" for i in range(n)]})
    members = members.assign(**{"class": "a", "class_index": 0})
    seen = ["0" if r else "1" for r in right]
    clean = pd.DataFrame({"member": range(n)})
    clean["logits"] = [logits_of(k, c) for k, c in zip(seen, confidence, strict=True)]
    row = quality.quality(members, clean, DRAWS, SEED)
    assert row["ece"] == pytest.approx(0, abs=1e-9)
    assert 0 == row["ece_low"] <= row["ece"] < row["ece_high"]


def test_the_reliability_curve_by_hand() -> None:
    table = quality.calibration(group_members(), clean_table(), DRAWS, SEED)
    assert len(table) == 11
    some = table[table["n"] > 0].set_index("bin_low")
    assert some["n"].to_dict() == {0.6: 1, 0.7: 2, 0.8: 2, 0.95: 3}
    assert some["confidence"].to_dict() == pytest.approx(
        {0.6: 0.6, 0.7: 0.7, 0.8: 0.83, 0.95: 2.92 / 3}
    )
    assert some["accuracy"].to_dict() == pytest.approx({0.6: 1, 0.7: 1, 0.8: 0.5, 0.95: 2 / 3})
    own = [c > 0.95 for c in CONFIDENCE]
    assert interval_by_hand(RIGHT, own, CLEAN_PATIENTS) == ends(some.loc[0.95])
    assert math.isnan(some.loc[0.6, "ci_low"])  # one patient
    assert table.loc[table["n"] == 0, ["confidence", "accuracy", "ci_low"]].isna().all(axis=None)


def test_confusion_by_hand() -> None:
    table = quality.confusion(group_members(), clean_table(), DRAWS, SEED)
    assert table[["class", "predicted", "n", "share"]].values.tolist() == [
        ["young", "young", 3, 0.6],
        ["young", "aged", 2, 0.4],
        ["aged", "young", 0, 0.0],
        ["aged", "aged", 3, 1.0],
    ]
    members, clean = group_members(), clean_table()
    true = members.set_index("member")["class"].loc[clean["member"]].to_numpy()
    seen = np.stack(clean["logits"].to_list()).argmax(axis=1)
    own = (true == "young").tolist()
    found = interval_by_hand((seen == 0).tolist(), own, CLEAN_PATIENTS[::-1])
    assert found == ends(table.iloc[0])


@pytest.mark.parametrize("kinds", [2, 3])
def test_areas_count_pairs(kinds: int) -> None:
    """Of the sample, and of a draw, in which an image counts as often as its patient is drawn."""

    def pairs(score: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float:
        above = np.subtract.outer(score[positive], score[~positive])
        won = (above > 0) + 0.5 * (above == 0)
        pair = np.outer(weight[positive], weight[~positive])
        return float((won * pair).sum() / pair.sum())

    rng = np.random.default_rng(kinds)
    n, patients = 60, 15
    true = np.arange(n) % kinds
    logits = np.round(rng.normal(size=(n, kinds)) + 0.8 * np.eye(kinds)[true], 1)  # with ties
    who = [f"p{i}" for i in rng.integers(0, patients, n)]
    members = pd.DataFrame({"member": range(n), "patient": who, "class_index": true})
    clean = pd.DataFrame({"member": range(n), "logits": list(logits)})
    drawn = draw_patients(who, 200, SEED)
    probabilities = softmax(logits, axis=1)
    weights = np.vstack([np.ones(n), drawn.weights[:, drawn.of_image]])
    expected = np.mean(
        [[pairs(probabilities[:, c], true == c, w) for w in weights] for c in range(kinds)],
        axis=0,
    )
    found = np.mean([area_of_draws(probabilities[:, c], true == c, drawn) for c in range(kinds)], 0)
    assert found == pytest.approx(expected, abs=1e-12)
    row = quality.area_under_roc(
        quality.clean_images(members, clean), drawn, np.unique(members["class_index"])
    )
    assert row["auc"] == pytest.approx(expected[0])
    assert row["auc_low"] < row["auc"] < row["auc_high"]


def true_classes() -> np.ndarray:
    return quality.clean_images(group_members(), clean_table()).true


@pytest.mark.parametrize(
    ("low", "by_batches", "verdicts"),
    [
        (0.7, 0.76, ["passed", "passed"]),
        (0.6, 0.90, ["failed", "failed"]),  # 5 of the 8 images are of one class
        (0.7, 0.30, ["passed", "passed"]),
        (0.7, None, ["passed", "not done"]),
    ],
)
def test_a_network_that_attacks_say_nothing_of_is_told(
    low: float, by_batches: float | None, verdicts: list[str]
) -> None:
    found = {"accuracy": 0.75, "ci_low": low, "ci_high": 0.9, "n_patients": 5}
    checks = network_checks(true_classes(), found, by_batches)
    assert checks["verdict"].tolist() == verdicts
    says = checks["says"][0]
    assert "accuracy 0.75" in says and "0.62 of the images" in says


def test_notes_of_an_import_stand_beside_the_checks() -> None:
    found = {"accuracy": 0.75, "ci_low": 0.7, "ci_high": 0.9, "n_patients": 5}
    checks = network_checks(true_classes(), found, None, ["a note"])
    assert checks.iloc[2].tolist() == ["note of the import", "not done", "a note"]


@pytest.mark.parametrize(("patients", "text"), [(1, "of 1 patient,"), (3, "of 3 patients,")])
def test_of_few_patients_nobody_can_say_whether_it_is_better_than_chance(
    patients: int, text: str
) -> None:
    found = {"accuracy": 0.75, "ci_low": np.nan, "ci_high": np.nan, "n_patients": patients}
    check = network_checks(true_classes(), found, None).iloc[0]
    assert check["verdict"] == "not done" and text in check["says"]


@pytest.mark.parametrize(("low", "verdict"), [(0.7, "passed"), (0.6, "failed")])
def test_where_nobody_knows_the_patients_chance_is_told_by_images(low: float, verdict: str) -> None:
    nothing = {"ci_low": np.nan, "ci_high": np.nan, "n_patients": 0}
    quality = {"accuracy": 0.75, "wilson_low": low, "wilson_high": 0.9, **nothing}
    check = network_checks(true_classes(), quality, None).iloc[0]
    assert check["verdict"] == verdict and "nobody knows the patients" in check["says"]


def test_images_without_numbers_have_no_place_in_an_area() -> None:
    members, clean = group_members(), clean_table()
    clean["logits"] = [np.full(len(row), np.nan) for row in clean["logits"]]
    assert np.isnan(quality.quality(members, clean, DRAWS, SEED)["auc"])


def test_clean_images_without_numbers_are_wrong_and_of_no_confidence() -> None:
    clean = clean_table()
    clean["logits"] = [
        x if m != 5 else x * np.nan for m, x in zip(clean["member"], clean["logits"], strict=True)
    ]
    members = group_members()
    row = quality.quality(members, clean, DRAWS, SEED)
    assert row["accuracy"] == 5 / 8
    assert row["ece"] == pytest.approx((0.92 + 0.66 + 0.6) / 7)
    curve = quality.calibration(members, clean, DRAWS, SEED)
    assert curve["n"].sum() == 7 and curve["n"].iloc[0] == 0
    assert quality.confusion(members, clean, DRAWS, SEED)["n"].tolist() == [3, 2, 0, 2]
    nothing = clean.assign(logits=[x * np.nan for x in clean["logits"]])
    row = quality.quality(members, nothing, DRAWS, SEED)
    assert row["accuracy"] == 0 and math.isnan(row["ece"])
