"""The five conclusions: on draws worked by hand, and on simulated studies with known truth."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from helpers.workflow import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from pgdose.analysis import bootstrap, conclusion_tables, confidence_drop, intervals, verdicts
from pgdose.analysis import conclusion_draws as e
from pgdose.analysis import conclusions as c
from pgdose.analysis import network_conclusions as n
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.size_slopes import SizedDraws
from pgdose.analysis.verdicts import (
    AT_CEILING,
    CANNOT_TELL,
    DOES_NOT,
    FEW_PATIENTS,
    NOT_MEASURED,
    OF_UNKNOWN_PATIENTS,
    SHOWS,
    Finding,
    Trend,
)
from pgdose.study.doses import Doses

DRAWS = 400


def drawn(values: Sequence[float], sd: float = 0.0, seed: int = 1) -> np.ndarray:
    """Draws of rates: row 0 the sample, the others off it by a normal noise of exactly this sd."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((DRAWS, len(values)))
    noise = sd * (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    return np.array(values) + np.concatenate([np.zeros((1, len(values))), noise])


def network(
    doses: Sequence[float] = (0.5,),
    steps: Sequence[float] = (0.2, 0.5, 0.5),
    pairs: Sequence[float] = (90, 10, 9, 1),
    *,
    sd: float = 0.0,
    seed: int = 1,
    epsilons: Sequence[float] | None = None,
    is_dose: Sequence[bool] | None = None,
) -> e.ConclusionDraws:
    ladder = Doses(tuple(epsilons or (0.02 * (i + 1) for i in range(len(doses)))), 20)
    reached = tuple(is_dose or [True] * len(doses))
    parts = drawn(doses, sd, seed), drawn(steps, sd, seed), np.abs(drawn(pairs, 20 * sd, seed))
    return e.ConclusionDraws(ladder, *parts, reached, ladder.epsilons[-1], (0.1, *steps))


def told(
    doses: Sequence[float] = (0.5,),
    steps: Sequence[float] = (0.2, 0.5, 0.5),
    pairs: Sequence[float] = (90, 10, 9, 1),
    *,
    patients: int = 1000,
    name: str = "",
    **how: object,
) -> GroupDraws:
    """One attack on a group of so many patients, of two images each; `name` tells them apart."""
    images = pd.DataFrame({"patient": [f"{name}p{i}" for i in range(patients)] * 2})
    images["confidence"] = np.where(np.arange(2 * patients) < patients, 0.99, 0.8)
    images["smallest_level"] = 1
    return GroupDraws([network(doses, steps, pairs, **how)], [images])  # type: ignore[arg-type]


def states(trends: list[Trend]) -> dict[str, str]:
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
        np.arange(4),
        np.ones(4, np.int64),
        seen,
        mask,
        confidence,
        Doses(EPSILONS, last),
        np.array([True, True]),
        0,
    )


FLIPS = {(0.02, 8): "1000", (0.1, 1): "0100", (0.1, 6): "0110", (0.1, 8): "1010"}
PEOPLE = bootstrap.draw_patients(["a", "a", "b", "c"], DRAWS, 1)


def test_draws_are_the_rates_that_conclusions_need() -> None:
    point = {"epsilon": 0.1, "iteration": 8, "success": "final"}
    one = e.conclusion_draws(found(FLIPS, range(9)), PEOPLE, **point)
    assert one.by_epsilon[0].tolist() == [0.25, 0.5]
    assert one.by_iteration[0].tolist() == [0.25, 0.5, 0.5]  # iterations 1, 6 and 8
    # Images 0 to 3 need 0.02, more than all, 0.1 and more than all; 0 and 2 are the confident ones.
    # 0 needs less than 1 and 3, and so does 2; of those between 0.90 and 0.95 there is image 1.
    assert (one.pairs[0] * [4, 4, 3, 3]).tolist() == [0, 4, 0, 2]
    assert (one.is_dose, one.epsilon, one.reached) == ((True, True), 0.1, (0.1, 0.25, 0.5, 0.5))
    a, b, other = PEOPLE.weights[7].astype(float)
    assert one.by_epsilon[8, 1] == pytest.approx((a + b) / (2 * a + b + other))
    assert one.pairs[8, 1] * 4 == (a + b) * (a + other)


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
    for name in ("by_epsilon", "by_iteration", "pairs"):
        np.testing.assert_array_equal(getattr(near, name), getattr(exact, name))


def test_an_operating_point_that_was_not_measured_is_unknown() -> None:
    """No other epsilon stands in for it: the draws of several groups must be at the same one."""
    here = found(FLIPS, range(9))
    here.measured[1] = False
    one = e.conclusion_draws(here, PEOPLE, epsilon=0.1, iteration=8, success="final")
    assert np.isnan(one.by_iteration).all()
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
        whole.reached,
        4,
    )
    people = bootstrap.draw_patients([], DRAWS, 1)
    one = e.conclusion_draws(none, people, epsilon=0.1, iteration=8, success="final")
    assert np.isnan(one.by_epsilon).all()
    nobody = pd.DataFrame(columns=["patient", "confidence", "smallest_level"])
    groups = {"A": GroupDraws([one], [nobody])}
    assert states(c.grows_with_epsilon(groups)[1]) == {"A": NOT_MEASURED}
    assert states(c.levels_off(groups)[1]) == {"A": NOT_MEASURED}
    assert c.levels_off(groups)[0].verdict == "undecided"
    assert confidence_drop.drops_above_confidence(groups)[0].verdict == "undecided"


def test_draws_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Those of two attacks with different doses in one file."""
    written = {
        "paper": network([0.1, math.nan, 0.3], sd=0.05, is_dose=[True, True, False]),
        "noise": network([0.2], steps=[math.nan] * 3),
    }
    e.write_draws(written, tmp_path / "draws.parquet")
    again = e.read_draws(tmp_path / "draws.parquet")
    assert list(again) == list(written)
    for attack, one in written.items():
        for name in ("by_epsilon", "by_iteration", "pairs"):
            np.testing.assert_array_equal(getattr(again[attack], name), getattr(one, name))
        other = again[attack]
        assert (other.doses, other.is_dose, other.epsilon) == (one.doses, one.is_dose, one.epsilon)
        np.testing.assert_array_equal(other.reached, one.reached)
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
    one = network(doses, epsilons=epsilons)
    assert e.rise(one)[0] == pytest.approx(rise, nan_ok=True)
    known = [d for _, d in sorted(zip(epsilons, doses, strict=True)) if d == d]
    if len(known) > 1:
        fit = stats.linregress(np.arange(len(known)), known)
        assert rise == pytest.approx(fit.slope * (len(known) - 1))


def test_the_rise_may_be_over_some_of_the_epsilons() -> None:
    one = network((0.1, 0.2, 0.7), epsilons=(0.02, 0.04, 0.06))
    assert e.rise(one, [2, 1])[0] == pytest.approx(0.5)
    assert e.rise(one)[0] == pytest.approx(0.6)


def test_the_lowest_dose_is_the_smallest_that_was_measured() -> None:
    assert e.rate_at_lowest(network([0.2, 0.1, 0.9], epsilons=(0.1, 0.2, 0.3))) == 0.2
    assert e.rate_at_lowest(network([math.nan, 0.9], epsilons=(0.1, 0.3))) == 0.9
    assert math.isnan(e.rate_at_lowest(network([math.nan])))


def test_shared_levels_are_those_measured_in_all() -> None:
    several = [network([0, 0, math.nan]), network([math.nan, 0, 0]), network([0, 0, 0])]
    assert e.shared_levels(several) == [1] and e.shared_levels([]) == []


def test_epsilons_that_were_not_reached_are_left_out_of_rises() -> None:
    one = network((0.1, 0.3, 0.3), is_dose=(True, True, False))
    assert e.rise(one)[0] == pytest.approx(0.2) and one.measured_levels == [0, 1]
    assert e.rate_at_lowest(network((0.1, 0.3), is_dose=(False, True))) == 0.3


# --- 1: grows with epsilon --------------------------------------------------------------------

UP, FLAT, CEILING = (0.2, 0.4, 0.6), (0.4, 0.4, 0.4), (0.96, 0.98, 1.0)


def groups(
    *doses: Sequence[float], sd: float = 0.01, patients: int = 1000
) -> dict[str, GroupDraws]:
    return {
        f"G{i}": told(d, sd=sd, patients=patients, seed=i, name=f"G{i}")
        for i, d in enumerate(doses, start=1)
    }


MOST, AVERAGE = "for most groups", "on average over the groups"


@pytest.mark.parametrize(
    ("curves", "verdict", "scope", "reason"),
    [
        ([UP] * 3, "supported", MOST, "3 of 3 groups surely grow, 0 surely don't"),
        ([UP] * 2 + [FLAT], "supported", MOST, "2 of 3 groups surely grow, 1 surely don't"),
        ([UP] * 2 + [FLAT] * 2, "contradicted", MOST, "2 of 4 groups surely grow, 2 surely"),
        ([FLAT] * 3, "contradicted", MOST, "0 of 3 groups surely grow, 3 surely don't"),
        ([UP[::-1]] * 3, "contradicted", MOST, "3 surely don't"),
        ([UP, UP, UP, CEILING], "supported", MOST, "(1 of them at the ceiling)"),
        ([UP, UP, CEILING, CEILING], "undecided", "", "(2 of them at the ceiling)"),
        ([CEILING] * 3, "undecided", "", "no group has two doses"),
        ([UP, (math.nan,) * 3], "undecided", "", "1 of 2 groups surely grow"),
    ],
)
def test_most_groups_must_surely_grow(
    curves: list[Sequence[float]], verdict: str, scope: str, reason: str
) -> None:
    finding, _ = c.grows_with_epsilon(groups(*curves))
    answer, of = finding.answer()
    assert (answer, of.name if of else "") == (verdict, scope) and reason in finding.reason


def test_where_most_groups_are_not_sure_their_mean_may_be() -> None:
    """Each of four groups alone says too little; of any two the mean is not sure either."""
    finding, trends = c.grows_with_epsilon(groups(*[(0.4, 0.52)] * 4, sd=0.07, patients=60))
    answer, scope = finding.answer()
    assert (answer, scope.name if scope else "") == ("supported", AVERAGE)
    assert set(states(trends).values()) == {CANNOT_TELL}
    assert finding.estimate == pytest.approx(0.12) and 0 < finding.low < 0.12 < finding.high
    half_flat, _ = c.grows_with_epsilon(groups(UP, UP, FLAT, FLAT))
    assert half_flat.estimate == pytest.approx(0.2)
    assert half_flat.verdict == "contradicted"  # most groups come first: half of them don't


def test_a_group_alone_has_its_interval() -> None:
    _, trends = c.grows_with_epsilon(groups(UP, FLAT, UP[::-1], CEILING))
    assert [t.state for t in trends] == [SHOWS, DOES_NOT, DOES_NOT, AT_CEILING]
    up = trends[0]
    assert (up.statistic, up.patients) == ("rise", 1000) and up.estimate == pytest.approx(0.4)
    assert 0 < up.low < up.estimate < up.high
    half = stats.t.ppf(0.975, 999) * 0.01 * math.sqrt(2)
    assert up.estimate - up.low == pytest.approx(half, rel=0.1)


def test_groups_are_corrected_by_holm() -> None:
    """A rise of 2.5 standard errors shows where one group is asked, and not where eight are."""
    rise, sd = 0.25, 0.1 / math.sqrt(2)
    one = (0.4, 0.4 + rise)
    assert set(states(c.grows_with_epsilon(groups(one, sd=sd))[1]).values()) == {SHOWS}
    several = states(c.grows_with_epsilon(groups(*[one] * 8, sd=sd))[1])
    assert set(several.values()) == {CANNOT_TELL}


def test_few_like_minded_patients_do_not_prove_that_nothing_rises() -> None:
    """No draw differs from 0; of 35 patients a seventh may hide a rise, of 1000 hardly one."""
    few, _ = c.grows_with_epsilon(groups(FLAT, sd=0, patients=35))
    many, _ = c.grows_with_epsilon(groups(*[FLAT] * 4, sd=0, patients=1000))
    assert (few.verdict, many.verdict) == ("undecided", "contradicted")


def test_a_patient_of_several_groups_counts_once() -> None:
    """Four groups of the same 35 patients know as little as one; of other patients, four times."""
    same = {f"G{i}": told(FLAT, patients=35, name="") for i in range(4)}
    other = {f"G{i}": told(FLAT, patients=35, name=f"{i}-") for i in range(4)}
    p = [c.grows_with_epsilon(several)[0].scopes[1].p_values[1] for several in (same, other)]
    reach = 0.05 / e.largest_rise_of_a_patient(3)
    assert p == pytest.approx([(1 - reach) ** 35, (1 - reach) ** 140])


def of_unknown_patients(group: GroupDraws) -> GroupDraws:
    """The same, but nobody knows the patients."""
    images = [table.assign(patient="unknown-" + table["patient"]) for table in group.images]
    return replace(group, images=images)


@pytest.mark.parametrize("ask", [c.grows_with_epsilon, c.levels_off])
def test_groups_of_unknown_patients_are_part_of_no_test_over_patients(ask: Any) -> None:
    several = groups(UP, UP, UP)
    assert ask(several)[0].answer()[0] == "supported"
    known, unknown = several["G1"], {g: of_unknown_patients(of) for g, of in several.items()}
    finding, trends = ask(unknown)
    assert finding.answer()[0] == "undecided" and math.isnan(finding.low)
    assert {trend.state for trend in trends} == {OF_UNKNOWN_PATIENTS}
    assert all(trend.patients == 0 and math.isnan(trend.low) for trend in trends)
    # One of three that is known is not most of them, whatever it shows.
    assert ask(unknown | {"G1": known})[0].answer()[0] == "undecided"
    two = {**several, "G3": unknown["G3"]}
    finding, trends = ask(two)
    assert finding.answer()[0] == "supported" and "1 of them of unknown" in finding.reason
    assert finding.scopes[0].number == 2000


def test_a_drop_is_not_tested_over_unknown_patients() -> None:
    several = groups(UP, UP)
    finding, _ = confidence_drop.drops_above_confidence(several)
    assert finding.verdict == "supported"
    unknown = {g: of_unknown_patients(of) for g, of in several.items()}
    nothing, trends = confidence_drop.drops_above_confidence(unknown)
    assert nothing.verdict == "undecided" and nothing.reason == "nobody knows the patients"
    assert {trend.state for trend in trends} == {OF_UNKNOWN_PATIENTS}
    assert all(math.isnan(trend.low) for trend in trends)
    one = confidence_drop.drops_above_confidence({**several, "G2": unknown["G2"]})[0]
    alone = confidence_drop.drops_above_confidence({"G1": several["G1"]})[0]
    assert (one.estimate, one.low, one.high) == (alone.estimate, alone.low, alone.high)
    assert confidence_drop.ratios(unknown).empty


def test_kinds_are_not_compared_over_unknown_patients() -> None:
    several, modality = compared((0.3, 0.31, 0.9), (0.5, 0.51))
    without = {name: of for name, of in several.items() if name != "H2"}
    three = n.histology_less_sensitive(
        {**without, "H2": of_unknown_patients(several["H2"])}, modality
    )
    two = n.histology_less_sensitive(without, modality)
    assert (three.estimate, three.low) == (two.estimate, two.low)
    assert "1 more of unknown patients" in three.reason


def test_under_four_patients_a_group_has_no_interval() -> None:
    _, trends = c.grows_with_epsilon(groups(UP, sd=0.01, patients=3))
    assert trends[0].state == FEW_PATIENTS
    assert trends[0].estimate == pytest.approx(0.4) and math.isnan(trends[0].low)


def test_a_group_of_two_agreeing_patients_is_part_of_no_test() -> None:
    """Its draws never differ, so that it would seem to be known exactly."""
    known = groups(FLAT, FLAT, FLAT, patients=1000)
    with_two = known | {"two": told(UP, patients=2, sd=0.0, name="two")}
    finding, trends = c.grows_with_epsilon(with_two)
    assert states(trends)["two"] == FEW_PATIENTS
    assert finding.estimate == c.grows_with_epsilon(known)[0].estimate
    assert "in 3 of 4 groups with 3,000 patients" in finding.reason
    assert finding.scopes[1].name == "on average over 3 of 4 groups"
    few, _ = c.levels_off(groups(*[(0.2, 0.5)] * 3, patients=2, sd=0.0))
    assert few.verdict == "undecided" and math.isnan(few.estimate)
    assert all("more groups" in scope.lacks for scope in few.scopes)


@pytest.mark.parametrize("networks", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.25, 4.0])
def test_few_networks_are_not_taken_for_known_variance(networks: int, ratio: float) -> None:
    """95 % intervals of a sum of two variances, one of so few networks, hold in 94 % or more."""
    rng, many, patients = np.random.default_rng(1), 40_000, 30
    by_patient = rng.chisquare(patients - 1, many) / (patients - 1)
    by_network = ratio * rng.chisquare(networks - 1, many) / (networks - 1)
    freedom = intervals.joint_freedom(by_patient, patients - 1, by_network, networks - 1)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(by_patient + by_network)
    error = rng.standard_normal(many) * math.sqrt(1 + ratio)
    assert (np.abs(error) < half).mean() >= 0.94


def test_networks_that_differ_leave_less_known() -> None:
    """Two trainings, of rises 0.5 and 0.1: their mean is known worse than by patients alone."""

    def study(*rises: float) -> Finding:
        one = {
            f"G{i}": GroupDraws(
                [network((0.2, 0.2 + r), sd=0.01, seed=i) for r in rises],
                told(name=f"G{i}").images * len(rises),
            )
            for i in range(4)
        }
        return c.grows_with_epsilon(one)[0]

    alone, alike, apart = study(0.3), study(0.3, 0.3), study(0.5, 0.1)
    assert alone.networks == 1 and "for the one network" in alone.reason
    assert apart.networks == 2 and "over 2 trainings" in apart.reason
    assert apart.estimate == alike.estimate == pytest.approx(0.3)
    assert apart.high - apart.low > 3 * (alike.high - alike.low)
    # 0.5 and 0.1 in each of four groups: s^2 = 0.08, and 0.01 of the mean of four groups of two.
    half = stats.t.ppf(0.975, 4) * 0.1
    assert apart.high - apart.estimate == pytest.approx(half, rel=0.05)


def test_an_undecided_conclusion_says_how_many_patients_it_lacks() -> None:
    finding, _ = c.grows_with_epsilon(groups(*[(0.4, 0.45)] * 4, sd=0.1, patients=50))
    assert finding.verdict == "undecided"
    number, text = verdicts.lacking(finding.scopes[-1])
    assert 100 < number < 20_000 and text.startswith(f"{number:,} patients more")
    more, _ = verdicts.lacking(finding.scopes[-1], 4)
    assert more > number  # four attacks share the error
    rich, _ = c.grows_with_epsilon(
        groups(*[(0.4, 0.45)] * 4, sd=0.1 / math.sqrt(1 + number / 200), patients=50 + number // 4)
    )
    assert rich.scopes[-1].p_values[0] < 0.025 / 4  # well under it: the power is 80 %, not 50
    margin, _ = c.grows_with_epsilon(groups((0.4, 0.4), (0.4, 0.4), sd=0.0, patients=50))
    assert verdicts.lacking(margin.scopes[-1])[0] < 1000  # a flat curve lacks patients alone
    between, _ = c.levels_off({"A": told(steps=(0.2, 0.55, 0.6), sd=0.05)})
    assert verdicts.lacking(between.scopes[-1])[0] == math.inf  # by exactly what matters
    assert "more than" in verdicts.lacking(between.scopes[-1])[1]


def test_no_group_has_no_answer() -> None:
    for answer in (
        c.grows_with_epsilon({})[0],
        c.levels_off({})[0],
        n.histology_less_sensitive({}, {}),
        confidence_drop.drops_above_confidence({})[0],
        n.training_size({}, 0.1),
    ):
        assert answer.verdict == "undecided" and math.isnan(answer.estimate) and answer.reason
    assert c.grows_with_epsilon({})[0].reason == "no group has this attack"


def test_what_does_not_apply_to_a_study_says_so() -> None:
    one = {"A": told(UP)}
    assert "the study has one" in c.grows_with_epsilon(one)[0].unfit
    assert "no X-ray" in n.histology_less_sensitive(one, {"A": "histology"}).unfit
    assert of_one_group({"full": network()}, {"full": 100}).unfit
    assert not c.grows_with_epsilon(groups(UP, UP))[0].unfit


# --- 2: histology less sensitive --------------------------------------------------------------


def compared(
    histology: Sequence[float], xray: Sequence[float], sd: float = 0.001
) -> tuple[dict[str, GroupDraws], dict[str, str]]:
    """Groups that rise by so much."""
    of = {f"H{i}": r for i, r in enumerate(histology)} | {f"X{i}": r for i, r in enumerate(xray)}
    several = {
        name: told((0.1, 0.1 + rise), sd=sd, seed=i, name=name)
        for i, (name, rise) in enumerate(of.items())
    }
    return several, {name: "histology" if name[0] == "H" else "xray" for name in of}


def test_kinds_are_compared_by_welch() -> None:
    h, x = (0.10, 0.22, 0.15), (0.45, 0.60, 0.40, 0.70)
    answer = n.histology_less_sensitive(*compared(h, x))
    test = stats.ttest_ind(h, x, equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert answer.estimate == pytest.approx(np.mean(h) - np.mean(x))
    assert (answer.low, answer.high) == pytest.approx((low, high))
    assert answer.verdict == "supported"
    assert answer.reason.startswith(
        "3 histology and 4 X-ray groups; mean rises 0.16 and 0.54 over 2 epsilons; the interval is "
        "for the kinds of image, for these groups alone it is \N{MINUS SIGN}0.38 to"
    )
    assert answer.answer()[1].name == "for these kinds of image"  # type: ignore[union-attr]


def test_histology_that_rises_as_much_or_more_contradicts() -> None:
    alike = n.histology_less_sensitive(*compared((0.50, 0.51, 0.49), (0.49, 0.50, 0.51)))
    more = n.histology_less_sensitive(*compared((0.6, 0.7, 0.65), (0.1, 0.2, 0.15)))
    assert alike.verdict == more.verdict == "contradicted"
    assert -verdicts.MATTERS < alike.low < 0 < alike.high and more.low > 0


def test_spread_between_groups_leaves_it_open() -> None:
    answer = n.histology_less_sensitive(*compared((0.1, 0.6), (0.2, 0.7)))
    kinds, here = answer.scopes
    assert kinds.verdict() == "undecided" and answer.low < 0 < answer.high
    # Of these four groups it is sure, whatever other groups would do.
    assert here.verdict() == "supported" and here.name == "for the groups of this study"
    assert verdicts.lacking(kinds)[1].endswith("groups more, if the effect is the one observed")


def test_the_standard_error_is_never_under_that_of_patients() -> None:
    """Groups that agree by chance, though each is known to 0.14 only."""
    several, modality = compared((0.3, 0.3), (0.4, 0.4), sd=0.1)
    answer = n.histology_less_sensitive(several, modality)
    rises = {name: e.rise(one.networks[0]) for name, one in several.items()}
    contrast = (rises["H0"] + rises["H1"] - rises["X0"] - rises["X1"]) / 2
    half = stats.t.ppf(0.975, 1) * contrast[1:].std(ddof=1)
    assert (answer.low, answer.high) == pytest.approx((-0.1 - half, -0.1 + half))
    assert answer.verdict == "undecided"


def test_patients_of_several_groups_are_drawn_jointly() -> None:
    """Where all groups move together the difference of the kinds does not move."""
    several, modality = compared((0.3, 0.31), (0.5, 0.51), sd=0.0)
    shift = drawn([0.0], 0.2)
    for name, one in several.items():
        (draws,) = one.networks
        rates = draws.by_epsilon + np.concatenate([np.zeros_like(shift), shift], axis=1)
        several[name] = replace(one, networks=[replace(draws, by_epsilon=rates)])
    answer = n.histology_less_sensitive(several, modality)
    assert answer.high - answer.estimate < 0.05 and answer.verdict == "supported"


def test_groups_that_share_patients_err_together() -> None:
    """The spread between groups does not show what all groups of a kind have in common."""
    several, modality = compared((0.2, 0.4), (0.5, 0.7), sd=0.0)
    shift = drawn([0.0], 0.1)
    for name in ("H0", "H1"):
        (draws,) = several[name].networks
        rates = draws.by_epsilon + np.concatenate([np.zeros_like(shift), shift], axis=1)
        several[name] = replace(several[name], networks=[replace(draws, by_epsilon=rates)])
    answer = n.histology_less_sensitive(several, modality)
    between = 0.1**2 * 2  # of each kind: a variance of 0.02, over two groups
    half = stats.t.ppf(0.975, 2) * math.sqrt(between + 0.1**2)
    assert answer.high - answer.estimate == pytest.approx(half)


def test_a_difference_is_not_surer_than_the_patients_that_nobody_saw() -> None:
    """Five patients who agree in every draw may all have missed half of the patients there are."""
    several, modality = compared((0.3, 0.3), (0.4, 0.4), sd=0.0)
    few = {name: told((0.1, 0.4), patients=5, sd=0.0, name="h") for name in ("H0", "H1")}
    answer = n.histology_less_sensitive(several | few, modality)
    assert answer.scopes[1].p_values[0] == pytest.approx((1 - 0.1) ** 5)
    assert answer.scopes[1].verdict() == "undecided"


def test_kinds_are_compared_over_the_epsilons_that_all_have() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    for name, one in several.items():  # a lower epsilon, which X1 alone did not reach
        (draws,) = one.networks
        lower = np.full((len(draws.by_epsilon), 1), 0.9)
        rates = np.concatenate([lower, draws.by_epsilon], axis=1)
        more = {"doses": Doses((0.01, 0.02, 0.04), 20), "is_dose": (name != "X1", True, True)}
        several[name] = replace(one, networks=[replace(draws, **more, by_epsilon=rates)])
    answer = n.histology_less_sensitive(several, modality)
    assert answer.estimate == pytest.approx(0.11 - 0.51)  # 0.01 is left out
    gap = told((0.1, 0.6, math.nan), epsilons=(0.01, 0.02, 0.04))
    answer = n.histology_less_sensitive(several | {"X0": gap}, modality)
    assert answer.verdict == "undecided" and "share no two epsilons" in answer.reason


def test_groups_at_the_ceiling_and_of_other_kinds_are_left_out() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    several |= {"X9": told((0.96, 1.0)), "T1": told((0.0, 1.0)), "X8": told((math.nan, 0.1))}
    modality |= {"X9": "xray", "T1": "table", "X8": "xray"}
    answer = n.histology_less_sensitive(several, modality)
    assert answer.estimate == pytest.approx(0.11 - 0.51)
    assert answer.reason.startswith("2 histology and 2 X-ray groups, 1 more at the ceiling;")
    assert answer.scopes[1].name == "for 4 of 6 groups of this study"


def test_one_group_of_a_kind_is_not_enough() -> None:
    several, modality = compared((0.1,), (0.5, 0.52))
    answer = n.histology_less_sensitive(several, modality)
    assert answer.verdict == "undecided" and math.isnan(answer.estimate)
    assert "two of each kind are needed" in answer.reason


# --- 3: levels off ----------------------------------------------------------------------------


def stepped(*steps: Sequence[float], sd: float = 0.005, **how: int) -> dict[str, GroupDraws]:
    return {
        f"G{i}": told(steps=s, sd=sd, seed=i, name=f"G{i}", **how)
        for i, s in enumerate(steps, start=1)
    }


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((0.2, 0.60, 0.60), SHOWS),
        ((0.2, 0.60, 0.50), SHOWS),  # less at the end than before is level, too
        ((0.2, 0.50, 0.60), DOES_NOT),  # still rises
        ((0.4, 0.40, 0.40), DOES_NOT),  # never grew
        ((0.6, 0.40, 0.40), DOES_NOT),
        ((0.2, 0.55, 0.60), CANNOT_TELL),  # by exactly what matters
        ((0.35, 0.40, 0.40), SHOWS),  # grows a little, surely
        ((0.96, 0.98, 1.00), AT_CEILING),
        ((math.nan,) * 3, NOT_MEASURED),
    ],
)
def test_a_group_levels_off_if_it_grew_and_hardly_does_in_the_last_quarter(
    steps: tuple[float, ...], state: str
) -> None:
    _, trends = c.levels_off(stepped(steps))
    assert [t.state for t in trends] == [state] * 2
    assert [t.statistic for t in trends] == ["growth", "last_quarter"]
    expected = (steps[2] - steps[0], steps[2] - steps[1]) if steps[0] < 0.95 else (math.nan,) * 2
    assert [t.estimate for t in trends] == pytest.approx(expected, nan_ok=True)


def test_most_groups_must_level_off() -> None:
    level, rising = (0.2, 0.6, 0.6), (0.2, 0.4, 0.6)
    answer, _ = c.levels_off(stepped(level, level, rising))
    assert answer.verdict == "supported"
    assert "; 2 of 3 groups surely grow and level off, 1 surely don't;" in answer.reason
    answer, _ = c.levels_off(stepped(level, level, rising, rising))
    assert answer.verdict == "contradicted" and answer.second.estimate == 0.5  # type: ignore[union-attr]


def test_each_group_of_a_set_may_fail_in_its_own_way() -> None:
    """Of three groups one still rises and one never grew: two fail, so most do not do both."""
    answer, _ = c.levels_off(stepped((0.2, 0.6, 0.6), (0.2, 0.4, 0.6), (0.4, 0.4, 0.4)))
    assert answer.scopes[0].p_values[0] > 0.9
    assert answer.verdict == "contradicted" or answer.answer()[1] is answer.scopes[1]


def test_few_like_minded_patients_do_not_prove_that_a_curve_is_level() -> None:
    few, _ = c.levels_off(stepped((0.2, 0.6, 0.6), sd=0, patients=35))
    many, _ = c.levels_off(stepped((0.2, 0.6, 0.6), sd=0, patients=1000))
    assert (few.verdict, many.verdict) == ("undecided", "supported")


def test_a_plateau_at_the_papers_layout_of_patients_is_supported() -> None:
    """5, 5, 9 and 100 histology patients in validation: 126 in each of five groups were needed."""
    numbers = [1000, 1000, 1000, 1000, 5, 5, 9, 100]
    plateau = {
        f"G{i}": told(steps=(0.2, 0.6, 0.6), doses=(0.2, 0.6), patients=p, name=f"{i}-")
        for i, p in enumerate(numbers)
    }
    for finding in (c.levels_off(plateau)[0], c.grows_with_epsilon(plateau)[0]):
        answer, scope = finding.answer()
        assert (answer, scope.name if scope else "") == ("supported", MOST)


def test_an_operating_epsilon_that_was_not_reached_is_named() -> None:
    one = network((0.1, 0.3, 0.3), is_dose=(True, True, False))
    one = replace(one, reached=(0.04, 0.2, 0.3, 0.5))
    several = {f"G{i}": replace(told(name=f"G{i}"), networks=[one]) for i in range(3)}
    reason = c.levels_off(several)[0].reason
    assert "epsilon 0.06 was not reached in 3 of 3 groups" in reason
    assert reason.endswith("the mean growth is 0.30, 0.20 of it in the last quarter")
    assert "not reached" not in c.levels_off(groups(UP, UP))[0].reason


# --- 4: drops above a confidence --------------------------------------------------------------


def paired(
    *pairs: Sequence[float], patients: int = 1000, sd: float = 0.05
) -> dict[str, GroupDraws]:
    return {
        f"G{i}": told(pairs=p, patients=patients, sd=sd, seed=i, name=f"G{i}")
        for i, p in enumerate(pairs)
    }


@pytest.mark.parametrize(
    ("more", "verdict"), [(90, "supported"), (66.7, "undecided"), (40, "contradicted")]
)
def test_a_drop_is_needing_more_twice_as_often(more: float, verdict: str) -> None:
    answer, trends = confidence_drop.drops_above_confidence(paired((more, 100 - more, 0, 0)))
    assert answer.verdict == verdict and answer.estimate == pytest.approx(more / 100)
    assert answer.low < answer.estimate < answer.high
    expected = {"supported": SHOWS, "undecided": CANNOT_TELL, "contradicted": DOES_NOT}
    assert states(trends) == {"G0": expected[verdict]}


def test_groups_in_which_all_need_the_same_dose_decide_nothing() -> None:
    """At the ceiling all pairs are ties: the group has no say, and no say for the attack either."""
    alone, trends = confidence_drop.drops_above_confidence(paired((0, 0, 0, 0)))
    assert alone.verdict == "undecided" and not alone.scopes
    assert states(trends) == {"G0": NOT_MEASURED}
    with_it, _ = confidence_drop.drops_above_confidence(paired((90, 10, 0, 0), (0, 0, 0, 0)))
    without, _ = confidence_drop.drops_above_confidence(paired((90, 10, 0, 0)))
    assert with_it.estimate == without.estimate and "in 1 of 2 groups" in with_it.reason


@pytest.mark.parametrize(
    ("near", "word"), [((90, 10), "sharp"), ((20, 80), "gradual"), ((67, 33), "open")]
)
def test_a_sharp_drop_is_told_from_a_gradual_one(near: Sequence[float], word: str) -> None:
    several = paired((90, 10, *near))
    for one in several.values():
        one.images[0]["confidence"] = one.images[0]["confidence"].replace(0.8, 0.93)
    answer, _ = confidence_drop.drops_above_confidence(several)
    assert answer.verdict == "supported" and word in answer.second.says  # type: ignore[union-attr]


def test_ten_patients_are_needed_on_each_side() -> None:
    for patients, decided in ((9, False), (60, True)):
        answer, _ = confidence_drop.drops_above_confidence(paired((95, 5, 0, 0), patients=patients))
        assert (answer.verdict == "supported") == decided
    few, _ = confidence_drop.drops_above_confidence(paired((95, 5, 0, 0), patients=9))
    assert few.lacks == "1 patients more" and "10 patients on each side are needed" in few.reason


def ratio_images(*rows: tuple[str, str, float, bool]) -> tuple[pd.DataFrame, pd.Series]:
    table = pd.DataFrame(rows, columns=["stratum", "patient", "confidence", "flips"])
    return table, table["flips"]


def test_the_ratio_is_that_of_mantel_and_haenszel() -> None:
    """Each group halves, though all images in one pot would say that the rate doubles."""
    rows = []
    for stratum, n1, f1, n0, f0 in (("A", 400, 180, 40, 36), ("B", 40, 2, 400, 40)):
        for confidence, number, flips in ((0.99, n1, f1), (0.8, n0, f0)):
            rows += [
                (stratum, f"{stratum}{len(rows) + i}", confidence, i < flips) for i in range(number)
            ]
    found = confidence_drop.ratio(*ratio_images(*rows))
    tables = [np.array([[180, 220], [36, 4]]), np.array([[2, 38], [40, 360]])]
    pooled = StratifiedTable(tables)
    assert found["ratio"] == pytest.approx(pooled.riskratio_pooled) == pytest.approx(0.5)
    assert found["state"] == "measured" and found["ci_low"] < 0.5 < found["ci_high"]
    assert (found["n_over"], found["n_flipped_over"]) == (440, 182)


@pytest.mark.parametrize(("flipped", "state"), [(20, "at the ceiling"), (1, "at the floor")])
def test_a_ratio_at_the_ceiling_or_the_floor_is_none(flipped: int, state: str) -> None:
    over = [("A", f"a{i}", 0.99, i < 10) for i in range(20)]
    under = [("A", f"b{i}", 0.5, i < flipped) for i in range(20)]
    found = confidence_drop.ratio(*ratio_images(*over, *under))
    assert found["state"] == state and math.isnan(found["ratio"])


def test_a_drop_to_nothing_is_bounded_by_what_may_be_unseen() -> None:
    over = [("A", f"a{i}", 0.99, False) for i in range(30)]
    under = [("A", f"b{i}", 0.5, i < 10) for i in range(30)]
    found = confidence_drop.ratio(*ratio_images(*over, *under))
    assert found["ratio"] == found["ci_low"] == 0
    assert found["ci_high"] == pytest.approx((1 - 0.025 ** (1 / 30)) * 3)


# --- 5: training size -------------------------------------------------------------------------

SIZES = [100, 100, 1000, 1000, 10_000, 10_000]
NOISE = [0.01, -0.01, -0.02, 0.02, 0.01, -0.01]


def of_one_group(
    runs: dict[str, e.ConclusionDraws], sizes: dict[str, int], epsilon: float = 0.1
) -> Finding:
    return n.training_size({"G": SizedDraws(runs, sizes)}, epsilon)


def trained(slope: float, noise: float = 1.0, sd: float = 0.0, base: float = 0.5) -> Finding:
    rates = [
        base + slope * (math.log10(size) - 3) + noise * x
        for size, x in zip(SIZES, NOISE, strict=True)
    ]
    runs = {
        f"r{i}": network([0, rate], epsilons=(0.02, 0.1), sd=sd, seed=i)
        for i, rate in enumerate(rates)
    }
    return of_one_group(runs, {f"r{i}": size for i, size in enumerate(SIZES)})


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
    runs = {str(i): network([0.5], epsilons=(0.1,)) for i in range(len(sizes))}
    answer = of_one_group(runs, {str(i): size for i, size in enumerate(sizes)})
    assert answer.verdict == "undecided" and "three of two sizes are needed" in answer.reason


def test_trainings_are_compared_at_the_nearest_epsilon() -> None:
    runs = {str(i): network([0.1 * i, 0.5], epsilons=(0.1, 0.2)) for i in range(1, 4)}
    sizes = {"1": 10, "2": 100, "3": 1000}
    assert of_one_group(runs, sizes, 0.12).estimate == pytest.approx(0.1)
    assert of_one_group(runs, sizes, 0.7).estimate == pytest.approx(0)


def test_numbers_agree_with_their_nouns() -> None:
    one = {"0": network([0.5], epsilons=(0.1,))}
    assert of_one_group(one, {"0": 100}).reason.startswith("1 training of 1 size;")
    assert n.training_size({}, 0.1).reason.startswith("0 trainings of 0 sizes;")


# --- 5: training size of several groups -------------------------------------------------------

GROUP_SIZES = {"X-A": [100, 100, 1000, 1000, 10_000], "H-B": [20, 20, 160, 160, 900, 900]}


def sized(sizes: Sequence[int], rates: Sequence[float], sd: float = 0.0) -> SizedDraws:
    one = network([0.5], epsilons=(0.1,))
    draws = {f"r{i}": drawn([rate], sd, seed=i) for i, rate in enumerate(rates)}
    runs = {run: replace(one, by_epsilon=by_epsilon) for run, by_epsilon in draws.items()}
    return SizedDraws(runs, {f"r{i}": size for i, size in enumerate(sizes)})


def on_lines(
    slopes: Sequence[float], noise: float = 0.02, sd: float = 0.0, seed: int = 0
) -> dict[str, SizedDraws]:
    rng = np.random.default_rng(seed)
    return {
        group: sized(sizes, 0.5 + slope * (np.log10(sizes) - np.log10(sizes).mean())
                     + noise * rng.standard_normal(len(sizes)), sd)
        for (group, sizes), slope in zip(GROUP_SIZES.items(), slopes, strict=True)
    }  # fmt: skip


def test_the_mean_slope_is_that_of_one_regression_with_a_line_for_each_group() -> None:
    groups = on_lines([0.02, -0.11])
    answer = n.training_size(groups, 0.1)
    rates = np.concatenate(
        [[run.by_epsilon[0, 0] for run in of.runs.values()] for of in groups.values()]
    )
    x = np.log10(np.concatenate(list(GROUP_SIZES.values())))
    is_a = np.arange(11) < 5
    fit = sm.OLS(rates, np.stack([is_a, ~is_a, x * is_a, x * ~is_a], axis=1).astype(float)).fit()
    test = fit.t_test([0, 0, 0.5, 0.5])
    assert answer.estimate == pytest.approx(float(test.effect[0]))
    assert (answer.low, answer.high) == pytest.approx(tuple(test.conf_int(0.05)[0]))
    slopes = [verdicts.number(slope) for slope in fit.params[2:]]
    assert answer.reason == (
        f"11 trainings of 6 sizes in 2 groups, ASR {rates.min():.2f} to {rates.max():.2f}; slopes "
        f"X-A {slopes[0]} (5 trainings), H-B {slopes[1]} (6 trainings)"
    )
    assert answer.statistic == "mean slope of ASR per tenfold training size"
    assert (answer.scopes[0].number, answer.networks) == (11, 6)
    margin = 0.1 - abs(answer.estimate)
    p = 1 - stats.t.cdf(margin / float(test.sd[0, 0]), 7)
    assert answer.scopes[0].supported() == pytest.approx(p)


def test_patients_are_drawn_jointly_in_all_groups() -> None:
    """What they add to one slope and take from the other is no error of the mean."""
    sizes = [100, 1000, 10_000]
    up = sized(sizes, [0.4, 0.52, 0.6], sd=0.1)
    noise = {run: of.by_epsilon - of.by_epsilon[0] for run, of in up.runs.items()}
    down = SizedDraws(
        {
            run: replace(of, by_epsilon=of.by_epsilon - 2 * noise[run])
            for run, of in up.runs.items()
        },
        up.sizes,
    )
    alone = n.training_size({"A": up}, 0.1)
    same = n.training_size({"A": up, "B": up}, 0.1)
    opposite = n.training_size({"A": up, "B": down}, 0.1)
    line = stats.linregress([2, 3, 4], [0.4, 0.52, 0.6])
    of_patients = (up.line(0.1).draws[1:] @ [-0.5, 0, 0.5]).std(ddof=1)
    for answer, variance in (
        (same, line.stderr**2 / 2 + of_patients**2),
        (opposite, line.stderr**2 / 2),
    ):
        half = stats.t.ppf(0.975, 2) * math.sqrt(variance)
        assert answer.high - answer.estimate == pytest.approx(half)
        assert answer.estimate == pytest.approx(alone.estimate) == pytest.approx(0.1)


def test_groups_without_a_line_or_without_room_are_left_out() -> None:
    groups = on_lines([0.0, 0.3])
    alone = n.training_size({"X-A": groups["X-A"]}, 0.1)
    few = sized([100, 1000], [0.2, 0.4])
    full = sized([10, 100, 1000], [0.96, 0.97, 1.0])
    answer = n.training_size({"few": few, "X-A": groups["X-A"], "full": full}, 0.1)
    assert (answer.estimate, answer.low, answer.high) == (alone.estimate, alone.low, alone.high)
    first, rest = answer.reason.split(", ASR", 1)
    assert first == "5 trainings of 3 sizes in X-A"
    assert rest.endswith(
        "; left out: few (2 trainings of 2 sizes), "
        "full (ASR 0.96 to 1.00, where a dependence could not show)"
    )
    two = n.training_size(groups | {"few": few}, 0.1)
    assert two.estimate == n.training_size(groups, 0.1).estimate
    assert two.reason.endswith("(6 trainings); left out: few (2 trainings of 2 sizes)")


def test_equal_rates_have_a_slope_of_zero() -> None:
    answer = trained(0.0, noise=0.0, sd=0.01)
    assert answer.estimate == pytest.approx(0) and 0 < answer.high - answer.low < 0.1
    both = {"A": sized([10, 100, 1000], [0.5] * 3), "B": sized([10, 100, 1000], [0.5, 0.6, 0.5])}
    assert 0 < n.training_size(both, 0.1).high < math.inf


def test_without_any_group_that_could_show_it_nothing_is_decided() -> None:
    few = sized([100, 1000], [0.2, 0.4])
    full = sized([10, 100, 1000], [0.96, 0.97, 1.0])
    none = n.training_size({"A": few, "B": sized([100], [0.5])}, 0.1)
    assert none.verdict == "undecided" and math.isnan(none.estimate) and not none.unfit
    assert none.reason == (
        "2 trainings of 2 sizes in A, 1 training of 1 size in B; three of two sizes are needed in "
        "one group"
    )
    answer = n.training_size({"A": few, "B": full, "C": full}, 0.1)
    assert answer.verdict == "undecided" and answer.reason.endswith(
        "; a dependence could not show there; left out: A (2 trainings of 2 sizes)"
    )
    assert answer.estimate == pytest.approx(0.02) and answer.lacks
    lone = {"A": sized([100], [0.5]), "B": sized([100], [0.5])}
    assert n.training_size(lone, 0.1).unfit


@given(st.lists(st.floats(0.1, 0.9), min_size=5, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_group_beside_itself_has_its_own_slope(rates: list[float]) -> None:
    """And the interval of twice the trainings, if they scatter independently."""
    group = sized(GROUP_SIZES["X-A"], rates)
    one = n.training_size({"A": group}, 0.1)
    two = n.training_size({"A": group, "B": group}, 0.1)
    assert two.estimate == pytest.approx(one.estimate)
    ratio = stats.t.ppf(0.975, 6) / stats.t.ppf(0.975, 3) / math.sqrt(2)
    assert two.high - two.low == pytest.approx(ratio * (one.high - one.low), abs=1e-9)


@pytest.mark.parametrize(("slope", "wrong"), [(0.0, "contradicted"), (0.3, "supported")])
def test_the_interval_of_two_groups_covers_their_slope(slope: float, wrong: str) -> None:
    answers = [n.training_size(on_lines([slope] * 2, seed=seed), 0.1) for seed in range(300)]
    assert np.mean([a.estimate for a in answers]) == pytest.approx(slope, abs=0.003)
    covered = sum(a.low <= slope <= a.high for a in answers)
    assert stats.binom.ppf(0.001, 300, 0.95) <= covered <= stats.binom.ppf(0.999, 300, 0.95)
    assert all(a.verdict != wrong for a in answers)
    assert sum(a.verdict != "undecided" for a in answers) > 290


# --- tables -----------------------------------------------------------------------------------


def all_draws(several: dict[str, GroupDraws], modality: dict[str, str]) -> object:
    runs = {f"r{i}": network([0.5], epsilons=(0.1,)) for i in range(3)}
    sizes = {"r0": 10, "r1": 100, "r2": 1000}
    return conclusion_tables.AttackDraws(several, modality, {"G": SizedDraws(runs, sizes)})


def test_every_conclusion_has_its_row_and_every_trend_its_own() -> None:
    several, modality = compared((0.1, 0.12), (0.5, 0.52))
    for one in several.values():
        one.images[0]["operating_first"] = 2
    tables = conclusion_tables.conclude({"paper": all_draws(several, modality)}, 0.1)  # type: ignore[dict-item]
    table, trends = tables["conclusions"], tables["trends"]
    assert table["conclusion"].to_list() == list(conclusion_tables.TESTS) and set(
        table["attack"]
    ) == {"paper"}
    assert set(table["verdict"]) <= {"supported", "contradicted", "undecided"}
    assert table[["test", "paper", "reason"]].map(len).gt(0).all(axis=None)
    undecided = table["verdict"] == "undecided"
    assert table["lacks"][undecided].map(len).gt(0).all()
    second = table.set_index("conclusion").loc["histology_less_sensitive"]
    assert second["estimate"] == pytest.approx(-0.4) and second["ci_high"] < 0
    assert trends["conclusion"].value_counts().to_dict() == {
        **{"grows_with_epsilon": 4, "levels_off": 8, "drops_above_confidence": 4},
    }
    ratios = tables["confidence_ratio"]
    assert len(ratios) == 2 + 20  # two epsilons, then the iterations
    assert set(ratios["state"]) == {"at the ceiling", "at the floor"}
    claims = tables["paper_claims"]
    assert set(claims["paper"]) == {"not said"} and set(claims["agrees"]) == {"open"}
    nothing = conclusion_tables.AttackDraws({}, {}, {})
    tables = conclusion_tables.conclude({"paper": nothing}, 0.1)
    assert set(tables["conclusions"]["verdict"]) == {"undecided"} and tables["trends"].empty


def test_real_attacks_share_the_error_and_noise_has_its_own() -> None:
    """A p-value of 0.03 decides under one attack, and not under four."""
    several = groups(*[(0.4, 0.44)] * 3, sd=0.0225)
    finding = c.grows_with_epsilon(several)[0]
    assert finding.verdict == "supported" and 0.0125 < finding.scopes[1].p < 0.05
    findings = {"paper": finding, "sign": finding, "noise": finding}
    p = conclusion_tables.corrected(findings, controls=["noise"])
    assert p["paper"][1] == pytest.approx(2 * finding.scopes[1].p) and p["paper"] == p["sign"]
    assert p["noise"][1] == finding.scopes[1].p
    untested = findings | {"lacking": c.grows_with_epsilon({})[0]}
    again = conclusion_tables.corrected(untested, controls=["noise"])
    assert again["paper"] == p["paper"] and again["lacking"] == []


def test_the_papers_claims_stand_beside_the_states() -> None:
    curves = {"X-AO": UP, "H-OV": UP, "mine": UP}
    several = {name: told(curve, sd=0.01, name=name) for name, curve in curves.items()}
    for one in several.values():
        one.images[0]["operating_first"] = 2
    draws = all_draws(several, dict.fromkeys(several, "xray"))
    claims = conclusion_tables.conclude({"paper": draws, "noise": draws}, 0.1, ["noise"])[
        "paper_claims"
    ]  # type: ignore[dict-item]
    assert set(claims["attack"]) == {"paper"}  # noise is no attack of the paper
    grows = claims[claims["conclusion"] == "grows_with_epsilon"].set_index("group")
    assert grows["paper"].to_dict() == {"X-AO": "no", "H-OV": "yes", "mine": "not said"}
    assert grows["agrees"].to_dict() == {"X-AO": "no", "H-OV": "yes", "mine": "open"}
    levels = claims[claims["conclusion"] == "levels_off"]
    assert set(levels["agrees"]) == {"open"}  # the paper does not name the two groups


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
        ("levels_off", "all still rise by 0.05, a flip stays", "unequal"),
        ("drops_above_confidence", "share 2/3", "small"),
        ("drops_above_confidence", "share 2/3, at the ceiling", "default"),
        ("drops_above_confidence", "share 2/3, confidence by patient", "unequal"),
        ("grows_with_epsilon", "all flat, flips come and go", "2 networks"),
        ("grows_with_epsilon", "all flat, flips come and go", "paper"),
        ("training_size", "slope 0.10", "small"),
        ("training_size", "slope 0", "small"),
        ("grows_with_epsilon", "all flat, a flip stays", "default"),
    ],
)
def test_wrong_verdicts_are_rare(
    simulation: ModuleType, conclusion: str, what: str, size: str
) -> None:
    """More than 9 of 80 would come of an error of 5 % in one of a hundred runs."""
    (truth,) = truths(simulation, what, conclusion)
    rng, own = np.random.default_rng(7), simulation.SIZES[size]
    said = [truth.study(simulation.world(rng, own, i % 4)) for i in range(80)]
    assert sum(answer.wrong for answer in said) <= stats.binom.ppf(0.99, 80, 0.05)


@pytest.mark.parametrize(
    ("conclusion", "what", "size"),
    [
        ("grows_with_epsilon", "all rise by 0.5", "small"),
        ("grows_with_epsilon", "all flat, a flip stays", "medium"),
        ("histology_less_sensitive", "histology 0.3 less", "small"),
        ("histology_less_sensitive", "histology 0.3 more", "small"),
        ("levels_off", "all grow by 0.4 and stop", "small"),
        ("levels_off", "all still rise by 0.2", "medium"),
        ("levels_off", "a perfect plateau", "paper"),
        ("grows_with_epsilon", "all rise by 0.5", "paper"),
        ("drops_above_confidence", "share 0.9", "small"),
        ("drops_above_confidence", "share 0.9, at the ceiling", "default"),
        ("drops_above_confidence", "share 1/2", "small"),
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
