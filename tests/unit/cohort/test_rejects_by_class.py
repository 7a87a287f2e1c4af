"""How unevenly each reason leaves out records of the classes of a group."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.multitest import multipletests

from pgdose.cohort import rejects_by_class
from pgdose.tables import parquet
from pgdose.tables.cohort_schemas import REJECTS_BY_CLASS

NOTHING = pd.DataFrame(columns=["record_id", "stage", "reason", "class"])
Counts = dict[tuple[str, str, str], int]


def left_out(counts: Counts) -> pd.DataFrame:
    """Rejects: so many of each (stage, reason, class)."""
    rows = [
        (f"{stage}-{reason}-{name}-{i}", stage, reason, name)
        for (stage, reason, name), n in counts.items()
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=NOTHING.columns)


def watch(
    counts: Counts, eligible: dict[str, int], unreadable: pd.DataFrame = NOTHING, **planned: int
) -> pd.DataFrame:
    ids = [(f"{name}{i}", name) for name, n in planned.items() for i in range(n)]
    members = pd.DataFrame(ids, columns=["record_id", "class"])
    return rejects_by_class.rejects_by_class(left_out(counts), eligible, unreadable, members)


def test_the_filter_that_chose_by_disease_is_noticed() -> None:
    """12 of 678 diseased films against none of 678 normal ones, as it was found."""
    table = watch({("screen", "lateral", "ill"): 12}, {"ill": 678, "norm": 678})
    assert table["class"].tolist() == ["ill", "norm"]
    assert table[["n", "n_left_out"]].values.tolist() == [[678, 12], [678, 0]]
    assert table["share"].tolist() == [12 / 678, 0]
    expected = fisher_exact([[12, 666], [0, 678]]).pvalue
    assert table["p"].to_numpy() == pytest.approx(expected) and expected < 0.001
    assert table["uneven"].all()


def test_an_even_reason_is_counted_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    counts = {("screen", "blank", "A"): 5, ("screen", "blank", "B"): 7}
    table = watch(counts, {"A": 300, "B": 400})
    assert not table["uneven"].any() and table["n_left_out"].tolist() == [5, 7]
    rejects_by_class.warn_uneven(logging.getLogger("test"), "G", table)
    assert not caplog.records


def test_a_warning_names_the_reason_and_the_counts(caplog: pytest.LogCaptureFixture) -> None:
    counts = {("group", "aorta_not_found", "A"): 30, ("screen", "blank", "B"): 1}
    table = watch(counts, {"A": 100, "B": 100})
    rejects_by_class.warn_uneven(logging.getLogger("test"), "G", table)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "G: images with the reason aorta_not_found are unevenly spread" in record.getMessage()
    assert "(A 30 of 100, B 0 of 100; p = " in record.getMessage()


def test_many_reasons_are_tested_together() -> None:
    """p = 0.006 of one reason is no warning where seven others were tested too."""
    one = {("screen", "lateral", "A"): 9, ("screen", "lateral", "B"): 0}
    assert watch(one, {"A": 500, "B": 500})["uneven"].all()
    others = {("screen", f"reason {i}", name): 3 for i in range(7) for name in "AB"}
    table = watch(one | others, {"A": 500, "B": 500})
    assert not table["uneven"].any()
    assert table.loc[table["reason"] == "lateral", "p"].max() < 0.01


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_statsmodels_s(p: list[float]) -> None:
    expected = multipletests(p, method="holm")[1] if p else []
    assert rejects_by_class.holm(np.array(p)) == pytest.approx(np.array(expected))


def test_each_of_several_classes_is_tested_against_all_others() -> None:
    table = watch({("screen", "lateral", "A"): 20}, {"A": 100, "B": 100, "C": 100})
    p = table.set_index("class")["p"]
    assert p["A"] == pytest.approx(fisher_exact([[20, 80], [0, 200]]).pvalue)
    assert p["B"] == p["C"] == pytest.approx(fisher_exact([[0, 100], [20, 180]]).pvalue)
    adjusted = multipletests(p, method="holm")[1]
    assert table["p_adjusted"].to_numpy() == pytest.approx(adjusted)


def test_records_of_several_classes_are_counted_and_not_tested() -> None:
    """They are the same records in both classes, of which one is smaller."""
    counts = {("group", "several_classes", name): 10 for name in "AB"}
    table = watch(counts, {"A": 20, "B": 2000})
    assert table["n_left_out"].tolist() == [10, 10]
    assert table["p"].isna().all() and not table["uneven"].any()


def test_members_that_could_not_be_read_count_among_the_planned_ones() -> None:
    lost = left_out({("render", "file_missing", "A"): 2})
    lost = pd.concat([lost, lost])  # copies of a member
    table = watch({}, {"A": 1000, "B": 1000}, lost, A=10, B=20)
    assert table[["n", "n_left_out"]].values.tolist() == [[10, 2], [20, 0]]
    assert table["stage"].eq("render").all()


def test_a_class_that_nothing_fits_has_no_share() -> None:
    table = watch({("screen", "blank", "A"): 1}, {"A": 1, "B": 0})
    assert table["share"].isna().tolist() == [False, True] and not table["uneven"].any()


def test_nothing_left_out_is_a_table_too(tmp_path: Path) -> None:
    table = watch({}, {"A": 5, "B": 5})
    assert table.empty
    parquet.write_table(table, tmp_path / "table.parquet", REJECTS_BY_CLASS)
    read = parquet.read_table(tmp_path / "table.parquet")
    assert list(read) == REJECTS_BY_CLASS.names and set(table) == set(read)
    joined = rejects_by_class.join_groups([("G", read), ("H", watch({}, {"A": 1, "B": 1}))])
    assert joined.empty and "group" in joined


def test_the_file_of_what_was_left_out_knows_how_many_fit(tmp_path: Path) -> None:
    path = tmp_path / "left_out.parquet"
    lost = left_out({("screen", "blank", "B"): 2})
    rejects_by_class.write_left_out(lost, {"B": 7, "A": 3}, {}, path)
    assert list(rejects_by_class.read_eligible(path).items()) == [("B", 7), ("A", 3)]
    assert parquet.read_table(path)["class"].tolist() == ["B", "B"]


def slide_table(*rows: tuple[str | None, str | None, str | None]) -> pd.DataFrame:
    """Slides, each of another content."""
    table = pd.DataFrame(rows, columns=["in_class", "on_tissue", "inked"])
    return table.assign(content=table.index.astype(str))


def test_slides_are_counted_by_the_classes_that_lose_tiles_to_pen_and_glass() -> None:
    breast = slide_table(
        *(("norm tumour", "norm tumour", "tumour"), ("norm tumour", "norm", "")),
        *(("norm", "norm", ""), (None, None, None)),
    )
    classes = {"C1": ("breast", "tumour"), "C2": ("breast", "norm")}
    counts = rejects_by_class.slide_counts({"breast": breast}, classes)
    assert counts.values.tolist() == [
        ["survey", "no_tissue", "C1", 2, 1],
        ["survey", "no_tissue", "C2", 3, 0],
        ["survey", "pen", "C1", 1, 1],
        ["survey", "pen", "C2", 3, 0],
    ]
    clean = slide_table(("norm tumour", "norm tumour", ""))
    assert rejects_by_class.slide_counts({"breast": clean}, classes).empty
    assert rejects_by_class.slide_counts({}, {}).empty


def test_a_slide_of_two_names_counts_once() -> None:
    breast = slide_table(*[("norm", "norm", "norm")] * 3).assign(content=["a", "a", "b"])
    counts = rejects_by_class.slide_counts({"breast": breast}, {"C1": ("breast", "norm")})
    assert counts[["n", "n_left_out"]].to_numpy().tolist() == [[2, 2]]


def test_pen_on_the_slides_of_one_class_is_noticed() -> None:
    slides = {
        "ill": slide_table(*[("tumour", "tumour", "tumour")] * 14),
        "well": slide_table(*[("tumour", "tumour", "")] * 14),
    }
    classes = {"A": ("ill", "tumour"), "B": ("well", "tumour")}
    planned = pd.DataFrame({"record_id": [], "class": []})
    counts = rejects_by_class.slide_counts(slides, classes)
    table = rejects_by_class.rejects_by_class(NOTHING, {"A": 9, "B": 9}, NOTHING, planned, counts)
    assert table["reason"].tolist() == ["pen", "pen"] and table["uneven"].all()


def depths(**of_classes: list[int]) -> dict[str, dict[int, int]]:
    """What `count_depths` makes of members of these bits; 0 stands for unknown ones."""
    rows = [
        (f"{name}{i}", name, bits or None, None)
        for name, of_class in of_classes.items()
        for i, bits in enumerate(of_class)
    ]
    table = pd.DataFrame(rows, columns=["record_id", "class", "bits_stored", "parent"])
    return rejects_by_class.count_depths(
        table[["record_id", "class"]], table[["record_id", "bits_stored", "parent"]]
    )


def count_depths(path: Path, **of_classes: list[int]) -> pd.DataFrame:
    lost, eligible = left_out({}), dict.fromkeys(of_classes, 9)
    rejects_by_class.write_left_out(lost, eligible, depths(**of_classes), path)
    return rejects_by_class.depth_counts(path)


def test_depth_that_goes_with_class_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "left_out.parquet"
    counts = count_depths(path, ill=[16] * 20, norm=[8] * 30 + [0] * 5)
    assert counts.values.tolist() == [
        ["depth", "16_bits", "ill", 20, 20],
        ["depth", "16_bits", "norm", 30, 0],
    ]
    planned = pd.DataFrame({"record_id": [], "class": []})
    table = rejects_by_class.rejects_by_class(
        NOTHING, {"ill": 20, "norm": 35}, NOTHING, planned, counts
    )
    assert table["uneven"].all()
    rejects_by_class.warn_uneven(logging.getLogger("test"), "G", table)
    assert "files of 16 bits are unevenly spread over the classes (ill 20 of 20, norm 0 of 30" in (
        caplog.text
    )
    assert "left" not in caplog.text and "use files of one kind" in caplog.text


def test_depths_that_all_classes_have_are_counted_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "left_out.parquet"
    assert count_depths(path, A=[8] * 9, B=[8] * 5).empty
    assert count_depths(path, A=[0] * 9, B=[]).empty
    counts = count_depths(path, A=[8, 8, 16], B=[8, 12, 12])
    assert counts["reason"].unique().tolist() == ["12_bits", "16_bits"]
    planned = pd.DataFrame({"record_id": [], "class": []})
    table = rejects_by_class.rejects_by_class(NOTHING, {"A": 3, "B": 3}, NOTHING, planned, counts)
    assert not table["uneven"].any()


def test_tiles_of_a_field_are_one_file() -> None:
    members = pd.DataFrame({"record_id": ["a", "b", "c"], "class": ["A", "A", "B"]})
    records = pd.DataFrame(
        {"record_id": ["a", "b", "c"], "parent": ["f", "f", "g"], "bits_stored": [16, 16, 8]}
    )
    assert rejects_by_class.count_depths(members, records) == {"A": {16: 1}, "B": {8: 1}}
