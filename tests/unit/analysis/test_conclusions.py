"""The five conclusions: on draws worked by hand, and on simulated studies with known truth."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import statsmodels.api as sm
from helpers.workflow import PROJECT
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from pgdose.analysis import bootstrap, conclusion_tables, intervals
from pgdose.analysis import conclusion_draws as e
from pgdose.analysis import conclusions as c
from pgdose.analysis.outcomes import Outcomes
from pgdose.study.doses import Doses

DRAWS = 400


def drawn(values: Sequence[float], sd: float = 0.0, seed: int = 1) -> np.ndarray:
    """Draws of rates: row 0 the sample, the others off it by a normal noise of exactly this sd."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((DRAWS, len(values)))
    noise = sd * (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    return np.array(values) + np.concatenate([np.zeros((1, len(values))), noise])


def told(
    doses: Sequence[float] = (0.5,),
    steps: Sequence[float] = (0.2, 0.5, 0.5),
    counts: Sequence[float] = (50, 10, 50, 30),
    *,
    sd: float = 0.0,
    patients: int = 1000,
    sides: tuple[int, int] = (500, 500),
    seed: int = 1,
    epsilons: Sequence[float] | None = None,
) -> e.ConclusionDraws:
    ladder = Doses(tuple(epsilons or (0.02 * (i + 1) for i in range(len(doses)))), 20)
    return e.ConclusionDraws(
        ladder, drawn(doses, sd, seed), drawn(steps, sd, seed), drawn(counts), (patients, *sides)
    )


def states(trends: list[c.Trend]) -> dict[str, str]:
    return {t.group: t.state for t in trends}


# --- draws ------------------------------------------------------------------------------------

EPSILONS = (0.02, 0.1)


def found(flips: dict[tuple[float, int], str], known: Sequence[int], last: int = 8) -> Outcomes:
    """Four images of class 1; `flips` has a 1 for each that flips at an epsilon and iteration."""
    seen = np.ones((4, len(EPSILONS), last + 1), np.int16)
    for (epsilon, iteration), text in flips.items():
        seen[:, EPSILONS.index(epsilon), iteration] = [1 - int(digit) for digit in text]
    mask = np.zeros(seen.shape[1:], bool)
    mask[:, known] = True
    confidence = np.array([0.95, 0.94, 0.99, 0.6])
    return Outcomes(
        np.arange(4), np.ones(4, np.int64), seen, mask, confidence, Doses(EPSILONS, last), 0
    )


FLIPS = {(0.02, 8): "1000", (0.1, 1): "0100", (0.1, 6): "0110", (0.1, 8): "1010"}
PEOPLE = bootstrap.draw_patients(["a", "a", "b", "c"], DRAWS, 1)


def test_draws_are_the_rates_that_conclusions_need() -> None:
    point = {"epsilon": 0.1, "iteration": 8, "success": "final"}
    one = e.conclusion_draws(found(FLIPS, range(9)), PEOPLE, **point)
    assert one.by_epsilon[0].tolist() == [0.25, 0.5]
    assert one.by_iteration[0].tolist() == [0.25, 0.5, 0.5]  # iterations 1, 6 and 8
    assert one.by_confidence[0].tolist() == [2, 2, 2, 0]  # 0.95 itself is over
    assert one.patients == (3, 2, 2)
    a, b, other = PEOPLE.weights[7].astype(float)
    assert one.by_epsilon[8, 1] == pytest.approx((a + b) / (2 * a + b + other))
    assert one.by_confidence[8].tolist() == [a + b, a + b, a + other, 0]


def test_draws_of_any_flip_counts_the_earlier_ones() -> None:
    one = e.conclusion_draws(
        found(FLIPS, range(9)), PEOPLE, epsilon=0.1, iteration=8, success="any"
    )
    assert one.by_epsilon[0].tolist() == [0.25, 0.75] and one.by_iteration[0].tolist() == [
        0.25,
        0.5,
        0.75,
    ]


@pytest.mark.parametrize("known", [[0, 8], [1, 2, 3], [0, 1, 8], [0]])
def test_steps_that_were_not_measured_are_unknown(known: list[int]) -> None:
    here = found(FLIPS, known)
    one = e.conclusion_draws(here, PEOPLE, epsilon=0.1, iteration=known[-1], success="final")
    assert np.isnan(one.by_iteration).all()


def test_an_attack_without_the_operating_epsilon_is_measured_at_the_nearest_one() -> None:
    here = found(FLIPS, range(9))
    near, exact = (
        e.conclusion_draws(here, PEOPLE, epsilon=epsilon, iteration=8, success="final")
        for epsilon in (0.3, 0.1)
    )
    for name in ("by_epsilon", "by_iteration", "by_confidence"):
        np.testing.assert_array_equal(getattr(near, name), getattr(exact, name))


def test_an_operating_point_that_was_not_measured_is_unknown() -> None:
    """No other epsilon stands in for it: the draws of several groups must be at the same one."""
    here = found(FLIPS, range(9))
    here.measured[1] = False
    one = e.conclusion_draws(here, PEOPLE, epsilon=0.1, iteration=8, success="final")
    assert np.isnan(one.by_iteration).all() and np.isnan(one.by_confidence).all()
    assert one.by_epsilon[0].tolist() == pytest.approx([0.25, math.nan], nan_ok=True)


def test_draws_of_no_image_is_unknown_and_has_no_patients() -> None:
    whole = found(FLIPS, range(9))
    none = Outcomes(
        whole.members[:0],
        whole.true[:0],
        whole.predicted[:0],
        whole.measured,
        whole.confidence[:0],
        whole.doses,
        4,
    )
    people = bootstrap.draw_patients([], DRAWS, 1)
    one = e.conclusion_draws(none, people, epsilon=0.1, iteration=8, success="final")
    assert np.isnan(one.by_epsilon).all() and one.patients == (0, 0, 0)
    groups = {"A": one}
    assert states(c.grows_with_epsilon(groups)[1]) == {"A": c.NOT_MEASURED}
    assert states(c.levels_off(groups)[1]) == {"A": c.NOT_MEASURED}
    assert "1 can't be told (1 of them not measured)" in c.levels_off(groups)[0].reason
    assert c.drops_above_confidence(groups).verdict == "undecided"


def test_draws_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Those of two attacks with different doses in one file."""
    written = {
        "paper": told([0.1, math.nan, 0.3], sd=0.05, patients=12, sides=(5, 9)),
        "noise": told([0.2], steps=[math.nan] * 3),
    }
    e.write_draws(written, tmp_path / "draws.parquet")
    again = e.read_draws(tmp_path / "draws.parquet")
    assert list(again) == list(written)
    for attack, one in written.items():
        for name in ("by_epsilon", "by_iteration", "by_confidence"):
            np.testing.assert_array_equal(getattr(again[attack], name), getattr(one, name))
        assert (again[attack].doses, again[attack].patients) == (one.doses, one.patients)
    e.write_draws(again, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "draws.parquet").read_bytes()


# --- the rise over epsilon --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epsilons", "doses", "rise"),
    [
        ((0.02, 0.04, 0.06), (0.1, 0.3, 0.5), 0.4),
        ((0.001, 0.01, 0.2), (0.1, 0.3, 0.5), 0.4),  # ranks, so that doses may stand unequally
        ((0.1, 0.2, 0.3, 0.4), (0.1, math.nan, 0.2, 0.4), 0.3),  # gaps are left out
        ((0.1, 0.2, 0.3, 0.4), (0.0, 0.0, 1.0, 1.0), 1.2),  # the line's end less its start
        ((0.1, 0.2), (0.7, 0.4), -0.3),
        ((0.1, 0.2), (0.7, math.nan), math.nan),
        ((0.1,), (0.7,), math.nan),
    ],
)
def test_the_rise_is_that_of_the_line_over_ranks(
    epsilons: tuple[float, ...], doses: tuple[float, ...], rise: float
) -> None:
    one = told(doses, epsilons=epsilons)
    assert e.rise(one)[0] == pytest.approx(rise, nan_ok=True)
    known = [d for _, d in sorted(zip(epsilons, doses, strict=True)) if d == d]
    if len(known) > 1:
        fit = stats.linregress(np.arange(len(known)), known)
        assert rise == pytest.approx(fit.slope * (len(known) - 1))


def test_the_rise_may_be_over_some_of_the_epsilons() -> None:
    one = told((0.1, 0.2, 0.7), epsilons=(0.02, 0.04, 0.06))
    assert e.rise(one, [2, 1])[0] == pytest.approx(0.5)
    assert e.rise(one)[0] == pytest.approx(0.6)


def test_the_lowest_dose_is_the_smallest_that_was_measured() -> None:
    assert e.rate_at_lowest(told([0.2, 0.1, 0.9], epsilons=(0.1, 0.2, 0.3))) == 0.2
    assert e.rate_at_lowest(told([math.nan, 0.9], epsilons=(0.1, 0.3))) == 0.9
    assert math.isnan(e.rate_at_lowest(told([math.nan])))


def test_shared_levels_are_those_measured_in_all() -> None:
    several = [told([0, 0, math.nan]), told([math.nan, 0, 0]), told([0, 0, 0])]
    assert e.shared_levels(several) == [1] and e.shared_levels([]) == []


# --- 1: grows with epsilon --------------------------------------------------------------------

UP, FLAT, CEILING = (0.2, 0.4, 0.6), (0.4, 0.4, 0.4), (0.96, 0.98, 1.0)


def groups(
    *doses: Sequence[float], sd: float = 0.01, patients: int = 1000
) -> dict[str, e.ConclusionDraws]:
    return {
        f"G{i}": told(d, sd=sd, patients=patients, seed=i) for i, d in enumerate(doses, start=1)
    }


@pytest.mark.parametrize(
    ("curves", "verdict", "ends", "reason"),
    [
        ([UP] * 3, "supported", (1, 1), "3 of 3 groups surely grow, 0 surely don't"),
        ([UP] * 2 + [FLAT], "supported", (2 / 3, 2 / 3), "2 of 3 groups surely grow"),
        ([UP] * 2 + [FLAT] * 2, "contradicted", (0.5, 0.5), "2 of 4 groups surely grow, 2 surely"),
        ([FLAT] * 3, "contradicted", (0, 0), "0 of 3 groups surely grow, 3 surely don't"),
        ([UP[::-1]] * 3, "contradicted", (0, 0), "3 surely don't"),
        ([UP, UP, CEILING, CEILING], "undecided", (0.5, 1), "(2 of them at the ceiling)"),
        ([CEILING] * 3, "undecided", (0, 1), "3 can't be told (3 of them at the ceiling)"),
        ([UP, (math.nan,) * 3], "undecided", (0.5, 1), "1 of 2 groups surely grow"),
    ],
)
def test_most_groups_must_surely_grow(
    curves: list[Sequence[float]], verdict: str, ends: tuple[float, float], reason: str
) -> None:
    answer, _ = c.grows_with_epsilon(groups(*curves))
    assert answer.verdict == verdict and reason in answer.reason
    assert (answer.low, answer.high) == pytest.approx(ends) and answer.estimate == answer.low


def test_a_group_that_surely_grows_has_its_whole_interval_over_zero() -> None:
    _, trends = c.grows_with_epsilon(groups(UP, FLAT, UP[::-1], CEILING))
    assert [t.state for t in trends] == [c.SHOWS, c.DOES_NOT, c.DOES_NOT, c.AT_CEILING]
    up = trends[0]
    assert (up.statistic, up.patients) == ("rise", 1000) and up.estimate == pytest.approx(0.4)
    assert 0 < up.low < up.estimate < up.high
    assert up.high - up.estimate == pytest.approx(up.estimate - up.low, rel=0.25)
    # ends of 0.01 apart each way, so the rise has a spread of 0.01 sqrt(2)
    assert up.estimate - up.low == pytest.approx(
        stats.t.ppf(1 - 0.025 / 4, 999) * 0.01 * math.sqrt(2), rel=0.1
    )


def test_intervals_of_many_groups_hold_together() -> None:
    """A rise of 2.5 standard errors shows where one group is asked, and not where eight are."""
    rise, sd = 0.25, 0.1 / math.sqrt(2)
    one = (0.4, 0.4 + rise)
    assert states(c.grows_with_epsilon(groups(one, sd=sd))[1]) == {"G1": c.SHOWS}
    several = states(c.grows_with_epsilon(groups(*[one] * 8, sd=sd))[1])
    assert set(several.values()) == {c.CANNOT_TELL}


def test_few_like_minded_patients_do_not_prove_that_nothing_rises() -> None:
    """No draw differs from 0; of 35 patients a seventh may hide a rise, of 1000 hardly one."""
    few, _ = c.grows_with_epsilon(groups(*[FLAT] * 4, sd=0, patients=35))
    many, _ = c.grows_with_epsilon(groups(*[FLAT] * 4, sd=0, patients=1000))
    assert (few.verdict, many.verdict) == ("undecided", "contradicted")


def test_one_patient_tells_nothing() -> None:
    answer, trends = c.grows_with_epsilon(groups(UP, sd=0.01, patients=1))
    assert answer.verdict == "undecided" and trends[0].state == c.CANNOT_TELL
    assert trends[0].estimate == pytest.approx(0.4) and math.isnan(trends[0].low)


def test_no_group_has_no_answer() -> None:
    for answer in (
        c.grows_with_epsilon({})[0],
        c.levels_off({})[0],
        c.histology_less_sensitive({}, {}),
        c.drops_above_confidence({}),
        c.training_size({}, {}, 0.1),
    ):
        assert answer.verdict == "undecided" and math.isnan(answer.estimate) and answer.reason
    assert c.grows_with_epsilon({})[0].reason == "no group has this attack"


# --- 2: histology less sensitive --------------------------------------------------------------


def compared(
    histology: Sequence[float], xray: Sequence[float], sd: float = 0.001
) -> tuple[dict[str, e.ConclusionDraws], dict[str, str]]:
    """Groups that rise by so much."""
    of = {f"H{i}": r for i, r in enumerate(histology)} | {f"X{i}": r for i, r in enumerate(xray)}
    several = {
        name: told((0.1, 0.1 + rise), sd=sd, seed=i) for i, (name, rise) in enumerate(of.items())
    }
    return several, {name: "histology" if name[0] == "H" else "xray" for name in of}


def test_kinds_are_compared_by_welch() -> None:
    h, x = (0.10, 0.22, 0.15), (0.45, 0.60, 0.40, 0.70)
    answer = c.histology_less_sensitive(*compared(h, x))
    test = stats.ttest_ind(h, x, equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert answer.estimate == pytest.approx(np.mean(h) - np.mean(x))
    assert (answer.low, answer.high) == pytest.approx((low, high))
    assert answer.verdict == "supported"
    assert answer.reason == "3 histology and 4 X-ray groups; mean rises 0.16 and 0.54"


def test_histology_that_rises_as_much_or_more_contradicts() -> None:
    alike = c.histology_less_sensitive(*compared((0.50, 0.51, 0.49), (0.49, 0.50, 0.51)))
    more = c.histology_less_sensitive(*compared((0.6, 0.7, 0.65), (0.1, 0.2, 0.15)))
    assert alike.verdict == more.verdict == "contradicted"
    assert -c.MATTERS < alike.low < 0 < alike.high and more.low > 0


def test_spread_between_groups_leaves_it_open() -> None:
    answer = c.histology_less_sensitive(*compared((0.1, 0.6), (0.2, 0.7)))
    assert answer.verdict == "undecided" and answer.low < 0 < answer.high


def test_the_standard_error_is_never_under_that_of_patients() -> None:
    """Groups that agree by chance, though each is known to 0.14 only."""
    several, modality = compared((0.3, 0.3), (0.4, 0.4), sd=0.1)
    answer = c.histology_less_sensitive(several, modality)
    rises = {name: e.rise(one) for name, one in several.items()}
    contrast = (rises["H0"] + rises["H1"] - rises["X0"] - rises["X1"]) / 2
    half = stats.t.ppf(0.975, 1) * contrast[1:].std(ddof=1)
    assert (answer.low, answer.high) == pytest.approx((-0.1 - half, -0.1 + half))
    assert answer.verdict == "undecided"


def test_patients_of_several_groups_are_drawn_jointly() -> None:
    """Where all groups move together the difference of the kinds does not move."""
    several, modality = compared((0.3, 0.31), (0.5, 0.51), sd=0.0)
    shift = drawn([0.0], 0.2)
    for name, one in several.items():
        rates = one.by_epsilon + np.concatenate([np.zeros_like(shift), shift], axis=1)
        several[name] = replace(one, by_epsilon=rates)
    answer = c.histology_less_sensitive(several, modality)
    assert answer.high - answer.estimate < 0.05 and answer.verdict == "supported"


def test_kinds_are_compared_over_the_epsilons_that_all_have() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    for name, one in several.items():  # a lower epsilon, which X1 alone lacks
        lower = np.full((len(one.by_epsilon), 1), math.nan if name == "X1" else 0.9)
        rates = np.concatenate([lower, one.by_epsilon], axis=1)
        several[name] = replace(one, doses=Doses((0.01, 0.02, 0.04), 20), by_epsilon=rates)
    answer = c.histology_less_sensitive(several, modality)
    assert answer.estimate == pytest.approx(0.11 - 0.51)  # 0.01 is left out
    gap = told((0.1, 0.6, math.nan), epsilons=(0.01, 0.02, 0.04))
    answer = c.histology_less_sensitive(several | {"X0": gap}, modality)
    assert answer.verdict == "undecided" and "share no two epsilons" in answer.reason


def test_groups_at_the_ceiling_and_of_other_kinds_are_left_out() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    several |= {"X9": told((0.96, 1.0)), "T1": told((0.0, 1.0)), "X8": told((math.nan, 0.1))}
    modality |= {"X9": "xray", "T1": "table", "X8": "xray"}
    answer = c.histology_less_sensitive(several, modality)
    assert answer.estimate == pytest.approx(0.11 - 0.51)
    assert answer.reason.startswith("2 histology and 2 X-ray groups, 1 more at the ceiling;")


def test_one_group_of_a_kind_is_not_enough() -> None:
    several, modality = compared((0.1,), (0.5, 0.52))
    answer = c.histology_less_sensitive(several, modality)
    assert answer.verdict == "undecided" and math.isnan(answer.estimate)
    assert "two of each kind are needed" in answer.reason


# --- 3: levels off ----------------------------------------------------------------------------


def stepped(*steps: Sequence[float], sd: float = 0.005, **how: int) -> dict[str, e.ConclusionDraws]:
    return {f"G{i}": told(steps=s, sd=sd, seed=i, **how) for i, s in enumerate(steps, start=1)}


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((0.2, 0.60, 0.60), c.SHOWS),
        ((0.2, 0.60, 0.50), c.SHOWS),  # less at the end than before is level, too
        ((0.2, 0.50, 0.60), c.DOES_NOT),  # still rises
        ((0.4, 0.40, 0.40), c.DOES_NOT),  # never grew
        ((0.6, 0.40, 0.40), c.DOES_NOT),
        ((0.2, 0.55, 0.60), c.CANNOT_TELL),  # by exactly what matters
        ((0.35, 0.40, 0.40), c.SHOWS),  # grows a little, surely
        ((0.96, 0.98, 1.00), c.AT_CEILING),
        ((math.nan,) * 3, c.NOT_MEASURED),
    ],
)
def test_a_group_levels_off_if_it_grew_and_hardly_does_in_the_last_quarter(
    steps: tuple[float, ...], state: str
) -> None:
    _, trends = c.levels_off(stepped(steps))
    assert [t.state for t in trends] == [state] * 2
    assert [t.statistic for t in trends] == ["growth", "last_quarter"]
    expected = steps[2] - steps[0], steps[2] - steps[1]
    assert [t.estimate for t in trends] == pytest.approx(expected, nan_ok=True)


def test_most_groups_must_level_off() -> None:
    level, rising = (0.2, 0.6, 0.6), (0.2, 0.4, 0.6)
    answer, _ = c.levels_off(stepped(level, level, rising))
    assert answer.verdict == "supported"
    assert answer.reason == "2 of 3 groups surely grow and level off, 1 surely don't"
    answer, _ = c.levels_off(stepped(level, level, rising, rising))
    assert answer.verdict == "contradicted" and answer.estimate == 0.5


def test_both_intervals_of_all_groups_hold_together() -> None:
    """Growth of 2.5 standard errors, and a last quarter as far under what matters, alone."""
    sd = 0.1 / math.sqrt(2)
    one = stepped((0.5, 0.4, 0.78), sd=sd)["G1"]
    half = stats.t.ppf(1 - 0.05 / 2 / 2, 999) * 0.1
    assert half < 0.28 < stats.t.ppf(1 - 0.05 / 2 / 16, 999) * 0.1
    drawn_growth = c.levels_off({"A": one})[1][0]
    assert drawn_growth.low > 0
    assert c.levels_off({str(i): one for i in range(8)})[1][0].low < 0


def test_few_like_minded_patients_do_not_prove_that_a_curve_is_level() -> None:
    few, _ = c.levels_off(stepped((0.2, 0.6, 0.6), sd=0, patients=35))
    many, _ = c.levels_off(stepped((0.2, 0.6, 0.6), sd=0, patients=1000))
    assert (few.verdict, many.verdict) == ("undecided", "supported")


# --- 4: drops above a confidence --------------------------------------------------------------

SIMPSON = [(400, 180, 40, 36), (40, 2, 400, 40)]  # over, of them flipped, under, of them flipped


def counted(
    strata: Sequence[Sequence[int]], spread: float = 0.05, sides: tuple[int, int] = (500, 500)
) -> dict[str, e.ConclusionDraws]:
    """Groups of such counts, their draws of flips off by a share `spread`."""
    several = {}
    for i, stratum in enumerate(strata):
        one = told(counts=stratum, sides=sides)
        one.by_confidence[1:, [1, 3]] *= drawn([1.0, 1.0], spread, seed=i)[1:]
        several[f"G{i}"] = one
    return several


def test_the_ratio_is_that_of_mantel_and_haenszel() -> None:
    """Each group halves, though all images in one pot would say that the rate doubles."""
    answer = c.drops_above_confidence(counted(SIMPSON))
    tables = [np.array([[f1, n1 - f1], [f0, n0 - f0]]) for n1, f1, n0, f0 in SIMPSON]
    assert answer.estimate == pytest.approx(StratifiedTable(tables).riskratio_pooled)
    assert answer.estimate == pytest.approx(0.5) and (182 / 440) / (76 / 440) > 2
    assert answer.reason == "182 of 440 flip over 0.95, 76 of 440 under"
    assert answer.low < 0.5 < answer.high and answer.verdict == "undecided"


@pytest.mark.parametrize(
    ("flipped", "verdict"), [(2, "supported"), (10, "undecided"), (20, "contradicted")]
)
def test_a_sharp_drop_is_to_at_most_half(flipped: int, verdict: str) -> None:
    answer = c.drops_above_confidence(counted([(100, flipped, 100, 20)], spread=0.1))
    assert answer.verdict == verdict and answer.estimate == pytest.approx(flipped / 20)
    assert answer.low < answer.estimate < answer.high


def test_a_drop_to_nothing_is_bounded_by_what_may_be_unseen() -> None:
    for patients, verdict in ((11, "undecided"), (100, "supported")):
        answer = c.drops_above_confidence(counted([(200, 0, 50, 20)], sides=(patients, 50)))
        assert (answer.estimate, answer.low) == (0, 0) and answer.verdict == verdict
        assert answer.high == pytest.approx(intervals.largest_unseen_share(patients) / 0.4)


@pytest.mark.parametrize(
    ("stratum", "sides"),
    [
        ((100, 2, 100, 0), (50, 50)),
        ((100, 2, 100, 50), (9, 50)),
        ((100, 2, 100, 50), (50, 9)),
    ],
)
def test_few_patients_or_no_flips_give_no_drop(
    stratum: tuple[int, ...], sides: tuple[int, int]
) -> None:
    answer = c.drops_above_confidence(counted([stratum], sides=sides))
    assert answer.verdict == "undecided" and math.isnan(answer.estimate)
    assert "10 patients of a group on each side and a flip under 0.95 are needed" in answer.reason


def test_groups_with_images_on_one_side_have_no_say_in_the_drop() -> None:
    one_sided = counted([(300, 270, 0, 0)], sides=(300, 0))
    few = counted([(3, 0, 20, 12)], sides=(3, 20))
    answer = c.drops_above_confidence({"A": one_sided["G0"], "B": few["G0"]})
    assert answer.verdict == "undecided" and answer.reason.startswith("0 of 3 flip over 0.95")
    alone = c.drops_above_confidence(one_sided)
    assert alone.verdict == "undecided" and "no group has images on both sides" in alone.reason


def test_groups_without_the_operating_point_have_no_say() -> None:
    several = counted([(100, 2, 100, 20)])
    missing = told(counts=[math.nan] * 4)
    with_it = c.drops_above_confidence(several | {"N": missing})
    assert with_it == c.drops_above_confidence(several)
    assert c.drops_above_confidence({"N": missing}).reason == "not measured at the operating point"


# --- 5: training size -------------------------------------------------------------------------

SIZES = [100, 100, 1000, 1000, 10_000, 10_000]
NOISE = [0.01, -0.01, -0.02, 0.02, 0.01, -0.01]


def trained(slope: float, noise: float = 1.0, sd: float = 0.0, base: float = 0.5) -> c.Finding:
    rates = [
        base + slope * (math.log10(n) - 3) + noise * x for n, x in zip(SIZES, NOISE, strict=True)
    ]
    runs = {
        f"r{i}": told([0, rate], epsilons=(0.02, 0.1), sd=sd, seed=i)
        for i, rate in enumerate(rates)
    }
    return c.training_size(runs, {f"r{i}": n for i, n in enumerate(SIZES)}, 0.1)


def test_the_slope_is_that_of_ordinary_least_squares() -> None:
    answer = trained(-0.2)
    rates = 0.5 - 0.2 * (np.log10(SIZES) - 3) + np.array(NOISE)
    fit = sm.OLS(rates, sm.add_constant(np.log10(SIZES))).fit()
    assert answer.estimate == pytest.approx(fit.params[1])
    assert (answer.low, answer.high) == pytest.approx(tuple(fit.conf_int(0.05)[1]))
    assert answer.reason == "6 trainings of 3 sizes, ASR 0.29 to 0.71"


def test_the_variance_over_patients_is_added() -> None:
    answer = trained(0.0, sd=0.1)
    x = np.log10(SIZES) - 3
    rates = 0.5 + np.array(NOISE)
    draws = np.stack([drawn([0, r], 0.1, seed=i)[:, 1] for i, r in enumerate(rates)], axis=1)
    of_patients = (draws[1:] @ x / (x @ x)).std(ddof=1)
    error = math.hypot(stats.linregress(x, rates).stderr, of_patients)
    assert answer.high - answer.estimate == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert of_patients > 0.02


@pytest.mark.parametrize(
    ("slope", "noise", "verdict"),
    [
        (0.0, 1.0, "supported"),
        (0.06, 1.0, "supported"),  # a dependence, but less than matters
        (-0.06, 1.0, "supported"),
        (0.10, 1.0, "undecided"),  # surely a dependence, but does it matter?
        (-0.20, 1.0, "contradicted"),
        (0.20, 1.0, "contradicted"),
        (0.0, 20.0, "undecided"),  # too little is known
        (0.20, 20.0, "undecided"),
    ],
)
def test_no_dependence_is_a_slope_within_the_margins(
    slope: float, noise: float, verdict: str
) -> None:
    assert trained(slope, noise).verdict == verdict


def test_where_all_or_none_flip_a_dependence_could_not_show() -> None:
    for base in (0.02, 0.98):
        answer = trained(0.0, base=base, noise=0.5)
        assert answer.verdict == "undecided" and "could not show" in answer.reason
        assert abs(answer.estimate) < 0.01


@pytest.mark.parametrize("sizes", [[100, 1000], [100, 100, 100]])
def test_three_trainings_of_two_sizes_are_needed(sizes: list[int]) -> None:
    runs = {str(i): told([0.5], epsilons=(0.1,)) for i in range(len(sizes))}
    answer = c.training_size(runs, {str(i): n for i, n in enumerate(sizes)}, 0.1)
    assert answer.verdict == "undecided" and "three of two sizes are needed" in answer.reason


def test_trainings_are_compared_at_the_nearest_epsilon() -> None:
    runs = {str(i): told([0.1 * i, 0.5], epsilons=(0.1, 0.2)) for i in range(1, 4)}
    sizes = {"1": 10, "2": 100, "3": 1000}
    assert c.training_size(runs, sizes, 0.12).estimate == pytest.approx(0.1)
    assert c.training_size(runs, sizes, 0.7).estimate == pytest.approx(0)


def test_numbers_agree_with_their_nouns() -> None:
    one = {"0": told([0.5], epsilons=(0.1,))}
    assert c.training_size(one, {"0": 100}, 0.1).reason.startswith("1 training of 1 size;")
    assert c.training_size({}, {}, 0.1).reason.startswith("0 trainings of 0 sizes;")


# --- tables -----------------------------------------------------------------------------------


def test_every_conclusion_has_its_row_and_every_trend_its_own() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    runs = {f"r{i}": told([0.5], epsilons=(0.1,)) for i in range(3)}
    sizes = {"r0": 10, "r1": 100, "r2": 1000}
    draws = conclusion_tables.AttackDraws(several, modality, runs, sizes)
    table, trends = conclusion_tables.conclude({"paper": draws}, 0.1)
    assert table["conclusion"].to_list() == list(conclusion_tables.TESTS) and set(
        table["attack"]
    ) == {"paper"}
    assert set(table["verdict"]) <= {"supported", "contradicted", "undecided"}
    assert table[["test", "paper", "reason"]].map(len).gt(0).all(axis=None)
    second = table.set_index("conclusion").loc["histology_less_sensitive"]
    assert second["estimate"] == pytest.approx(-0.4) and second["ci_high"] < 0
    assert len(trends) == 3 * len(several)
    assert trends["conclusion"].value_counts().to_dict() == {
        "grows_with_epsilon": 4,
        "levels_off": 8,
    }
    nothing = conclusion_tables.AttackDraws({}, {}, {}, {})
    empty, none = conclusion_tables.conclude({"paper": nothing}, 0.1)
    assert set(empty["verdict"]) == {"undecided"} and len(none) == 0


# --- simulated studies ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    """The benchmark that does this at length."""
    spec = importlib.util.spec_from_file_location(
        "simulation", PROJECT / "benchmarks" / "conclusions.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def truths(simulation: ModuleType, what: str, conclusion: str) -> list:
    return [t for t in simulation.TRUTHS if (t.conclusion, t.what) == (conclusion, what)]


@pytest.mark.parametrize(
    ("conclusion", "what", "size"),
    [
        ("grows_with_epsilon", "half rise by 0.5, half are flat", "small"),
        ("histology_less_sensitive", "the same mean, sd 0.1", "small"),
        ("levels_off", "half level off, half still rise by 0.05", "small"),
        ("drops_above_confidence", "ratio 0.5", "small"),
        ("training_size", "slope 0.10", "small"),
        ("training_size", "slope 0", "small"),
        ("grows_with_epsilon", "all flat, a flip stays", "default"),
        ("drops_above_confidence", "ratio 0.5", "default"),
    ],
)
def test_wrong_verdicts_are_rare(
    simulation: ModuleType, conclusion: str, what: str, size: str
) -> None:
    """More than 9 of 80 would come of an error of 5 % in one of a hundred runs."""
    (truth,) = truths(simulation, what, conclusion)
    rng, own = np.random.default_rng(7), simulation.SIZES[size]
    said = [truth.study(simulation.world(rng, own, i % 4)).verdict for i in range(80)]
    assert sum(verdict in truth.wrong for verdict in said) <= stats.binom.ppf(0.99, 80, 0.05)


@pytest.mark.parametrize(
    ("conclusion", "what", "size"),
    [
        ("grows_with_epsilon", "all rise by 0.5", "small"),
        ("grows_with_epsilon", "all flat, a flip stays", "medium"),
        ("histology_less_sensitive", "histology 0.3 less", "small"),
        ("histology_less_sensitive", "histology 0.3 more", "small"),
        ("levels_off", "all grow by 0.4 and stop", "medium"),
        ("levels_off", "all still rise by 0.2", "medium"),
        ("drops_above_confidence", "ratio 0.2", "small"),
        ("drops_above_confidence", "ratio 1", "small"),
        ("training_size", "slope 0.30", "medium"),
        ("training_size", "slope 0, like networks", "medium"),
    ],
)
def test_clear_truths_are_found(
    simulation: ModuleType, conclusion: str, what: str, size: str
) -> None:
    (truth,) = truths(simulation, what, conclusion)
    rng, own = np.random.default_rng(8), simulation.SIZES[size]
    said = [truth.study(simulation.world(rng, own, i % 4)).verdict for i in range(20)]
    assert said.count(truth.right) >= 16
