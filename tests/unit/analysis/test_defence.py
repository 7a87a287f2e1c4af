"""Each defended network beside the main one: hand-counted pairs, intervals, verdicts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.compared_networks import DOSES, SETTINGS, SIGN, compared, members, network, row_of
from helpers.surfaces import surface_table
from hypothesis import given
from hypothesis import settings as of_test
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pgdose.analysis import bootstrap, quality
from pgdose.analysis.bootstrap import draw_patients
from pgdose.analysis.defence import compare_all
from pgdose.analysis.intervals import contrast_interval
from pgdose.analysis.measures import measure_attack
from pgdose.analysis.paired import paired_rates
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.errors import UserError
from pgdose.names import UNKNOWN_PATIENT
from pgdose.study.doses import Doses
from pgdose.study.evaluation import Margins

N = 80
PATIENTS = [f"p{i}" for i in range(N)]


def shares(*counts: int) -> np.ndarray:
    """(N, 2) bool: at each epsilon so many of the first images are flipped."""
    return np.arange(N)[:, None] < np.array(counts)


def of_shares(undefended: Any, defended: Any, **more: Any) -> pd.DataFrame:
    """Two networks that get all images right."""
    full = network("full", np.ones(N), undefended, failed=more.pop("failed_of_main", ()))
    return compared(members(PATIENTS), full, network("robust", np.ones(N), defended, **more))


# Images 0 to 9 of six patients. Main: right on all but 8, 9. Defended: on all but 0, 9.
RIGHT = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], bool)
RIGHT_DEFENDED = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 0], bool)
FLIPS = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]], bool).T
FLIPS_DEFENDED = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]], bool).T
SIX = ["a", "a", "b", "b", "c", "c", "d", "e", "e", "f"]


def ten_images(**columns: Any) -> pd.DataFrame:
    main = network("full", RIGHT, FLIPS)
    return compared(
        members(SIX, **columns), main, network("robust", RIGHT_DEFENDED, FLIPS_DEFENDED)
    )


def test_ten_images_counted_by_hand() -> None:
    table = ten_images()
    assert row_of(table, "asr", epsilon=0.01)[["undefended", "defended"]].tolist() == [3 / 8, 0]
    large = row_of(table, "asr", epsilon=0.1)
    assert large[["undefended", "defended", "n_images", "n_patients"]].tolist() == [
        6 / 8,
        2 / 8,
        9,  # all but 9, which both get wrong
        5,
    ]
    common = row_of(table, "asr_common", epsilon=0.1)
    assert common[["undefended", "defended", "n_images", "n_patients"]].tolist() == [
        5 / 7,
        1 / 7,
        7,
        5,
    ]
    robust = row_of(table, "robust_accuracy", epsilon=0.1)
    assert robust[["undefended", "defended", "n_images"]].tolist() == [2 / 10, 6 / 10, 10]
    mean = row_of(table, "mean_asr")
    assert mean["undefended"] == pytest.approx((3 / 8 + 6 / 8) / 2)
    assert mean["difference"] == pytest.approx(2 / 16 - 9 / 16)
    clean = row_of(table, "accuracy")
    assert clean[["undefended", "defended", "difference"]].tolist() == [0.8, 0.8, 0.0]
    assert (table["iteration"].dropna() == 1).all()


def test_the_table_has_the_columns_of_the_registry() -> None:
    assert set(ten_images()) == set(RESULT_TABLES["defence"].columns)


def test_success_rates_are_those_of_the_table_asr() -> None:
    people = members(SIX)
    networks = network("full", RIGHT, FLIPS), network("robust", RIGHT_DEFENDED, FLIPS_DEFENDED)
    table = compared(people, *networks)
    for column, one in zip(("undefended", "defended"), networks, strict=True):
        asr = measure_attack(one.surfaces["sign"], people.set_index("member"), SETTINGS)
        rates = asr.tables["asr"].query("iteration == 1").set_index("epsilon")["asr"]
        rows = table[table["quantity"] == "asr"].set_index("epsilon")[column]
        assert rows.to_dict() == rates.to_dict()


def test_the_price_on_clean_images_is_that_of_the_tables_of_networks() -> None:
    people = members(SIX, **{"class": ["C1", "C2"] * 5, "class_index": [0, 1] * 5})
    true = np.array([0, 1] * 5)
    pair = [
        network("full", RIGHT, FLIPS, true=true),
        network("robust", RIGHT_DEFENDED, FLIPS_DEFENDED, true=true),
    ]
    table = compared(people, *pair)
    for column, one in zip(("undefended", "defended"), pair, strict=True):
        of_network = quality.quality(people, one.clean, SETTINGS.draws, SETTINGS.seed)
        for name in ("accuracy", "ece", "auc"):
            assert row_of(table, name)[column] == pytest.approx(of_network[name])
    assert row_of(table, "accuracy", by="class", value="C2")["undefended"] == 4 / 5
    assert row_of(table, "accuracy", by="class", value="C2")["defended"] == 4 / 5


def test_accuracy_by_sex_and_age_and_a_subgroup_of_one_class() -> None:
    sex, age = ["F", "F", "M", "M", "M", "M", "M", None, "F", "F"], [30.0] * 9 + [70.0]
    table = ten_images(sex=sex, age=age)
    women = row_of(table, "accuracy", by="sex", value="F")
    assert women[["undefended", "defended", "n_images", "n_patients"]].tolist() == [0.5, 0.5, 4, 3]
    assert np.isnan(women["ci_low"]) and women["reason"] == "under four patients"
    assert women["verdict"] == ""
    old = row_of(table, "accuracy", by="age", value="60 and over")
    assert old[["undefended", "n_images"]].tolist() == [0, 1]
    assert not (table["value"] == "40 to 59").any()  # nobody is
    assert np.isnan(row_of(table, "auc")["undefended"])  # all images are of one class


def test_an_interval_is_that_of_a_loop_over_the_same_draws() -> None:
    table, people = ten_images(), members(SIX)
    patients = draw_patients(people["patient"][:10], SETTINGS.draws, SETTINGS.seed)
    weights = np.vstack([np.ones((1, 6)), patients.weights])[:, patients.of_image]
    with np.errstate(invalid="ignore"):
        draws = [
            (w @ (FLIPS_DEFENDED[:, 1] & RIGHT_DEFENDED)) / (w @ RIGHT_DEFENDED)
            - (w @ (FLIPS[:, 1] & RIGHT)) / (w @ RIGHT)
            for w in weights
        ]
    clusters = [patients.subset(of).clusters for of in (RIGHT, RIGHT_DEFENDED)]
    low, high = contrast_interval(np.array(draws)[:, None], bootstrap.fewer(clusters))
    row = row_of(table, "asr", epsilon=0.1)
    assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([max(low[0], -1), min(high[0], 1)])


def test_what_both_networks_share_cancels_in_a_paired_interval() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random((200, 1)) < 0.5
    flips, defended = hard, hard & (rng.random((200, 1)) < 0.9)
    everything = np.ones(200, bool)
    patients = draw_patients([f"p{i}" for i in range(200)], 1000, 1)
    others = draw_patients([f"q{i}" for i in range(200)], 1000, 1)
    pair = (flips, everything), (defended, everything)
    low, high = paired_rates(pair, patients).interval()
    counted = everything[:, None]
    apart = bootstrap.rates(defended, counted, patients) - bootstrap.rates(flips, counted, others)
    alone = contrast_interval(apart, patients.clusters)
    assert high[0] - low[0] < 0.6 * (alone[1][0] - alone[0][0])


@pytest.mark.parametrize(("patients", "each", "alike"), [(40, 1, 0.0), (25, 6, 0.4)])
def test_paired_intervals_cover_the_true_difference(patients: int, each: int, alike: float) -> None:
    """Patients differ in how easily their images flip, on both networks; half then resist."""
    rng, rate, saved, rounds, covered = np.random.default_rng(2), 0.6, 0.5, 300, 0
    drawn = draw_patients(np.repeat([f"p{i}" for i in range(patients)], each), 300, 1)
    everything = np.ones(patients * each, bool)
    for _ in range(rounds):
        chance = np.full(patients, rate)
        if alike:
            chance = rng.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), patients)
        flips = rng.random(patients * each) < np.repeat(chance, each)
        defended = flips & (rng.random(patients * each) < saved)
        pair = (flips[:, None], everything), (defended[:, None], everything)
        low, high = paired_rates(pair, drawn).interval()
        covered += bool(low[0] <= -rate * (1 - saved) <= high[0])
    assert covered / rounds >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / rounds)


@of_test(max_examples=60, deadline=None)
@given(
    hits=arrays(bool, (2, 10, 2)),
    counted=arrays(bool, (2, 10)),
    ids=st.lists(st.sampled_from("abcdefgh"), min_size=10, max_size=10),
)
def test_exchanging_the_networks_turns_every_difference_round(
    hits: np.ndarray, counted: np.ndarray, ids: list[str]
) -> None:
    one, other = ((h & of[:, None], of) for h, of in zip(hits, counted, strict=True))
    patients = draw_patients(ids, 50, 1)
    there, back = paired_rates((one, other), patients), paired_rates((other, one), patients)
    for low, high in (
        (there.interval()[0], back.interval()[1]),
        (there.mean().interval()[1], back.mean().interval()[0]),
    ):
        assert np.allclose(low, -high, equal_nan=True, atol=1e-12)
    assert np.array_equal(there.undefended, back.defended, equal_nan=True)


def test_exchanging_the_networks_exchanges_the_columns_of_the_table() -> None:
    one, other = network("full", RIGHT, FLIPS), network("full", RIGHT_DEFENDED, FLIPS_DEFENDED)
    there, back = compared(members(SIX), one, other), compared(members(SIX), other, one)
    for column, opposite in (("difference", "difference"), ("ci_low", "ci_high")):
        assert np.allclose(there[column], -back[opposite], equal_nan=True, atol=1e-12)
    assert there["undefended"].equals(back["defended"])


def test_a_defence_helps_if_the_whole_interval_is_beyond_the_margin() -> None:
    clear = of_shares(shares(40, 80), shares(0, 10))
    assert row_of(clear, "asr", epsilon=0.1)["verdict"] == "helps"
    assert row_of(clear, "robust_accuracy", epsilon=0.1)["verdict"] == "helps"
    overall = row_of(clear, "overall")
    assert overall["verdict"] == "helps" and overall["attack"] == "sign"
    assert overall["difference"] == row_of(clear, "mean_asr")["difference"]
    none = of_shares(shares(40, 80), shares(40, 80))
    assert row_of(none, "overall")["verdict"] == "does not help"
    assert row_of(none, "robust_accuracy", epsilon=0.1)["verdict"] == "does not help"
    some = of_shares(shares(40, 80), shares(30, 70))
    assert row_of(some, "overall")["verdict"] == "undecided"


def test_noise_decides_nothing() -> None:
    noise = replace(SIGN, name="noise", is_noise=True)
    pair = [
        network(run, np.ones(N), flips, attacks=[SIGN, noise])
        for run, flips in (("full", shares(40, 80)), ("robust", shares(0, 10)))
    ]
    table = compared(members(PATIENTS), *pair, attacks=[SIGN, noise])
    of_noise = table[table["attack"] == "noise"]
    assert len(of_noise) == 9 and set(of_noise["verdict"]) == {""}
    assert set(of_noise["reason"]) == {"noise is a control, which no defence is against"}
    assert row_of(table, "overall")["verdict"] == "helps"
    alone = compared(members(PATIENTS), *pair, attacks=[noise])
    assert not (alone["quantity"] == "overall").any()


def test_a_defence_that_masks_gradients_is_not_said_to_help() -> None:
    table = of_shares(shares(40, 80), shares(0, 10), failed=["gradients", "stronger than Square"])
    for quantity in ("overall", "mean_asr", "mean_asr_common", "mean_robust_accuracy"):
        row = row_of(table, quantity)
        assert row["verdict"] == "not to be trusted"
        assert row["reason"] == (
            "failed checks of the attack on robust: gradients, stronger than Square"
        )
    # A stronger attack could only show still more that it does not help.
    table = of_shares(shares(40, 80), shares(40, 80), failed=["gradients"])
    assert row_of(table, "overall")["verdict"] == "does not help"


def test_a_weak_attack_on_the_main_network_does_not_show_that_a_defence_fails() -> None:
    table = of_shares(shares(40, 80), shares(40, 80), failed_of_main=["enough iterations"])
    overall = row_of(table, "overall")
    assert overall["verdict"] == "not to be trusted"
    assert overall["reason"] == "failed check of the attack on full: enough iterations"
    table = of_shares(shares(40, 80), shares(0, 10), failed_of_main=["enough iterations"])
    assert row_of(table, "overall")["verdict"] == "helps"  # it can only be more
    table = of_shares(shares(40, 80), shares(0, 10), failed_of_main=["clean prediction"])
    assert row_of(table, "overall")["verdict"] == "not to be trusted"


def test_a_dose_that_was_not_reached_is_no_proof_of_a_defence_and_left_out_of_the_mean() -> None:
    change = np.tile(np.array([0.01, 0.05], np.float32), (N, 1))
    checks = ["dose reached"]
    table = of_shares(shares(40, 80), shares(0, 10), change=change, failed=checks)
    large = row_of(table, "asr", epsilon=0.1)
    assert large["verdict"] == "not to be trusted"
    assert large["reason"] == "no image of robust is changed by as much as epsilon"
    assert row_of(table, "asr", epsilon=0.01)["verdict"] == "helps"
    mean = row_of(table, "mean_asr")
    assert mean[["undefended", "defended", "verdict"]].tolist() == [0.5, 0.0, "helps"]
    never = np.zeros((N, 2), np.float32)
    table = of_shares(shares(40, 80), shares(0, 10), change=never)
    assert row_of(table, "overall")["reason"] == (
        "the attack reached no amplitude on both networks"
    )
    assert row_of(table, "overall")["verdict"] == ""


def test_without_patients_there_is_no_verdict() -> None:
    unknown = [f"{UNKNOWN_PATIENT}{i}" for i in range(N)]
    pair = network("full", np.ones(N), shares(40, 80)), network("b", np.ones(N), shares(0, 10))
    table = compared(members(unknown), *pair)
    counted = table[table["quantity"] != "training_passes"]
    assert counted["ci_low"].isna().all() and set(counted["verdict"]) == {""}
    assert row_of(table, "overall")["reason"] == "patients not known"
    assert row_of(table, "overall")["n_patients"] == 0
    few = compared(members(["a"] * 40 + ["b"] * 20 + ["c"] * 20), *pair)
    assert row_of(few, "mean_asr")["reason"] == "under four patients"


def test_the_price_of_accuracy_has_its_verdict() -> None:
    right = np.ones(N, bool)
    for lost, margin, verdict in ((0, 0.05, "kept"), (40, 0.05, "lost"), (4, 0.05, "undecided")):
        defended = right & (np.arange(N) >= lost)
        pair = network("full", right, shares(0, 0)), network("b", defended, shares(0, 0))
        table = compared(members(PATIENTS), *pair, margins={"accuracy": margin})
        assert row_of(table, "accuracy")["verdict"] == verdict


def test_the_price_of_training() -> None:
    full = network("full", RIGHT, FLIPS)
    for passes, expected in ((8.0, [1, 8, 7]), (None, [1, np.nan, np.nan])):
        other = network("b", RIGHT, FLIPS, passes=passes)
        row = row_of(compared(members(SIX), full, other), "training_passes")
        numbers = row[["undefended", "defended", "difference"]].tolist()
        assert numbers == pytest.approx(expected, nan_ok=True)
        assert row["reason"] == ("" if passes else "trained elsewhere")


def test_images_of_unknown_outcome_count_for_neither_network() -> None:
    main, other = network("full", RIGHT, FLIPS), network("robust", RIGHT_DEFENDED, FLIPS_DEFENDED)
    surface = other.surfaces["sign"]
    logits = surface.logits.copy()
    logits[0] = np.nan  # of image 1
    other = replace(other, surfaces={"sign": replace(surface, logits=logits)})
    table = compared(members(SIX), main, other)
    robust = row_of(table, "robust_accuracy", epsilon=0.1)
    assert robust[["n_images", "undefended", "defended"]].tolist() == [9, 2 / 9, 6 / 9]
    assert row_of(table, "asr", epsilon=0.1)["undefended"] == 6 / 8


@pytest.mark.parametrize(
    "metadata, expected",
    [({"attack": '{"target": 0}'}, [10, 3 / 10, 6 / 10]), ({}, [9, 2 / 9, 6 / 9])],
)
def test_images_that_an_attack_spares(metadata: dict[str, str], expected: list[float]) -> None:
    """Those of its target class stay as they were; others are wrong in the attack's precision."""
    main, other = network("full", RIGHT, FLIPS), network("robust", RIGHT_DEFENDED, FLIPS_DEFENDED)
    surface = main.surfaces["sign"]
    arrays = ("members", "logits", "stored", "change", "zero_gradient", "bad_gradient")
    spared = replace(
        surface, metadata=[metadata], **{name: getattr(surface, name)[1:] for name in arrays}
    )
    main = replace(main, surfaces={"sign": spared})  # image 0 is right, and would have flipped
    robust = row_of(compared(members(SIX), main, other), "robust_accuracy", epsilon=0.1)
    assert robust[["n_images", "undefended", "defended"]].tolist() == expected


def test_an_attack_that_finds_no_image_right_has_the_iteration_of_the_other_network() -> None:
    """Its surface has no row that tells which iterations were measured."""
    sparse = replace(SIGN, doses=Doses((0.01, 0.1), 3))
    none, other = network("full", 0 * RIGHT, FLIPS), network("robust", RIGHT, FLIPS)
    logits = np.full((8, 2, 4, 2), np.nan)
    logits[:, :, :2] = other.surfaces["sign"].logits
    pair = [
        replace(of, surfaces={"sign": surface_table(numbers, sparse.doses, values)})
        for of, numbers, values in (
            (none, [], np.empty((0, 2, 4, 2))),
            (other, np.flatnonzero(RIGHT), logits),
        )
    ]
    settings = replace(SETTINGS, iterations=3)
    table = compare_all([(members(SIX), pair)], [sparse], settings, Margins())
    assert (table["iteration"].dropna() == 1).all()
    assert row_of(table, "asr", epsilon=0.1)["defended"] == 6 / 8


def test_a_surface_of_another_sample_is_refused() -> None:
    few = replace(SIGN, images=2)
    pair = network("full", RIGHT, FLIPS), network("robust", RIGHT, FLIPS)
    with pytest.raises(UserError, match="which the attack's draw of images leaves out"):
        compared(members(SIX), *pair, attacks=[few])


def test_every_defended_network_has_its_rows_and_its_words() -> None:
    pair = [network(run, RIGHT, FLIPS) for run in ("full", "one", "two")]
    table = compared(members(SIX), *pair)
    assert table["run"].unique().tolist() == ["one", "two"]
    assert table["defence"].unique().tolist() == ["defence of one", "defence of two"]
    assert table.loc[table["quantity"] == "asr", "epsilon"].tolist() == 2 * list(DOSES.epsilons)
