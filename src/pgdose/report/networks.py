"""Groups with several networks: how good these are, and how attacks transfer between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pgdose.analysis.network_checks import NOTE
from pgdose.analysis.operating_point import operating_epsilons
from pgdose.plots.rows import attack_label
from pgdose.report import certificates, tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Cell, Column, Head, Print, Row, Table
from pgdose.study.runs import MAIN_RUN


def networks(data: ReportData) -> list[dict[str, Any]]:
    """Each group with several networks: its tables of quality, certificates and transfer."""
    table, rates = data.table("networks"), data.success_rates(all_networks=True)
    transfer = data.at_epsilon("transfer")
    sections = []
    for group, rows in table.groupby("group", sort=False) if len(table) else ():
        if len(rows) < 2:
            continue
        of_group = transfer[transfer["group"] == group] if len(transfer) else transfer
        sections.append(
            {
                "group": group,
                "table": _quality(data, str(group), rows, rates),
                "certified": certificates.certificates(data, str(group)),
                "abstentions": certificates.abstentions(data, str(group)),
                "transfer": [
                    _transfer(data, str(attack), of_attack, list(rows["run"]))
                    for attack, of_attack in of_group.groupby("attack", sort=False)
                ]
                if len(of_group)
                else [],
            }
        )
    return sections


def probe_pages(data: ReportData, group: str) -> list[tuple[str, str]]:
    """The runs of a group whose networks come from elsewhere, and the pages about them."""
    settings = data.study.get("groups", {}).get(group, {})
    networks = {MAIN_RUN: settings.get("network"), **settings.get("networks", {})}
    return [
        (run, f"groups/{group}/{run}/probe.html")
        for run, network in networks.items()
        if network and "classes" in network  # one that is trained here has no such key
    ]


def import_notes(data: ReportData) -> list[str]:
    """What the import of networks decided or could not find out, each once with its networks."""
    notes = data.checks[data.checks["check"] == NOTE]
    if notes.empty:
        return []
    name = notes["group"].astype(str) + "/" + notes["run"].astype(str)
    by_note = name.groupby(notes["says"], sort=False).unique()
    return [f"{', '.join(names)}: {note}." for note, names in by_note.items()]


def _quality(data: ReportData, group: str, rows: pd.DataFrame, rates: pd.DataFrame) -> Table | None:
    """A row for each network: how good it is, and what each attack flips of it."""
    of_group = rates[rates["group"] == group] if len(rates) else rates
    by_network = {(row["run"], row["attack"]): row for row in of_group.to_dict("records")}
    epsilons = operating_epsilons(rates, data.epsilon) if len(rates) else {}
    columns: list[Column] = [
        ("Network", "", tables.text("run")),
        ("Kind", "", tables.text("network")),
        ("Accuracy", "number", tables.with_interval("accuracy", wording.rate)),
        ("AUC", "number", tables.rate_with_interval("auc")),
        ("ECE", "number", tables.rate_with_interval("ece")),
    ]
    for attack in data.attacks:
        label = attack_label(attack, epsilons.get(attack, data.epsilon), data.epsilon)
        columns.append((f"ASR, {label}", "number", _rate(attack, by_network)))
    return tables.table_of(f"Networks of {group}", rows, columns)


def _rate(attack: str, by_network: Mapping[Any, Row]) -> Print:
    def cell(row: Row) -> str | Cell:
        rate = by_network.get((row["run"], attack))
        return tables.asr(rate) if rate else wording.MISSING

    return cell


def _transfer(data: ReportData, attack: str, rows: pd.DataFrame, runs: Sequence[str]) -> Table:
    """Attacked networks by those that judge."""
    rates = {(row["run"], row["judge"]): tables.asr(row) for row in rows.to_dict("records")}
    cells: list[list[str | Cell]] = [
        [run, *(rates.get((run, judge), wording.MISSING) for judge in runs)] for run in runs
    ]
    name = attack_label(attack, rows["epsilon"].iloc[0], data.epsilon)
    return Table(name, [Head("Attacked"), *(Head(run, "number") for run in runs)], cells)
