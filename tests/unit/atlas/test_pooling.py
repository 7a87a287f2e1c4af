"""An atlas of shared studies with a known truth: what is pooled, and what is set apart."""

import numpy as np
import pandas as pd
import pytest
from helpers.shared_studies import EPSILONS, NOISE, SIGN, rate_at, shared_study

from pgdose.atlas.comparability import attack_settings, what_epsilon_bounds
from pgdose.atlas.pooling import make_atlas
from pgdose.atlas.shared_study import SharedStudy
from pgdose.errors import UserError


def studies(number: int, seed: int = 0, **options: object) -> list[SharedStudy]:
    draw = np.random.default_rng(seed)
    return [
        shared_study(f"s{n}", 100 * seed + n, shift=float(draw.normal(0, 0.1)), **options)  # type: ignore[arg-type]
        for n in range(number)
    ]


def of_sign(atlas, epsilon: float = 0.004) -> dict:  # type: ignore[no-untyped-def]
    table = atlas.pooled
    rows = table[(table["attack"] == "sign") & (table["epsilon"] == epsilon)]
    assert len(rows) == 1
    return dict(rows.iloc[0])


def test_the_truth_is_found() -> None:
    """By the interval, in nearly all of many atlases."""
    hits = []
    for seed in range(40):
        row = of_sign(make_atlas(studies(5, seed)))
        hits.append(row["ci_low"] <= rate_at(0.004) <= row["ci_high"])
    assert np.mean(hits) > 0.85


def test_all_doses_are_pooled() -> None:
    atlas = make_atlas(studies(4))
    assert len(atlas.pooled) == 2 * len(EPSILONS) and not atlas.apart
    assert (atlas.pooled["n_studies"] == 4).all()
    assert len(atlas.pooled_conclusions) == 4
    assert len(atlas.leave_one_out) == 4 * (8 + 4)


def test_a_study_with_many_groups_counts_once() -> None:
    three = dict.fromkeys(["X-TB", "X-AO", "X-PN"], "xray")
    one = make_atlas([*studies(3), shared_study("many", 9, groups=three)])
    assert of_sign(one)["n_studies"] == 4 and of_sign(one)["n_groups"] == 6
    units = one.units[(one.units["study"] == "many") & (one.units["epsilon"] == 0.004)]
    single = one.units[(one.units["study"] == "s1") & (one.units["epsilon"] == 0.004)]
    assert units["standard_error"].tolist() == pytest.approx(single["standard_error"].tolist())


@pytest.mark.parametrize(
    "change",
    [
        {"clip": "l2"},
        {"gradient_of": "margin"},
        {"step": "raw"},
        {"alpha": 0.001},
        {"target": "C1"},
    ],
)
def test_another_attack_of_the_same_name_is_set_apart(change: dict) -> None:
    other = shared_study("other", 77, attacks={"sign": {**SIGN, **change}, "noise": NOISE})
    atlas = make_atlas([*studies(3), other])
    labels = [attack.label for attack in atlas.attacks]
    key = next(iter(change))
    assert sum(label.startswith(f"sign ({key}") for label in labels) == 2
    (apart,) = atlas.apart
    assert apart.study == "other" and f"{key} is" in apart.why
    assert atlas.pooled[atlas.pooled["attack"].str.startswith("sign")]["n_studies"].max() == 3


def test_another_definition_of_success_is_set_apart() -> None:
    atlas = make_atlas([*studies(3), shared_study("other", 77, success="final")])
    assert {apart.what for apart in atlas.apart} == {"attack sign", "attack noise"}
    assert all("success is final, not any" in apart.why for apart in atlas.apart)
    assert atlas.pooled["n_studies"].max() == 3


def test_another_name_of_the_same_attack_is_the_same() -> None:
    other = shared_study("other", 77, attacks={"fast": SIGN, "noise": NOISE})
    atlas = make_atlas([*studies(3), other])
    assert of_sign(atlas)["n_studies"] == 4


def test_doses_that_no_two_studies_have() -> None:
    both = [shared_study("a", 1, epsilons=(0.001,)), shared_study("b", 2, epsilons=(0.002,))]
    atlas = make_atlas(both)
    assert atlas.pooled.empty and len(atlas.units) == 4
    assert {apart.what for apart in atlas.apart} == {
        f"{conclusion} under {attack}"
        for conclusion in ("grows_with_epsilon", "drops_above_confidence")
        for attack in ("sign", "noise")
    }


def test_no_flip_anywhere() -> None:
    quiet = studies(3)
    for study in quiet:
        study.rates[["n_flipped", "estimate"]] = 0
    row = of_sign(make_atlas(quiet))
    assert row["estimate"] == 0 == row["ci_low"] and 0 < row["ci_high"] < 0.1
    assert row["note"].startswith("no image flips in any study")


def test_what_was_not_reached_or_whose_patients_nobody_knows() -> None:
    several = studies(3)
    several[0].rates.loc[several[0].rates["epsilon"] == 0.01, "reached"] = False
    several[1].rates["n_patients"] = several[1].rates["n_patients"].mask([True] * 8)
    atlas = make_atlas(several)
    whys = {(apart.study, apart.why) for apart in atlas.apart}
    assert whys == {
        ("s0", "the attack did not reach this amplitude"),
        ("s0", "no other study has it at the same doses: 0.001, 0.002, 0.004"),
        ("s1", "nobody knows the patients of its images"),
    }
    assert atlas.units.groupby("epsilon")["study"].nunique().to_dict()[0.01] == 1
    assert of_sign(atlas, 0.004)["n_studies"] == 2


def test_differences_between_kinds_of_image() -> None:
    """Histology is put in as the easier one."""
    several = []
    for n in range(12):
        study = shared_study(f"s{n}", n, groups={"G": "xray" if n % 2 else "histology"})
        if not n % 2:
            study.rates["estimate"] += 0.3
        several.append(study)
    table = make_atlas(several).differences
    row = table[(table["factor"] == "modality") & (table["attack"] == "sign")].iloc[1]
    assert {row["level"], row["reference"]} == {"xray", "histology"} and row["p"] < 0.001
    assert abs(row["difference"]) == pytest.approx(0.3, abs=0.12)
    assert "attack" in set(table["factor"])
    few = make_atlas(several[:4]).differences
    assert few.empty


def test_one_study_alone() -> None:
    with pytest.raises(UserError, match="nothing to pool"):
        make_atlas(studies(1))


def test_two_shares_of_one_study() -> None:
    one = shared_study("one", 1)
    again = SharedStudy({**one.about, "name": "again"}, one.rates, one.conclusions)
    with pytest.raises(UserError, match="one and again are shares of the same study"):
        make_atlas([one, again])
    other_digest = {**one.about, "name": "again", "study_digest": "0" * 64}
    with pytest.raises(UserError, match="one and again hold the same rates"):
        make_atlas([one, SharedStudy(other_digest, one.rates, one.conclusions)])


def shared_again(one: SharedStudy, rates: pd.DataFrame | None = None) -> SharedStudy:
    """The same study after a change of its results, which has another digest."""
    about = {**one.about, "name": "later", "study_digest": "0" * 64}
    return SharedStudy(about, one.rates if rates is None else rates, one.conclusions)


def test_other_draws_do_not_make_another_study() -> None:
    one = shared_study("one", 1)
    rates = one.rates.assign(standard_error=one.rates["standard_error"] * 1.01)
    with pytest.raises(UserError, match="one and later hold the same rates"):
        make_atlas([one, shared_again(one, rates)])


@pytest.mark.parametrize(
    ("epsilons", "attacks"),
    [((0.002, 0.01), {"sign": SIGN}), ((0.004,), {"sign": SIGN, "raw": {**SIGN, "step": "raw"}})],
)
def test_a_study_of_few_doses_is_not_pooled_with_itself(
    epsilons: tuple[float, ...], attacks: dict
) -> None:
    one = shared_study("one", 1, epsilons=epsilons, attacks=attacks)
    assert one.rates["n_flipped"].nunique() == 2
    with pytest.raises(UserError, match=r"hold the same rates \(all groups\)"):
        make_atlas([one, shared_again(one)])
    rates = one.rates.copy()
    rates.loc[0, "n_flipped"] += 1
    assert len(make_atlas([one, shared_again(one, rates)]).studies) == 2


@pytest.mark.parametrize("flips", [[0, 0], [0, 80], [40, 40]])
def test_studies_of_few_doses_may_agree(flips: list[int]) -> None:
    """Where none flips and then all do, equal numbers of patients are enough for that."""
    one = shared_study("one", 1, epsilons=(0.002, 0.01), attacks={"sign": SIGN})
    one.rates["n_flipped"] = pd.array(flips, "Int64")
    assert len(make_atlas([one, shared_again(one)]).studies) == 2


EXTENSIONS = {
    "an attack": {"attacks": {"raw": {**SIGN, "step": "raw"}}},
    "a dose": {"epsilons": (0.02,)},
    "a group": {"groups": {"X-AO": "xray"}},
}


@pytest.mark.parametrize("what", [*EXTENSIONS, "new names", "more hidden counts"])
def test_a_study_before_and_after_it_was_changed(what: str) -> None:
    one = shared_study("one", 1)
    rates = one.rates.replace({"X-TB": "tb", "sign": "pgd"}) if what == "new names" else one.rates
    if what == "more hidden counts":
        rates = rates.assign(n_flipped=rates["n_flipped"].where(rates["n_flipped"] > 20))
    more = shared_study("more", 2, **EXTENSIONS.get(what, {}))
    if what in EXTENSIONS:
        rates = pd.concat([rates, more.rates], ignore_index=True)
    about = {**one.about, "name": "later", "study_digest": "0" * 64}
    about["attacks"] = {**one.about["attacks"], **more.about["attacks"], "pgd": SIGN}
    about["groups"] = dict.fromkeys(["X-TB", "X-AO", "tb"], one.about["groups"]["X-TB"])
    with pytest.raises(UserError, match=r"one and later hold the same rates \(group "):
        make_atlas([one, SharedStudy(about, rates, one.conclusions)])


def test_small_sites_may_agree_at_a_dose() -> None:
    """Of ten images each, with equal counts at two doses by chance."""
    sites = [shared_study(f"s{seed}", seed, patients=10) for seed in range(30)]
    assert len(make_atlas(sites).studies) == 30


def test_two_studies_of_one_name() -> None:
    with pytest.raises(UserError, match="two studies are called one"):
        make_atlas([shared_study("one", 1), shared_study("one", 2)])


# --- attacks that are the same, and those that only look so ---------------------------------------


def test_two_attacks_of_a_study_that_are_the_same_count_once() -> None:
    """At a dose that both have the first counts; the other's own doses count too."""
    both = shared_study("both", 1, attacks={"sign": SIGN, "again": dict(SIGN)})
    only_again = (both.rates["attack"] == "again") | (both.rates["epsilon"] < 0.01)
    both = SharedStudy(both.about, both.rates[only_again][::-1].reset_index(), both.conclusions)
    atlas = make_atlas([both, shared_study("other", 2, attacks={"sign": SIGN})])
    units = atlas.units[atlas.units["study"] == "both"].set_index("epsilon")
    assert (units["n_groups"] == 1).all() and (units["n_attacked"] == 80).all() and len(units) == 4
    rates = both.rates.set_index(["attack", "epsilon"])["estimate"]
    assert units.at[0.004, "estimate"] == rates["sign", 0.004] != rates["again", 0.004]
    assert (atlas.pooled["n_studies"] == 2).all()
    apart = [of.what for of in atlas.apart if "as again it is the same attack as sign" in of.why]
    assert apart == ["group X-TB, attack sign, epsilon 0.001, 0.002, 0.004"]


def test_conclusions_of_two_attacks_that_are_the_same_count_once() -> None:
    both = shared_study("both", 1, attacks={"sign": SIGN, "again": dict(SIGN)})
    atlas = make_atlas([both, shared_study("other", 2, attacks={"sign": SIGN})])
    assert atlas.pooled_conclusions["n_studies"].tolist() == [2, 2]
    of_both = atlas.conclusions[atlas.conclusions["study"] == "both"]["estimate"].tolist()
    assert of_both == both.conclusions[both.conclusions["attack"] == "sign"]["estimate"].tolist()
    whys = {of.what: of.why for of in atlas.apart if of.what.startswith("grows")}
    assert "the same attack as sign" in whys["grows_with_epsilon under sign"]


@pytest.mark.parametrize(
    "change", [{"max_iter": 20.0}, {"of_a_later_version": None}, {"alpha": {"of_epsilon": 0.1}}]
)
def test_settings_that_are_written_in_another_way_are_the_same(change: dict) -> None:
    attacks = {"sign": {**SIGN, **change}}
    attacks["sign"].pop("target")
    atlas = make_atlas(
        [shared_study("one", 1, attacks={"sign": SIGN}), shared_study("two", 2, attacks=attacks)]
    )
    assert len(atlas.attacks) == 1 and of_sign(atlas)["n_studies"] == 2


def with_classes(study: SharedStudy, **titles: str) -> SharedStudy:
    for group in study.about["groups"].values():
        group["classes"] = titles
    return study


def test_a_target_class_goes_by_its_title() -> None:
    attacks = {"sign": {**SIGN, "target": "C1"}}
    one, two = (shared_study(name, ord(name), attacks=attacks) for name in "ab")
    third = shared_study("c", 3, attacks={"sign": {**SIGN, "target": "C2"}})
    with_classes(two, C1="norm", C2="tuberculosis")
    with_classes(third, C1="norm", C2="Tuberculosis")
    atlas = make_atlas([one, two, third])
    assert {tuple(of.names) for of in atlas.attacks} == {("a", "c"), ("b",)}
    assert atlas.attacks[0].settings["target"] == "tuberculosis"


def test_a_target_of_several_titles() -> None:
    several = dict.fromkeys(["X-TB", "X-AO"], "xray")
    one = shared_study("one", 1, attacks={"sign": {**SIGN, "target": "C1"}}, groups=several)
    one.about["groups"]["X-AO"]["classes"] = {"C1": "aorta", "C2": "norm"}
    assert attack_settings(one, "sign")["target"] == ["aorta", "tuberculosis"]


L2 = {**SIGN, "clip": "l2", "step": "l2"}
ART = {"kind": "external", "library": "art", "name": "ProjectedGradientDescent", "max_iter": 20}


@pytest.mark.parametrize(
    ("settings", "bounds"),
    [
        (SIGN, "iterate"),
        (NOISE, "iterate"),
        (L2, "l2"),
        ({**SIGN, "clip": "gradient"}, "gradient"),
        (ART, "iterate"),
        ({**ART, "arguments": {"norm": "inf"}}, "iterate"),
        ({**ART, "arguments": {"norm": 2}}, "l2"),
        ({**ART, "arguments": {"norm": 1.0}}, "l1"),
        ({**ART, "name": "PGDL2"}, "l2"),
        ({**ART, "name": "LinfPGD"}, "iterate"),
    ],
)
def test_at_another_size_a_length_over_all_pixels_is_another_dose(
    settings: dict, bounds: str
) -> None:
    assert what_epsilon_bounds(settings) == bounds
    studies = [shared_study(name, ord(name), attacks={"one": settings}) for name in "ab"]
    studies[1].about["groups"]["X-TB"]["size"] = 1024
    assert len(make_atlas(studies).attacks) == (1 if bounds in ("iterate", "gradient") else 2)


@pytest.mark.parametrize("sizes", [([80, 100], 80), ([80, 100], [80, 100]), (80, [80, 80])])
def test_images_may_be_rectangular(sizes: tuple) -> None:
    several = dict.fromkeys(["X-TB", "X-AO"], "xray")
    studies = [shared_study(f"s{n}", n, attacks={"one": L2}, groups=several) for n in (1, 2)]
    for study in studies:
        for group, size in zip(several, sizes, strict=True):
            study.about["groups"][group]["size"] = size
    assert len(make_atlas(studies).attacks) == 1


@pytest.mark.parametrize(("clip", "compared"), [("l2", False), ("iterate", True)])
def test_attacks_of_another_norm_are_not_compared(clip: str, compared: bool) -> None:
    attacks = {"sign": SIGN, "two": {**SIGN, "clip": clip, "step": "l2"}}
    several = [shared_study(f"s{n}", n, attacks=attacks) for n in range(6)]
    assert ("attack" in set(make_atlas(several).differences["factor"])) == compared


def test_other_images_are_of_one_kind_only_if_their_classes_are() -> None:
    titles = [("drusen", "Norm"), ("norm", "Drusen"), ("tear", "norm")]
    several = [
        with_classes(shared_study(f"s{n}", n, groups={"E": "other"}), C1=pair[0], C2=pair[1])
        for n, pair in enumerate(titles)
    ]
    atlas = make_atlas(several)
    assert set(atlas.units["modality"]) == {"other (drusen, norm)", "other (norm, tear)"}
    assert set(atlas.pooled["modality"]) == {"other (drusen, norm)"}
    assert (atlas.pooled["n_studies"] == 2).all()


# --- conclusions that are other numbers -----------------------------------------------------------


def named(study: SharedStudy, conclusion: str, **columns: str) -> SharedStudy:
    """With another conclusion in place of the rise."""
    table = study.conclusions.replace({"grows_with_epsilon": conclusion}).assign(**columns)
    return SharedStudy(study.about, study.rates, table)


def test_a_rise_over_doses_that_were_not_reached_is_another_rise() -> None:
    one, two = shared_study("one", 1), shared_study("two", 2)
    two.rates.loc[two.rates["epsilon"] >= 0.004, "reached"] = False
    atlas = make_atlas([one, two])
    assert atlas.pooled_conclusions.empty
    assert ("two", "no other study has it at the same doses: 0.001, 0.002") in {
        (of.study, of.why) for of in atlas.apart
    }


def test_the_doses_of_groups_that_differ() -> None:
    """And a group at the ceiling has no part in a rise."""
    several = dict.fromkeys(["X-TB", "X-AO", "X-PN"], "xray")
    one = shared_study("one", 1, groups=several, attacks={"sign": SIGN})
    of_group = {group: one.rates["group"] == group for group in several}
    one.rates.loc[of_group["X-AO"] & (one.rates["epsilon"] > 0.004), "reached"] = False
    one.rates.loc[of_group["X-PN"], "estimate"] = np.pi / 2
    one.rates.loc[of_group["X-PN"] & (one.rates["epsilon"] > 0.002), "reached"] = False
    atlas = make_atlas([one, shared_study("two", 2)])
    doses = set(atlas.conclusions[atlas.conclusions["study"] == "one"]["doses"])
    assert doses == {"0.001, 0.002, 0.004; 0.001, 0.002, 0.004, 0.01"}


@pytest.mark.parametrize("conclusion", ["levels_off", "training_size"])
@pytest.mark.parametrize(("point", "n_studies"), [(0.0001, []), (0.0041, [2, 2])])
def test_conclusions_at_another_operating_epsilon_are_other_numbers(
    conclusion: str, point: float, n_studies: list[int]
) -> None:
    """The dose counts that the attack has; its other doses do not."""
    other = shared_study("b", 2, epsilons=(0.0005, 0.004))
    other.about["operating"]["epsilon"] = point
    atlas = make_atlas([named(of, conclusion) for of in (shared_study("a", 1), other)])
    pooled = atlas.pooled_conclusions
    assert pooled[pooled["conclusion"] == conclusion]["n_studies"].tolist() == n_studies


@pytest.mark.parametrize("change", [{"scale": "identity"}, {"statistic": "something else"}])
def test_another_scale_or_statistic_is_another_number(change: dict) -> None:
    one, two = shared_study("one", 1), shared_study("two", 2)
    atlas = make_atlas([one, SharedStudy(two.about, two.rates, two.conclusions.assign(**change))])
    kept = {"grows_with_epsilon"} if "scale" in change else set()
    assert set(atlas.pooled_conclusions["conclusion"]) == kept
    assert any(of.study == "two" and "this statistic on this scale" in of.why for of in atlas.apart)


def test_a_slope_of_one_group_and_a_mean_slope_are_the_same_statistic() -> None:
    several = [
        named(shared_study(name, ord(name)), "training_size", statistic=statistic)
        for name, statistic in (("a", "slope of ASR"), ("b", "mean slope of ASR"))
    ]
    pooled = make_atlas(several).pooled_conclusions
    assert "training_size" in set(pooled["conclusion"])


def test_at_the_ceiling_conclusions_rest_on_the_doses_that_were_reached() -> None:
    one, two = shared_study("one", 1), shared_study("two", 2)
    for study in (one, two):
        study.rates["estimate"] = np.pi / 2
    two.rates.loc[two.rates["epsilon"] >= 0.004, "reached"] = False
    assert make_atlas([one, two]).pooled_conclusions.empty
