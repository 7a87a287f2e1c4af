"""Abstention: scores, thresholds, curves and their intervals, against counts by hand."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import dense
from helpers.twelve_images import DOSES, DRAWS, IMAGES, SEED, SURFACE, TRUE, logits_of, surface_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pgdose.analysis import abstention, measures
from pgdose.analysis.abstention import CleanScores
from pgdose.analysis.abstention_curves import (
    CLEAN_SHARES,
    Conditions,
    area_under_curve,
    curves,
    thresholds,
)
from pgdose.analysis.abstention_scores import confidence, disagreement, margin
from pgdose.analysis.bootstrap import draw_patients
from pgdose.analysis.network_disagreement import JudgedAttack, disagreement_of_all
from pgdose.analysis.outcomes import outcomes
from pgdose.names import UNKNOWN_PATIENT

# The two images of the twelve that are wrong without an attack, by their confidence.
WRONG = {5: 0.7, 11: 0.99}
CONFIDENCES = {**{m: confidence for m, (_, confidence, *_) in IMAGES.items()}, **WRONG}
FEW_VALUES = st.lists(
    st.tuples(st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 1.0]), st.booleans()), min_size=1
)


def members() -> pd.DataFrame:
    patients = [IMAGES[m][0] if m in IMAGES else "zoe" for m in range(12)]
    table = pd.DataFrame({"patient": patients, "class_index": TRUE.to_numpy(), "sex": "F"})
    names = np.where(TRUE == 0, "norm", "ill")
    return table.assign(age=50.0, part="validation", **{"class": names}).rename_axis("member")


def clean() -> pd.DataFrame:
    logits = [
        logits_of(str(TRUE[m] if m in IMAGES else 1 - TRUE[m]), CONFIDENCES[m]) for m in range(12)
    ]
    return pd.DataFrame({"member": range(12), "logits": logits})


def images(table: pd.DataFrame | None = None) -> CleanScores:
    return abstention.clean_scores(clean() if table is None else table, members(), DRAWS, SEED)


def attacked(
    rows: pd.DataFrame = SURFACE, sample: Any = range(12), iteration: int = 2, **metadata: str
) -> pd.DataFrame:
    surface = dense(rows, DOSES, 2, **metadata)
    result = outcomes(surface, TRUE, 2)
    return abstention.under_attack(
        images(), surface, result, sample, iteration=iteration, raises_wrong_class=True
    )


def row(table: pd.DataFrame, **where: Any) -> pd.Series:
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


# --- scores -----------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    logits = np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    assert confidence(logits) == pytest.approx([0.7, 0.4])
    assert margin(logits) == pytest.approx([math.log(3.5), math.log(4 / 3)])
    # log-odds 1 of the second class, and a threshold at log-odds 2: the first is decided for.
    decision = np.array([[0.5, -0.5]])
    offset = np.array([-1.0, 1.0])
    assert confidence(decision, offset) == pytest.approx([1 / (1 + math.e)])
    assert margin(decision, offset) == pytest.approx([1.0])


def test_of_two_classes_confidence_and_margin_are_one_order() -> None:
    logits = np.random.default_rng(1).normal(size=(50, 2))
    assert (np.argsort(confidence(logits)) == np.argsort(margin(logits))).all()
    assert margin(logits) == pytest.approx(np.log(confidence(logits) / (1 - confidence(logits))))


def test_disagreement_is_the_entropy_of_the_mean_less_the_mean_entropy() -> None:
    logits = np.random.default_rng(2).normal(size=(20, 3, 4))
    powers = np.exp(logits)
    p = powers / powers.sum(axis=-1, keepdims=True)
    expected = stats.entropy(p.mean(axis=1), axis=-1) - stats.entropy(p, axis=-1).mean(axis=1)
    assert disagreement(logits) == pytest.approx(expected)
    assert disagreement(logits[:, [0, 0, 0]]) == pytest.approx(0, abs=1e-12)
    sure = np.eye(2)[None] * 200  # two networks, each sure of another class
    assert disagreement(sure) == pytest.approx([math.log(2)])
    offsets = np.random.default_rng(3).normal(size=(3, 4))
    assert disagreement(logits, offsets) == pytest.approx(disagreement(logits + offsets))


# --- thresholds and curves ----------------------------------------------------------------------


def test_thresholds_by_hand() -> None:
    certainty = np.array([0.9, 0.5, 0.7, 0.6, 0.8, 1.0, 0.55, 0.65, 0.75, 0.85])
    limits = thresholds(certainty, (0.0, 0.1, 0.25, 0.3))
    assert limits.tolist() == [-np.inf, 0.55, 0.6, 0.65]
    assert [(certainty < limit).sum() for limit in limits] == [0, 1, 2, 3]
    # Four of the ten are equal: they are rejected together, or not at all.
    tied = np.array([0.5, 0.6, 0.6, 0.6, 0.6, 0.7, 0.8, 0.8, 0.9, 0.9])
    counts = [(tied < limit).sum() for limit in thresholds(tied, (0.1, 0.2, 0.4, 0.5, 0.6))]
    assert counts == [1, 1, 1, 5, 6]
    assert (thresholds(np.ones(5)) <= 1).all()  # nothing is rejected
    assert (thresholds(np.empty(0)) == -np.inf).all()


@given(FEW_VALUES)
@settings(max_examples=60, deadline=None)
def test_what_is_rejected_never_exceeds_the_share_and_rises_with_it(
    values: list[tuple[float, bool]],
) -> None:
    certainty, wrong = (np.array(part) for part in zip(*values, strict=True))
    n, patients = len(values), draw_patients(map(str, range(len(values))), 3, 1)
    limits = thresholds(certainty)
    never = np.zeros((n, 1), bool)
    table = curves(Conditions(certainty[:, None], wrong[:, None], never, patients), limits)
    assert (table["rejected"] <= np.array(CLEAN_SHARES) + 1e-9).all()
    assert (table["rejected"].diff().dropna() >= 0).all()
    assert table["error"].iloc[0] == pytest.approx(wrong.mean())
    assert (table["n_accepted"] + table["n_rejected"] == n).all()
    assert table["caught"].isna().all()
    # As much is rejected as the equal ones allow: the next value would be too much.
    for share, count in zip(CLEAN_SHARES, table["n_rejected"], strict=True):
        further = certainty[certainty >= np.sort(certainty)[count]].min()
        assert (certainty <= further).sum() > share * n - 1e-9 or count + 1 > share * n
    order = np.random.default_rng(n).permutation(n)
    again = curves(
        Conditions(certainty[order, None], wrong[order, None], never, patients.subset(order)),
        thresholds(certainty[order]),
    )
    pd.testing.assert_frame_equal(table, again)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_area_is_the_mean_over_all_orders_of_equal_images(
    values: list[tuple[int, bool]],
) -> None:
    certainty, wrong = (np.array(part) for part in zip(*values, strict=True))
    areas = []
    for order in itertools.permutations(range(len(values))):
        order_ = np.array(order)
        if (np.diff(certainty[order_]) <= 0).all():
            errors = wrong[order_].cumsum() / np.arange(1, len(values) + 1)
            areas.append(errors.mean())
    assert area_under_curve(certainty, wrong) == pytest.approx(np.mean(areas))


def test_no_images_have_no_error() -> None:
    empty = np.empty((0, 1))
    patients = draw_patients([], 3, 1)
    conditions = Conditions(empty, empty.astype(bool), empty.astype(bool), patients)
    table = curves(conditions, thresholds(empty[:, 0]))
    assert table[["error", "rejected", "caught", "aurc", "ci_low"]].isna().all(axis=None)


# --- a run --------------------------------------------------------------------------------------


def test_clean_images_by_hand() -> None:
    table = abstention.without_attack(images())
    assert len(table) == 2 * len(CLEAN_SHARES)
    assert (table["attack"] == "").all() and (table["epsilon"] == 0).all()
    whole = row(table, score="confidence", clean_rejected=0.0)
    assert whole["n_wrong"] == 2 and whole["error"] == 2 / 12 and np.isnan(whole["threshold"])
    # Of 12 images 3 are rejected at 0.3: those of 0.62, 0.63 and the wrong one of 0.7.
    some = row(table, score="confidence", clean_rejected=0.3)
    assert some["threshold"] == pytest.approx(0.82)
    assert (some["n_rejected"], some["n_wrong"], some["error"]) == (3, 1, 1 / 9)
    assert some["wilson_low"] < some["ci_high"] and some["ci_low"] <= 1 / 9 <= some["ci_high"]
    assert (some["n_images"], some["n_patients"]) == (12, 7)


def test_an_attack_that_does_nothing_gives_the_clean_rows() -> None:
    still = SURFACE.assign(logits=[np.tile(x[:2], 3) for x in SURFACE["logits"]])
    assert abs(still["logits"].iloc[0][0]) > 0
    rest, under = abstention.without_attack(images()), attacked(still)
    assert (under["n_flipped"] == 0).all() and (under["knows_detector"] == "yes").all()
    columns = ["clean_rejected", "n_rejected", "n_wrong", "error", "ci_low", "ci_high", "n_images"]
    for (score, _, _), rows in under.groupby(["score", "choice", "epsilon"]):
        expected = rest[rest["score"] == score]
        pd.testing.assert_frame_equal(
            rows[columns].reset_index(drop=True), expected[columns].reset_index(drop=True)
        )


def test_an_attack_by_hand() -> None:
    """At 0.1 the last iterates of 0, 1, 2, 6, 7, 8 and 10 are wrong, each as sure as before."""
    table = attacked()
    assert set(table["iteration"]) == {2}
    at = {"score": "confidence", "choice": "last", "epsilon": 0.1}
    whole = row(table, **at, clean_rejected=0.0)
    assert (whole["n_flipped"], whole["n_wrong"], whole["error"]) == (7, 9, 9 / 12)
    assert whole["caught"] == 0
    some = row(table, **at, clean_rejected=0.3)
    # Under 0.82 are the flipped 2 and 8, and 5, which was wrong before.
    assert (some["n_rejected"], some["n_caught"], some["caught"]) == (3, 2, 2 / 7)
    assert (some["n_accepted"], some["n_wrong"]) == (9, 6)
    assert some["caught_low"] <= 2 / 7 <= some["caught_high"]


def test_the_best_iterate_for_the_attacker() -> None:
    """Member 3 at 0.1 is wrong at iteration 1 and right at 2: only `best` counts it."""
    table = attacked()
    at = {"score": "confidence", "epsilon": 0.1, "clean_rejected": 0.0}
    assert row(table, **at, choice="best")["n_flipped"] == 8
    assert row(table, **at, choice="last")["n_flipped"] == 7
    certainty = np.array([[0.5, 0.9, 0.7], [0.5, 0.6, 0.7], [0.9, 0.8, 0.7]])
    wrong = np.array([[False, True, True], [False, False, False], [False, True, False]])
    scores, is_wrong = abstention.most_certain_wrong(certainty, wrong)
    assert scores.tolist() == [0.9, 0.7, 0.8] and is_wrong.tolist() == [True, False, True]


def test_the_population_is_the_sample_less_what_is_not_known() -> None:
    at = {"score": "margin", "choice": "last", "epsilon": 0.1, "clean_rejected": 0.0}
    # Of the sample one image is wrong without the attack; thresholds come from all images.
    part = attacked(SURFACE[SURFACE["member"] < 4], sample=[0, 1, 2, 3, 5])
    assert (row(part, **at)["n_images"], row(part, **at)["n_wrong"]) == (5, 4)
    limits = part.groupby(["score", "clean_rejected"])["threshold"].first()
    assert limits.equals(attacked().groupby(["score", "clean_rejected"])["threshold"].first())
    unknown = SURFACE.copy()
    unknown["logits"] = [
        x * np.nan if m == 0 else x
        for m, x in zip(unknown["member"], unknown["logits"], strict=True)
    ]
    assert row(attacked(unknown), **at)["n_images"] == 11
    # Who was right and is not in the surface, as the class that a target names, stays clean.
    later = SURFACE[SURFACE["member"] >= 6]
    rest = attacked(later, attack='{"target": 0}')
    assert (row(rest, **at)["n_images"], row(rest, **at)["n_wrong"]) == (12, 6)
    # An image that is wrong by the clean logits alone was right before the attack that flips it.
    more = pd.concat([SURFACE, surface_of({5: ("zoe", 0.7, "000", "011")})], ignore_index=True)
    assert row(attacked(more), **at)["n_flipped"] == row(attacked(), **at)["n_flipped"] + 1
    # Without a target they were wrong in the attack's precision.
    rest = attacked(later)
    assert (row(rest, **at)["n_images"], row(rest, **at)["n_wrong"]) == (7, 6)


def test_without_patients_there_is_no_interval_by_patients() -> None:
    people = members()
    people["patient"] = [f"{UNKNOWN_PATIENT}{m}" for m in range(12)]
    table = abstention.without_attack(abstention.clean_scores(clean(), people, DRAWS, SEED))
    assert table["ci_low"].isna().all() and table["wilson_low"].notna().all()
    assert (table["n_patients"] == 0).all()


def test_the_interval_rests_on_the_patients_of_accepted_images() -> None:
    """0.9 rejected of 12 leaves 2 images, of fewer than four patients."""
    table = abstention.without_attack(images())
    few = row(table, score="confidence", clean_rejected=0.9)
    assert few["n_accepted"] == 2 and np.isnan(few["ci_low"]) and few["wilson_high"] > 0


def test_images_of_one_patient_count_less_than_as_many_patients() -> None:
    rng = np.random.default_rng(4)
    n = 400
    certainty = rng.uniform(0.5, 1, (n, 1))
    of_patient = rng.random(n // 20) < 0.3  # a patient's images are all wrong, or all right
    wrong = np.repeat(of_patient, 20)[:, None]
    never = np.zeros_like(wrong)
    widths = []
    for names in (np.repeat(np.arange(n // 20), 20), np.arange(n)):
        patients = draw_patients([f"p{i}" for i in names], 300, 1)
        table = curves(Conditions(certainty, wrong, never, patients), thresholds(certainty[:, 0]))
        widths.append((table["ci_high"] - table["ci_low"]).iloc[:5].to_numpy())
        assert (table["ci_low"] <= table["error"]).all()
        assert (table["error"] <= table["ci_high"]).all()
    assert (widths[0] > 2 * widths[1]).all()


def test_measures_of_an_attack_hold_its_abstention() -> None:
    how = measures.MeasureSettings(
        epsilon=0.1, iterations=20, success="final", draws=DRAWS, seed=SEED
    )
    rows = SURFACE.assign(stored=[x[-2:] for x in SURFACE["logits"]], change=0.02)
    surface = dense(rows, DOSES, 2, n_images="12", n_correct="10")
    without = measures.measure_attack(surface, members(), how)
    assert without.tables["abstention"].empty
    abstaining = measures.Abstaining(images(), range(12), raises_wrong_class=None)
    table = measures.measure_attack(surface, members(), how, abstaining=abstaining)
    pd.testing.assert_frame_equal(
        table.tables["abstention"].drop(columns="knows_detector"),
        attacked().drop(columns="knows_detector"),
    )
    assert (table.tables["abstention"]["knows_detector"] == "").all()


# --- several networks -----------------------------------------------------------------------------


def judged(logits: dict[str, list[list[tuple[float, float]]]]) -> pd.DataFrame:
    """A transfer table of members 0, 1, ... at epsilon 0 and 0.1, judge by judge."""
    rows = [
        (member, judge, epsilon, np.array(pair))
        for judge, of_judge in logits.items()
        for member, pairs in enumerate(of_judge)
        for epsilon, pair in zip((0.0, 0.1), pairs, strict=True)
    ]
    return pd.DataFrame(rows, columns=["member", "judge", "epsilon", "logits"])


def test_disagreement_of_two_networks_by_hand() -> None:
    """Five images of class 0 that both get right; the attack on one moves the other once."""
    people = pd.DataFrame({"patient": list("abcde"), "class_index": 0}).rename_axis("member")
    at_rest = [(2.0, 0.0), (3.0, 0.0), (1.0, 0.0), (4.0, 0.0), (6.0, 0.0)]
    doubts = [(2.0, 0.0), (2.9, 0.0), (0.2, 0.0), (3.9, 0.0), (6.0, 0.0)]
    clean_of = {
        name: abstention.clean_scores(
            pd.DataFrame({"member": range(5), "logits": values}), people, 50, 1
        )
        for name, values in (("full", at_rest), ("other", doubts))
    }
    runs = [
        {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None},
        {"group": "G", "run": "other", "role": "further", "size": None, "repeat": None},
    ]
    after = [(-5.0, 0.0), (-5.0, 0.0), *at_rest[2:]]  # full gets 0 and 1 wrong
    follows = [(-5.0, 0.0), *doubts[1:]]  # other only 0
    table = judged(
        {
            "full": list(map(list, zip(at_rest, after, strict=True))),
            "other": list(map(list, zip(doubts, follows, strict=True))),
        }
    )
    attack = JudgedAttack(runs[0], "sign", 5, range(5), False, None, table)
    result = disagreement_of_all(runs, ["full", "other"], clean_of, [attack])
    assert set(result["score"]) == {"disagreement"}
    assert set(zip(result["run"], result["attack"], strict=True)) == {
        *(("full", ""), ("full", "sign"), ("other", "")),
    }
    under = result[(result["attack"] == "sign") & (result["epsilon"] == 0.1)]
    assert set(under["knows_detector"]) == {"no"} and set(under["iteration"]) == {5}
    half = row(under, clean_rejected=0.5)
    # The clean thresholds: the disagreement of 2 is largest, then that of 1.
    levels = disagreement(np.stack([at_rest, doubts], axis=1))
    assert np.argsort(-levels).tolist()[:2] == [2, 1]
    assert half["threshold"] == pytest.approx(sorted(levels)[2])
    # Rejected are 1, which only one network gets wrong, and 2; 0 fools both and stays.
    assert (half["n_rejected"], half["n_flipped"], half["n_caught"]) == (2, 2, 1)
    assert (half["n_accepted"], half["n_wrong"]) == (3, 1)
    rest = row(result[result["run"] == "other"], clean_rejected=0.0)
    assert rest["error"] == 0 and np.isnan(rest["threshold"])
    # Images that are right and were not attacked stay as they are under a target of their class.
    for target, n in ((None, 3), (0, 5)):
        few = JudgedAttack(runs[0], "sign", 5, range(5), False, target, table[table["member"] < 3])
        result = disagreement_of_all(runs, ["full", "other"], clean_of, [few])
        assert set(result.query("attack == 'sign'")["n_images"]) == {n}


def test_a_sample_without_attacked_images_has_no_rows_of_the_attack() -> None:
    people = pd.DataFrame({"patient": list("abcd"), "class_index": 0}).rename_axis("member")
    table = pd.DataFrame({"member": range(4), "logits": [(1.0, 0.0)] * 4})
    clean_of = {name: abstention.clean_scores(table, people, 50, 1) for name in ("full", "b")}
    run = {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None}
    attack = JudgedAttack(run, "sign", 5, range(4), True, None, judged({}))
    result = disagreement_of_all([run], ["full", "b"], clean_of, [attack])
    assert len(result) == len(CLEAN_SHARES) and (result["attack"] == "").all()
