"""Who takes part: choosing, balancing and splitting, on made-up tables of records."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.cohort import (
    eligibility,
    exclusions,
    image_draws,
    logs,
    planning,
    settling,
    splitting,
    subsets,
    usability,
)
from pgdose.cohort.rendering import by_record, render_members
from pgdose.errors import Rejected, UserError
from pgdose.images.stores import new_store
from pgdose.study.classes import Class, Image, Where
from pgdose.tables.rejects import GROUP_REASONS


def archive(n: int, seed: int = 0, images_each: int = 1) -> pd.DataFrame:
    """n records in all; patients have 1 to `images_each` of them, the sexes as they fall."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n), rng.integers(1, images_each + 1, n))[:n]
    sexes = rng.choice(["F", "M"], n)
    ages = rng.uniform(15, 85, n)
    return pd.DataFrame(
        {
            "record_id": [f"{seed}-{i:04d}" for i in range(n)],
            "patient": [f"p{seed}-{p}" for p in patients],
            "source": "xray",
            "class": None,
            "age": ages[patients] + rng.uniform(0, 3, n),
            "sex": sexes[patients],
            "view": rng.choice(["PA", "AP"], n),
            "label_norm": pd.array(rng.choice([1, 0], n), dtype="Int8"),
            "label_tb": pd.array(rng.choice([1, 0, None], n), dtype="Int8"),
        }
    )


def one_class(count: int | str | None = "all", **spec: Any) -> Class:
    return Class.model_validate({"source": "xray", "count": count} | spec)


def by_age(**spec: Any) -> dict[str, Class]:
    """Young and old, as in X-NR2."""
    return {
        "G1": one_class(where={"age": [20, 40]}, **spec),
        "G2": one_class(where={"age": [50, 80]}, **spec),
    }


def draw_members(
    records: pd.DataFrame,
    classes: dict[str, Class],
    balance: list[str] | None = None,
    training: float = 0.8,
    seed: int = 1,
) -> pd.DataFrame:
    plan = planning.Plan("G", classes, seed, training, balance or [])
    return planning.plan_members(eligibility.candidates(records, classes), plan)


def sides(members: pd.DataFrame) -> pd.Series:
    return (members["part"] == "validation").groupby(members["class"]).mean()


# --- who is eligible --------------------------------------------------------------------------


def fits(where: dict[str, Any], **columns: list[Any]) -> list[bool]:
    n = len(next(iter(columns.values())))
    table = archive(n).assign(**columns)
    return eligibility.eligible(table, Where.model_validate(where)).to_list()


def test_ages_are_full_years_with_both_ends_included() -> None:
    ages = [19.99, 20.0, 27.5, 35.0, 35.99, 36.0, None]
    expected = [False, True, True, True, True, False, False]
    assert fits({"age": [20, 35]}, age=ages) == expected


def test_a_label_that_is_unknown_does_not_count() -> None:
    labels = pd.array([1, 0, None], dtype="Int8")
    assert fits({"label": "norm"}, label_norm=labels) == [True, False, False]


def test_an_unknown_label_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        UserError, match=r"'flu' is not a label of the source; use one of: norm, tb"
    ):
        eligibility.eligible(archive(3), Where(label="flu"))


def test_sex_class_and_view_select() -> None:
    assert fits({"sex": "F"}, sex=["F", "M", None]) == [True, False, False]
    assert fits({"class": "norm"}, **{"class": ["norm", "tumour", None]}) == [True, False, False]
    assert fits({"view": ["PA", "AP"]}, view=["PA", "AP", "LL"]) == [True, True, False]


def test_of_several_words_any_one_will_do() -> None:
    labels = {"label_norm": [1, 0, 0, None, 1], "label_tb": [0, 1, 0, None, None]}
    assert fits({"label": ["norm", "tb"]}, **labels) == [True, True, False, False, True]
    assert fits({"sex": ["F", "M"]}, sex=["F", "M", None]) == [True, True, False]
    classes = {"class": ["norm", "tumour", "other", None]}
    assert fits({"class": ["norm", "tumour"]}, **classes) == [True, True, False, False]
    assert fits({"view": "PA"}, view=["PA", "AP", None]) == [True, False, False]
    assert fits({"label": ["norm"]}, **labels) == fits({"label": "norm"}, **labels)


def test_not_leaves_out_what_holds_and_what_is_not_known() -> None:
    labels = {"label_norm": [1, 0, None, 0, 0], "label_tb": [0, 1, 0, None, 0]}
    assert fits({"not": {"label": "norm"}}, **labels) == [False, True, False, True, True]
    assert fits({"not": {"label": ["norm", "tb"]}}, **labels) == [False] * 4 + [True]
    assert fits({"label": "tb", "not": {"label": "norm"}}, **labels) == [False, True] + [False] * 3
    classes = {"class": ["norm", "tumour", None]}
    assert fits({"not": {"class": "norm"}}, **classes) == [False, True, False]
    assert fits({"not": {"sex": "F"}}, sex=["F", "M", None]) == [False, True, False]
    views = ["PA", "AP", "LL", None]
    assert fits({"not": {"view": ["AP", "LL"]}}, view=views) == [True, False, False, False]
    ages = [19.99, 20.0, 35.99, 36.0, None]
    assert fits({"not": {"age": [20, 35]}}, age=ages) == [True, False, False, True, False]


def test_each_key_of_not_counts_by_itself() -> None:
    where = {"not": {"sex": "F", "view": "AP"}}
    columns = {"sex": ["F", "F", "M", "M", "M"], "view": ["AP", "PA", "AP", "PA", None]}
    assert fits(where, **columns) == [False, False, False, True, False]


ANSWERS = st.sampled_from([0, 1, None])


@given(
    st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), min_size=1, max_size=20),
    st.sets(st.sampled_from(["norm", "tb", "flu"]), min_size=1),
)
def test_a_record_fits_a_label_or_its_opposite_or_is_not_known(
    rows: list[tuple], words: set[str]
) -> None:
    columns = [pd.array(list(values), dtype="Int8") for values in zip(*rows, strict=True)]
    table = dict(zip(["label_norm", "label_tb", "label_flu"], columns, strict=True))
    fitting = fits({"label": sorted(words)}, **table)
    opposite = fits({"not": {"label": sorted(words)}}, **table)
    places = [["norm", "tb", "flu"].index(word) for word in words]
    for row, fit, other in zip(rows, fitting, opposite, strict=True):
        asked = [row[place] for place in places]
        assert fit == (1 in asked)
        assert other == all(answer == 0 for answer in asked)


def test_labels_of_not_are_read_and_named() -> None:
    classes = {"A": one_class(where={"label": ["tb", "norm"], "not": {"label": ["flu"]}})}
    assert eligibility.columns(classes)[-3:] == ["label_flu", "label_norm", "label_tb"]
    with pytest.raises(UserError, match=r"where\.not\.label: 'flu' is not a label of the source"):
        eligibility.eligible(archive(3), classes["A"].where)


def test_all_conditions_hold_together() -> None:
    where = {"sex": "F", "age": [20, 35]}
    assert fits(where, sex=["F", "F", "M"], age=[30.0, 50.0, 30.0]) == [True, False, False]


def test_nothing_asked_for_fits_all() -> None:
    assert fits({}, sex=["F", None]) == [True, True]
    assert fits({"label": None, "age": None, "sex": None}, sex=["F", None]) == [True, True]


def test_a_record_that_fits_two_classes_is_left_out() -> None:
    table = archive(4).assign(label_norm=[1, 1, 0, 0], label_tb=[1, 0, 1, 0])
    classes = {
        "norm": one_class(where={"label": "norm"}),
        "tb": one_class(where={"label": "tb"}),
    }
    found = eligibility.candidates(table, classes)
    assert found["record_id"].to_list() == ["0-0000", "0-0000", "0-0001", "0-0002"]
    assert found["class"].to_list() == ["norm", "tb", "norm", "tb"]
    assert found["class_index"].to_list() == [0, 1, 0, 1]
    assert found["usable"].to_list() == [False, False, True, True]
    assert found["reason"].fillna("").to_list() == ["several_classes"] * 2 + ["", ""]
    assert eligibility.count_eligible(found, classes) == {"norm": 2, "tb": 2}
    members = planning.plan_members(found, planning.Plan("G", classes, 1, training=0.0))
    assert members["record_id"].to_list() == ["0-0001", "0-0002"]


def test_a_group_of_one_patient_is_refused_or_told(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be split; a network that exists may judge it, but no interval is possible."""
    table = archive(8).assign(patient="p0", label_norm=[1, 0] * 4, label_tb=[0, 1] * 4)
    classes = {"A": one_class(where={"label": "norm"}), "B": one_class(where={"label": "tb"})}
    found = eligibility.candidates(table, classes)
    message = (
        r"groups\.G\.classes\.A: its 4 images come from 1 patient, so none is left for \w+; add"
    )
    with pytest.raises(UserError, match=message):
        planning.plan_members(found, planning.Plan("G", classes, 1, training=0.8))
    nothing = found.iloc[:0].assign(reason="")
    for patients, told in ((1, "1 patient, and"), (3, "3 patients, and"), (4, "")):
        found["patient"] = [f"p{i % patients}" for i in range(len(found))]
        members = planning.plan_members(found, planning.Plan("G", classes, 1, training=0.0))
        caplog.clear()
        logs.report_plan(logging.getLogger("t"), "G", members, nothing, 0.0)
        expected = f"groups.G: its validation images come from {told}" if told else ""
        assert expected in caplog.text and ("intervals over patients" in caplog.text) == bool(told)


def test_a_class_takes_records_of_its_own_source_alone() -> None:
    table = archive(4).assign(source=["xray", "xray", "other", "other"])
    classes = {"A": one_class(), "B": one_class(source="other")}
    assert eligibility.candidates(table, classes)["class"].to_list() == ["A", "A", "B", "B"]


# --- how many ---------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", [[], ["sex"]])
def test_a_count_is_exact(balance: list[str]) -> None:
    members = draw_members(archive(400), by_age(count=40), balance)
    assert members["class"].value_counts().to_dict() == {"G1": 40, "G2": 40}


def sexes_of(members: pd.DataFrame, records: pd.DataFrame) -> dict[tuple[str, str], int]:
    joined = members.merge(records[["record_id", "sex"]].rename(columns={"sex": "of"}))
    return joined.groupby(["class", "of"]).size().to_dict()


@pytest.mark.parametrize("spec", [{"count": 40}, {"count": None, "at_most": 40}, {"count": "all"}])
def test_the_sexes_are_balanced_however_many_are_taken(spec: dict[str, Any]) -> None:
    records = archive(400)
    records.loc[:99, "sex"] = "F"
    records.loc[::17, "sex"] = None
    counts = sexes_of(draw_members(records, by_age(**spec), ["sex"]), records)
    for name in ("G1", "G2"):
        assert counts[name, "F"] == counts[name, "M"] > 0
    there = sexes_of(eligibility.candidates(records, by_age()), records)
    scarce = {name: min(there[name, sex] for sex in "FM") for name in ("G1", "G2")}
    wanted = {name: n if spec["count"] == "all" else 20 for name, n in scarce.items()}
    assert {name: counts[name, "F"] for name in wanted} == wanted


def test_at_most_takes_what_there_is() -> None:
    found = eligibility.candidates(archive(100), by_age())["class"].value_counts().to_dict()
    for limit in (5, 10_000):
        members = draw_members(archive(100), by_age(count=None, at_most=limit))
        taken = members["class"].value_counts().to_dict()
        assert taken == {name: min(n, limit) for name, n in found.items()}


def test_too_few_images_tell_what_there_is_by_class_and_sex() -> None:
    records = archive(100)
    with pytest.raises(UserError) as caught:
        draw_members(records, by_age(count=60), ["sex"])
    message = str(caught.value)
    there = eligibility.candidates(records, by_age()).groupby(["class", "sex"]).size()
    for name in ("G1", "G2"):
        women, men = int(there[name, "F"]), int(there[name, "M"])
        assert f"groups.G.classes.{name}: needs 60 images" in message
        assert f"{2 * min(women, men)} are usable ({women} F, {men} M" in message
        table = [line.split() for line in message.splitlines()]
        assert [name, "F", str(women), str(women)] in table
        assert ["M", str(men), str(men)] in table
    assert "at_most" in message


def test_what_there_is_tells_usable_images_apart() -> None:
    found = eligibility.candidates(archive(100), by_age())
    found["usable"] = found["sex"] != "M"
    with pytest.raises(UserError) as caught:
        planning.plan_members(found, planning.Plan("G", by_age(count=60), 1, 0.8))
    men = (found["class"].eq("G2") & found["sex"].eq("M")).sum()
    assert ["M", str(men), "0"] in [line.split() for line in str(caught.value).splitlines()]


def test_a_class_without_any_image_is_a_mistake_even_if_all_are_wanted() -> None:
    classes = by_age() | {"G3": one_class(where={"age": [110, 120]})}
    with pytest.raises(UserError, match=r"groups\.G\.classes\.G3: needs at least one image, but 0"):
        draw_members(archive(100), classes)


def test_a_class_of_one_patient_cannot_be_split() -> None:
    records = archive(100)
    records.loc[records["age"].between(50, 81), "patient"] = "the same"
    with pytest.raises(UserError, match=r"G2: its \d+ images come from 1 patient,"):
        draw_members(records, by_age())


# --- the two parts ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_no_patient_stands_on_both_sides(seed: int) -> None:
    records = archive(150 + 20 * seed, seed, images_each=1 + seed % 6)
    balance = ["sex"] if seed % 2 else []
    members = draw_members(records, by_age(), balance, seed=seed)
    assert (members.groupby("patient")["part"].nunique() == 1).all()
    assert set(members["part"]) == {"training", "validation"}
    assert members["record_id"].is_unique
    assert sides(members).between(0.15, 0.25).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_share_is_met_within_an_image_where_patients_have_one(seed: int) -> None:
    records = archive(300, seed)
    members = draw_members(records, by_age(), ["sex"], seed=seed)
    joined = members.merge(records[["record_id", "sex"]].rename(columns={"sex": "of"}))
    for _, stratum in joined.groupby(["class", "of"]):
        assert abs((stratum["part"] == "validation").sum() - 0.2 * len(stratum)) <= 1


def test_another_share_is_another_split() -> None:
    assert np.allclose(sides(draw_members(archive(300), by_age(), training=0.5)), 0.5, atol=0.02)


def test_a_patient_with_a_quarter_of_the_images_does_not_upset_the_share() -> None:
    records = archive(200)
    records.loc[:49, "patient"] = "often"
    for seed in range(12):
        members = draw_members(records, by_age(), seed=seed)
        for _, of_class in members.groupby("class"):
            in_validation = (of_class["part"] == "validation").sum()
            assert abs(in_validation - 0.2 * len(of_class)) <= 1


def test_members_do_not_go_by_the_order_of_records() -> None:
    records = archive(300, images_each=3)
    first = draw_members(records, by_age(count=40), ["sex"])
    for state in range(3):
        shuffled = records.sample(frac=1, random_state=state)
        other = draw_members(shuffled, by_age(count=40), ["sex"])
        columns = ["member", "record_id", "class", "class_index", "part", "copy"]
        pd.testing.assert_frame_equal(other[columns], first[columns])


def test_another_seed_or_group_draws_others() -> None:
    records = archive(300)

    def drawn(seed: int, group: str) -> tuple[set[str], set[str]]:
        found, classes = eligibility.candidates(records, by_age()), by_age(count=40)
        members = planning.plan_members(found, planning.Plan(group, classes, seed, 0.8))
        return set(members["record_id"]), set(
            members.loc[members["part"] == "validation", "record_id"]
        )

    first = drawn(1, "G")
    assert drawn(1, "G") == first
    for other in (drawn(2, "G"), drawn(1, "H")):
        assert other[0] != first[0] and other[1] != first[1]


def test_groups_of_the_same_records_are_split_each_in_its_own_way() -> None:
    chosen = archive(100).assign(**{"class": "A"})
    first, other = (splitting.split(chosen, 0.8, 1, group) for group in ("G", "H"))
    assert first.to_list() != other.to_list()


@pytest.mark.parametrize("each", [3, 4, 10])
def test_a_share_that_no_patients_fill_is_met_as_nearly_as_can_be(each: int) -> None:
    """Each patient has so many images, so only multiples of it can be had."""
    chosen = archive(40).assign(**{"class": "A", "sex": "F"})
    chosen["patient"] = [f"p{i // each}" for i in range(40)]
    chosen = chosen[: 40 // each * each]
    for seed in range(5):
        part = splitting.split(chosen, 0.8, seed, "G")
        room, taken = round(0.2 * len(chosen)), (part == "validation").sum()
        assert taken > 0
        assert abs(taken - room) == min(abs(k - room) for k in range(0, len(chosen), each))


def test_a_larger_archive_changes_few_of_the_chosen() -> None:
    records, more = archive(600), archive(60, seed=1)
    first = set(draw_members(records, by_age(count=60))["record_id"])
    later = set(
        draw_members(pd.concat([records, more], ignore_index=True), by_age(count=60))["record_id"]
    )
    assert 0 < len(first - later) < 30


def test_what_is_excluded_changes_only_its_own_place() -> None:
    records = archive(600)
    first = draw_members(records, by_age(count=60))
    lost = first["record_id"].iloc[:3].to_list()
    later = draw_members(records[~records["record_id"].isin(lost)], by_age(count=60))
    assert not set(lost) & set(later["record_id"])
    assert set(first["record_id"]) - set(later["record_id"]) == set(lost)


def test_members_are_numbered_by_class() -> None:
    members = draw_members(archive(300), by_age(count=30))
    assert members["member"].to_list() == list(range(60))
    assert members["class_index"].to_list() == [0] * 30 + [1] * 30
    assert (members["copy"] == 0).all()


# --- what the group would do to each ----------------------------------------------------------


def screened(found: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    known = {"voi": None, "aorta_x": 9.0, "aorta_y": 8.0, "aorta_side": 7.0}
    known |= {"aorta_confidence": 0.9, "pixel_hash": found["record_id"].to_numpy()}
    table = pd.DataFrame(known | columns, index=pd.Index(found["record_id"], name="record_id"))
    return table.astype({"voi": "str"})


def usable(
    found: pd.DataFrame, screens: pd.DataFrame, image: dict[str, Any] | None = None, **lists: Any
) -> pd.DataFrame:
    settings = Image.model_validate(image or {})
    if "reason" not in found:
        found = found.assign(reason=pd.Series(None, index=found.index, dtype="str"))
    return usability.usability(found, screens, settings, xray_sources=["xray"], **lists)


def test_a_window_is_one_meaning_for_all_x_rays_of_a_group() -> None:
    found = archive(4).assign(source=["xray", "xray", "png", "xray"])
    screens = screened(found, voi=["lut", None, None, "linear"])
    assert usable(found, screens)["window"].tolist() == ["percentile"] * 2 + ["none", "percentile"]
    fit = usable(found, screens, {"window": "voi"})
    assert fit["window"].fillna("").tolist() == ["voi lut", "", "none", "voi linear"]
    assert fit["reason"].fillna("").tolist() == ["", "no_window", "", ""]
    assert fit["usable"].tolist() == [True, False, True, True]


def test_an_uncertain_aorta_is_left_out_unless_a_person_gave_its_box() -> None:
    found = archive(4)
    screens = screened(found, aorta_confidence=[0.9, 0.39, 0.1, np.nan])
    boxes = pd.DataFrame({"x": [1.0], "y": [2.0], "side": [3.0]}, index=[found["record_id"][2]])
    fit = usable(found, screens, {"crop": "aorta"}, boxes=boxes)
    assert fit["reason"].fillna("").tolist() == ["", "aorta_not_found", "", "aorta_not_found"]
    assert fit["crop_x"].tolist() == [9, 9, 1, 9] and fit["crop_side"].tolist() == [7, 7, 3, 7]
    assert usable(found, screens)["crop_side"].isna().all()


def test_reasons_of_the_source_and_of_a_person() -> None:
    found = archive(4)
    ids = found["record_id"]
    screens = screened(found).drop(index=ids[0])
    rejected = pd.Series({ids[1]: "lateral"})
    fit = usable(found, screens, rejected=rejected, excluded=[ids[1], ids[2]])
    assert fit["reason"].fillna("").tolist() == ["not_screened", "lateral", "excluded", ""]
    assert fit["stage"].tolist() == ["group", "screen", "group", "group"]


def test_a_patient_or_an_image_on_both_sides_stops_the_rule() -> None:
    members = draw_members(archive(300), by_age(count=30))
    hashes = pd.Series(members["record_id"].to_numpy(), index=members["record_id"])
    splitting.check_parts(members, hashes, "G")
    one, other = (members.index[members["part"] == part][0] for part in ("training", "validation"))
    twins = hashes.copy()
    twins[members.loc[one, "record_id"]] = twins[members.loc[other, "record_id"]]
    with pytest.raises(UserError, match="1 images are in both training and validation"):
        splitting.check_parts(members, twins, "G")
    members.loc[one, "patient"] = members.loc[other, "patient"]
    with pytest.raises(UserError, match="1 patients are in both training and validation"):
        splitting.check_parts(members, hashes, "G")


def test_the_sexes_keep_their_share_of_both_parts() -> None:
    members = draw_members(archive(2000), by_age())
    assert (splitting.imbalance(members, 0.8)["off"] <= logs.LOGGED_IMBALANCE).all()


def test_patients_who_upset_the_proportions_are_spoken_of() -> None:
    records = archive(300)
    young = records["age"].between(20, 41)
    records.loc[young, "patient"] = "p" + (np.arange(young.sum()) % 2).astype(str).astype(object)
    off = splitting.imbalance(draw_members(records, by_age()), 0.8)["off"]
    assert off.loc["G1"].max() > 0.1 and off.loc["G2"].max() <= 0.05


# --- copies -----------------------------------------------------------------------------------


def augmented(total: int = 100, seed: int = 1) -> pd.DataFrame:
    classes = by_age(count=30)
    classes["G1"] = classes["G1"].model_copy(update={"augment_to": total})
    return draw_members(archive(300, images_each=3), classes, seed=seed)


def test_copies_bring_a_class_to_its_total_in_each_part() -> None:
    counts = augmented().groupby(["class", "part"]).size()
    assert counts["G1"].to_dict() == {"training": 80, "validation": 20}
    assert counts["G2"].sum() == 30


def test_copies_stay_on_the_side_of_their_original() -> None:
    members = augmented()
    copies = members[members["copy"] > 0]
    originals = members[members["copy"] == 0].set_index("record_id")["part"]
    assert len(originals) == 60 and len(copies) == 70
    assert (copies["part"] == copies["record_id"].map(originals)).all()
    assert (members.groupby("patient")["part"].nunique() == 1).all()


def test_copies_are_spread_evenly_and_numbered() -> None:
    members = augmented()
    of_class = members[members["class"] == "G1"]
    for _, part in of_class.groupby("part"):
        numbers = part.groupby("record_id")["copy"].agg(lambda copies: sorted(copies))
        assert all(list(copies) == list(range(len(copies))) for copies in numbers)
        assert numbers.map(len).max() - numbers.map(len).min() <= 1


def test_a_total_below_what_there_is_drops_nobody() -> None:
    assert (augmented(total=10)["class"] == "G1").sum() == 30


# --- parts of a group -------------------------------------------------------------------------


def training_part() -> pd.DataFrame:
    members = draw_members(archive(400), by_age(count=50))
    return members[members["part"] == "training"]


def test_a_subset_is_balanced_and_of_the_size_asked_for() -> None:
    chosen = subsets.subset(training_part(), 20, seed=1, run="n20-r1")
    assert chosen["class"].value_counts().to_dict() == {"G1": 10, "G2": 10}
    assert set(chosen["member"]) <= set(training_part()["member"])
    assert chosen["member"].is_monotonic_increasing
    assert list(chosen) == list(training_part())


def test_a_subset_is_keyed_by_its_run() -> None:
    def members(run: str, seed: int = 1) -> set[int]:
        shuffled = training_part().sample(frac=1, random_state=seed)
        return set(subsets.subset(shuffled, 20, seed, run)["member"])

    first = members("n20-r1")
    assert first == set(subsets.subset(training_part(), 20, 1, "n20-r1")["member"])
    assert members("n20-r2") != first
    assert members("n20-r1", seed=2) != first


def test_a_subset_larger_than_the_group_names_what_is_possible() -> None:
    with pytest.raises(UserError, match=r"training_size\.sizes: 90 needs 45 .* use at most 80"):
        subsets.subset(training_part(), 90, 1, "n90-r1")


def test_attacked_members_are_all_or_a_keyed_draw() -> None:
    part = augmented()
    assert image_draws.attacked(part, "all", 1, "G") is part
    assert len(image_draws.attacked(part, 1000, 1, "G")) == len(part)
    first = image_draws.attacked(part, 25, 1, "G")
    assert len(first) == 25 and first["member"].is_monotonic_increasing
    again = image_draws.attacked(part.sample(frac=1, random_state=0), 25, 1, "G")
    assert again["member"].to_list() == first["member"].to_list()
    assert list(first) == list(part)
    for other in (image_draws.attacked(part, 25, 2, "G"), image_draws.attacked(part, 25, 1, "H")):
        assert set(other["member"]) != set(first["member"])


def test_a_larger_draw_of_attacked_members_holds_the_smaller() -> None:
    part = augmented()
    small, large = (set(image_draws.attacked(part, n, 1, "G")["member"]) for n in (10, 25))
    assert small < large


def test_each_image_has_a_key_of_its_own() -> None:
    part = augmented()
    keys = image_draws.image_keys(part, 1)
    assert keys.dtype == np.int64 and len(set(keys)) == len(part) and keys.min() >= 0
    shuffled = part.sample(frac=1, random_state=0)
    again = dict(zip(shuffled["member"], image_draws.image_keys(shuffled, 1), strict=True))
    assert [again[m] for m in part["member"]] == keys.tolist()
    assert not set(image_draws.image_keys(part, 2)) & set(keys)


# --- stores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3, 7, 100])
def test_each_member_has_a_place_of_its_own(shards: int) -> None:
    placed = planning.place(training_part(), "G", shards)
    assert len(placed) == 80
    assert not placed.duplicated(["store", "row"]).any()
    counts = Counter(placed["store"])
    assert max(counts.values()) - min(counts.values()) <= 1
    for store, rows in placed.groupby("store"):
        assert str(store).startswith("groups/G/images/")
        assert rows["row"].to_list() == list(range(len(rows)))


@pytest.mark.parametrize("column", ["record_id", "reason"])
def test_a_list_of_exclusions_has_both_columns(column: str, tmp_path: Path) -> None:
    other = {"record_id": "reason", "reason": "record_id"}[column]
    (tmp_path / "list.csv").write_text(f"{other},note\na,b\n")
    with pytest.raises(UserError, match=rf"groups\.G\.exclude: no column '{column}'"):
        exclusions.read_exclusions(tmp_path / "list.csv", "G")


def test_a_class_of_few_patients_with_many_images_has_both_parts() -> None:
    """As with tiles: no patient fits into the room of one image, one is taken all the same."""
    few = pd.DataFrame(
        {
            "class": ["A"] * 6 + ["B"] * 6,
            "patient": ["p"] * 3 + ["q"] * 3 + ["r"] * 3 + ["s"] * 3,
            "sex": "F",
        }
    )
    for seed in range(5):
        part = splitting.split(few, 0.8, seed, "G")
        assert part.groupby(few["class"]).nunique().tolist() == [2, 2]
        assert part.groupby(few["patient"]).nunique().max() == 1


# --- settled members --------------------------------------------------------------------------


PLANNED = pd.DataFrame(
    {
        "member": [0, 1, 2, 3, 4],
        "record_id": ["a", "a", "b", "c", "d"],
        "class": ["A", "A", "A", "B", "B"],
        "part": ["training", "training", "validation", "training", "validation"],
    }
)


def missing(*members: int) -> pd.DataFrame:
    return pd.DataFrame({"member": members, "reason": "file_missing", "detail": "gone"})


def test_settled_members_are_the_planned_ones_that_can_be_read() -> None:
    assert settling.settle(PLANNED, missing(), "G")["member"].tolist() == [0, 1, 2, 3, 4]
    assert settling.settle(PLANNED, missing(1), "G")["member"].tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("members", "name", "part"),
    [((0, 1), "A", "training"), ((2,), "A", "validation"), ((3, 0), "B", "training")],
)
def test_a_class_that_loses_all_images_of_a_part_stops_the_group(
    members: tuple[int, ...], name: str, part: str
) -> None:
    with pytest.raises(UserError, match=rf"groups\.G\.classes\.{name}: none .* in {part} could"):
        settling.settle(PLANNED, missing(*members), "G")


def test_unreadable_members_are_rejects_of_the_stage_render() -> None:
    lost = settling.unreadable(PLANNED, missing(1, 3))
    assert lost[["record_id", "stage", "reason", "class"]].values.tolist() == [
        ["a", "render", "file_missing", "A"],
        ["c", "render", "file_missing", "B"],
    ]
    none = pd.DataFrame(columns=["member", "reason", "detail"])
    assert settling.unreadable(PLANNED, none).empty


def test_left_out_are_the_unusable_candidates_whoever_rejected_them() -> None:
    found = archive(5).assign(**{"class": ["A", "B", "A", "B", "A"]})
    found["reason"] = pd.Series(["several_classes"] + [None] * 4, dtype="str")
    ids = found["record_id"]
    rejected = pd.Series({ids[0]: "blank", ids[1]: "lateral"})
    fit = usable(found, screened(found), rejected=rejected, excluded=[ids[2]])
    lost = usability.left_out(fit)
    assert lost[["record_id", "stage", "reason", "class"]].values.tolist() == [
        [ids[0], "group", "several_classes", "A"],
        [ids[1], "screen", "lateral", "B"],
        [ids[2], "group", "excluded", "A"],
    ]
    assert lost["detail"].isna().tolist() == [False, True, False]
    assert set(fit["reason"].dropna()) - {"lateral"} <= set(GROUP_REASONS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        "record_id,reason\nИванова,\n".encode("cp1251"),
        b"record_id;reason\na;b\nIvanova;c;d\n",
        b"record_id,reason\nIvanova,c,d\nIvanova,c,d\n",  # pandas takes the first for an index
        b'record_id,reason\na,"Ivanova\n',
    ],
    ids=["empty", "cp1251", "a longer row", "longer rows", "an open quote"],
)
def test_a_list_of_exclusions_that_cannot_be_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"^groups\.G\.exclude") as caught:
        exclusions.read_exclusions(tmp_path / "list.csv", "G")
    assert "Ivanova" not in str(caught.value)


def test_exclusions_are_read_as_text(tmp_path: Path) -> None:
    assert exclusions.read_exclusions(None, "G").empty
    (tmp_path / "list.csv").write_text("record_id,reason\n007,turned\n")
    listed = exclusions.read_exclusions(tmp_path / "list.csv", "G")
    assert listed[["record_id", "reason"]].values.tolist() == [["007", "turned"]]


def test_unknown_ids_of_a_list_are_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test")
    records = pd.DataFrame({"record_id": ["a", "b"]})
    logs.warn_unknown_ids(log, "G", "exclude", ["a"], records)
    assert not caplog.records
    logs.warn_unknown_ids(log, "G", "exclude", ["a", "x", "y"], records)
    assert "G: 2 of 3 ids in exclude match no record" in caplog.text


def test_an_image_that_cannot_be_read_is_missing_with_all_its_copies(tmp_path: Path) -> None:
    columns = {"crop_x": np.nan, "crop_y": np.nan, "crop_side": np.nan, "augmentation": "{}"}
    members = pd.DataFrame(
        {"member": [4, 5, 6], "record_id": ["a", "a", "b"], "copy": [0, 1, 0], "row": [0, 1, 2]}
    ).assign(**columns)
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)

    def read(record_id: str) -> np.ndarray:
        if record_id == "a":
            raise Rejected("file_missing", "gone")
        return pixels

    with new_store(tmp_path / "0.npy", 3, 8, 1) as store:
        lost = render_members(by_record(members).items(), read, store, {"size": 8})
    assert lost.values.tolist() == [[4, "file_missing", "gone"], [5, "file_missing", "gone"]]
    assert np.array_equal(np.load(tmp_path / "0.npy")[2], pixels)
