"""The page's tables of checks, devices, rejects and agreement, gathered from the results' files."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pgdose.report.data import CHECKS

DEVICES = ["attack", "device", "precision", "jobs"]
REJECTS = ["source", "stage", "reason", "count"]

CHOSEN = ["group", "class", "n_fit", "n_left_out", "n_unreadable"]

Run = Mapping[str, Any]  # group, run and role of a network


def checks(diagnosed: Iterable[tuple[Run, pd.DataFrame]], networks: pd.DataFrame) -> pd.DataFrame:
    """All checks of attacks and of networks; a check of a network has "all" as its attack.

    Args:
        diagnosed: each run, and its diagnostics: `attack check verdict says`.
        networks: the table network_checks: `group run role check verdict says`.

    Returns:
        `group run role attack check verdict says`.
    """
    of_attacks = [table.assign(**_identity(run)) for run, table in diagnosed]
    tables = [*of_attacks, networks.assign(attack="all")]
    return pd.concat([table.reindex(columns=CHECKS) for table in tables], ignore_index=True)


def devices(diagnosed: Iterable[tuple[Run, pd.DataFrame]]) -> pd.DataFrame:
    """What the attacks ran on, and in how many runs each did.

    Args:
        diagnosed: each run, and its diagnostics: `attack device precision`, a row for each check.

    Returns:
        `attack device precision jobs`.
    """
    columns = ["attack", "device", "precision"]
    tables = [table[columns].drop_duplicates() for _, table in diagnosed]
    if not tables:
        return pd.DataFrame(columns=DEVICES)
    jobs = pd.concat(tables).groupby(columns, sort=False).size()
    return jobs.reset_index(name="jobs")


def rejects(
    sources: Iterable[tuple[str, pd.DataFrame]], groups: Iterable[tuple[str, pd.DataFrame]]
) -> pd.DataFrame:
    """Counts of what was left out.

    Args:
        sources: each source, and what it rejected: `stage reason`.
        groups: each group, and what it left out: `record_id stage reason`; what the screen of its
            sources rejected does not count again.

    Returns:
        `source stage reason count`.
    """
    of_groups = (
        (group, table[table["stage"] != "screen"].drop_duplicates(["record_id", "reason"]))
        for group, table in groups
    )
    rows = _with_source([*sources, *of_groups])
    if rows is None:
        return pd.DataFrame(columns=REJECTS)
    return rows.groupby(["source", "stage", "reason"]).size().reset_index(name="count")


def chosen(
    groups: Iterable[tuple[str, Mapping[str, int], pd.DataFrame, pd.DataFrame]],
) -> pd.DataFrame:
    """How many records fit each class, were left out of it, and could not be read once chosen.

    Args:
        groups: each group, the records that fit its classes, and its `record_id class` left out
            before members were chosen and found unreadable afterwards.

    Returns:
        `group class n_fit n_left_out n_unreadable`; a record counts once in a class.
    """
    rows = []
    for group, fit, left_out, unreadable in groups:
        lost, unread = (
            table.drop_duplicates(["record_id", "class"])["class"].value_counts()
            for table in (left_out, unreadable)
        )
        rows += [
            (group, name, n, int(lost.get(name, 0)), int(unread.get(name, 0)))
            for name, n in fit.items()
        ]
    return pd.DataFrame(rows, columns=CHOSEN)


def near_duplicates(tables: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The pairs of images of all groups that look the same, each with its group."""
    parts = [table.assign(group=group) for group, table in tables]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["group"])


def agreement(tables: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame | None:
    """The agreement of all sources with labels by hand; None if no source has such labels."""
    return _with_source(tables)


def _with_source(tables: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame | None:
    """The rows of all tables, each with its source; None if there is no table."""
    parts = [table.assign(source=source) for source, table in tables]
    return pd.concat(parts) if parts else None


def _identity(run: Run) -> dict[str, Any]:
    return {name: run[name] for name in ("group", "run", "role")}
