"""The measures of twelve images, worked by hand and by a loop over draws, and the tables of them.

Conclusions are in test_conclusions.py, the bootstrap's formulas in test_bootstrap.py, surfaces that
are not as they should be in test_outcomes.py.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax

from pgdose.analysis import doses, quality
from pgdose.analysis import success as s
from pgdose.analysis import tables as t
from pgdose.analysis.bootstrap import Patients, draw_patients, rate_interval
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.tables import keyed

# Twelve images of two classes. 5 and 11 were wrong before; of the others: the patient, the
# confidence, and the class that is seen at iterations 0, 1 and 2 at eps 0.02 and at 0.1.
TRUE = pd.Series([0] * 6 + [1] * 6, index=range(12), name="class_index")
IMAGES = {
    0: ("ann", 0.97, "000", "011"),
    1: ("ann", 0.99, "000", "001"),
    2: ("bob", 0.62, "001", "011"),
    3: ("cat", 0.97, "000", "010"),
    4: ("cat", 0.97, "000", "000"),
    6: ("dan", 0.82, "111", "100"),
    7: ("dan", 0.83, "111", "110"),
    8: ("dan", 0.63, "110", "100"),
    9: ("eva", 0.97, "110", "111"),
    10: ("fay", 0.95, "111", "100"),
}
MEMBERS = list(IMAGES)
PATIENTS = [patient for patient, *_ in IMAGES.values()]
EPSILONS = (0.02, 0.1)
# Of ten, at iterations 0, 1 and 2: now, and at some iteration up to now.
FINAL = {
    0.02: [0, 0, 3],
    0.1: [0, 6, 7],
}  # 2, 8, 9; then 0, 2, 3, 6, 8, 10 and 0, 1, 2, 6, 7, 8, 10
ANY = {0.02: [0, 0, 3], 0.1: [0, 6, 8]}  # 3 flipped and came back
SEED, DRAWS = 5, 400


def logits_of(seen: str, confidence: float) -> np.ndarray:
    """Two for each iteration, the class that is seen with this probability."""
    pair = np.log([confidence, 1 - confidence])
    return np.concatenate([pair if k == "0" else pair[::-1] for k in seen])


def surface_of(images: dict[int, tuple[str, float, str, str]]) -> pd.DataFrame:
    rows = [
        (member, epsilon, logits_of(seen, confidence))
        for member, (_, confidence, *kinds) in images.items()
        for epsilon, seen in zip(EPSILONS, kinds, strict=True)
    ]
    return pd.DataFrame(rows, columns=["member", "epsilon", "logits"])


SURFACE = surface_of(IMAGES)


def outcomes_of(surface: pd.DataFrame, epsilons: tuple[float, ...] = EPSILONS) -> Outcomes:
    return outcomes(surface, TRUE, 2, epsilons=epsilons, max_iter=2)


def drawn_for(found: Outcomes) -> Patients:
    return draw_patients([IMAGES[member][0] for member in found.members], DRAWS, SEED)


FOUND = outcomes_of(SURFACE)
DRAWN = drawn_for(FOUND)
NOTHING = outcomes_of(SURFACE.iloc[:0])


def measured(found: Outcomes = FOUND, n_correct: int = 10) -> pd.DataFrame:
    return s.success(found, drawn_for(found), n_images=12, n_correct=n_correct)


# --- the same by other means ------------------------------------------------------------------


def wilson_by_hand(hits: float, n: float) -> tuple[float, float]:
    z, p = 1.959963984540054, hits / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def looped(
    statistic: Callable[[list[int]], float], patients: Iterable[str] = PATIENTS
) -> list[float]:
    """A statistic for each draw; it is given how often each image was drawn."""
    whose = list(patients)
    often = {
        name: keyed.generator(SEED, "bootstrap", name).poisson(1.0, DRAWS) for name in set(whose)
    }
    return [statistic([int(often[name][draw]) for name in whose]) for draw in range(DRAWS)]


def rate(flipped: Iterable[bool], counted: Iterable[bool] | None = None) -> Callable:
    """The share of the drawn and counted images that are flipped."""
    hits = list(flipped)
    own = [True] * len(hits) if counted is None else list(counted)

    def of(weights: list[int]) -> float:
        n = sum(w for w, c in zip(weights, own, strict=True) if c)
        k = sum(w for w, c, f in zip(weights, own, hits, strict=True) if c and f)
        return k / n if n else math.nan

    return of


def percentiles_by_hand(draws: list[float], patients: int) -> tuple[float, float]:
    """Expanded for few patients: Student's t in place of the normal quantile, and P/(P-1)."""
    known = sorted(x for x in draws if not math.isnan(x))
    wide = stats.t.ppf(0.975, patients - 1) * math.sqrt(patients / (patients - 1))
    tail = stats.norm.cdf(-wide)
    return tuple(known[max(math.ceil(q * len(known)) - 1, 0)] for q in (tail, 1 - tail))


def interval_by_hand(
    flipped: list[bool], counted: list[bool] | None = None, patients: list[str] = PATIENTS
) -> tuple[float, float]:
    """Of a rate: Wilson's over patients where all or none are flipped."""
    own = [True] * len(flipped) if counted is None else counted
    number = len({p for p, c in zip(patients, own, strict=True) if c})
    hits = [f for f, c in zip(flipped, own, strict=True) if c]
    if number < 2:
        return math.nan, math.nan
    if all(hits) or not any(hits):
        return wilson_by_hand(number * all(hits), number)
    return percentiles_by_hand(looped(rate(flipped, own), patients), number)


def contrast_by_hand(estimate: float, draws: list[float], patients: int) -> tuple[float, float]:
    """Student's t, further out where the draws are skewed to; at least the exact bound."""
    known = np.array([x for x in draws if not math.isnan(x)])
    spread, t = np.std(known, ddof=1), stats.t.ppf(0.975, patients - 1)
    aside = np.mean((known - known.mean()) ** 3) / spread**2 * (2 * t**2 + 1) / 6
    least = 1 - 0.025 ** (1 / patients)
    assert t * spread > least  # or it would be the bound alone that is compared
    return estimate - t * spread + min(aside, 0), estimate + t * spread + max(aside, 0)


def flips(epsilon: float, iteration: int, definition: str = "final") -> list[bool]:
    """Of the ten images, read off the strings above."""
    found = []
    for member, (_, _, *kinds) in IMAGES.items():
        seen = kinds[EPSILONS.index(epsilon)][: iteration + 1]
        wrong = [int(k) != TRUE[member] for k in seen]
        found.append(any(wrong) if definition == "any" else wrong[-1])
    return found


# Two films each of 10 women and 16 men; every third woman's flip, and three men's of four.
WARD = [f"p{i // 2}" for i in range(52)]
WOMEN = [i < 20 for i in range(52)]
WARD_FLIPS = [(i // 2) % 3 == 0 if i < 20 else (i // 2) % 4 > 0 for i in range(52)]


def ward() -> tuple[Outcomes, Patients]:
    """What became of these films at two doses, alike."""
    surface = pd.DataFrame({"member": np.repeat(range(52), 2), "epsilon": [*EPSILONS] * 52})
    surface["logits"] = [logits_of("01" if f else "00", 0.9) for f in WARD_FLIPS for _ in EPSILONS]
    true = pd.Series(0, index=range(52))
    found = outcomes(surface, true, 2, epsilons=EPSILONS, max_iter=1)
    return found, draw_patients(WARD, DRAWS, SEED)


def ends(row: Any, low: str = "ci_low", high: str = "ci_high") -> Any:
    """Both ends of a row's interval, to compare."""
    return pytest.approx((row[low], row[high]), abs=1e-12, nan_ok=True)


# --- success ----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("number", range(2, 12))
def test_an_interval_holds_a_rate_of_none_or_all(number: int) -> None:
    """Exactly: no rounding puts an end on the wrong side of it."""
    drawn = np.tile([0.0, 1.0], (DRAWS + 1, 1))
    low, high = rate_interval(drawn, number)
    assert (low[0], high[1]) == (0, 1) and high[0] < 1 and low[1] > 0


def test_patients_with_many_images_make_intervals_wider_than_wilson_s() -> None:
    """All of a patient's images flip together: there is as much to learn from as patients."""
    patients = np.repeat([f"p{i}" for i in range(10)], 20)
    flipped = np.repeat(np.arange(10) < 4, 20)
    seen = np.where(flipped, "001", "000")
    surface = pd.DataFrame({"member": range(200), "epsilon": 0.02})
    surface["logits"] = [logits_of(k, 0.9) for k in seen]
    true = pd.Series(0, index=range(200))
    found = outcomes(surface, true, 2, epsilons=[0.02], max_iter=2)
    table = s.success(found, draw_patients(patients, DRAWS, SEED), n_images=200, n_correct=200)
    row = table.iloc[-1]
    assert row["asr"] == 0.4
    assert row["ci_high"] - row["ci_low"] > 3 * (row["wilson_high"] - row["wilson_low"])


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 3), (37, 100)])
def test_wilson_is_the_formula_written_out(hits: int, n: int) -> None:
    low, high = s.wilson(np.array([hits]), np.array([n]))
    assert (low[0], high[0]) == pytest.approx(wilson_by_hand(hits, n), abs=1e-9)


def test_a_share_of_nothing_is_unknown() -> None:
    low, high = s.wilson(np.array([0, 1, 0]), np.array([0, 2, 0]))
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
    final, some = (s.as_counted(measured(), definition) for definition in ("final", "any"))
    assert set(final) == set(some) and not any("any" in column for column in final)
    assert final["n_flipped"].to_list() == FINAL[0.02] + FINAL[0.1]
    assert some["n_flipped"].to_list() == ANY[0.02] + ANY[0.1]
    assert some["asr"].to_list() == [k / 10 for k in ANY[0.02] + ANY[0.1]]
    last = some.iloc[-1]
    assert interval_by_hand(flips(0.1, 2, "any")) == ends(last)
    assert last["n_resisted"] == 2
    assert wilson_by_hand(8, 10) == ends(last, "wilson_low", "wilson_high")


def test_the_operating_iteration_is_the_last_known_one_within() -> None:
    assert s.operating_iteration(range(21), 20) == 20
    assert s.operating_iteration([0, 5, 10], 8) == 5
    assert s.operating_iteration([0, 100], 20) == 100
    assert s.operating_iteration([0], 20) == 0


STORED = {0.02: "0000111111", 0.1: "1110100011"}  # the class of the stored image, by member


def stored_surface(surface: pd.DataFrame = SURFACE) -> pd.DataFrame:
    order = zip(surface["epsilon"], surface["member"], strict=True)
    kinds = [STORED[epsilon][MEMBERS.index(member)] for epsilon, member in order]
    return surface.assign(stored=[logits_of(k, 0.9) for k in kinds])


def test_flips_that_survive_storage() -> None:
    """Of the flips at the last iteration; rounding can bring flips of its own."""
    table = s.stored(FOUND, stored_surface().sample(frac=1, random_state=0), DRAWN)
    assert table["epsilon"].tolist() == [0.02, 0.1]
    assert table["n_attacked"].tolist() == [10, 10]
    assert table["n_flipped"].tolist() == [3, 7]
    # By hand: at 0.02 images 2, 8 and 9 are seen rightly again and 4 is new; at 0.1 10 and 4 are.
    assert table["n_survived"].tolist() == [0, 6]
    assert table["n_stored"].tolist() == [1, 7]
    assert table["survival"].tolist() == [0, 6 / 7]
    last = flips(0.1, 2)
    survived = [f and m != 10 for m, f in zip(MEMBERS, last, strict=True)]
    assert interval_by_hand(survived, last) == ends(table.iloc[1])
    # None of three flips of three patients: Wilson's.
    assert wilson_by_hand(0, 3) == ends(table.iloc[0])


# --- confidence -------------------------------------------------------------------------------


def test_bins_count_attacked_and_flipped_images_by_hand() -> None:
    table = s.by_confidence(FOUND, DRAWN, iteration=2)
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
    table = s.by_confidence(FOUND, DRAWN, iteration=2)
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
    at_one = s.by_confidence(FOUND, DRAWN, iteration=1)
    assert at_one.groupby("epsilon")["n_flipped"].sum().to_dict() == {0.02: 0, 0.1: 6}


def test_bins_without_images_are_all_there() -> None:
    table = s.by_confidence(NOTHING, drawn_for(NOTHING), iteration=2)
    assert len(table) == 22 and (table["n_attacked"] == 0).all()


def bin_of(*clean: float, kind: Any = np.float64) -> tuple[float, float]:
    """The bin of an image with these clean probabilities."""
    n = len(clean)
    surface = pd.DataFrame({"member": [0], "epsilon": 0.1})
    surface["logits"] = [np.log(np.tile(clean, 2)).astype(kind)]
    true = pd.Series(0, index=[0])
    found = outcomes(surface, true, n, epsilons=[0.1], max_iter=1)
    table = s.by_confidence(found, draw_patients(["ann"], 10, SEED), iteration=1)
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


# --- doses ------------------------------------------------------------------------------------


def summary(definition: str = "final", found: Outcomes = FOUND) -> pd.Series:
    table = doses.curve_summary(found, drawn_for(found), 2, definition)
    assert len(table) == 1
    return table.iloc[0]


def test_the_smallest_epsilon_of_each_image() -> None:
    inf = math.inf  # 3 came back; 9 resists at 0.1, but 0.02 has flipped it
    smallest = [0.1, 0.1, 0.02, inf, inf, 0.1, 0.1, 0.02, 0.02, 0.1]
    assert doses.smallest_epsilon(FOUND, 2, "final").tolist() == smallest
    smallest[3] = 0.1
    assert doses.smallest_epsilon(FOUND, 2, "any").tolist() == smallest


def test_the_curve_of_twelve_images_in_one_number() -> None:
    row = summary()
    assert (row["n_attacked"], row["n_patients"]) == (10, 6)
    # 0 to 0.02: mean of 0 and 0.3; 0.02 to 0.1: mean of 0.3 and 0.7; over 0.1.
    assert row["auc"] == pytest.approx((0.02 * 0.15 + 0.08 * 0.5) / 0.1)
    assert row["median_epsilon"] == 0.1  # three of ten at 0.02, eight up to 0.1
    assert row["n_never"] == 2
    some = summary("any")
    assert some["auc"] == pytest.approx((0.02 * 0.15 + 0.08 * 0.55) / 0.1)
    assert some["n_never"] == 1


def test_the_interval_of_the_area_is_that_of_a_loop() -> None:
    row = doses.curve_summary(*ward(), 1, "final").iloc[0]
    flipped = rate(WARD_FLIPS)
    draws = looped(lambda w: (0.02 / 2 + 0.08) * flipped(w) / 0.1, WARD)
    assert contrast_by_hand(row["auc"], draws, 26) == ends(row, "auc_low", "auc_high")


def test_an_area_is_a_share() -> None:
    row = summary()
    assert row["auc_low"] == 0 < row["auc"] < row["auc_high"] <= 1  # few patients


def test_the_interval_of_the_median_is_that_of_a_loop() -> None:
    at_low = rate(flips(0.02, 2))
    reached = rate([a or b for a, b in zip(flips(0.02, 2), flips(0.1, 2), strict=True)])

    def median(w: list[int]) -> float:
        if not sum(w):
            return math.nan
        return 0.02 if at_low(w) >= 0.5 else 0.1 if reached(w) >= 0.5 else math.inf

    row = summary()
    assert percentiles_by_hand(looped(median), 6) == (row["median_low"], row["median_high"])
    assert math.inf in looped(median)  # the interval has met it


@pytest.mark.parametrize(
    ("members", "median", "n_never"), [([0, 3, 4, 9], math.inf, 3), ([0, 1, 3, 4], 0.1, 2)]
)
def test_the_median_is_the_dose_that_flips_half(
    members: list[int], median: float, n_never: int
) -> None:
    """Or infinite where none does: one of four flips at 0.1, or two do; at 0.02 none."""
    calm = {}
    for member in members:
        who, sure, _, at_high = IMAGES[member]
        calm[member] = (who, sure, "000" if TRUE[member] == 0 else "111", at_high)
    row = summary(found=outcomes_of(surface_of(calm)))
    assert (row["median_epsilon"], row["n_never"]) == (median, n_never)


def test_epsilons_in_another_order_give_the_same_numbers() -> None:
    pd.testing.assert_series_equal(summary(found=outcomes_of(SURFACE, (0.1, 0.02))), summary())


def test_who_flips_to_what() -> None:
    table = doses.transitions(FOUND, 2, ["norm", "ill"])
    assert table.values.tolist() == [
        [0.02, 2, "norm", "norm", 4],
        [0.02, 2, "norm", "ill", 1],
        [0.02, 2, "ill", "norm", 2],
        [0.02, 2, "ill", "ill", 3],
        [0.1, 2, "norm", "norm", 2],
        [0.1, 2, "norm", "ill", 3],
        [0.1, 2, "ill", "norm", 4],
        [0.1, 2, "ill", "ill", 1],
    ]


# --- subgroups --------------------------------------------------------------------------------

SEX = ["F", "F", "M", "F", "F", "M", "M", "M", None, "M"]
AGE = [39.9, 39.9, 40.0, 61.0, 61.0, 59.9, 59.9, 59.9, 60.0, math.nan]


def test_sexes_and_ages_are_compared_with_all_others() -> None:
    people = pd.DataFrame({"sex": SEX, "age": AGE}, index=[f"r{m}" for m in MEMBERS])
    table = doses.subgroups(FOUND, DRAWN, people, 2, "final")
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
    row = doses.subgroups(found, drawn, people, 1, "final").iloc[0]
    assert row["difference"] == pytest.approx(8 / 20 - 24 / 32)
    assert interval_by_hand(WARD_FLIPS, WOMEN, WARD) == ends(row)
    own, rest = rate(WARD_FLIPS, WOMEN), rate(WARD_FLIPS, [not woman for woman in WOMEN])
    draws = looped(lambda w: own(w) - rest(w), WARD)
    expected = contrast_by_hand(row["difference"], draws, 10)
    assert expected == ends(row, "difference_low", "difference_high")


def test_a_difference_of_rates_is_not_beyond_1() -> None:
    people = pd.DataFrame({"sex": SEX, "age": AGE})
    table = doses.subgroups(FOUND, DRAWN, people, 2, "final")
    row = table[(table["epsilon"] == 0.1) & (table["value"] == "F")].iloc[0]
    assert (row["difference_low"], row["difference_high"]) == (-1, 1)  # of two women


def test_without_sex_and_age_there_are_no_subgroups() -> None:
    people = pd.DataFrame({"sex": [None] * 10, "age": [None] * 10})
    table = doses.subgroups(FOUND, DRAWN, people, 2, "final")
    assert table.empty and {"by", "value", "difference"} <= set(table)


def test_a_subgroup_without_others_has_no_difference() -> None:
    people = pd.DataFrame({"sex": ["F"] * 10, "age": [None] * 10})
    table = doses.subgroups(FOUND, DRAWN, people, 2, "final")
    assert table["value"].tolist() == ["F", "F"] and table["asr"].tolist() == [0.3, 0.7]
    assert table[["difference", "difference_low", "difference_high"]].isna().all(axis=None)


# --- worst case -------------------------------------------------------------------------------


def smallest(**of: float) -> pd.DataFrame:
    """Images of an attack: member m2 of patient p2, and so on; two patients have two."""
    members = [int(name.removeprefix("m")) for name in of]
    patient = [f"p{member // 2}" for member in members]
    return pd.DataFrame(
        {"member": members, "patient": patient, "smallest_epsilon": list(of.values())}
    )


def test_the_worst_case_over_two_attacks() -> None:
    inf = math.inf
    images = {
        "paper": smallest(m0=0.02, m1=inf, m2=0.1, m3=inf, m4=inf, m9=0.02),
        "sign": smallest(m0=0.1, m1=0.05, m2=0.05, m3=inf, m4=inf, m8=0.05),
    }
    ladders = {"paper": [0.1, 0.02], "sign": [0.05, 0.1]}
    table = doses.worst_case(images, ladders, DRAWS, SEED)
    assert table["epsilon"].tolist() == [0.02, 0.05, 0.1]
    assert (table["attacks"] == "paper+sign").all()
    assert (table["n_attacked"] == 5).all()  # 8 and 9 were tried by one attack alone
    assert table["n_flipped"].tolist() == [1, 3, 3]
    assert table["asr"].tolist() == [0.2, 0.6, 0.6]
    patients = ["p0", "p0", "p1", "p1", "p2"]
    assert interval_by_hand([True] * 3 + [False] * 2, patients=patients) == ends(table.iloc[1])


def test_the_worst_case_is_at_least_each_attack() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.choice([0.02, 0.05, 0.1, math.inf], (2, 30))
    images = {
        name: smallest(**{f"m{i}": e for i, e in enumerate(of)})
        for name, of in zip(("a", "b"), drawn, strict=True)
    }
    ladder = [0.02, 0.05, 0.1]
    both = doses.worst_case(images, {"a": ladder, "b": ladder}, 50, SEED)
    for i, (name, table) in enumerate(images.items()):
        alone = doses.worst_case({name: table}, {name: ladder}, 50, SEED)
        assert (alone["asr"] <= both["asr"]).all()
        assert alone["n_flipped"].tolist() == [(drawn[i] <= e).sum() for e in ladder]


def test_without_attacks_there_is_no_worst_case() -> None:
    table = doses.worst_case({}, {}, DRAWS, SEED)
    assert table.empty and "attacks" in table


# --- operating points -------------------------------------------------------------------------


def asr_table(**columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    known = {"run": "full", "attack": "paper", "group": "G", "n_attacked": 9}
    for name, value in known.items():
        if name not in table:
            table[name] = value
    return table


def test_a_group_without_images_does_not_choose_the_iteration() -> None:
    table = asr_table(
        group=["none"] * 3 + ["some"] * 2,
        iteration=[0, 10, 20, 0, 100],
        n_attacked=[0] * 3 + [9] * 2,
    )
    assert s.at(table, iterations=20)["iteration"].tolist() == [100]


def test_an_attack_with_fewer_iterations_is_taken_at_its_last() -> None:
    table = asr_table(
        attack=["long"] * 4 + ["short"] * 2, iteration=[0, 10, 20, 30, 0, 5], epsilon=0.1
    )
    here = s.at(table, iterations=20)
    assert here[["attack", "iteration"]].values.tolist() == [["long", 20], ["short", 5]]


def test_an_operating_point_finds_its_epsilon_in_spite_of_rounding() -> None:
    table = asr_table(iteration=[20, 20], epsilon=[0.1 + 1e-12, 0.2])
    assert len(s.at(table, iterations=20, epsilon=0.1)) == 1
    assert s.place_of([0.05, 0.1 + 1e-12], 0.1) == 1
    assert s.place_of([0.05, 0.2], 0.1) is None


# --- networks ---------------------------------------------------------------------------------

# Eight validation images of a network: patient, class, the predicted one and its probability.
CLEAN = [
    ("ann", 0, 0, 0.97),
    ("ann", 0, 1, 0.99),
    ("bob", 0, 0, 0.96),
    ("bob", 0, 0, 0.82),
    ("cat", 0, 1, 0.84),
    ("dan", 1, 1, 0.6),
    ("dan", 1, 1, 0.7),
    ("eva", 1, 1, 0.7),
]
CLEAN_PATIENTS = [patient for patient, *_ in CLEAN]
RIGHT = [own == to for _, own, to, _ in CLEAN]
CONFIDENCE = [confidence for *_, confidence in CLEAN]


def group_members() -> pd.DataFrame:
    """The eight, and two training images of either class after them."""
    n = len(CLEAN)
    of_class = [own for _, own, *_ in CLEAN] + [0, 0, 1, 1]
    return pd.DataFrame(
        {
            "member": pd.array(range(n + 4), dtype="Int32"),
            "patient": [*CLEAN_PATIENTS, "gus", "gus", "hal", "ida"],
            "class": [["young", "aged"][c] for c in of_class],
            "class_index": pd.array(of_class, dtype="Int16"),
            "part": ["validation"] * n + ["training"] * 4,
        }
    )


def clean_table() -> pd.DataFrame:
    """In another order than the members."""
    logits = [logits_of(str(to), confidence) for _, _, to, confidence in CLEAN]
    return pd.DataFrame({"member": range(len(CLEAN)), "logits": logits}).iloc[::-1]


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
    found = interval_by_hand((seen == 0).tolist(), own, CLEAN_PATIENTS)
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
    found = np.mean([quality.areas(probabilities[:, c], true == c, drawn) for c in range(kinds)], 0)
    assert found == pytest.approx(expected, abs=1e-12)
    row = quality.area(members, clean, drawn)
    assert row["auc"] == pytest.approx(expected[0])
    assert row["auc_low"] < row["auc"] < row["auc_high"]


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
    checks = quality.checks(group_members(), clean_table(), found, by_batches)
    assert [check["verdict"] for check in checks] == verdicts
    assert "accuracy 0.75" in checks[0]["says"] and "0.62 of the images" in checks[0]["says"]


def test_of_one_patient_nobody_can_say_whether_it_is_better_than_chance() -> None:
    found = {"accuracy": 0.75, "ci_low": np.nan, "ci_high": np.nan, "n_patients": 1}
    check, _ = quality.checks(group_members(), clean_table(), found, None)
    assert check["verdict"] == "not done" and "of one patient" in check["says"]


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


# --- tables -----------------------------------------------------------------------------------


def test_a_row_of_table_1() -> None:
    row = t.table1_row("G", group_members(), clean_table(), "2 age groups", 0.98, DRAWS, SEED)
    assert (row["group"], row["title"], row["paper_accuracy"]) == ("G", "2 age groups", 0.98)
    assert (row["n_images"], row["n_training"], row["n_validation"]) == (12, 4, 8)
    known = quality.quality(group_members(), clean_table(), DRAWS, SEED)
    assert known.items() <= row.items() and row["accuracy"] == 0.75


def test_class_counts_come_in_the_order_of_the_classes() -> None:
    found = t.class_counts("G", group_members())
    assert found.values.tolist() == [["G", "young", 7, 2, 5], ["G", "aged", 5, 2, 3]]
    assert list(found) == ["group", "class", "n_images", "n_training", "n_validation"]


def training_sizes() -> pd.DataFrame:
    runs = {"n100-r1": 0.2, "n100-r2": 0.4, "n1000-r1": 0.3, "full": 0.1, "n5000-r1": 0.9}
    parts = [
        asr_table(
            run=run, attack=attack, epsilon=[0.1, 0.1, 0.2], iteration=[10, 20, 20],
            n_attacked=[9, 10, 11], n_flipped=[1, 2, 3], asr=[0.0, asr, 1.0], ci_low=0.05,
            ci_high=0.95,
        )
        for run, asr in runs.items() for attack in ("paper", "sign", "other")
    ]  # fmt: skip
    accuracies = {"full": 0.9, "n100-r1": 0.6, "n100-r2": 0.7, "n1000-r1": 0.8}
    return t.training_size(
        pd.concat(parts), accuracies, 4000, ["paper", "sign"], epsilon=0.1, iterations=20
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
    table = t.training_size_summary(training_sizes())
    own = table[table["attack"] == "paper"].set_index("size")
    assert own["repeats"].to_dict() == {100: 2, 1000: 1, 4000: 1}
    assert own["asr"].to_dict() == pytest.approx({100: 0.3, 1000: 0.3, 4000: 0.1})
    assert own["accuracy"].to_dict() == pytest.approx({100: 0.65, 1000: 0.8, 4000: 0.9})
    assert own.loc[100, "asr_sd"] == pytest.approx(0.1 * math.sqrt(2))
    assert own.loc[100, "accuracy_sd"] == pytest.approx(0.05 * math.sqrt(2))
    assert own.loc[[1000, 4000], ["asr_sd", "accuracy_sd"]].isna().all(axis=None)


def test_training_size_without_runs_is_an_empty_table() -> None:
    table = t.training_size(pd.DataFrame(), {}, 0, [], epsilon=0.1, iterations=20)
    assert len(table) == 0 and {"size", "repeat", "accuracy", "asr"} <= set(table)
    short = t.training_size_summary(table)
    assert len(short) == 0 and {"size", "repeats", "asr_sd", "accuracy_sd"} <= set(short)


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
