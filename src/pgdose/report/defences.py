"""What helps: each defended network beside its group's main one, in sentences and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pgdose.analysis.defence_verdicts import (
    DOES_NOT_HELP,
    HELPS,
    KEPT,
    LOST,
    NOT_TRUSTED,
    UNDECIDED,
)
from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import AMPLITUDE, Cell, Column, Print, Row, Table
from pgdose.study.runs import MAIN_RUN

# Of the colours of verdicts, by what a verdict means for the reader.
KINDS = {HELPS: "supported", KEPT: "supported", DOES_NOT_HELP: "contradicted", LOST: "contradicted"}
MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}
_UNDER_ATTACK = {
    "asr": "ASR",
    "asr_common": "ASR of the images that both get right",
    "robust_accuracy": "accuracy after the attack",
}
_DIFFERENCE = tables.with_interval("difference", wording.signed)


@dataclass(frozen=True)
class Defences:
    """The section of the page.

    sentences: one for each defended network
    summary:   a row for each
    further:   the other tables, which are folded away
    """

    sentences: list[str]
    summary: Table | None
    further: list[Table]


def defences(data: ReportData) -> Defences | None:
    """What the page says of the defended networks; None where the study has none."""
    table = data.table("defence")
    if table.empty:
        return None
    overall = _of(table, "overall")
    accuracy = _of(table, "accuracy")
    whole = accuracy[accuracy["by"].isna()]
    prices = {(row["group"], row["run"]): row for row in whole.to_dict("records")}
    margins = data.study["measures"]["margins"]
    sentences = [
        _sentence(row, prices.get((row["group"], row["run"])), margins)
        for row in overall.to_dict("records")
    ]
    parts = accuracy[accuracy["by"].notna()]
    further = [
        _under_attack(table),
        tables.table_of("Accuracy by class, sex and age", parts, _parts_columns(data)),
    ]
    return Defences(sentences, _summary(data, table), [one for one in further if one])


def _of(table: pd.DataFrame, *quantities: str) -> pd.DataFrame:
    return table[table["quantity"].isin(quantities)]


def _sentence(row: Row, price: Row | None, margins: Mapping[str, float]) -> str:
    """The verdict over all attacks, with its numbers, and what clean accuracy it costs."""
    name = f"{row['group']}, {row['run']} ({row['defence']})"
    change = (
        f"the mean ASR over the amplitudes goes from {wording.short(row['undefended'])} to "
        f"{wording.short(row['defended'])} ({_difference(row)})"
    )
    under, margin = f"under {row['attack']}", margins["asr"]
    verdict = row["verdict"]
    if verdict == HELPS:
        text = f"{name} helps: at worst, {under}, {change}"
    elif verdict == DOES_NOT_HELP:
        text = f"{name} does not help: {under} {change}, surely a fall of less than {margin:g}"
    elif verdict == NOT_TRUSTED:
        text = f"{name} is not to be trusted: {under} {change}, but {row['reason']}"
    elif verdict == UNDECIDED:
        text = (
            f"{name} may help or not: {under} {change}; it helps if it surely falls by {margin:g}"
        )
        if reason := wording.text(row["reason"]):
            text += f" ({reason})"
    else:
        text = f"{name} has no verdict {under}: {wording.text(row['reason']) or 'nothing is known'}"
    return f"{text}. {_price(price, margins['accuracy'])}" if price else f"{text}."


def _price(row: Row, margin: float) -> str:
    """What the defence does to the accuracy on clean images."""
    words = {
        KEPT: "is kept",
        LOST: f"surely falls by more than {margin:g}",
        UNDECIDED: f"may fall by more than {margin:g} or not",
    }
    verdict = row["verdict"]
    state = words.get(verdict, "") if isinstance(verdict, str) else "has no verdict"
    numbers = f"{wording.short(row['undefended'])} to {wording.short(row['defended'])}"
    return f"Its accuracy on clean images {state}: {numbers} ({_difference(row)})."


def _difference(row: Row) -> str:
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{wording.signed(row['difference'])}, no interval"
    ends = ", ".join(wording.signed(row[end]) for end in ("ci_low", "ci_high"))
    return f"{wording.signed(row['difference'])} [{ends}]"


def _summary(data: ReportData, table: pd.DataFrame) -> Table | None:
    """A row for each network: verdicts, and the differences that they rest on."""
    rows = table.drop_duplicates(["group", "run"])
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Network", "", tables.text("run")),
        ("Defence", "text", tables.text("defence")),
        ("Verdict", "", _looked_up(table, "overall", _verdict)),
        ("Decided under", "", _looked_up(table, "overall", tables.text("attack"))),
        ("Mean ASR", "number", _looked_up(table, "overall", _DIFFERENCE)),
        ("Mean accuracy after it", "number", _after(table)),
        ("Accuracy on clean images", "number", _looked_up(table, "accuracy", _DIFFERENCE)),
        ("Accuracy is", "", _looked_up(table, "accuracy", _verdict)),
        ("ECE", "number", _looked_up(table, "ece", _DIFFERENCE)),
        ("AUC", "number", _looked_up(table, "auc", _DIFFERENCE)),
        ("Passes of training", "number", _looked_up(table, "training_passes", _passes)),
        ("Time of training", "number", _seconds(data.provenance.training_seconds)),
    ]
    return tables.table_of("Defended networks less the main one", rows, columns)


def _looked_up(table: pd.DataFrame, quantity: str, cell: Print) -> Print:
    """Cells of the network's row of a quantity, of all images."""
    rows = _of(table, quantity)
    rows = rows[rows["by"].isna()]
    by_network = {(row["group"], row["run"]): row for row in rows.to_dict("records")}

    def print_row(row: Row) -> str | Cell:
        network = by_network.get((row["group"], row["run"]))
        return cell(network) if network else wording.MISSING

    return print_row


def _after(table: pd.DataFrame) -> Print:
    """Cells of the mean robust accuracy under the attack that decides."""
    decides = _of(table, "overall")[["group", "run", "attack"]]
    rows = _of(table, "mean_robust_accuracy").merge(decides, on=["group", "run", "attack"])
    return _looked_up(rows, "mean_robust_accuracy", _DIFFERENCE)


def _verdict(row: Row) -> str | Cell:
    """The verdict with its colour; its reason beside it."""
    verdict, reason = row["verdict"], wording.text(row["reason"])
    if not isinstance(verdict, str):
        return Cell(wording.MISSING, reason)
    kind = KINDS.get(verdict, "undecided")
    return Cell(f"{MARKS[kind]} {verdict}", reason, kind=f"verdict {kind}")


def _passes(row: Row) -> str | Cell:
    if pd.isna(row["difference"]):
        return wording.MISSING
    return Cell(f"{row['defended']:g}", f"main {row['undefended']:g}")


def _seconds(seconds: Mapping[tuple[str, str], float]) -> Print:
    """Cells with the time of the network's training job; one that trains nothing has none."""

    def cell(row: Row) -> str | Cell:
        group = str(row["group"])
        its_time = seconds.get((group, str(row["run"])))
        main = seconds.get((group, MAIN_RUN))
        if its_time is None:
            return wording.MISSING
        return Cell(wording.duration(its_time), f"main {wording.duration(main)}" if main else "")

    return cell


def _under_attack(table: pd.DataFrame) -> Table | None:
    """Every amplitude of every attack, and the means over them."""
    names = [*_UNDER_ATTACK, *(f"mean_{name}" for name in _UNDER_ATTACK)]
    columns: list[Column] = [
        *_NETWORK,
        ("Attack", "", tables.text("attack")),
        ("Quantity", "text", _quantity),
        AMPLITUDE,
        *_NUMBERS,
        ("Verdict", "", _verdict),
    ]
    return tables.table_of("Under attack", _of(table, *names), columns)


def _quantity(row: Row) -> str:
    name = str(row["quantity"])
    words = _UNDER_ATTACK[name.removeprefix("mean_")]
    return f"mean {words}" if name.startswith("mean_") else words


def _parts_columns(data: ReportData) -> Sequence[Column]:
    def value(row: Row) -> str | Cell:
        if row["by"] != "class":
            return wording.text(row["value"])
        return tables.class_title(data)({**row, "class": row["value"]})

    return [
        *_NETWORK,
        ("By", "", tables.text("by")),
        ("Images of", "", value),
        *_NUMBERS,
        ("Accuracy is", "", _verdict),
    ]


def _number(name: str) -> Print:
    return lambda row: wording.rate(row[name])


_NETWORK: list[Column] = [
    ("Group", "", tables.text("group")),
    ("Network", "", tables.text("run")),
]
_NUMBERS: list[Any] = [
    ("Images", "number", tables.count("n_images")),
    ("Main network", "number", _number("undefended")),
    ("Defended", "number", _number("defended")),
    ("Difference", "number", _DIFFERENCE),
]
