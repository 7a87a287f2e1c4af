"""The page's tables over all groups: Table 1, people, sizes, doses, worst case, subgroups."""

import pandas as pd

from pgdose.analysis.operating_point import at
from pgdose.plots.rows import at_nearest_epsilon
from pgdose.plots.style import EPSILON
from pgdose.report import summary, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import AMPLITUDE, Cell, Column, Head, Print, Row, Table


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
        ("Class", "", tables.class_title(data)),
        ("Images", "number", tables.count("n_images")),
        ("Training", "number", tables.count("n_training")),
        ("Validation", "number", tables.count("n_validation")),
    ]
    table = data.table("class_counts")
    if "n_copies" in table and table["n_copies"].any():
        columns.insert(3, ("Of them copies", "number", tables.count("n_copies")))
    if "n_patients" in table:
        columns.append(("Patients", "number", _patients))
    return tables.table_of("Images by class", table, columns)


def demographics(data: ReportData) -> Table | None:
    """Patients of each part by sex and age; a row for each group and part that has either."""
    table = data.table("demographics")
    if table.empty:
        return None
    values = list(dict.fromkeys(zip(table["by"], table["value"], strict=True)))
    # Of a value that nobody has, such as an unknown sex, no column is needed.
    kept = table[table["n_patients"].isna() | (table["n_patients"] > 0)]
    shown = set(zip(kept["by"], kept["value"], strict=True))
    values = [place for place in values if place in shown]
    heads = [Head("Group"), Head("Part")]
    heads += [Head(f"{wording.heading(by)}: {value}", "number") for by, value in values]
    rows: list[list[str | Cell]] = []
    for (group, part), of_part in table.groupby(["group", "part"], sort=False):
        counts = {
            (row["by"], row["value"]): wording.MISSING
            if pd.isna(row["n_patients"])
            else wording.count(row["n_patients"])
            for row in of_part.to_dict("records")
        }
        rows.append([str(group), str(part), *(counts.get(place, "") for place in values)])
    return Table("Sex and age", heads, rows)


def sensitivity(data: ReportData) -> Table | None:
    """Of each class: the share of its images that is recognised, and of all others that is not."""
    table = data.table("confusion")
    rows = []
    for (group, name), of_class in (
        table.groupby(["group", "class"], sort=False) if len(table) else ()
    ):
        others = table[(table["group"] == group) & (table["class"] != name)]
        right = of_class[of_class["predicted"] == name]
        if right.empty or not others["n"].sum():
            continue
        row = {"group": group, "class": name, **right.iloc[0][["share", "ci_low", "ci_high"]]}
        taken = others.loc[others["predicted"] == name, "n"].sum()
        row["specificity"] = 1 - taken / others["n"].sum()
        if others["class"].nunique() == 1:  # with two classes it is the other one's sensitivity
            other = others[others["predicted"] == others["class"]].iloc[0]
            row |= {"specificity_low": other["ci_low"], "specificity_high": other["ci_high"]}
        rows.append(row)
    frame = pd.DataFrame(rows)
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Class", "", tables.class_title(data)),
        ("Sensitivity", "number", tables.with_interval("share", wording.rate)),
        ("Specificity", "number", tables.rate_with_interval("specificity")),
    ]
    return tables.table_of("Sensitivity and specificity", frame, columns)


def success_by_epsilon(data: ReportData) -> list[Table]:
    """The numbers of Fig. 3a: groups by amplitudes, a table for each attack."""
    asr = data.table("asr")
    if asr.empty:
        return []
    rates = at(asr, iterations=data.iterations)
    found = []
    for attack, rows in rates.groupby("attack", sort=False):
        epsilons = sorted(rows["epsilon"].unique())
        cells = {
            (r["group"], r["epsilon"]): wording.short(r["asr"]) for r in rows.to_dict("records")
        }
        heads = [
            Head("Group"),
            *(Head(f"{EPSILON} = {epsilon:g}", "number") for epsilon in epsilons),
        ]
        body = [
            [str(group), *(cells.get((group, epsilon), wording.MISSING) for epsilon in epsilons)]
            for group in rows["group"].unique()
        ]
        title = f"ASR under {attack}, iteration {rows['iteration'].max()}"
        found.append(Table(title, heads, body))
    return found


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

    def median(row: Row) -> str | Cell:
        ends = row["smallest_epsilon"], row["largest_epsilon"]
        names = ("median_epsilon", "median_low", "median_high")
        value, *interval = [wording.median_epsilon(row[name], *ends) for name in names]
        return tables.bracketed(value, *interval)

    def at_smallest(row: Row) -> str | Cell:
        flipped = f"{wording.count(row['n_at_smallest'])} of {wording.count(row['n_attacked'])}"
        return Cell(flipped, f"at {wording.epsilon(row['smallest_epsilon'])}")

    def never(row: Row) -> str:
        return f"{wording.count(row['n_never'])} of {wording.count(row['n_attacked'])}"

    area = tables.rate_with_interval("auc")
    return [
        tables.by_attack("Area under the dose-response curve", table, area),
        tables.by_attack(f"Median of the smallest {EPSILON} that flips", table, median),
        tables.by_attack(f"Images that the smallest {EPSILON} flipped", table, at_smallest),
        tables.by_attack(f"Images that no {EPSILON} flipped", table, never),
    ]


def abstention(data: ReportData, share: float = 0.1) -> Table | None:
    """What rejecting `share` of clean images comes to, clean and at the operating point."""
    table = data.table("abstention")
    if table.empty:
        return None
    is_clean = table["attack"].isna() | (table["attack"] == "")
    shown = [table[is_clean].assign(attack="none", choice="last")]
    if not is_clean.all():
        shown.append(at_nearest_epsilon(table[~is_clean], data.epsilon))
    rows = pd.concat(shown, ignore_index=True)
    rows = rows[rows["choice"] == "last"]
    key = ["group", "attack", "score"]
    without = rows[rows["clean_rejected"] == 0].set_index(key)["error"].rename("error_of_all")
    rows = rows[(rows["clean_rejected"] - share).abs() < 1e-9].join(without, on=key)
    order = {name: place for place, name in enumerate([*data.groups, "none", *data.attacks])}
    rows = rows.sort_values(["group", "attack"], key=lambda names: names.map(order), kind="stable")
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Attack", "", tables.text("attack")),
        AMPLITUDE,
        ("Rejected by", "", tables.text("score")),
        ("Attack knows it", "", tables.text("knows_detector")),
        ("Rejected", "number", lambda row: wording.rate(row["rejected"])),
        ("Error of all", "number", lambda row: wording.rate(row["error_of_all"])),
        ("Error of accepted", "number", tables.with_interval("error", wording.rate)),
        ("Flips caught", "number", tables.rate_with_interval("caught")),
    ]
    return tables.table_of("Abstention", rows, columns)


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
