"""Equal images among a group's candidates: one of a class stays, none of two classes."""

import logging
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.cohort import equal_images, usability


def candidates(*rows: tuple[str, str, str | None], **columns: list[Any]) -> pd.DataFrame:
    """Rows of (record_id, class, pixel_hash), all usable unless `reason` says why not."""
    table = pd.DataFrame(rows, columns=["record_id", "class", "pixel_hash"]).astype("str")
    table = table.assign(patient=table["record_id"], instance=None, stage="group", reason=None)
    table = table.assign(**columns).astype({"reason": "str", "instance": "str"})
    return table.assign(usable=table["reason"].isna())


def reasons(table: pd.DataFrame) -> list[str]:
    settled = equal_images.settle_equal(table)
    assert settled["usable"].eq(settled["reason"].isna()).all()
    return settled["reason"].fillna("").tolist()


def test_equal_pixels_under_two_classes_are_left_out_of_both() -> None:
    table = candidates(("a", "TB", "x"), ("b", "norm", "x"), ("c", "norm", "y"))
    assert reasons(table) == ["contradiction", "contradiction", ""]


def test_of_equal_pixels_of_one_class_the_smallest_id_stays_also_across_sources() -> None:
    table = candidates(("c", "TB", "x"), ("a", "TB", "x"), ("b", "TB", "x"))
    table["source"] = ["one", "two", "one"]
    assert reasons(table) == ["duplicate_pixels", "", "duplicate_pixels"]


def test_one_instance_with_two_labels_is_a_contradiction_even_if_pixels_differ() -> None:
    table = candidates(("a", "TB", "x"), ("b", "norm", "y"), ("c", "TB", "z"))
    table["instance"] = ["u", "u", "v"]
    assert reasons(table) == ["contradiction", "contradiction", ""]


def test_copies_of_one_instance_in_one_class() -> None:
    table = candidates(("a", "TB", "x"), ("b", "TB", "y")).assign(instance="u")
    assert reasons(table) == ["", "duplicate_uid"]


def test_a_contradiction_reaches_through_pixels_and_instances() -> None:
    """a looks like b, b is the same export as c, and c has another class."""
    table = candidates(("a", "TB", "x"), ("b", "TB", "x"), ("c", "norm", "y"))
    table["instance"] = ["u", "v", "v"]
    assert reasons(table) == ["contradiction"] * 3


def test_a_record_of_several_classes_contradicts_its_twin() -> None:
    table = candidates(
        *(("a", "TB", "x"), ("a", "norm", "x"), ("b", "norm", "x")),
        reason=["several_classes", "several_classes", None],
    )
    assert reasons(table) == ["several_classes", "several_classes", "contradiction"]


@pytest.mark.parametrize(("excluded", "stays"), [(0, 1), (1, 0)])
def test_a_person_settles_a_contradiction_by_excluding_the_wrong_record(
    excluded: int, stays: int
) -> None:
    table = candidates(("a", "TB", "x"), ("b", "norm", "x"))
    table.loc[excluded, "reason"] = "excluded"
    table["usable"] = table["reason"].isna()
    found = reasons(table)
    assert found[excluded] == "excluded" and found[stays] == ""


def test_excluding_the_record_that_stays_brings_no_copy_of_it_in() -> None:
    table = candidates(("a", "TB", "x"), ("b", "TB", "x"), reason=["excluded", None])
    assert reasons(table) == ["excluded", "duplicate_pixels"]


def test_records_whose_pixels_were_not_read_are_left_alone() -> None:
    table = candidates(
        *(("a", "TB", None), ("b", "norm", None), ("c", "TB", "x")),
        reason=["blank", "blank", None],
    ).assign(instance="u")
    assert reasons(table) == ["blank", "blank", ""]


def test_what_else_is_wrong_with_a_contradiction_comes_after_it() -> None:
    table = candidates(("a", "TB", "x"), ("b", "norm", "x"), reason=["aorta_not_found", None])
    assert reasons(table) == ["contradiction", "contradiction"]


def test_a_source_s_copies_do_not_hide_a_contradiction() -> None:
    """The source kept a, and lists b as its copy, before anybody knew their classes."""
    rejects = pd.DataFrame(
        {"record_id": ["b", "d"], "stage": "screen", "reason": ["duplicate_pixels", "blank"]}
    )
    rejected = equal_images.without_copies(rejects).set_index("record_id")["reason"]
    assert rejected.to_dict() == {"d": "blank"}


def test_no_candidates_are_settled_too() -> None:
    assert reasons(candidates()) == []


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from([None, "x", "y", "z"]),
        st.sampled_from([None, "u", "v"]),
        st.sampled_from([None, None, "excluded", "no_window"]),
    ),
    max_size=12,
)


@given(rows=ROWS, data=st.data())
def test_of_what_stays_no_two_are_equal_and_order_means_nothing(
    rows: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    table = candidates(*((f"{i:02}", row[0], row[1]) for i, row in enumerate(rows)))
    table["instance"] = pd.Series([row[2] for row in rows], dtype="str")
    table["reason"] = pd.Series([row[3] for row in rows], dtype="str")
    table["usable"] = table["reason"].isna()
    settled = equal_images.settle_equal(table)
    left = settled[settled["usable"] & settled["pixel_hash"].notna()]
    for column in ("pixel_hash", "instance"):
        assert not left[column].dropna().duplicated().any()
    assert set(settled.index[settled["usable"]]) <= set(table.index[table["usable"]])
    order = data.draw(st.permutations(range(len(rows))))
    again = equal_images.settle_equal(table.iloc[order].reset_index(drop=True))
    again = again.sort_values("record_id").reset_index(drop=True)
    assert again["reason"].fillna("").tolist() == settled["reason"].fillna("").tolist()


def test_contradictions_and_pixels_of_several_patients_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = candidates(
        *(("a", "TB", "x"), ("b", "norm", "x"), ("c", "TB", "y"), ("d", "TB", "y")),
        patient=["p", "p", "q", "r"],
    )
    settled = equal_images.settle_equal(table)
    equal_images.report_equal(logging.getLogger("test"), "G", settled)
    assert "G: 2 records are left out (contradiction)" in caplog.text
    assert "G: 1 images have equal pixels under different patients" in caplog.text
    caplog.clear()
    equal_images.report_equal(logging.getLogger("test"), "G", settled.head(0))
    assert not caplog.records


def test_all_of_them_stand_in_the_list_of_what_was_left_out() -> None:
    table = candidates(("a", "TB", "x"), ("b", "norm", "x"), ("c", "TB", "y"), ("d", "TB", "y"))
    lost = usability.left_out(equal_images.settle_equal(table))
    assert lost[["record_id", "stage", "reason", "class"]].values.tolist() == [
        ["a", "group", "contradiction", "TB"],
        ["b", "group", "contradiction", "norm"],
        ["d", "group", "duplicate_pixels", "TB"],
    ]
    assert lost["detail"].notna().all()
