"""The page's tables over all groups: Table 1, training sizes, doses, worst case, subgroups."""

import pandas as pd

from pgdose.plots.style import EPSILON
from pgdose.report import summary, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import AMPLITUDE, Cell, Column, Print, Row, Table


def table1(data: ReportData) -> Table | None:
    """Sizes of the groups and how good their networks are."""
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Classes", "title", tables.text("title")),
        ("Images", "number", tables.count("n_images")),
        ("Training", "number", tables.count("n_training")),
        ("Validation", "number", tables.count("n_validation")),
        ("Validation patients", "number", _patients),
        ("Accuracy", "number", tables.with_interval("accuracy", wording.rate)),
        ("AUC", "number", tables.rate_with_interval("auc")),
        ("Paper’s accuracy", "number", lambda row: wording.short(row["paper_accuracy"])),
        ("ECE", "number", tables.rate_with_interval("ece")),
    ]
    return tables.table_of("Table 1", data.table("table1"), columns)


def _patients(row: Row) -> str:
    return "not known" if row["n_patients"] == 0 else wording.count(row["n_patients"])


def class_counts(data: ReportData) -> Table | None:
    """Images of each class."""
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Class", "", tables.text("class")),
        ("Images", "number", tables.count("n_images")),
        ("Training", "number", tables.count("n_training")),
        ("Validation", "number", tables.count("n_validation")),
    ]
    return tables.table_of("Images by class", data.table("class_counts"), columns)


def training_size(data: ReportData) -> Table | None:
    """Mean and standard deviation over the trainings of one size."""

    def mean_and_spread(name: str) -> Print:
        def cell(row: Row) -> str:
            if pd.isna(row[f"{name}_sd"]):
                return wording.rate(row[name])
            return f"{wording.rate(row[name])} ± {wording.rate(row[f'{name}_sd'])}"

        return cell

    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Attack", "", tables.text("attack")),
        tables.amplitude(data.epsilon),
        ("Iteration", "number", tables.count("iteration")),
        ("Training images", "number", tables.count("size")),
        ("Trainings", "number", tables.count("repeats")),
        ("ASR", "number", mean_and_spread("asr")),
        ("Accuracy", "number", mean_and_spread("accuracy")),
    ]
    return tables.table_of("Training size", data.table("training_size_summary"), columns)


_ATTACKS: Column = (
    "Attacks",
    "text",
    lambda row: wording.join_names(str(row["attacks"]).split("+")),
)
_FLIPPED: list[Column] = [
    ("Attacked", "number", tables.count("n_attacked")),
    ("Flipped", "number", tables.count("n_flipped")),
    ("ASR", "number", tables.asr),
]


def worst_case(data: ReportData) -> Table | None:
    """What the attacks flip together up to the operating amplitude."""
    table = data.table("worst_case")
    if table.empty:
        return None
    group: Column = ("Group", "", tables.text("group"))
    up_to = summary.up_to(table, data.epsilon)
    return tables.table_of("Worst case", up_to, [group, AMPLITUDE, _ATTACKS, *_FLIPPED])


def worst_case_by_epsilon(data: ReportData) -> Table | None:
    """What the attacks flip together up to every amplitude."""
    columns: list[Column] = [("Group", "", tables.text("group")), AMPLITUDE, *_FLIPPED]
    return tables.table_of("Worst case at every amplitude", data.table("worst_case"), columns)


def doses(data: ReportData) -> list[Table]:
    """Groups by attacks: the area, the median dose, and the images that no dose flipped."""
    table = data.table("doses")
    if table.empty:
        return []
    largest = _largest_epsilons(data)

    def median(row: Row) -> str | Cell:
        most = largest.get(row["attack"], float("inf"))
        ends = [wording.epsilon(row[name], most) for name in ("median_low", "median_high")]
        return tables.bracketed(wording.epsilon(row["median_epsilon"], most), *ends)

    def never(row: Row) -> str:
        return f"{wording.count(row['n_never'])} of {wording.count(row['n_attacked'])}"

    area = tables.rate_with_interval("auc")
    return [
        tables.by_attack("Area under the dose-response curve", table, area),
        tables.by_attack(f"Median of the smallest {EPSILON} that flips", table, median),
        tables.by_attack(f"Images that no {EPSILON} flipped", table, never),
    ]


def _largest_epsilons(data: ReportData) -> dict[str, float]:
    asr = data.table("asr")
    if asr.empty:
        return {}
    return {str(attack): float(rows.max()) for attack, rows in asr.groupby("attack")["epsilon"]}


def subgroups(data: ReportData) -> list[Table]:
    """A table of each group whose images have a sex or an age, at the operating point."""
    rows = data.at_epsilon("subgroups")
    if rows.empty:
        return []
    difference = tables.with_interval(
        "difference", wording.signed, "difference_low", "difference_high"
    )
    columns: list[Column] = [
        ("Attack", "", tables.text("attack")),
        tables.amplitude(data.epsilon),
        ("By", "", tables.text("by")),
        ("Patients who are", "", tables.text("value")),
        ("Attacked", "number", tables.count("n_attacked")),
        ("ASR", "number", tables.asr),
        ("Difference from the others", "number", difference),
    ]
    of_groups = [
        tables.table_of(f"Subgroups of {group}", of_group, columns)
        for group, of_group in rows.groupby("group", sort=False)
    ]
    return [table for table in of_groups if table]
