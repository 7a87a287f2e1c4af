"""Missed disease, false alarms and expected harm."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import surface_table

from pgdose.analysis import quality
from pgdose.analysis.bootstrap import Patients, draw_patients
from pgdose.analysis.decisions import Decisions, clean_decisions, decisions
from pgdose.analysis.harm import harm
from pgdose.analysis.intervals import contrast_interval
from pgdose.analysis.outcomes import outcomes
from pgdose.analysis.settings import HarmSettings
from pgdose.errors import UserError
from pgdose.study.doses import Doses

CLASSES = ["TB", "tumour", "norm"]
NORM = HarmSettings(["norm"], "study")
# Four images of TB, three of tumour, five of norm: before, after.
TRUE = np.array([0] * 4 + [1] * 3 + [2] * 5)
CLEAN = np.array([0, 0, 0, 2, 1, 1, 0, 2, 2, 2, 2, 1])
AFTER = np.array([2, 2, 1, 2, 1, 2, 0, 2, 0, 2, 1, 1])


def patients_of(names: list[str], draws: int = 300) -> Patients:
    return draw_patients(names, draws, 3)


def made(
    settings: HarmSettings = NORM,
    true: np.ndarray = TRUE,
    clean: np.ndarray = CLEAN,
    after: np.ndarray = AFTER,
    names: list[str] | None = None,
    classes: list[str] = CLASSES,
) -> pd.DataFrame:
    every = Decisions(np.arange(len(true)), true, clean, {0.1: after})
    patients = patients_of(names or [f"p{i}" for i in range(len(true))])
    return harm(every, classes, patients, settings, iteration=7)


def row(table: pd.DataFrame, error: str, of: str = "", epsilon: float = 0.1) -> Any:
    rows = table[(table["error"] == error) & (table["class"] == of) & (table["epsilon"] == epsilon)]
    assert len(rows) == 1, (error, of, len(rows))
    return rows.iloc[0]


def counts(table: pd.DataFrame, error: str, of: str = "", epsilon: float = 0.1) -> tuple[int, int]:
    found = row(table, error, of, epsilon)
    assert found["rate"] == pytest.approx(found["n"] / found["n_images"])
    return int(found["n"]), int(found["n_images"])


def test_by_hand() -> None:
    table = made()
    assert counts(table, "missed") == (3 + 1, 7)
    assert counts(table, "missed", "TB") == (3, 4)
    assert counts(table, "missed", "tumour") == (1, 3)
    assert counts(table, "false_alarm") == counts(table, "false_alarm", "norm") == (3, 5)
    assert counts(table, "TB->tumour", "TB") == (1, 4)
    assert counts(table, "tumour->TB", "tumour") == (1, 3)
    assert counts(table, "norm->tumour", "norm") == (2, 5)
    assert row(table, "asymmetry")["rate"] == pytest.approx(4 / 7 - 3 / 5)
    # Before, one of seven diseases was missed, and one of five norms was a false alarm.
    assert counts(table, "missed", epsilon=0) == (1, 7)
    assert counts(table, "false_alarm", epsilon=0) == (1, 5)
    change = (4 / 7 - 3 / 5) - (1 / 7 - 1 / 5)
    assert row(table, "asymmetry_change")["rate"] == pytest.approx(change)
    assert not ((table["error"] == "asymmetry_change") & (table["epsilon"] == 0)).any()
    assert counts(table, "expected_harm") == (9, 12)
    assert (table["iteration"] == np.where(table["epsilon"] > 0, 7, 0)).all()
    assert set(table["norm_classes"]) == {"norm"} and set(table["norm_from"]) == {"study"}
    shares = table[~table["error"].isin(["asymmetry", "asymmetry_change", "expected_harm"])]
    assert (shares["wilson_low"] <= shares["rate"]).all()
    assert (shares["rate"] <= shares["wilson_high"]).all()
    assert not (shares["ci_low"] > shares["rate"]).any() and shares["verdict"].isna().all()


def test_the_expected_harm_by_hand() -> None:
    settings = HarmSettings(["norm"], "study", [("TB", "norm", 5), ("norm", "TB", 0.5)])
    table = made(settings)
    # 3 of TB->norm, 1 of norm->TB, and 5 others of weight 1.
    assert row(table, "expected_harm")["rate"] == pytest.approx((3 * 5 + 0.5 + 5) / 12)
    assert row(table, "expected_harm")["weights"] == "study"
    assert row(made(), "expected_harm")["weights"] == "equal"


def test_two_classes_without_disease() -> None:
    """One norm taken for another is no false alarm, and a disease taken for either is missed."""
    settings = HarmSettings(["tumour", "norm"], "where")
    table = made(settings)
    assert counts(table, "missed") == counts(table, "missed", "TB") == (4, 4)
    assert counts(table, "false_alarm") == (2, 8)
    assert set(table["norm_classes"]) == {"tumour+norm"}


def test_without_norm_there_are_pairs_and_expected_harm() -> None:
    table = made(HarmSettings())
    assert set(table["error"]) == {f"{a}->{b}" for a in CLASSES for b in CLASSES if a != b} | {
        "expected_harm"
    }
    assert set(table["norm_classes"]) == set(table["norm_from"]) == set(table["verdict"]) == {""}


def test_a_class_may_have_any_name() -> None:
    """`missed` is the name of an error, too."""
    table = made(HarmSettings(["norm"], "study"), classes=["missed", "false_alarm", "norm"])
    assert counts(table, "missed", "missed") == (3, 4) and counts(table, "missed") == (4, 7)
    assert row(table, "missed")["n_patients"] == 7 and row(table, "false_alarm")["n_patients"] == 5


@pytest.mark.parametrize("seed", range(5))
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, clean, after = rng.integers(0, 3, (3, 60))
    names = [f"p{i}" for i in rng.integers(0, 15, 60)]
    table = made(NORM, true, clean, after, names)
    for epsilon, predicted in ((0.0, clean), (0.1, after)):
        for c, name in enumerate(CLASSES):
            # missed + right + other = 1
            pairs = [
                row(table, f"{name}->{o}", name, epsilon)["rate"] for o in CLASSES if o != name
            ]
            right = (predicted[true == c] == c).mean()
            assert sum(pairs) + right == pytest.approx(1)
        errors = row(table, "expected_harm", "", epsilon)
        wrong = (predicted != true).astype(float)
        assert errors["rate"] == pytest.approx(wrong.mean())
    weighed = [(a, b, 2.0) for a in CLASSES for b in CLASSES if a != b]
    twice = made(HarmSettings(["norm"], "study", weighed), true, clean, after, names)
    uneven = [(a, b, 1.0 + len(a) + 2 * len(b)) for a, b, _ in weighed]
    once_, thrice = (
        made(
            HarmSettings([], "", [(a, b, times * w) for a, b, w in uneven]),
            *(true, clean, after, names),
        )
        for times in (1, 3)
    )
    ends = ["rate", "ci_low", "ci_high"]
    for small, large, times in ((table, twice, 2), (once_, thrice, 3)):
        np.testing.assert_allclose(
            row(small, "expected_harm")[ends].astype(float) * times,
            row(large, "expected_harm")[ends].astype(float),
        )


def test_equal_weights_are_the_error_rate_with_its_interval() -> None:
    """The same interval as a share of all images has."""
    table = made(HarmSettings([], "", [("TB", "norm", 1.0)]))
    two = np.where(AFTER != TRUE, 1, 0)  # 0 right, 1 wrong, all of one class
    share = made(HarmSettings(), np.zeros(12, int), np.zeros(12, int), two, classes=["a", "b"])
    ends = ["rate", "ci_low", "ci_high"]
    assert row(table, "expected_harm")[ends].tolist() == row(share, "a->b", "a")[ends].tolist()


def test_no_error_still_has_an_upper_end() -> None:
    settings = HarmSettings(["norm"], "study", [("TB", "norm", 5)])
    found = row(made(settings, after=TRUE), "expected_harm")
    assert found["rate"] == found["ci_low"] == 0 and 0 < found["ci_high"] <= 5


def test_before_the_attack_it_is_the_confusion_table() -> None:
    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 50)
    logits = rng.normal(size=(50, 3)) + np.eye(3)[true]
    names = [f"p{i % 20}" for i in range(50)]
    members = pd.DataFrame({"member": range(50), "class_index": true, "patient": names})
    members["class"] = np.array(CLASSES)[true]
    clean = pd.DataFrame({"member": range(50), "logits": list(logits)})
    confusion = quality.confusion(members, clean, 300, 3)
    decided = clean_decisions(range(50), logits).to_numpy()
    table = made(NORM, true, decided, decided, names)
    for other in confusion[confusion["class"] != confusion["predicted"]].to_dict("records"):
        found = row(table, f"{other['class']}->{other['predicted']}", other["class"], 0)
        assert found["n"] == other["n"]
        for ours, theirs in (("rate", "share"), ("ci_low", "ci_low"), ("ci_high", "ci_high")):
            assert found[ours] == pytest.approx(other[theirs])


# --- the interval of the asymmetry --------------------------------------------------------------


def ward(rng: np.random.Generator, effect: float, missed: float, alarm: float) -> Any:
    """40 patients, each with two images with disease and two without; errors go together."""
    patient = np.repeat(np.arange(40), 4)
    true = np.tile([0, 0, 1, 1], 40)
    bad = np.repeat(rng.random(40) < effect, 4)  # a patient of whom everything is wrong
    rate = np.where(true == 0, missed, alarm)
    wrong = bad | (rng.random(160) < rate)
    return true, np.where(wrong, 1 - true, true), [f"r{p}" for p in patient]


def test_the_interval_of_the_asymmetry_covers() -> None:
    rng = np.random.default_rng(8)
    truth = (1 - 0.2) * (0.4 - 0.2)  # of good patients alone: the bad ones are wrong on both sides
    settings, covered, runs = HarmSettings(["1"], "study"), 0, 120
    for _ in range(runs):
        true, after, names = ward(rng, 0.2, 0.4, 0.2)
        table = made(settings, true, true, after, names, classes=["0", "1"])
        found = row(table, "asymmetry")
        covered += found["ci_low"] <= truth <= found["ci_high"]
    assert 0.9 <= covered / runs <= 0.995


def test_patients_are_drawn_for_both_sides_together() -> None:
    """Errors that both sides share cancel; drawn apart they would not."""
    true, after, names = ward(np.random.default_rng(2), 0.5, 0.05, 0.05)
    found = row(
        made(HarmSettings(["1"], "study"), true, true, after, names, ["0", "1"]), "asymmetry"
    )
    joint = found["ci_high"] - found["ci_low"]
    sides = []
    for side, seed in ((0, 3), (1, 4)):
        of_side = true == side
        drawn = draw_patients([n for n, o in zip(names, of_side, strict=True) if o], 300, seed)
        wrong = (after != true)[of_side].astype(float)
        weights = np.vstack([np.ones(len(wrong)), drawn.weights[:, drawn.of_image]])
        sides.append((weights @ wrong / weights.sum(axis=1))[:, None])
    low, high = contrast_interval(sides[0] - sides[1], drawn.clusters)
    assert joint < 0.8 * (high - low)[0]


@pytest.mark.parametrize(
    ("missed", "alarm", "asymmetry", "change"),
    [
        (0.9, 0.1, "disease is missed more often", "the attack hides disease more often"),
        (0.1, 0.9, "disease is feigned more often", "the attack feigns disease more often"),
        (0.5, 0.5, "undecided", "undecided"),
    ],
)
def test_verdicts(missed: float, alarm: float, asymmetry: str, change: str) -> None:
    true = np.repeat([0, 1], 40)
    wrong = np.tile(np.arange(40) / 40, 2) < np.where(true == 0, missed, alarm)
    table = made(
        HarmSettings(["1"], "study"),
        true,
        true,
        np.where(wrong, 1 - true, true),
        classes=["0", "1"],
    )
    assert row(table, "asymmetry")["verdict"].startswith(asymmetry)
    assert row(table, "asymmetry_change")["verdict"].startswith(change)


def test_what_was_there_before_is_not_the_attacks_doing() -> None:
    true = np.repeat([0, 1], 40)
    clean = np.where(np.arange(80) < 30, 1, true)  # 30 of 40 are missed, whatever the attack does
    table = made(HarmSettings(["1"], "study"), true, clean, clean, classes=["0", "1"])
    assert row(table, "asymmetry")["verdict"].startswith("disease is missed")
    assert row(table, "asymmetry_change")["verdict"] == "undecided"


def test_few_or_unknown_patients_have_no_interval() -> None:
    for names in (["a", "b", "c"] * 4, [f"unknown-{i}" for i in range(12)]):
        table = made(names=names)
        assert table[["ci_low", "ci_high"]].isna().all(axis=None)
        assert set(table["verdict"].dropna()) == {"undecided"}


# --- which decisions count ----------------------------------------------------------------------


def test_images_that_are_not_attacked_keep_their_decision() -> None:
    doses = Doses((0.1, 0.2), 1)
    right, wrong = [3.0, 0.0], [0.0, 3.0]
    logits = [  # member 1 flips at 0.2, member 4 never, member 6 is not all known
        [[right, right], [right, wrong]],
        [[right, right], [right, right]],
        [[right, right], [right, [np.nan, 0]]],
    ]
    surface = surface_table([1, 4, 6], doses, logits, {"attack": '{"target": 1}'})
    class_index = pd.Series([1, 0, 1, 0, 0, 0, 0], index=range(7))
    result = outcomes(surface, class_index, 2)
    # 0 is right but of the target's class, 2 is wrong, 3 has no finite logits.
    clean = clean_decisions(
        [0, 1, 2, 3, 4, 6], np.array([wrong, right, right, [np.inf, 0], *[right] * 2])
    )
    assert clean.tolist() == [1, 0, 0, -1, 0, 0]
    every = decisions(surface, result, class_index, clean, iteration=1)
    assert every.members.tolist() == [0, 1, 2, 4]
    assert every.true.tolist() == [1, 0, 1, 0] and every.clean.tolist() == [1, 0, 0, 0]
    assert {e: a.tolist() for e, a in every.after.items()} == {
        0.1: [1, 0, 0, 0],
        0.2: [1, 1, 0, 0],
    }
    # Without a target 0 is one that was wrong in the attack's precision.
    untargeted = replace(surface, metadata=[{"attack": '{"target": null}'}])
    rest = decisions(untargeted, result, class_index, clean, iteration=1)
    assert rest.members.tolist() == [1, 2, 4]
    with pytest.raises(UserError, match="member 4, which the attack's draw of images leaves out"):
        decisions(surface, result, class_index, clean.drop(4), iteration=1)
