"""The page's section on missed disease, false alarms and expected harm."""

from typing import Any

import pandas as pd

from pgdose.analysis.harm import ASYMMETRY, CHANGE, EXPECTED, FALSE_ALARM, MISSED, UNDECIDED
from pgdose.plots.rows import at_nearest_epsilon, attack_label
from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Column, Table

_PLACE = ["group", "attack"]


def harm(data: ReportData) -> dict[str, Any] | None:
    """The parts of the section by their names in the template; None without anything to tell."""
    table = data.table("harm")
    if table.empty:
        return None
    of_errors = table[table["class"].fillna("") == ""]
    changes = of_errors[of_errors["error"] == CHANGE]
    weighed = of_errors[(of_errors["error"] == EXPECTED) & (of_errors["weights"] == "study")]
    if changes.empty and weighed.empty:
        return None
    return {
        "norm": [_norm(data, row) for row in _of_norm(of_errors)],
        "verdicts": verdicts(data, changes),
        "errors": errors(data, of_errors),
        "expected": expected(data, weighed),
    }


def _of_norm(table: pd.DataFrame) -> list[dict[Any, Any]]:
    with_norm = table[table["norm_classes"].notna() & (table["norm_classes"] != "")]
    return with_norm.drop_duplicates("group").to_dict("records")


def _norm(data: ReportData, row: dict[Any, Any]) -> str:
    """Which classes of a group are without disease, and who says so."""
    names = []
    for name in str(row["norm_classes"]).split("+"):
        title = data.class_title(row["group"], name)
        names.append(name if title == name else f"{name} ({title})")
    guessed = ", as the conditions of its classes tell" if row["norm_from"] == "where" else ""
    return f"{row['group']}: {wording.join_names(names)}{guessed}."


def verdicts(data: ReportData, changes: pd.DataFrame) -> list[str]:
    """A line for each attack: in which groups it hides or feigns disease more often."""
    lines = []
    rows = at_nearest_epsilon(changes, data.epsilon)
    for attack, of_attack in rows.groupby("attack", sort=False) if len(rows) else ():
        parts = [
            f"{str(verdict).removeprefix('the attack ')} in {wording.join_names(list(groups))}"
            for verdict, groups in of_attack.groupby("verdict", sort=False)["group"]
            .unique()
            .items()
            if verdict != UNDECIDED
        ]
        open_ = list(of_attack["group"][of_attack["verdict"] == UNDECIDED])
        parts += [f"undecided in {wording.join_names(open_)}"] if open_ else []
        label = attack_label(str(attack), of_attack["epsilon"].iloc[0], data.epsilon)
        lines.append(f"{label}: {'; '.join(parts)}.")
    return lines


def errors(data: ReportData, table: pd.DataFrame) -> Table | None:
    """Both errors of each group and attack at the operating amplitude, and what the attack adds."""
    shares = [_at_point(data, table, error) for error in (MISSED, FALSE_ALARM, ASYMMETRY, CHANGE)]
    if shares[0].empty:
        return None
    rows = shares[0][["epsilon"]]
    for error, of_error in zip((MISSED, FALSE_ALARM, ASYMMETRY, CHANGE), shares, strict=True):
        columns = of_error[["rate", "ci_low", "ci_high", "before", "verdict"]]
        names = ("", "_low", "_high", "_before", "_verdict")
        renamed = dict(zip(columns, (f"{error}{name}" for name in names), strict=True))
        rows = rows.join(columns.rename(columns=renamed))
    difference = [
        tables.with_interval(error, wording.signed, f"{error}_low", f"{error}_high")
        for error in (ASYMMETRY, CHANGE)
    ]
    columns_of_page: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Attack", "", tables.text("attack")),
        tables.amplitude(data.epsilon),
        ("Disease missed", "number", tables.rate_with_interval(MISSED)),
        ("Before", "number", lambda row: wording.rate(row[f"{MISSED}_before"])),
        ("False alarm", "number", tables.rate_with_interval(FALSE_ALARM)),
        ("Before", "number", lambda row: wording.rate(row[f"{FALSE_ALARM}_before"])),
        ("Missed less false alarm", "number", difference[0]),
        ("The attack adds", "number", difference[1]),
        ("Verdict", "text", tables.text(f"{CHANGE}_verdict")),
    ]
    return tables.table_of("Missed disease and false alarms", rows.reset_index(), columns_of_page)


def expected(data: ReportData, table: pd.DataFrame) -> Table | None:
    """The expected harm of each group whose errors the study weighs, at the operating amplitude."""
    rows = _at_point(data, table, EXPECTED).reset_index()
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Attack", "", tables.text("attack")),
        tables.amplitude(data.epsilon),
        ("Expected harm", "number", tables.with_interval("rate", wording.rate)),
        ("Before", "number", lambda row: wording.rate(row["before"])),
    ]
    return tables.table_of("Expected harm", rows, columns)


def _at_point(data: ReportData, table: pd.DataFrame, error: str) -> pd.DataFrame:
    """The rows of an error by group and attack, each with its rate `before` the attack."""
    rows = table[table["error"] == error]
    clean = rows[rows["epsilon"] == 0].set_index(_PLACE)["rate"]
    attacked = at_nearest_epsilon(rows[rows["epsilon"] > 0], data.epsilon).set_index(_PLACE)
    return attacked.assign(before=clean.reindex(attacked.index))
