"""Table 1 and the counts of classes."""

from dataclasses import replace

from helpers.clean_images import clean_table, group_members
from helpers.twelve_images import DRAWS, SEED

from pgdose.analysis import quality
from pgdose.analysis.table1 import GroupImages, class_counts, table1
from pgdose.names import UNKNOWN_PATIENT

GROUP = GroupImages("G", "2 age groups", 0.98, group_members().assign(copy=0), clean_table())


def test_a_row_of_table_1() -> None:
    row = table1([GROUP], DRAWS, SEED).iloc[0].to_dict()
    assert (row["group"], row["title"], row["paper_accuracy"]) == ("G", "2 age groups", 0.98)
    assert (row["n_images"], row["n_training"], row["n_validation"]) == (12, 4, 8)
    summary = quality.quality(group_members(), clean_table(), DRAWS, SEED)
    assert summary.items() <= row.items() and row["accuracy"] == 0.75


def test_class_counts_come_in_the_order_of_the_classes() -> None:
    columns = ["group", "class", "n_images", "n_training", "n_validation"]
    counts = class_counts([GROUP])
    assert counts[columns].values.tolist() == [["G", "young", 7, 2, 5], ["G", "aged", 5, 2, 3]]
    assert set(counts) == {*columns, "n_copies", "n_patients"}


def test_copies_and_patients_of_a_class_are_counted() -> None:
    members = group_members().assign(copy=[0, 1, 2, *[0] * 9])
    members.loc[members["copy"] > 0, "patient"] = members["patient"].iloc[0]
    counts = class_counts([replace(GROUP, members=members)]).set_index("class")
    of_class = members.groupby("class")
    assert counts["n_copies"].sum() == 2
    assert counts["n_patients"].to_dict() == of_class["patient"].nunique().to_dict()
    nobody = members.assign(patient=[f"{UNKNOWN_PATIENT}{i}" for i in range(12)])
    assert set(class_counts([replace(GROUP, members=nobody)])["n_patients"]) == {0}
