"""Controls: rates, sizes of changes, and the dose of an attack that flips as many."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.analysis import control_doses, controls, table_registry
from pgdose.analysis.control_doses import OVER, UNDER, AttackCurve, equal_dose
from pgdose.analysis.controls import ControlledRun
from pgdose.analysis.intervals import wilson
from pgdose.analysis.result_files import exact_columns

RUN = {"group": "H", "run": "full", "role": "main", "size": None, "repeat": None}
ENTRIES = {
    "blur": {"kind": "corruption", "corruption": "motion_blur"},
    "uap": {"kind": "universal"},
}
N = 12
MEMBERS = pd.DataFrame(
    {"class_index": [0] * N, "patient": [f"p{i // 2}" for i in range(N)]}, index=range(N)
)


def logits(wrong: bool) -> np.ndarray:
    return np.array([0.0, 1.0] if wrong else [1.0, 0.0], np.float32)


def rows(control: str, level: dict[str, Any], wrong: set[int], judge: str = "full") -> pd.DataFrame:
    """Of all members; the size of a change is a hundredth of the member's number."""
    return pd.DataFrame(
        {
            "control": control,
            "severity": pd.array([level.get("severity")] * N, "Int32"),
            "epsilon": level.get("epsilon", np.nan),
            "judge": judge,
            "member": range(N),
            "logits": [logits(i in wrong) for i in range(N)],
            "l_inf": np.arange(N) / 100,
            "l2": np.arange(N) / 10,
        }
    )


def clean(wrong: set[int] = frozenset()) -> pd.DataFrame:  # type: ignore[assignment]
    return pd.DataFrame({"member": range(N), "logits": [logits(i in wrong) for i in range(N)]})


def controlled(table: pd.DataFrame) -> ControlledRun:
    return ControlledRun(RUN, ENTRIES, table, {"full": clean({11}), "other": clean({0, 1})})


def test_what_was_right_and_is_wrong_is_flipped() -> None:
    table = pd.concat(
        [
            rows("blur", {"severity": 4}, {0, 1, 2, 11}),
            rows("blur", {"severity": 2}, {0}),
            rows("uap", {"epsilon": 0.01}, {5}),
            rows("uap", {"epsilon": 0.01}, {0, 5, 6}, judge="other"),
        ]
    )
    table = table.sample(frac=1, random_state=1)  # whatever the order of rows
    found = controls.controls([controlled(table)], {"H": MEMBERS}, 200, 1)
    found = exact_columns(found, list(table_registry.RESULT_TABLES["controls"].columns), "controls")
    found = found.sort_values(["control", "judge", "severity"])
    assert found["severity"].tolist()[:2] == [2, 4] and found["severity"].isna()[2:].all()
    assert found["n_attacked"].tolist() == [11, 11, 11, 10]
    assert found["n_flipped"].tolist() == [1, 3, 1, 2]
    assert found["n_patients"].tolist() == [6, 6, 6, 5]
    assert found["asr"].tolist() == pytest.approx([1 / 11, 3 / 11, 1 / 11, 0.2])
    assert (found["ci_low"] < found["asr"]).all() and (found["asr"] < found["ci_high"]).all()
    low, high = wilson(found["n_flipped"], found["n_attacked"])
    assert found["wilson_low"].tolist() == low.tolist()
    assert found["wilson_high"].tolist() == high.tolist()
    assert (found["n_images"] == N).all() and found["l_inf"].tolist() == pytest.approx([0.055] * 4)
    assert found["l2_high"].tolist() == pytest.approx([1.045] * 4)


def test_an_image_whose_logits_are_not_finite_is_not_counted() -> None:
    table = rows("blur", {"severity": 1}, {0, 1, 2})
    table.at[0, "logits"] = np.array([np.nan, 1.0], np.float32)
    (row,) = controls.controls([controlled(table)], {"H": MEMBERS}, 50, 1).to_dict("records")
    assert (row["n_attacked"], row["n_flipped"]) == (10, 2)


def test_under_four_patients_have_no_interval() -> None:
    members = MEMBERS.assign(patient="p")
    table = rows("blur", {"severity": 1}, {0, 1, 2})
    (row,) = controls.controls([controlled(table)], {"H": members}, 50, 1).to_dict("records")
    assert row["no_interval"] == "under four patients" and np.isnan(row["ci_low"])


EPSILONS = np.array([0.001, 0.01, 0.1])


@pytest.mark.parametrize(
    ("attack", "control", "dose"),
    [
        ([0.2, 0.4, 0.8], 0.4, 0.01),
        ([0.2, 0.4, 0.8], 0.3, 0.001 * 10**0.5),
        ([0.2, 0.4, 0.8], 0.6, 0.01 * 10**0.5),
        ([0.2, 0.4, 0.8], 0.2, 0.001),
        ([0.2, 0.4, 0.8], 0.8, 0.1),
        ([0.2, 0.4, 0.8], 0.1, UNDER),
        ([0.2, 0.4, 0.8], 0.9, OVER),
        ([0.0, 0.4, 0.8], 0.0, UNDER),
        ([0.4, 0.2, 0.8], 0.6, 0.01 * 10**0.5),  # a dip counts as level
        ([0.5, 1.0, 1.0], 1.0, 0.01),
        ([0.0, 0.0, 0.0], 0.1, OVER),
        ([0.2, 0.4, 0.8], np.nan, np.nan),
    ],
)
def test_between_two_doses_the_rate_is_linear_in_the_logarithm(
    attack: list[float], control: float, dose: float
) -> None:
    found = equal_dose(np.array([attack]), EPSILONS, np.array([control]))
    assert found[0] == pytest.approx(dose, nan_ok=True)


share = st.floats(0, 1)


@given(st.lists(share, min_size=3, max_size=3), share, share)
def test_a_control_that_flips_more_stands_for_no_smaller_dose(
    attack: list[float], one: float, other: float
) -> None:
    curve = np.array([attack, attack])
    low, high = equal_dose(curve, EPSILONS, np.array([min(one, other), max(one, other)]))
    assert low <= high


def curve(flips: list[set[int]], **more: Any) -> AttackCurve:
    members = np.arange(1, 11)  # neither the first image nor the last one
    flipped = np.array([[m in wrong for wrong in flips] for m in members])
    return AttackCurve("sign", 10, EPSILONS, members, flipped, **more)


def doses(table: pd.DataFrame, of: AttackCurve) -> pd.DataFrame:
    found = control_doses.control_doses([(controlled(table), [of])], {"H": MEMBERS}, 400, 1)
    columns = list(table_registry.RESULT_TABLES["control_doses"].columns)
    return exact_columns(found, columns, "control_doses")


def test_both_are_counted_on_the_images_of_both_and_told_in_a_sentence() -> None:
    table = pd.concat(
        [
            rows("blur", {"severity": 1}, set()),
            rows("blur", {"severity": 2}, {0, 1, 2}),
            rows("blur", {"severity": 3}, {1, 2, 3, 4, 5, 6, 7, 8}),
            rows("uap", {"epsilon": 0.02}, set(range(N))),
            rows("uap", {"epsilon": 0.02}, {5}, judge="other"),
        ]
    )
    found = doses(table, curve([{3}, {3, 4, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}]))
    assert found["n_attacked"].tolist() == [10] * 4
    assert found["n_flipped"].tolist() == [0, 2, 8, 10]
    assert found["bound"].tolist() == ["under", "exact", "exact", "over"]
    assert found["dose"].tolist() == pytest.approx(
        [0.001, 0.001 * 10**0.5, 0.01 * 10 ** (5 / 6), 0.1]
    )
    first, second, third, last = found["reads"]
    assert first == "motion blur of severity 1 flips none of 10 right diagnoses"
    begin = "motion blur of severity 2 flips 2 of 10 right diagnoses, as many as sign at epsilon"
    assert second.startswith(f"{begin} 0.00316 [under 0.001 to ")
    assert third.startswith(begin.replace("2", "3", 1).replace("2 of", "8 of") + " 0.0681 [")
    assert last == (
        "uap at epsilon 0.02 flips 10 of 10 right diagnoses, more than sign at epsilon 0.1, its "
        "largest dose"
    )
    exact = found[found["bound"] == "exact"]
    assert (exact["dose_low"] <= exact["dose"]).all() and (
        exact["dose"] <= exact["dose_high"]
    ).all()


def test_an_attack_that_always_flips_more_is_over_what_the_control_does() -> None:
    found = doses(rows("blur", {"severity": 5}, {1}), curve([{1, 2, 3}] * 3, is_length=True))
    assert found["reads"][0] == (
        "motion blur of severity 5 flips 1 of 10 right diagnoses, fewer than sign at epsilon 0.001 "
        "(L2 length), its smallest dose"
    )
    assert found["dose_low"][0] == 0


def test_a_control_and_an_attack_of_the_same_images_have_the_same_draws() -> None:
    """Of a rate that equals the attack's at a dose in every draw the dose has no spread."""
    wrong = set(range(1, 9))
    members = MEMBERS.assign(patient=[f"p{i}" for i in range(N)])
    one = controlled(rows("blur", {"severity": 5}, wrong))
    attack = curve([set(), wrong, {*wrong, 9}])
    found = control_doses.control_doses([(one, [attack])], {"H": members}, 400, 1)
    assert found[["dose_low", "dose", "dose_high"]].to_numpy() == pytest.approx(0.01)
