"""Measures from logits, worked by hand, and conclusions on tables whose answer is known."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pgdose.analysis import conclusions as c
from pgdose.analysis import success as s
from pgdose.analysis import tables as t

# Twelve images of two classes, ten of them right; by member: true class and the class that is
# seen at iterations 0, 1 and 2 for either epsilon.
TRUE = pd.Series([0] * 6 + [1] * 6, index=range(12), name="class_index")
SEEN = {
    0: {0.02: "000", 0.1: "011"},
    1: {0.02: "000", 0.1: "001"},
    2: {0.02: "001", 0.1: "011"},
    3: {0.02: "000", 0.1: "010"},
    4: {0.02: "000", 0.1: "000"},
    6: {0.02: "111", 0.1: "100"},
    7: {0.02: "111", 0.1: "110"},
    8: {0.02: "110", 0.1: "100"},
    9: {0.02: "111", 0.1: "111"},
    10: {0.02: "111", 0.1: "100"},
}
FLIPPED = {0.02: [0, 0, 2], 0.1: [0, 6, 7]}
FLIPPED_AT_THE_END = [2, 7]


def surface_of(seen: dict[int, dict[float, str]]) -> pd.DataFrame:
    rows = [
        (member, epsilon, np.concatenate([(2.0, 0.5) if k == "0" else (0.5, 2.0) for k in kinds]))
        for member, of in seen.items()
        for epsilon, kinds in of.items()
    ]
    return pd.DataFrame(rows, columns=["member", "epsilon", "logits"])


SURFACE = surface_of(SEEN)
NOTHING = SURFACE.iloc[:0]


def measured(surface: pd.DataFrame = SURFACE, **named: Any) -> pd.DataFrame:
    known = {"epsilons": [0.02, 0.1], "max_iter": 2, "n_images": 12, "n_correct": 10}
    return s.success(surface, TRUE, 2, **(known | named))


def wilson_by_hand(hits: int, n: int) -> tuple[float, float]:
    z, p = 1.959963984540054, hits / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


# --- success ----------------------------------------------------------------------------------


def test_success_of_twelve_images_is_as_counted_by_hand() -> None:
    table = measured()
    assert table["epsilon"].to_list() == [0.02] * 3 + [0.1] * 3
    assert table["iteration"].to_list() == [0, 1, 2] * 2
    assert table["n_flipped"].to_list() == FLIPPED[0.02] + FLIPPED[0.1]
    assert table["asr"].to_list() == [k / 10 for k in FLIPPED[0.02] + FLIPPED[0.1]]
    for column, value in (("n_images", 12), ("n_correct", 10), ("n_attacked", 10)):
        assert (table[column] == value).all()


def test_intervals_of_success_are_wilson_s() -> None:
    for row in measured().itertuples():
        expected = wilson_by_hand(row.n_flipped, row.n_attacked)
        assert (row.ci_low, row.ci_high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 3), (37, 100)])
def test_wilson_is_the_formula_written_out(hits: int, n: int) -> None:
    row = s.wilson(np.array([hits]), np.array([n])).iloc[0]
    assert row["asr"] == hits / n
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(wilson_by_hand(hits, n), abs=1e-9)


def test_a_share_of_nothing_is_unknown() -> None:
    table = s.wilson(np.array([0, 1, 0]), np.array([0, 2, 0]))
    assert table.isna().all(axis=1).to_list() == [True, False, True]


def test_iterations_that_nobody_ran_have_no_rows() -> None:
    """Another library's attack gives its end alone."""
    sparse = SURFACE.assign(logits=[np.r_[x[:2], [np.nan] * 2, x[4:]] for x in SURFACE["logits"]])
    found, whole = measured(sparse), measured()
    assert found["iteration"].tolist() == [0, 2, 0, 2]
    known = whole[whole["iteration"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, known)
    assert len(measured(sparse.iloc[:0])) == 6


def test_the_operating_iteration_is_the_last_known_one_within() -> None:
    assert s.operating_iteration(range(21), 20) == 20
    assert s.operating_iteration([0, 5, 10], 8) == 5
    assert s.operating_iteration([0, 100], 20) == 100
    assert s.operating_iteration([0], 20) == 0


def test_flips_that_survive_storage() -> None:
    """Of the flips at the last iteration; rounding can bring flips of its own."""
    stored = {0.02: "0000111111", 0.1: "1110100011"}
    order = SURFACE.sort_values(["epsilon", "member"])
    kinds = [k for epsilon in (0.02, 0.1) for k in stored[epsilon]]
    order["stored"] = [np.array([2.0, 0.5] if k == "0" else [0.5, 2.0]) for k in kinds]
    found = s.stored(order, TRUE, 2, [0.02, 0.1])
    assert found["n_attacked"].tolist() == [10, 10]
    assert found["n_flipped"].tolist() == FLIPPED_AT_THE_END
    # By hand: at 0.02 members 2 and 8 are seen rightly again and 4 is new; at 0.1 10 and 4 are.
    assert found["n_survived"].tolist() == [0, 6]
    assert found["n_stored"].tolist() == [1, 7]
    assert found["survival"].tolist() == [0, 6 / 7]
    nothing = s.stored(NOTHING.assign(stored=[]), TRUE, 2, [0.02, 0.1])
    assert nothing["n_attacked"].tolist() == [0, 0] and nothing["survival"].isna().all()


def test_success_on_an_empty_surface_keeps_its_rows() -> None:
    table = measured(NOTHING, n_correct=0)
    assert len(table) == 6
    assert (table["n_attacked"] == 0).all() and (table["n_flipped"] == 0).all()
    assert table[["asr", "ci_low", "ci_high"]].isna().all(axis=None)
    assert list(table) == list(measured())


def test_success_does_not_go_by_the_order_of_rows() -> None:
    pd.testing.assert_frame_equal(measured(SURFACE.sample(frac=1, random_state=0)), measured())


def test_of_three_classes_any_other_is_a_flip() -> None:
    logits = np.array([[[3, 1, 1], [1, 3, 1]], [[1, 1, 3], [1, 1, 3]], [[1, 3, 1], [3, 1, 1]]])
    surface = pd.DataFrame(
        {"member": [0, 1, 2], "epsilon": 0.1, "logits": list(logits.reshape(3, 6))}
    )
    found = s.flipped(surface, pd.Series([0, 2, 1]), 3)
    assert found.tolist() == [[False, True], [False, False], [False, True]]


def test_accuracy_has_its_wilson_interval() -> None:
    logits = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    found = s.accuracy(logits, np.array([0, 1, 1, 1]))
    assert found["accuracy"] == 0.75
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(wilson_by_hand(3, 4))


# --- confidence -------------------------------------------------------------------------------


def by_confidence(
    clean: list[tuple[float, ...]], flips: list[bool], kind: Any = np.float64
) -> pd.DataFrame:
    """Bins of images of class 0 with these clean probabilities, attacked in one iteration."""
    n = len(clean[0])
    after = [np.log([0.1] + [0.9 / (n - 1)] * (n - 1)) if f else np.log(p) for p, f in
             zip(clean, flips, strict=True)]  # fmt: skip
    logits = [
        np.concatenate([np.log(p), a]).astype(kind) for p, a in zip(clean, after, strict=True)
    ]
    surface = pd.DataFrame({"member": range(len(clean)), "epsilon": 0.1, "logits": logits})
    true = pd.Series(0, index=range(len(clean)))
    return s.by_confidence(surface, true, n, epsilons=[0.1], iteration=1)


def bin_of(*clean: float, kind: Any = np.float64) -> tuple[float, float]:
    table = by_confidence([clean], [False], kind)
    row = table[table["n_attacked"] == 1]
    assert len(row) == 1
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


def test_bins_count_attacked_and_flipped_images() -> None:
    clean = [(0.97, 0.03)] * 3 + [(0.82, 0.18)] * 2 + [(0.6, 0.4)]
    table = by_confidence(clean, [True, False, False, True, True, False])
    assert len(table) == 11
    counts = table.set_index("bin_low")[["n_attacked", "n_flipped"]]
    assert counts.loc[0.95].to_list() == [3, 1]
    assert counts.loc[0.80].to_list() == [2, 2]
    assert counts.loc[0.60].to_list() == [1, 0]
    assert counts["n_attacked"].sum() == 6
    empty = table["n_attacked"] == 0
    assert table.loc[empty, ["asr", "ci_low", "ci_high"]].isna().all(axis=None)
    assert table.loc[~empty, "asr"].notna().all()
    assert table["bin_high"].iloc[:-1].to_list() == table["bin_low"].iloc[1:].to_list()


def test_bins_of_an_empty_surface_are_all_there() -> None:
    table = s.by_confidence(NOTHING, TRUE, 2, epsilons=[0.02, 0.1], iteration=2)
    assert len(table) == 22 and (table["n_attacked"] == 0).all()


def test_bins_go_by_the_clean_image_and_the_iteration_asked_for() -> None:
    at_one, at_two = (
        s.by_confidence(SURFACE, TRUE, 2, epsilons=[0.1], iteration=k)["n_flipped"].sum()
        for k in (1, 2)
    )
    assert (at_one, at_two) == (6, 7)


# --- operating points -------------------------------------------------------------------------


def asr_table(**columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    for name, value in {"run": "full", "attack": "paper", "group": "G"}.items():
        if name not in table:
            table[name] = value
    return table


def test_an_attack_with_fewer_iterations_is_taken_at_its_last() -> None:
    table = asr_table(
        attack=["long"] * 4 + ["short"] * 2, iteration=[0, 10, 20, 30, 0, 5], epsilon=0.1
    )
    here = s.at(table, iterations=20)
    assert here[["attack", "iteration"]].values.tolist() == [["long", 20], ["short", 5]]


def test_an_operating_point_finds_its_epsilon_in_spite_of_rounding() -> None:
    table = asr_table(iteration=[20, 20], epsilon=[0.1 + 1e-12, 0.2])
    assert len(s.at(table, iterations=20, epsilon=0.1)) == 1


# --- the five conclusions ---------------------------------------------------------------------

EPSILON = np.array([0.02, 0.05, 0.1, 0.2])


def rising(**slopes: float) -> pd.DataFrame:
    parts = [
        asr_table(epsilon=EPSILON, iteration=20, asr=0.1 + k * EPSILON, group=name)
        for name, k in slopes.items()
    ]
    return pd.concat(parts, ignore_index=True)


def test_slopes_are_those_of_the_groups() -> None:
    found = c.slopes(rising(A=2.0, B=-0.5, C=0.0))
    assert found.to_dict() == pytest.approx({"A": 2.0, "B": -0.5, "C": 0.0}, abs=1e-12)


def test_slopes_leave_out_what_is_unknown() -> None:
    table = rising(A=2.0, B=1.0)
    table.loc[table["group"] == "B", "asr"] = math.nan
    table.loc[table.index[0], "asr"] = math.nan
    assert c.slopes(table).to_dict() == pytest.approx({"A": 2.0})


def test_the_share_of_groups_that_grow() -> None:
    estimate, low, high = c.grows_with_epsilon(pd.Series({"A": 1.0, "B": 2.0, "C": -1.0, "D": 0.0}))
    assert estimate == 0.5
    assert (low, high) == pytest.approx(wilson_by_hand(2, 4))
    assert all(map(math.isnan, c.grows_with_epsilon(pd.Series(dtype=float))))


MODALITY = {"X1": "xray", "X2": "xray", "H1": "histology", "H2": "histology"}


def test_histology_is_compared_with_x_ray_by_welch() -> None:
    slope = pd.Series({"X1": 3.0, "X2": 5.0, "H1": 1.0, "H2": 2.0})
    estimate, low, high = c.histology_less_sensitive(slope, MODALITY)
    assert estimate == pytest.approx(-2.5)
    # variances 2 and 0.5 of two each: standard error sqrt(1.25), Welch's 1.47 degrees of freedom
    freedom = 1.25**2 / (1.0**2 + 0.25**2)
    from scipy.stats import t as student

    half = student.ppf(0.975, freedom) * math.sqrt(1.25)
    assert (low, high) == pytest.approx((-2.5 - half, -2.5 + half))


def test_one_group_of_a_kind_is_not_enough_to_compare() -> None:
    slope = pd.Series({"X1": 3.0, "H1": 1.0, "H2": 2.0})
    assert all(map(math.isnan, c.histology_less_sensitive(slope, MODALITY)))


def levels(**last_quarter: float) -> pd.DataFrame:
    """ASR 0.5 at iteration 15 of 20, and so much more at 20."""
    rows = [
        (group, iteration, 0.5 + rise * (iteration - 15) / 5)
        for group, rise in last_quarter.items()
        for iteration in (0, 5, 10, 15, 20)
    ]
    return pd.DataFrame(rows, columns=["group", "iteration", "asr"])


def test_levelling_off_is_the_rise_over_the_last_quarter() -> None:
    estimate, low, high = c.levels_off(levels(A=0.0, B=0.02, C=0.04))
    assert estimate == pytest.approx(0.02)
    half = 4.302652729911275 * 0.02 / math.sqrt(3)
    assert (low, high) == pytest.approx((0.02 - half, 0.02 + half))


def test_levelling_off_of_one_group_is_unknown() -> None:
    assert all(map(math.isnan, c.levels_off(levels(A=0.1))))


def bins(**counts: tuple[int, int]) -> pd.DataFrame:
    rows = [(float(low), n, hits) for low, (n, hits) in counts.items()]
    return pd.DataFrame(rows, columns=["bin_low", "n_attacked", "n_flipped"])


def test_the_drop_above_a_confidence_is_a_ratio_of_rates() -> None:
    table = bins(**{"0.0": (10, 8), "0.5": (10, 8), "0.9": (20, 16), "0.95": (50, 10)})
    estimate, low, high = c.drops_above_confidence(table)
    assert estimate == pytest.approx(0.2 / 0.8)
    # Katz: the logarithm's variance is (1 - p) / hits on either side
    half = 1.959963984540054 * math.sqrt(0.8 / 10 + 0.2 / 32)
    assert (low, high) == pytest.approx((0.25 * math.exp(-half), 0.25 * math.exp(half)), rel=1e-6)


def test_the_drop_is_unknown_where_one_side_is_empty() -> None:
    for table in (
        bins(**{"0.5": (10, 8), "0.95": (0, 0)}),
        bins(**{"0.5": (10, 0), "0.95": (9, 2)}),
    ):
        assert all(map(math.isnan, c.drops_above_confidence(table)))
    estimate, low, _ = c.drops_above_confidence(bins(**{"0.5": (10, 5), "0.95": (9, 0)}))
    assert estimate == 0 and math.isnan(low)


def sized(slope: float, jitter: float = 0.0) -> pd.DataFrame:
    sizes = np.repeat([100, 1000, 10_000], 2)
    noise = jitter * np.array([1, -1, 1, -1, 1, -1])
    return pd.DataFrame({"size": sizes, "asr": 0.5 + slope * np.log10(sizes / 100) + noise})


def test_the_slope_over_training_size_is_per_decade() -> None:
    estimate, low, high = c.training_size_slope(sized(-0.1, jitter=0.02))
    assert estimate == pytest.approx(-0.1)
    # residuals of 0.02 at six points, four degrees of freedom, x spread by 2 x (1 + 0 + 1)
    half = 2.7764451051977987 * math.sqrt(6 * 0.02**2 / 4 / 4)
    assert (low, high) == pytest.approx((-0.1 - half, -0.1 + half))


def test_one_size_has_no_slope() -> None:
    assert all(map(math.isnan, c.training_size_slope(sized(0.1).head(2))))


def conclude(asr: pd.DataFrame, confidence: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    found = c.conclusions(asr, confidence, sizes, MODALITY, epsilon=0.1, iterations=20)
    return found.set_index(["attack", "conclusion"])


def test_conclusions_are_drawn_for_each_attack_from_its_own_rows() -> None:
    strong = rising(X1=3.0, X2=5.0, H1=1.0, H2=2.0).assign(attack="strong")
    weak = rising(X1=0.5, X2=0.5, H1=-0.5, H2=-0.5).assign(attack="weak")
    subset = rising(X1=-9.0).assign(attack="weak", run="n100-r1")
    confidence = bins(**{"0.5": (10, 8), "0.95": (10, 2)}).assign(attack="strong", epsilon=0.1)
    elsewhere = bins(**{"0.5": (10, 1), "0.95": (10, 9)}).assign(attack="strong", epsilon=0.2)
    found = conclude(
        pd.concat([strong, weak, subset], ignore_index=True),
        pd.concat([confidence, elsewhere], ignore_index=True),
        sized(-0.1, 0.01).assign(attack="strong"),
    )
    assert len(found) == 2 * len(c.PAPER)
    estimate = found["estimate"]
    assert estimate["strong", "grows_with_epsilon"] == 1.0
    assert estimate["weak", "grows_with_epsilon"] == 0.5
    assert estimate["strong", "histology_less_sensitive"] == pytest.approx(-2.5)
    assert estimate["weak", "histology_less_sensitive"] == pytest.approx(-1.0)
    assert estimate["strong", "drops_above_confidence"] == pytest.approx(0.25)
    assert math.isnan(estimate["weak", "drops_above_confidence"])
    assert estimate["strong", "training_size"] == pytest.approx(-0.1)
    assert math.isnan(estimate["weak", "training_size"])


def test_conclusions_without_sizes_are_drawn_all_the_same() -> None:
    confidence = bins(**{"0.5": (10, 8)}).assign(attack="paper", epsilon=0.1)
    sizes = t.training_size(pd.DataFrame(), {}, 0, [], epsilon=0.1, iterations=20)
    found = conclude(rising(X1=3.0, X2=5.0), confidence, sizes)
    assert math.isnan(found["estimate"]["paper", "training_size"])


# --- tables -----------------------------------------------------------------------------------


def test_training_size_has_a_row_for_each_run_and_the_full_one_at_its_own_size() -> None:
    runs = ["n100-r1", "n100-r2", "n1000-r1", "full", "n5000-r1"]
    parts = [
        asr_table(
            run=run, attack=attack, epsilon=[0.1, 0.1, 0.2], iteration=[10, 20, 20],
            n_attacked=[9, 10, 11], n_flipped=[1, 2, 3], asr=[1 / 9, 0.2, 3 / 11],
        )
        for run in runs for attack in ("paper", "sign", "other")
    ]  # fmt: skip
    accuracies = {"full": 0.9, "n100-r1": 0.6, "n100-r2": 0.7, "n1000-r1": 0.8}
    table = t.training_size(
        pd.concat(parts), accuracies, 4000, ["paper", "sign"], epsilon=0.1, iterations=20
    )
    assert table["attack"].to_list() == ["paper"] * 4 + ["sign"] * 4
    assert table["size"].to_list() == [100, 100, 1000, 4000] * 2
    assert table["repeat"].to_list() == [1, 2, 1, 1] * 2
    assert table["accuracy"].to_list() == [0.6, 0.7, 0.8, 0.9] * 2
    assert (table["n_flipped"] == 2).all() and (table["asr"] == 0.2).all()


def test_training_size_without_runs_is_an_empty_table() -> None:
    table = t.training_size(pd.DataFrame(), {}, 0, [], epsilon=0.1, iterations=20)
    assert len(table) == 0 and {"size", "repeat", "accuracy", "asr"} <= set(table)


def group_members() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "member": pd.array(range(10), dtype="Int32"),
            "class": ["young"] * 6 + ["aged"] * 4,
            "class_index": pd.array([0] * 6 + [1] * 4, dtype="Int16"),
            "part": ["training"] * 5 + ["validation"] + ["training"] * 2 + ["validation"] * 2,
        }
    )


def test_class_counts_come_in_the_order_of_the_classes() -> None:
    found = t.class_counts("G", group_members())
    assert found.values.tolist() == [["G", "young", 6, 5, 1], ["G", "aged", 4, 2, 2]]
    assert list(found) == ["group", "class", "n_images", "n_training", "n_validation"]


def test_a_row_of_table_1() -> None:
    clean = pd.DataFrame({"member": [5, 8, 9], "logits": [[2.0, 1.0], [0.0, 1.0], [1.0, 0.0]]})
    row = t.table1_row("G", group_members(), clean, "2 age groups", 0.98)
    assert (row["n_images"], row["n_training"], row["n_validation"]) == (10, 7, 3)
    assert row["accuracy"] == pytest.approx(2 / 3)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(wilson_by_hand(2, 3))
    assert (row["title"], row["paper_accuracy"]) == ("2 age groups", 0.98)


def test_counts_of_a_source() -> None:
    records = pd.DataFrame(
        {
            "label_norm": pd.array([1, 0, 0, None, 0], dtype="Int8"),
            "label_tb": pd.array([0, 1, 1, None, 0], dtype="Int8"),
            "label_fibrosis": pd.array([0, 1, 0, None, None], dtype="Int8"),
        }
    )
    stages = ["index", "index", "index", "screen"]
    found = t.source_counts("xray", records, 4, pd.DataFrame({"stage": stages}))
    assert found == {
        "source": "xray",
        "found": 8,
        "readable": 5,
        "screened": 4,
        "usable": 3,
        "norm": 1,
        "tb": 2,
        "fibrosis": 1,
        "any_finding": 2,
        "several_findings": 1,
    }


def test_sources_with_and_without_labels_share_a_table() -> None:
    xray = {"source": "xray", "found": 8, "tb": 2, "any_finding": 2, "several_findings": 1}
    table = t.all_sources([xray, {"source": "fields", "found": 3}])
    assert list(table)[-2:] == ["any_finding", "several_findings"]
    assert table["tb"].isna().to_list() == [False, True]
    assert str(table["found"].dtype) == "Int64"


def test_a_source_without_labels_has_no_findings() -> None:
    records = pd.DataFrame({"record_id": ["a", "b"]})
    found = t.source_counts("fields", records, 2, pd.DataFrame({"stage": pd.Series(dtype=str)}))
    assert found == {"source": "fields", "found": 2, "readable": 2, "screened": 2, "usable": 2}


def test_what_became_of_each_slide() -> None:
    states = pd.DataFrame(
        {
            "record_id": ["c", "a", "b", "d"],
            "patient": "p",
            "reason": [None, None, "no_tissue", None],
        }
    )
    candidates = pd.DataFrame({"parent": ["a", "a", "c"], "class": ["tumour", "norm", "norm"]})
    taken = pd.DataFrame({"record_id": ["1", "2"], "parent": "a", "class": ["tumour", "norm"]})
    screened = pd.DataFrame({"record_id": ["1", "2"], "usable": [True, False]})
    found = t.slides(states, candidates, taken, screened, ["tumour", "norm"]).set_index("record_id")
    assert found["state"].to_dict() == {
        "a": "used",
        "b": "rejected",
        "c": "not needed",
        "d": "no tiles",
    }
    assert found.loc["a", ["candidates_norm", "tiles_norm", "tiles_tumour"]].tolist() == [1, 1, 1]
    assert found.loc["c", ["candidates_norm", "tiles_norm", "unreadable"]].tolist() == [1, 0, 0]
    assert found["unreadable"].to_dict() == {"a": 1, "b": 0, "c": 0, "d": 0}
