"""What the results rest on: checks, sources, rejects, labels, settings, machines, time."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Column, Table

_WIDTH = 110  # characters of a line of the study as YAML
EMPTY: tuple[Any, ...] = (None, [], {})
# Keys that may be empty in some section while their default there is not: empty is a choice. They
# are written here since a job must not depend on the whole study; a test compares the study's keys.
FILLED_BY_DEFAULT = frozenset(
    {
        *("body_parts", "class", "epsilons_over_iterations", "file", "id", "image", "outlines"),
        *("patient", "shortcuts", "slide", "text"),
    }
)


def warnings(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """The checks that failed: a row for each check and attack, with the networks it concerns."""
    rows = []
    for (check, attack), done in checks.groupby(["check", "attack"], sort=False):
        failed = done[done["verdict"] == "failed"]
        if failed.empty:
            continue
        networks = failed["group"].where(
            failed["role"] == "main", failed["group"] + " (" + failed["run"] + ")"
        )
        rows.append(
            {
                "check": check,
                "attack": attack,
                "failed": len(failed),
                "of": len(done),
                "networks": ", ".join(networks),
                "says": list(zip(networks, failed["says"], strict=True)),
            }
        )
    return rows


def sources(data: ReportData) -> Table | None:
    """Records by source."""
    table = data.table("sources")
    columns: list[Column] = [("Source", "", tables.text("source"))]
    columns += [
        (wording.heading(name), "number", tables.count(name))
        for name in map(str, table)
        if name not in ("source", "notes")
    ]
    return tables.table_of("Sources", table, columns)


def source_notes(data: ReportData) -> Table | None:
    """What was guessed in the tables of each source, or not understood."""
    table = data.table("sources")
    if "notes" not in table:
        return None
    rows = table[table["notes"].fillna("").ne("")]
    columns: list[Column] = [
        ("Source", "", tables.text("source")),
        ("Notes", "text", tables.text("notes")),
    ]
    return tables.table_of("Notes on the sources", rows, columns)


def rejects(rows: pd.DataFrame, name: str) -> Table | None:
    """Records that were left out, by stage and reason."""
    columns: list[Column] = [
        ("Source", "", tables.text("source")),
        ("Stage", "", tables.text("stage")),
        ("Reason", "", lambda row: wording.text(row["reason"]).replace("_", " ")),
        ("Records", "number", tables.count("count")),
    ]
    return tables.table_of(name, rows, columns)


def agreement(data: ReportData) -> Table | None:
    """The labeller compared with labels set by hand."""
    columns: list[Column] = [
        ("Source", "", tables.text("source")),
        ("Label", "", lambda row: str(row["label"]).replace("_", " ")),
        ("Reports", "number", tables.count("n")),
        ("Present", "number", tables.count("n_present")),
        ("Precision", "number", tables.rate_with_interval("precision")),
        ("Recall", "number", tables.rate_with_interval("recall")),
        ("F1", "number", tables.rate_with_interval("f1")),
        ("Cohen's kappa", "number", tables.rate_with_interval("kappa")),
    ]
    rows = pd.DataFrame() if data.agreement is None else data.agreement
    return tables.table_of("Labels", rows, columns)


def devices(data: ReportData) -> Table | None:
    """What the attacks ran on."""
    columns: list[Column] = [
        ("Attack", "", tables.text("attack")),
        ("Device", "", tables.text("device")),
        ("Precision", "", tables.text("precision")),
        ("Networks attacked", "number", tables.count("jobs")),
    ]
    return tables.table_of("Devices", data.provenance.devices, columns)


def benchmarks(data: ReportData) -> Table | None:
    """Time and memory of each stage."""
    rows = data.provenance.benchmarks
    columns: list[Column] = [
        ("Stage", "", tables.text("rule")),
        ("Jobs", "number", tables.count("jobs")),
        ("Time", "number", lambda row: wording.duration(row["seconds"])),
        ("Memory", "number", lambda row: wording.memory(row["max_rss_mb"])),
    ]
    table = tables.table_of("Time and memory", rows, columns)
    if table:
        jobs, seconds = rows["jobs"].sum(), rows["seconds"].sum()
        table.foot.extend(["All", wording.count(jobs), wording.duration(seconds), ""])
    return table


def pairs(name: str, values: Mapping[str, str]) -> Table:
    """A table of names and values."""
    return Table(name, [], [[key, str(value)] for key, value in values.items()])


def settings(study: Mapping[str, Any]) -> str:
    """The study as YAML, without the keys that are empty by default and were left so."""
    return yaml.safe_dump(
        _plain(study), sort_keys=False, allow_unicode=True, default_flow_style=None, width=_WIDTH
    )


def _plain(value: Any) -> Any:
    """The value in types that YAML can write: no tuples, paths or numpy numbers.

    Of a mapping the empty values are left out, but where they may differ from a default.
    """
    if isinstance(value, Mapping):
        plain = {str(key): _plain(item) for key, item in value.items()}
        return {
            key: item
            for key, item in plain.items()
            if item not in EMPTY or key in FILLED_BY_DEFAULT
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, bool | int | float | str | None) else str(value)
