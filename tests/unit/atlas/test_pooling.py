"""An atlas of shared studies with a known truth: what is pooled, and what is set apart."""

import numpy as np
import pandas as pd
import pytest
from helpers.shared_studies import EPSILONS, NOISE, SIGN, rate_at, shared_study

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
