"""Table 1 and the counts of classes."""

from helpers.clean_images import clean_table, group_members
from helpers.twelve_images import DRAWS, SEED

from pgdose.analysis import quality
from pgdose.analysis.table1 import GroupImages, class_counts, table1

GROUP = GroupImages("G", "2 age groups", 0.98, group_members(), clean_table())


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
    assert set(counts) == set(columns)
