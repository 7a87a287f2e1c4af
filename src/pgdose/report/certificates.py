"""The certificates of a group's smoothed networks, beside the attacks of the same L2 length."""

import pandas as pd

from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Cell, Column, Row, Table

_ROWS = 12  # at most so many radii of a network that no L2 attack was made on


def certificates(data: ReportData, group: str) -> Table | None:
    """Certified accuracy at the epsilons of attacks, or at some radii where there is no attack."""
    table = data.table("certified")
    if table.empty:
        return None
    rows = table[table["group"] == group]
    attacked = rows[rows["attack"].notna() & (rows["attack"] != "")]
    columns: list[Column] = [
        ("Network", "", _network),
        ("Radius", "number", lambda row: wording.epsilon(row["radius"])),
        ("Images", "number", tables.count("n_images")),
        ("Certified accuracy", "number", tables.rate_with_interval("certified")),
    ]
    if attacked.empty:
        shown = rows.groupby("run", sort=False)["radius"].rank(method="first") - 1
        every = max(1, -(-int(shown.max() + 1) // _ROWS)) if len(rows) else 1
        return tables.table_of("Certified accuracy", rows[shown % every == 0], columns)
    columns += [
        ("Attack", "", tables.text("attack")),
        ("Accuracy under it", "number", tables.rate_with_interval("robust")),
        ("Certified, yet flipped", "number", tables.count("n_contradicted")),
        ("Base network under it", "number", tables.rate_with_interval("base_robust")),
    ]
    return tables.table_of("Certified accuracy", attacked, columns)


def _network(row: Row) -> str | Cell:
    return Cell(str(row["run"]), f"σ = {row['sigma']:g}, of {row['base']}")


def abstentions(data: ReportData, group: str) -> list[str]:
    """A sentence for each smoothed network: for how many images there is no certificate."""
    table = data.table("certified")
    if table.empty:
        return []
    first = table[(table["group"] == group) & table["attack"].isna()].drop_duplicates("run")
    return [
        f"{row['run']}: {wording.count(row['n_abstained'])} of {wording.count(row['n_images'])} "
        f"images have no certificate, which is {_share(row['abstained'])}."
        for row in first.to_dict("records")
    ]


def _share(value: float) -> str:
    return wording.MISSING if pd.isna(value) else f"{value:.1%}"
