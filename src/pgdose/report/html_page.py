"""The report: one HTML page that holds everything, to be mailed or opened without a network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pgdose.analysis.operating_point import at
from pgdose.plots import style
from pgdose.plots.style import EPSILON, Groups
from pgdose.report import interactive, summary, wording
from pgdose.report.inline import picture
from pgdose.tables import output_files

#: What each figure shows; its operating point stands in the figure, in the titles of its panels.
CAPTIONS = {
    "fig1": (
        "Originals and their adversarial versions, one image in a row. Amplitudes ε rise from left "
        "to right; below each image stand the predicted class and its probability p, bold and "
        "framed where the diagnosis flipped, and the largest change of a pixel, max |Δ|. The last "
        "column is the change that the largest ε makes, magnified by the factor below it (grey: no "
        "change)."
    ),
    "fig2": (
        "Successful attacks: the original at the left and the adversarial image at the right of "
        "each pair, with the predicted class and its probability p before and after. The dose "
        "stands above the pairs."
    ),
    "fig3a": (
        "Attack success rate (vertical) over the amplitude ε in units of the full intensity range "
        "(horizontal; logarithmic where an attack's doses span more than a factor of 20). Rows are "
        "kinds of images, columns attacks, at the iteration in their titles. Bands: 95 % intervals."
    ),
    "fig3b": (
        "Attack success rate (vertical) over the number of iterations (horizontal). Rows are kinds "
        "of images and amplitudes ε, columns attacks. The success rate is 0 at iteration 0 by "
        "definition. Bands: 95 % intervals."
    ),
    "fig3c": (
        "Attack success rate (vertical) over the clean confidence, which is the largest "
        "probability that the network gives the image before the attack (horizontal, bins of "
        "0.05; confidences under 0.5 exist with more than two classes and stand apart). Rows are "
        "groups, columns attacks; larger points are bins of more images, what rests on fewer than "
        "10 images is faint, and bins without images are gaps. The shaded bin is that of the "
        "confidences over 0.95. Bands and bars: 95 % intervals."
    ),
    "fig3d": (
        "Attack success rate with its 95 % interval, and at the right the accuracy on clean images "
        "(vertical), over the number of training images (horizontal, logarithmic), always on the "
        "same validation images. A point is one training, a line the mean of the trainings of one "
        "size, a band reaches from the lowest to the highest of them."
    ),
}
_TITLES = {
    "fig1": "Figure 1. Adversarial images",
    "fig2": "Figure 2. Flipped diagnoses",
    "fig3a": f"Figure 3a. Success and amplitude {EPSILON}",
    "fig3b": "Figure 3b. Success and iterations",
    "fig3c": "Figure 3c. Success and clean confidence",
    "fig3d": "Figure 3d. Success and training size",
}
#: What is drawn for each group, in the order of its section.
PICTURES = {
    "network": (
        "The network: loss and accuracy over the epochs of its training, the confusion matrix and "
        "the reliability curve (accuracy over confidence) on clean validation images."
    ),
    "heatmap": (
        "The response surface: attack success rate over amplitude and iterations. Cells stand in "
        "the order of the doses, not at their distance. The line runs where half are flipped; "
        "what is not known is hatched."
    ),
    "examples": "Originals and their adversarial versions, as in Figure 1.",
}
#: The tables that the page knows; those not given are left out of it.
TABLES = (
    "asr", "calibration", "class_counts", "conclusions", "confidence", "confusion", "doses",
    "networks", "sources", "storage", "subgroups", "table1", "training_size",
    "training_size_summary", "transfer", "transitions", "trends", "worst_case",
)  # fmt: skip
_OF_ALL = ("networks", "transfer")  # these speak of a group's other networks too
_CHECKS = ["group", "run", "attack", "check", "verdict", "says"]
_MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}
_PAGE = Path(__file__).parent / "page_files"

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Cell:
    """A cell of more than a text: `aside` is printed softly after it, `kind` is a CSS class."""

    text: str
    aside: str = ""
    kind: str = ""


#: How a cell is made from a row of a table; and a column by heading, kind and cells.
_Print = Callable[[Row], str | Cell]
_Column = tuple[str, str, _Print]


@dataclass(frozen=True)
class Head:
    """A column's heading, and what kind of column it is: a CSS class, "number" to the right."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page; the first cell of each row names the row."""

    name: str
    heads: list[Head]
    rows: Sequence[Sequence[str | Cell]]
    foot: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Study:
    """What every section needs."""

    settings: Mapping[str, Any]
    groups: Groups
    tables: Mapping[str, pd.DataFrame]  # those with rows, of them the run "full"
    point: Mapping[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """The table; one that is not known has neither rows nor columns."""
        return self.tables.get(name, pd.DataFrame())

    def at_amplitude(self, name: str) -> pd.DataFrame:
        """The table's rows at the operating amplitude."""
        table = self.table(name)
        return table[np.isclose(table["epsilon"], self.point["epsilon"])] if len(table) else table

    @property
    def attacks(self) -> list[str]:
        """Those of the study, or else those that were measured."""
        measured = self.table("asr").get("attack", pd.Series(dtype=object)).unique()
        return list(self.settings.get("attacks") or measured)


def write_report(
    path: str | Path,
    *,
    study: Mapping[str, Any],
    groups: Groups,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str | Path],
    pictures: Mapping[str, Mapping[str, str | Path]],
    checks: pd.DataFrame,
    rejects: pd.DataFrame,
    benchmarks: pd.DataFrame,
    devices: pd.DataFrame,
    versions: Mapping[str, str],
    machine: Mapping[str, str],
    agreement: pd.DataFrame | None = None,
) -> None:
    """Write the report of a study as one self-contained HTML page, atomically.

    Every text from the study is escaped. Nothing is left out of `study`: what must not be read by
    the report's readers must not be in it.

    Args:
        path: the page to write.
        study: the study's settings, as plain lists, dicts, numbers and texts; shown as YAML. Of
            them `study`, `seed`, `attacks`, `measures` and `operating_points` (`epsilon`,
            `iterations`) are spoken of.
        groups: the study's groups; the page takes their titles from Table 1.
        tables: those of `TABLES` that there are, with the columns that README's "Results" tells.
            Their rates are the ones that the study counts.
        figures: `{"fig1": PNG, ..., "fig3d": PNG}`, in the order of the page.
        pictures: `{group: {"network": PNG, "heatmap": PNG, "examples": PNG}}`.
        checks: `group run attack check verdict says`, of all attacks; the verdict is passed, failed
            or not done.
        rejects: `source stage reason count`; a group is a source of what it left out itself.
        benchmarks: `rule jobs seconds max_rss_mb`; seconds are the sum over a rule's jobs.
        devices: `attack device precision jobs`: on what the attacks ran.
        versions: `{package: version}`.
        machine: `{"processor": text, ...}`, the machine that writes the page.
        agreement: `source label n n_present precision recall f1`, each of the last three with
            `_low` and `_high`; the labeller against labels by hand.

    Raises:
        ValueError: a table is none of `TABLES`, or a figure is no PNG.
    """
    if unknown := set(tables) - set(TABLES):
        raise ValueError(f"the report knows no tables {sorted(unknown)}; it knows {list(TABLES)}")
    point = {"epsilon": 0.1, "iterations": 20} | dict(study.get("operating_points", {}))
    checks = checks.reindex(columns=_CHECKS)  # without rows it may lack them
    full = {name: t if name in _OF_ALL else _full(t) for name, t in tables.items()}
    told = _Study(study, groups, {name: t for name, t in full.items() if len(t)}, point)
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": wording.count, "dose": wording.dose}
    charts = _charts(told)
    page = environment.get_template("report.html").render(
        name=study.get("study", "unnamed"),
        success=study.get("measures", {}).get("success", "final"),
        draws=study.get("measures", {}).get("draws"),
        point=point,
        summary=_summary(told, checks, rejects),
        matrix=_matrix(told),
        conclusions=_conclusions(told),
        table1=_table1(told),
        class_counts=_class_counts(told),
        calibrated="ece" in told.table("table1"),
        charts=charts,
        legend=_legend(groups),
        epsilons=_epsilons(charts),
        figures=[
            (curves, [(name, _figure(name, figures[name])) for name in names])
            for curves, names in groupby(figures, lambda name: name in charts)
        ],
        sized=_training_size(told),
        worst=_worst(told),
        every_worst=_every_worst(told),
        doses=_doses(told),
        subgroups=(
            summary.subgroups(told.table("subgroups"), point["epsilon"])
            if "subgroups" in told.tables
            else []
        ),
        every_subgroup=_subgroups(told),
        networks=_networks(told, tables.get("asr", pd.DataFrame())),
        intervals=_intervals(told),
        sections=[
            _section(told, place, group, pictures.get(group, {}), checks, rejects)
            for place, group in enumerate(groups)
        ],
        warnings=_warnings(checks),
        verdicts=checks["verdict"].value_counts().to_dict(),
        sources=_sources(told),
        rejects=_rejects(rejects, "Rejects"),
        agreement=_agreement(agreement),
        settings=yaml.safe_dump(_plain(study), sort_keys=False, allow_unicode=True),
        seed=study.get("seed"),
        versions=_pairs("Versions", versions),
        machine=_pairs("Machine", machine),
        devices=_devices(devices),
        benchmarks=_benchmarks(benchmarks),
        library=interactive.library() if charts else "",
        data=interactive.as_json(c for several in charts.values() for c in several),
    )
    with output_files.atomic(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _full(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the groups' main networks; trainings of other sizes have tables of their own."""
    return table[table["run"] == "full"] if "run" in table else table


# --- cells ------------------------------------------------------------------------------------


def _table(name: str, rows: pd.DataFrame, columns: Sequence[_Column]) -> Table | None:
    """The rows as a table of the page; None if there are none."""
    if rows.empty:
        return None
    heads = [Head(text, kind) for text, kind, _ in columns]
    cells = [[cell(row) for _, _, cell in columns] for row in rows.to_dict("records")]
    return Table(name, heads, cells)


def _words(name: str) -> _Print:
    return lambda row: wording.words(row[name])


def _count(name: str) -> _Print:
    return lambda row: wording.count(row.get(name))


def _with_interval(
    name: str, text: Callable[[Any], str], low: str = "ci_low", high: str = "ci_high"
) -> _Print:
    """A cell with a number and its interval; it says so where there is none."""

    def cell(row: Row) -> str | Cell:
        if pd.isna(row.get(name)):
            return wording.MISSING
        if pd.isna(row.get(low)) or pd.isna(row.get(high)):
            return Cell(text(row[name]), "no interval")
        return _bracketed(text(row[name]), text(row[low]), text(row[high]))

    return cell


def _bracketed(value: str, low: str, high: str) -> str | Cell:
    if low == wording.MISSING or high == wording.MISSING:
        return value
    return Cell(value, f"[{low}, {high}]")


_asr = _with_interval("asr", wording.rate)
_AMPLITUDE: _Column = (EPSILON, "number", lambda row: wording.dose(row["epsilon"]))


# --- summary and conclusions ------------------------------------------------------------------


def _summary(study: _Study, checks: pd.DataFrame, rejects: pd.DataFrame) -> dict[str, Any]:
    """The sentences of the summary; an empty one is left out."""
    sentences = [summary.scope(study.groups, study.attacks)]
    if "sources" in study.tables:
        sentences.append(summary.data(study.table("sources"), rejects))
    if "table1" in study.tables:
        sentences.append(summary.accuracies(study.table("table1")))
    begin, items = "", list[str]()
    if "asr" in study.tables:
        begin, items = summary.at_the_point(study.table("asr"), study.point)
    together = []
    if "worst_case" in study.tables:
        together.append(summary.worst(study.table("worst_case"), study.point))
    together.append(summary.checked(checks))
    conclusions = study.table("conclusions")
    noise = [
        name
        for name, attack in (study.settings.get("attacks") or {}).items()
        if attack.get("kind") == "noise"
    ]
    return {
        "sentences": [text for text in sentences if text],
        "begin": begin,
        "items": items,
        "together": [text for text in together if text],
        "verdicts": summary.verdicts(conclusions) if len(conclusions) else [],
        "across": summary.images_or_attack(conclusions, noise) if len(conclusions) else [],
    }


def _verdict(word: str) -> Cell:
    """A verdict by its word; mark and colour come on top."""
    if word not in _MARKS:
        return Cell(word, kind="verdict untested")
    return Cell(f"{_MARKS[word]} {word}", kind=f"verdict {word}")


def _matrix(study: _Study) -> Table | None:
    """Conclusions by attacks, with verdicts."""
    table = study.table("conclusions")
    if table.empty:
        return None
    attacks = list(table["attack"].unique())
    rows = []
    for place, (name, own) in enumerate(table.groupby("conclusion", sort=False), 1):
        given = {row["attack"]: summary.verdict(row) for row in own.to_dict("records")}
        cells = [_verdict(given[a]) if a in given else wording.MISSING for a in attacks]
        rows.append([f"{place}. {summary.claim(str(name))}", *cells])
    heads = [Head("Conclusion", "text"), *(Head(attack) for attack in attacks)]
    return Table("Conclusions by attack", heads, rows)


def _conclusions(study: _Study) -> list[dict[str, Any]]:
    """Each conclusion: its test, the paper's finding, its answers, and what groups contribute."""
    table, trends = study.table("conclusions"), study.table("trends")
    told = []
    for place, (name, rows) in enumerate(
        table.groupby("conclusion", sort=False) if len(table) else [], 1
    ):
        claim = summary.claim(str(name))
        own = trends[trends["conclusion"] == name] if len(trends) else trends
        told.append(
            {
                "id": f"conclusion-{place}",
                "title": f"{place}. {claim}",
                "test": wording.words(rows["test"].iloc[0]),
                "paper": wording.words(rows["paper"].iloc[0]),
                "answers": _table(
                    f"Conclusion {place}",
                    rows,
                    [
                        ("Attack", "", _words("attack")),
                        ("Verdict", "", lambda row: _verdict(summary.verdict(row))),
                        ("Estimate", "number", _with_interval("estimate", wording.rate)),
                        ("Why", "text", _words("reason")),
                    ],
                ),
                "trends": _table(
                    f"Groups of conclusion {place}",
                    own,
                    [
                        ("Group", "", _words("group")),
                        ("Attack", "", _words("attack")),
                        ("Statistic", "", lambda row: wording.heading(row["statistic"])),
                        ("Estimate", "number", _with_interval("estimate", wording.signed)),
                        ("Patients", "number", _count("n_patients")),
                        ("The group", "", _words("state")),
                    ],
                ),
            }
        )
    return told


# --- tables of all groups ---------------------------------------------------------------------


def _table1(study: _Study) -> Table | None:
    table = study.table("table1")
    columns: list[_Column] = [
        ("Group", "", _words("group")),
        ("Classes", "title", _words("title")),
        ("Images", "number", _count("n_images")),
        ("Training", "number", _count("n_training")),
        ("Validation", "number", _count("n_validation")),
        ("Validation patients", "number", _count("n_patients")),
        ("Accuracy", "number", _with_interval("accuracy", wording.rate)),
        ("AUC", "number", _with_interval("auc", wording.rate, "auc_low", "auc_high")),
        ("Paper’s accuracy", "number", lambda row: wording.short(row["paper_accuracy"])),
        ("ECE", "number", _with_interval("ece", wording.rate, "ece_low", "ece_high")),
    ]
    return _table("Table 1", table, columns)


def _class_counts(study: _Study) -> Table | None:
    columns: list[_Column] = [
        ("Group", "", _words("group")),
        ("Class", "", _words("class")),
        ("Images", "number", _count("n_images")),
        ("Training", "number", _count("n_training")),
        ("Validation", "number", _count("n_validation")),
    ]
    return _table("Images by class", study.table("class_counts"), columns)


def _training_size(study: _Study) -> Table | None:
    def spread(name: str) -> _Print:
        def cell(row: Row) -> str:
            if pd.isna(row[f"{name}_sd"]):
                return wording.rate(row[name])
            return f"{wording.rate(row[name])} ± {wording.rate(row[f'{name}_sd'])}"

        return cell

    columns: list[_Column] = [
        ("Group", "", _words("group")),
        ("Attack", "", _words("attack")),
        _AMPLITUDE,
        ("Iteration", "number", _count("iteration")),
        ("Training images", "number", _count("size")),
        ("Trainings", "number", _count("repeats")),
        ("ASR", "number", spread("asr")),
        ("Accuracy", "number", spread("accuracy")),
    ]
    return _table("Training size", study.table("training_size_summary"), columns)


_WORST: list[_Column] = [
    ("Group", "", _words("group")),
    _AMPLITUDE,
    ("Attacks", "text", lambda row: wording.listed(str(row["attacks"]).split("+"))),
    ("Attacked", "number", _count("n_attacked")),
    ("Flipped", "number", _count("n_flipped")),
]


def _worst(study: _Study) -> Table | None:
    table = study.table("worst_case")
    if table.empty:
        return None
    here = summary.up_to(table, study.point["epsilon"])
    return _table("Worst case", here, [*_WORST, ("ASR", "number", _asr)])


def _every_worst(study: _Study) -> Table | None:
    columns = [column for column in _WORST if column[0] != "Attacks"]
    table = study.table("worst_case")
    return _table("Worst case at every amplitude", table, [*columns, ("ASR", "number", _asr)])


def _doses(study: _Study) -> list[Table]:
    """Groups by attacks: the area, the median dose, and whom no dose flipped."""
    table = study.table("doses")
    if table.empty:
        return []
    largest = _largest(study)

    def median(row: Row) -> str | Cell:
        most = largest.get(row["attack"], float("inf"))
        ends = [wording.dose(row[name], most) for name in ("median_low", "median_high")]
        return _bracketed(wording.dose(row["median_epsilon"], most), *ends)

    def never(row: Row) -> str:
        return f"{wording.count(row['n_never'])} of {wording.count(row['n_attacked'])}"

    area = _with_interval("auc", wording.rate, "auc_low", "auc_high")
    return [
        _by_attack("Area under the dose-response curve", table, area),
        _by_attack(f"Median of the smallest {EPSILON} that flips", table, median),
        _by_attack(f"Images that no {EPSILON} flipped", table, never),
    ]


def _largest(study: _Study) -> dict[str, float]:
    """Each attack's largest amplitude."""
    asr = study.table("asr")
    if asr.empty:
        return {}
    return {str(attack): float(rows.max()) for attack, rows in asr.groupby("attack")["epsilon"]}


def _by_attack(name: str, table: pd.DataFrame, cell: _Print) -> Table:
    attacks = list(table["attack"].unique())
    cells = {(row["group"], row["attack"]): cell(row) for row in table.to_dict("records")}
    rows = [
        [str(group), *(cells.get((group, attack), wording.MISSING) for attack in attacks)]
        for group in table["group"].unique()
    ]
    return Table(name, [Head("Group"), *(Head(attack, "number") for attack in attacks)], rows)


def _subgroups(study: _Study) -> list[Table]:
    """A table of each group whose images have a sex or an age, at the operating point."""
    here = study.at_amplitude("subgroups")
    if here.empty:
        return []
    columns: list[_Column] = [
        ("Attack", "", _words("attack")),
        _AMPLITUDE,
        ("By", "", _words("by")),
        ("Patients who are", "", _words("value")),
        ("Attacked", "number", _count("n_attacked")),
        ("ASR", "number", _asr),
        (
            "Difference from the others",
            "number",
            _with_interval("difference", wording.signed, "difference_low", "difference_high"),
        ),
    ]
    tables = [
        _table(f"Subgroups of {group}", rows, columns)
        for group, rows in here.groupby("group", sort=False)
    ]
    return [table for table in tables if table]


def _intervals(study: _Study) -> list[str] | None:
    """Where the two intervals differ; nothing where they are not known."""
    asr = study.table("asr")
    return summary.intervals(asr, study.point) if "wilson_low" in asr else None


# --- several networks of one group ------------------------------------------------------------


def _networks(study: _Study, asr: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each group with several networks: how good they are, and how attacks carry over.

    `asr` is that of all networks.
    """
    table, found = study.table("networks"), []
    rates = asr
    if len(asr):
        rates = at(asr, iterations=study.point["iterations"], epsilon=study.point["epsilon"])
    for group, rows in table.groupby("group", sort=False) if len(table) else ():
        if len(rows) < 2:
            continue
        own = rates[rates["group"] == group] if len(rates) else rates
        by_network = {(r["run"], r["attack"]): r for r in own.to_dict("records")}

        def rate(attack: str, known: Mapping[Any, Row] = by_network) -> _Print:
            def cell(row: Row) -> str | Cell:
                found = known.get((row["run"], attack))
                return _asr(found) if found else wording.MISSING

            return cell

        columns: list[_Column] = [
            ("Network", "", _words("run")),
            ("Kind", "", _words("network")),
            ("Accuracy", "number", _with_interval("accuracy", wording.rate)),
            ("AUC", "number", _with_interval("auc", wording.rate, "auc_low", "auc_high")),
            ("ECE", "number", _with_interval("ece", wording.rate, "ece_low", "ece_high")),
            *((f"ASR, {attack}", "number", rate(attack)) for attack in study.attacks),
        ]
        judged = study.at_amplitude("transfer")
        judged = judged[judged["group"] == group] if len(judged) else judged
        found.append(
            {
                "group": group,
                "table": _table(f"Networks of {group}", rows, columns),
                "transfer": [
                    _transfer(str(attack), some, list(rows["run"]))
                    for attack, some in judged.groupby("attack", sort=False)
                ]
                if len(judged)
                else [],
            }
        )
    return found


def _transfer(attack: str, rows: pd.DataFrame, runs: Sequence[str]) -> Table:
    """Attacked networks by those that judge."""
    rates = {(row["run"], row["judge"]): _asr(row) for row in rows.to_dict("records")}
    cells: list[list[str | Cell]] = [
        [run, *(rates.get((run, judge), wording.MISSING) for judge in runs)] for run in runs
    ]
    return Table(attack, [Head("Attacked"), *(Head(run, "number") for run in runs)], cells)


# --- one group --------------------------------------------------------------------------------


def _section(
    study: _Study,
    place: int,
    group: str,
    pictures: Mapping[str, str | Path],
    checks: pd.DataFrame,
    rejects: pd.DataFrame,
) -> dict[str, Any]:
    """All that is told of one group alone."""
    table1 = study.table("table1")
    known = table1[table1["group"] == group].to_dict("records") if len(table1) else []
    own = checks[checks["group"] == group]
    return {
        "id": f"group-{place}",
        "name": group,
        "title": wording.words(known[0]["title"]) if known else "",
        "accuracy": _with_interval("accuracy", wording.rate)(known[0]) if known else "",
        "pictures": [
            (name, text, picture(pictures[name])) for name, text in PICTURES.items()
            if name in pictures
        ],
        "attacks": _of_group(study, group),
        "confusion": _confusion(study, group),
        "transitions": _transitions(study, group),
        "verdicts": own["verdict"].value_counts().to_dict(),
        "failed": _table(
            f"Checks that failed, {group}",
            own[own["verdict"] == "failed"],
            [
                ("Attack", "", _words("attack")),
                ("Network", "", _words("run")),
                ("Failed check", "", _words("check")),
                ("What was found", "text", _words("says")),
            ],
        ),
        "left_out": _rejects(rejects[rejects["source"] == group], f"Left out of {group}"),
    }  # fmt: skip


def _of_group(study: _Study, group: str) -> Table | None:
    """A row for each attack: its success at the operating point, and what sums up its doses."""
    asr = study.table("asr")
    if asr.empty:
        return None
    asr = asr[asr["group"] == group]
    rates = at(asr, iterations=study.point["iterations"], epsilon=study.point["epsilon"])
    storage = study.at_amplitude("storage").to_dict("records")
    rate = {row["attack"]: row for row in rates.to_dict("records")}
    stored = {row["attack"]: row for row in storage if row["group"] == group}
    rows = []
    for attack in asr["attack"].unique():
        one, kept = rate.get(attack), stored.get(attack)
        rows.append(
            [
                str(attack),
                wording.count(one["n_images"]) if one else wording.MISSING,
                wording.count(one["n_attacked"]) if one else wording.MISSING,
                wording.count(one["n_flipped"]) if one else wording.MISSING,
                _asr(one) if one else wording.MISSING,
                _with_interval("survival", wording.rate)(kept) if kept else wording.MISSING,
            ]
        )
    names = ("Images", "Attacked", "Flipped", "ASR", "Survive 8 bits")
    heads = [Head("Attack"), *(Head(name, "number") for name in names)]
    return Table(f"Attacks on {group}", heads, rows) if rows else None


def _confusion(study: _Study, group: str) -> Table | None:
    table = study.table("confusion")
    if table.empty:
        return None
    return _crossed("Confusion", table[table["group"] == group], "predicted", "True class")


def _transitions(study: _Study, group: str) -> list[Table]:
    """For each attack: which class became which, at the operating point."""
    here = study.at_amplitude("transitions")
    if here.empty:
        return []
    return [
        _crossed(str(attack), rows, "flipped_to", "Class")
        for attack, rows in here[here["group"] == group].groupby("attack", sort=False)
    ]


def _crossed(name: str, rows: pd.DataFrame, to: str, corner: str) -> Table:
    """A matrix of counts, classes by what they became."""
    classes = list(dict.fromkeys([*rows["class"], *rows[to]]))
    counts = {(row["class"], row[to]): row["n"] for row in rows.to_dict("records")}
    cells = [
        [str(own), *(wording.count(counts.get((own, other))) for other in classes)]
        for own in classes
    ]
    return Table(name, [Head(corner), *(Head(str(other), "number") for other in classes)], cells)


# --- figures ----------------------------------------------------------------------------------


def _charts(study: _Study) -> dict[str, list[interactive.Chart]]:
    """The charts of each figure; none where nothing was measured."""
    asr, confidence = study.table("asr"), study.table("confidence")
    point = study.point
    charts = {}
    if len(asr) and asr["asr"].notna().any():
        charts["fig3a"] = interactive.over_epsilon(asr, study.groups, point["iterations"])
        charts["fig3b"] = interactive.over_iterations(asr, study.groups, point["epsilon"])
    if len(confidence) and confidence["asr"].notna().any():
        charts["fig3c"] = interactive.over_confidence(confidence, study.groups, point["epsilon"])
    return charts


def _epsilons(charts: Mapping[str, Iterable[interactive.Chart]]) -> list[str]:
    """All amplitudes that a chart has a figure for, rising."""
    found = {name for several in charts.values() for c in several for name in c.values if name}
    return sorted(found, key=float)


def _legend(groups: Groups) -> list[tuple[str, list[tuple[str, interactive.Swatch]]]]:
    """The groups with their swatches, by kind of image."""
    swatches = interactive.swatches(groups)
    kinds = [
        (name, [(g, swatches[g]) for g in groups if style.modality(groups, g) == kind])
        for kind, name in style.MODALITIES.items()
    ]
    return [(name, several) for name, several in kinds if several]


def _figure(name: str, file: str | Path) -> dict[str, Any]:
    """What the page shows of a figure."""
    return {
        "title": _TITLES.get(name, name),
        "caption": CAPTIONS.get(name, ""),
        "picture": picture(file),
    }


# --- what it rests on -------------------------------------------------------------------------


def _warnings(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """What failed, a row for each check and attack: in how many of its runs, and what was found."""
    found = []
    for (check, attack), rows in checks.groupby(["check", "attack"], sort=False):
        failed = rows[rows["verdict"] == "failed"]
        where = failed["group"].where(
            failed["run"] == "full", failed["group"] + " (" + failed["run"] + ")"
        )
        if len(failed):
            says = list(zip(where, failed["says"], strict=True))
            row = {"check": check, "attack": attack, "failed": len(failed), "of": len(rows)}
            found.append({**row, "groups": ", ".join(where), "says": says})
    return found


def _sources(study: _Study) -> Table | None:
    table = study.table("sources")
    columns: list[_Column] = [("Source", "", _words("source"))]
    columns += [
        (wording.heading(name), "number", _count(name))
        for name in map(str, table)
        if name != "source"
    ]
    return _table("Sources", table, columns)


def _rejects(rejects: pd.DataFrame, name: str) -> Table | None:
    columns: list[_Column] = [
        ("Source", "", _words("source")),
        ("Stage", "", _words("stage")),
        ("Reason", "", lambda row: wording.words(row["reason"]).replace("_", " ")),
        ("Records", "number", _count("count")),
    ]
    return _table(name, rejects, columns)


def _agreement(agreement: pd.DataFrame | None) -> Table | None:
    columns: list[_Column] = [
        ("Source", "", _words("source")),
        ("Label", "", lambda row: str(row["label"]).replace("_", " ")),
        ("Reports", "number", _count("n")),
        ("Present", "number", _count("n_present")),
        *(
            (title, "number", _with_interval(name, wording.rate, f"{name}_low", f"{name}_high"))
            for title, name in (("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"))
        ),
    ]
    return _table("Labels", agreement if agreement is not None else pd.DataFrame(), columns)


def _devices(devices: pd.DataFrame) -> Table | None:
    columns: list[_Column] = [
        ("Attack", "", _words("attack")),
        ("Device", "", _words("device")),
        ("Precision", "", _words("precision")),
        ("Networks attacked", "number", _count("jobs")),
    ]
    return _table("Devices", devices, columns)


def _benchmarks(benchmarks: pd.DataFrame) -> Table | None:
    columns: list[_Column] = [
        ("Stage", "", _words("rule")),
        ("Jobs", "number", _count("jobs")),
        ("Time", "number", lambda row: wording.duration(row["seconds"])),
        ("Memory", "number", lambda row: wording.memory(row["max_rss_mb"])),
    ]
    table = _table("Time and memory", benchmarks, columns)
    if table:
        jobs, seconds = benchmarks["jobs"].sum(), benchmarks["seconds"].sum()
        table.foot.extend(["All", wording.count(jobs), wording.duration(seconds), ""])
    return table


def _pairs(name: str, pairs: Mapping[str, str]) -> Table:
    return Table(name, [], [[key, str(value)] for key, value in pairs.items()])


def _plain(value: Any) -> Any:
    """The value in types that YAML has words for: no tuples, paths or numpy numbers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, bool | int | float | str | None) else str(value)
