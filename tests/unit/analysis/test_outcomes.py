"""Surfaces that are not as they should be: clear words or an honest gap, never a wrong curve."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import dense

from pgdose.analysis.bootstrap import Patients, draw_patients
from pgdose.analysis.conclusion_draws import conclusion_draws
from pgdose.analysis.dose_summary import dose_summary
from pgdose.analysis.needed_dose import smallest_level
from pgdose.analysis.operating_point import operating_iteration
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.analysis.storage import survival_of_storage
from pgdose.analysis.subgroups import success_of_subgroups
from pgdose.analysis.success import success_by_confidence, success_rates
from pgdose.analysis.transitions import transitions
from pgdose.analysis.worst_case import worst_case
from pgdose.errors import UserError
from pgdose.study.doses import Doses

MAX_ITER = 2
EPSILONS = [0.02, 0.1, 0.2]
TRUE = pd.Series([0, 1] * 6, index=range(12))
NAMES = ["norm", "ill"]


def surface(
    members: int = 12, classes: int = 2, epsilons: list[float] = EPSILONS, seed: int = 0
) -> pd.DataFrame:
    """Images that are seen right at first and wrong at random later."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(members, len(epsilons), MAX_ITER + 1, classes))
    true = TRUE.iloc[:members].to_numpy()
    clean = rng.normal(size=(members, classes))
    clean[np.arange(members), true] = clean.max(axis=1) + 1
    logits[:, :, 0] = clean[:, None]
    table = pd.DataFrame({"member": np.repeat(np.arange(members), len(epsilons))})
    table["epsilon"] = np.tile(epsilons, members)
    table["logits"] = list(logits.reshape(len(table), (MAX_ITER + 1) * classes))
    table["stored"] = list(logits[:, :, -1].reshape(len(table), classes))
    return table


def without_numbers(table: pd.DataFrame, rows: Any, iterations: Any = slice(None)) -> pd.DataFrame:
    """The same with NaN in some rows, a mask, at some iterations."""
    logits = unpack(table)
    some = logits[np.asarray(rows)]
    some[:, iterations] = np.nan
    logits[np.asarray(rows)] = some
    return table.assign(logits=list(logits.reshape(len(table), -1)))


def unpack(table: pd.DataFrame) -> np.ndarray:
    return np.stack(table["logits"].to_list()).reshape(len(table), MAX_ITER + 1, 2)


def outcomes_of(table: pd.DataFrame, epsilons: list[float] = EPSILONS) -> Outcomes:
    return outcomes(dense(table, Doses(tuple(epsilons), MAX_ITER), 2), TRUE, 2)


def patients_of(found: Outcomes) -> Patients:
    return draw_patients([f"p{member // 2}" for member in found.members], 50, 0)


def measured(found: Outcomes, patients: Patients | None = None) -> pd.DataFrame:
    n = len(found.members)
    drawn = patients or patients_of(found)
    return success_rates(found, drawn, n_images=12, n_correct=n + found.n_unknown)


def all_measures(
    table: pd.DataFrame, found: Outcomes, patients: Patients | None = None
) -> dict[str, pd.DataFrame]:
    """What `measures.measure_attack` makes of a surface."""
    drawn = patients or patients_of(found)
    iteration = operating_iteration(found.iterations, 20)
    people = pd.DataFrame({"sex": ["F", "M"] * 6, "age": 50.0}).iloc[found.members]
    point = {"iteration": iteration, "success": "final"}
    conclusion_draws(found, drawn, epsilon=0.1, **point)
    return {
        "asr": measured(found, drawn),
        "confidence": success_by_confidence(found, drawn, iteration=iteration),
        "storage": survival_of_storage(found, dense(table, found.doses, 2), drawn),
        "transitions": transitions(found, NAMES, iteration=iteration),
        "doses": dose_summary(found, drawn, **point),
        "subgroups": success_of_subgroups(found, drawn, people, **point),
    }


WHOLE = surface()
ALL = all_measures(WHOLE, outcomes_of(WHOLE))


# --- what it is when all is well --------------------------------------------------------------


def test_outcomes_are_those_of_the_logits() -> None:
    found = outcomes_of(WHOLE)
    logits = unpack(WHOLE).reshape(12, 3, 3, 2)
    assert found.members.tolist() == list(range(12)) and found.n_unknown == 0
    assert found.true.tolist() == TRUE.tolist()
    assert np.array_equal(found.predicted, logits.argmax(axis=3))
    assert found.measured.all() and found.iterations == [0, 1, 2]
    powers = np.exp(logits[:, 0, 0])
    assert found.confidence == pytest.approx(
        (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    )


def test_any_counts_all_iterations_up_to_one() -> None:
    final, some = (outcomes_of(WHOLE).flipped(definition) for definition in ("final", "any"))
    assert not final[:, :, 0].any()
    assert np.array_equal(some[:, :, 1], final[:, :, 1])
    assert np.array_equal(some[:, :, 2], final[:, :, 1] | final[:, :, 2])
    assert some[:, :, 2].sum() > final[:, :, 2].sum()


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = WHOLE.sample(frac=1, random_state=3)
    for name, table in all_measures(shuffled, outcomes_of(shuffled)).items():
        pd.testing.assert_frame_equal(table, ALL[name], check_exact=True, obj=name)


def test_of_three_classes_any_other_is_a_flip() -> None:
    logits = np.array([[[3, 1, 1], [1, 3, 1]], [[1, 1, 3], [1, 1, 3]], [[1, 3, 1], [3, 1, 1]]])
    table = pd.DataFrame({"member": range(3), "epsilon": 0.1})
    table["logits"] = list(logits.reshape(3, 6))
    found = outcomes(dense(table, Doses((0.1,), 1), 3), pd.Series([0, 2, 1]), 3)
    assert found.flipped()[:, 0].tolist() == [[False, True], [False, False], [False, True]]
    seen = transitions(found, ["a", "b", "c"], iteration=1)
    flips = seen[(seen["class"] != seen["flipped_to"]) & (seen["n"] > 0)]
    assert flips[["class", "flipped_to", "n"]].values.tolist() == [["a", "b", 1], ["b", "a", 1]]
    assert seen["n"].sum() == 3


# --- gaps -------------------------------------------------------------------------------------


def test_an_epsilon_that_nobody_has_is_a_gap() -> None:
    part = WHOLE[WHOLE["epsilon"] != 0.1]
    found = outcomes_of(part)
    assert found.n_unknown == 0 and len(found.members) == 12
    made = all_measures(part, found)
    for name in ("asr", "confidence", "storage", "transitions", "subgroups"):
        other = ALL[name][ALL[name]["epsilon"] != 0.1].reset_index(drop=True)
        pd.testing.assert_frame_equal(made[name].reset_index(drop=True), other, obj=name)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_a_curve_with_a_gap_is_not_told_in_one_number(epsilon: float) -> None:
    """Beside the numbers of groups that have all amplitudes it would be a wrong one."""
    row = dose_summary(
        found := outcomes_of(WHOLE[WHOLE["epsilon"] != epsilon]),
        patients_of(found),
        iteration=2,
        success="final",
    ).iloc[0]
    assert (row["n_attacked"], row["n_patients"]) == (12, 6)
    assert row.drop(["n_attacked", "n_patients", "median_bound"]).isna().all()
    assert row["median_bound"] == ""


def test_images_without_some_epsilon_are_left_out_and_counted() -> None:
    """All points of a curve rest on the same images: a curve must not rise since others left."""
    lost = (WHOLE["member"].isin([3, 7])) & (WHOLE["epsilon"] == 0.2)
    found = outcomes_of(WHOLE[~lost])
    assert found.n_unknown == 2 and set(range(12)) - set(found.members) == {3, 7}
    table = measured(found)
    assert (table["n_attacked"] == 10).all() and (table["n_unknown"] == 2).all()
    without = outcomes_of(WHOLE[~WHOLE["member"].isin([3, 7])])
    columns = ["epsilon", "iteration", "n_attacked", "n_flipped", "ci_low", "ci_high"]
    pd.testing.assert_frame_equal(table[columns], measured(without)[columns])


@pytest.mark.parametrize("iterations", [slice(None), [0], [1], [2]])
def test_images_whose_logits_are_no_numbers_are_left_out_and_counted(iterations: Any) -> None:
    found = outcomes_of(without_numbers(WHOLE, WHOLE["member"] == 3, iterations))
    assert found.n_unknown == 1 and 3 not in found.members and len(found.members) == 11


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_infinite_logits_are_no_numbers_either(bad: float) -> None:
    table = WHOLE.copy()
    table.at[4, "logits"] = np.r_[bad, table.at[4, "logits"][1:]]
    assert outcomes_of(table).n_unknown == 1


def test_an_epsilon_without_numbers_is_a_gap() -> None:
    """At none of its points: the others stand as they were."""
    broken = without_numbers(WHOLE, WHOLE["epsilon"] == 0.2)
    found = outcomes_of(broken)
    assert found.n_unknown == 0 and not found.measured[2].any()
    known = ALL["asr"][ALL["asr"]["epsilon"] != 0.2]
    pd.testing.assert_frame_equal(measured(found), known)


def test_a_last_iteration_without_numbers_is_a_gap() -> None:
    """What is told of the last iterate is told of none, not of none flipped."""
    broken = without_numbers(WHOLE, np.ones(len(WHOLE), bool), [2])
    found = outcomes_of(broken)
    assert found.iterations == [0, 1]
    made = all_measures(broken, found)
    assert made["storage"].empty
    assert (made["confidence"]["iteration"] == 1).all()
    known = ALL["asr"][ALL["asr"]["iteration"] != 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(made["asr"], known)


@pytest.mark.parametrize("lost", ["no rows", "no numbers"])
def test_without_any_image_all_rows_are_there_and_nothing_is_known(lost: str) -> None:
    """No image was right before, or nothing is known of any."""
    table = WHOLE.iloc[:0] if lost == "no rows" else without_numbers(WHOLE, WHOLE["member"] >= 0)
    found = outcomes_of(table)
    assert len(found.members) == 0 and found.n_unknown == (0 if lost == "no rows" else 12)
    made = all_measures(table, found)
    for name in ("asr", "confidence", "transitions"):
        assert len(made[name]) == len(ALL[name]), name
    asr = made["asr"]
    assert (asr["n_attacked"] == 0).all() and (asr["n_unknown"] == found.n_unknown).all()
    assert asr[["asr", "ci_low", "ci_high", "wilson_low", "asr_any"]].isna().all(axis=None)
    assert made["confidence"][["asr", "ci_low"]].isna().all(axis=None)
    assert made["storage"]["survival"].isna().all()
    row = made["doses"].iloc[0]
    assert row["n_attacked"] == row["n_never"] == 0
    assert row[["auc", "auc_low", "median_epsilon", "median_high"]].isna().all()
    assert made["subgroups"].empty


def test_one_patient_has_rates_and_no_intervals() -> None:
    found = outcomes_of(WHOLE)
    alone = draw_patients(["ann"] * 12, 50, 0)
    for name, table in all_measures(WHOLE, found, alone).items():
        pd.testing.assert_frame_equal(
            table[[c for c in table if c.startswith("n_flip") or c in ("asr", "auc", "survival")]],
            ALL[name][
                [c for c in table if c.startswith("n_flip") or c in ("asr", "auc", "survival")]
            ],
            obj=name,
        )
        ends = ["ci_low", "ci_high", "any_low", "any_high", "auc_low", "median_high"]
        ends += ["difference_low", "difference_high"]
        assert table[[c for c in ends if c in table]].isna().all(axis=None), name


def test_an_absent_class_is_neither_attacked_nor_flipped() -> None:
    """No image of class 1 was right before."""
    table = WHOLE[WHOLE["member"].map(TRUE) == 0]
    found = outcomes_of(table)
    assert len(found.members) == 6
    seen = transitions(found, NAMES, iteration=2)
    assert (seen[seen["class"] == "ill"]["n"] == 0).all()
    assert (seen.groupby("epsilon")["n"].sum() == 6).all()
    assert (measured(found)["n_attacked"] == 6).all()


def test_groups_of_other_epsilons_keep_their_own() -> None:
    few = surface(epsilons=[0.1])
    found = outcomes_of(few, epsilons=[0.1])
    assert measured(found)["epsilon"].unique().tolist() == [0.1]
    images = {}
    for name, one in {"many": outcomes_of(WHOLE), "few": found}.items():
        images[name] = pd.DataFrame({"member": one.members, "patient": "p"})
        images[name]["smallest_level"] = smallest_level(one, iteration=2, success="final")
    doses = {"many": Doses(tuple(EPSILONS), 2), "few": Doses((0.1,), 2)}
    table = worst_case(images, doses, 20, 0)
    assert table["epsilon"].tolist() == EPSILONS
    alone = (outcomes_of(WHOLE).flipped()[:, 0, 2]).sum()  # at 0.02 there is one attack
    assert table["n_flipped"].iloc[0] == alone


# --- words ------------------------------------------------------------------------------------


def refused(table: pd.DataFrame, classes: int = 2) -> str:
    with pytest.raises(UserError) as error:
        outcomes(dense(table, Doses(tuple(EPSILONS), MAX_ITER), 2), TRUE, classes)
    assert str(error.value).endswith("delete the surface and run again")
    return str(error.value)


def test_a_member_that_the_group_has_not_is_named() -> None:
    assert "has member 77, which" in refused(WHOLE.replace({"member": {3: 77}}))


@pytest.mark.parametrize("classes", [3, 1])
def test_logits_of_other_classes_are_told(classes: int) -> None:
    assert f"the surface has 2 classes, but the group has {classes};" in refused(WHOLE, classes)
